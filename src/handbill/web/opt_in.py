"""Subscribing by oneself: a form, also on other pages of the brand, and the confirmation that makes it count."""

from collections.abc import Sequence

from starlette.background import BackgroundTask
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import BaseRoute

from handbill.operations.opt_in import (
    Subscription,
    confirm_subscription,
    problems_of,
    request_subscription,
    subscription,
)
from handbill.operations.page_words import Words
from handbill.web.confirmation_mails import send_waiting
from handbill.web.page import Asked, form_route, page_route, text_of, texts_of
from handbill.web.service import Service

TRAP = "website"
"""A field that people do not see. Programs fill in everything, and get the same answer without a mail."""


def routes(service: Service) -> list[BaseRoute]:
    """`/subscribe` is the form, `/subscribe/{token}` the page that the mail leads to."""
    return [
        page_route(service, "/subscribe", _show_form),
        # Open to forms on the brand's own pages: whoever sends it has no rights here that could be misused.
        form_route(service, "/subscribe", _request, lambda _asked, _form: True),
        page_route(service, "/subscribe/{token}", _show),
        form_route(service, "/subscribe/{token}", _confirm),
    ]


def _show_form(asked: Asked) -> Response:
    _require_mail(asked)
    query = asked.request.query_params
    topics = [topic for topic in query.getlist("topic") if topic in asked.service.project.topics]
    return _form(asked, source=query.get("source", ""), topics=topics)


def _request(asked: Asked, form: FormData) -> Response:
    _require_mail(asked)
    service, words = asked.service, asked.words(text_of(form, "language"))
    email, topics = text_of(form, "email").strip(), texts_of(form, "topic")
    if len(service.project.topics) == 1:
        topics = list(service.project.topics)
    if wrong := problems_of(service.project, email, topics):
        return _form(asked, email=email, topics=topics, source=text_of(form, "source"), wrong=wrong)
    title, heading, text = (words.say(f"requested.{name}") for name in ("title", "heading", "text"))
    answer = asked.page("sent", words, title=title, heading=heading, text=text)
    if text_of(form, TRAP):
        return answer
    is_kept = request_subscription(
        service.engine,
        service.project,
        service.settings,
        email,
        topics,
        words=words,
        source=text_of(form, "source"),
        network_hash=asked.network_hash,
        now=service.clock(),
    )
    if not is_kept:
        return asked.note("often", status=429)
    answer.background = BackgroundTask(send_waiting, service)
    return answer


def _show(asked: Asked) -> Response:
    service = asked.service
    found = subscription(service.engine, service.project, service.settings, asked.token, now=service.clock())
    if found is None:
        return asked.note("broken", status=404)
    if found.is_confirmed:
        return _welcome(asked, found)
    if found.is_over or not found.mailbox:
        return asked.note("over", known=found.language, status=410)
    words = asked.words(found.language)
    title, heading, text = _texts(asked, words, found, "confirm_subscribe")
    button = words.say("confirm_subscribe.button")
    return asked.page(
        "confirm", words, title=title, heading=heading, text=text, keeps="", button=button, is_grave=False
    )


def _confirm(asked: Asked, _form: FormData) -> Response:
    service = asked.service
    found = confirm_subscription(
        service.engine,
        service.project,
        service.settings,
        asked.token,
        network_hash=asked.network_hash,
        now=service.clock(),
    )
    if found is None:
        return asked.note("broken", status=404)
    if not found.is_confirmed:
        return asked.note("over", known=found.language, status=410)
    return _welcome(asked, found)


def _welcome(asked: Asked, found: Subscription) -> Response:
    words = asked.words(found.language)
    title, heading, text = _texts(asked, words, found, "subscribed")
    return asked.page("note", words, title=title, heading=heading, text=text)


def _texts(asked: Asked, words: Words, found: Subscription, name: str) -> tuple[str, str, str]:
    """Title, heading and text of a page about a subscription."""
    brand, topics = asked.service.project.brand.name, words.listed(list(found.topics))
    text = words.say(f"{name}.text", brand=brand, mailbox=found.mailbox, topics=topics)
    return words.say(f"{name}.title"), words.say(f"{name}.heading"), text


def _form(
    asked: Asked,
    *,
    email: str = "",
    topics: Sequence[str] = (),
    source: str = "",
    wrong: frozenset[str] = frozenset(),
) -> Response:
    words = asked.words()
    return asked.page(
        "subscribe",
        words,
        status=422 if wrong else 200,
        email=email,
        topics=asked.service.project.topics,
        chosen=topics,
        source=source,
        wrong=wrong,
        trap=TRAP,
    )


def _require_mail(asked: Asked) -> None:
    """Without a public address no mail could lead back here."""
    email = asked.service.project.channels.email
    if email is None or not email.links or not asked.service.project.topics:
        raise HTTPException(404)
