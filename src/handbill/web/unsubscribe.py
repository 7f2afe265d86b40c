"""The page behind every unsubscribe link, and the one-click unsubscribing of mail programs (RFC 8058)."""

from starlette.datastructures import FormData
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute

from handbill.operations.unsubscribing import REASONS, Left, Scope, leave, leaving, undo
from handbill.web.page import Asked, form_route, is_ours, page_route, text_of
from handbill.web.service import Service

ONE_CLICK = ("List-Unsubscribe", "One-Click")


def routes(service: Service) -> list[BaseRoute]:
    """`GET /u/{token}` shows, `POST` unsubscribes, `POST /u/{token}/undo` takes it back."""
    return [
        page_route(service, "/u/{token}", _show),
        form_route(service, "/u/{token}", _take, _is_allowed),
        form_route(service, "/u/{token}/undo", _undo),
    ]


def _is_allowed(asked: Asked, form: FormData) -> bool:
    return _is_one_click(form) or is_ours(asked, form)


def _is_one_click(form: FormData) -> bool:
    name, value = ONE_CLICK
    return form.get(name) == value


def _show(asked: Asked) -> Response:
    service = asked.service
    found = leaving(service.engine, service.project, service.settings, asked.token)
    if found is None:
        return asked.note("broken", status=404)
    if found.person is None:
        return asked.note("nobody")
    words = asked.words(found.person.language)
    return asked.page("unsubscribe", words, leaving=found, reasons=REASONS)


def _take(asked: Asked, form: FormData) -> Response:
    service, is_one_click = asked.service, _is_one_click(form)
    chosen = text_of(form, "scope")
    left = leave(
        service.engine,
        service.project,
        service.settings,
        asked.token,
        Scope(chosen) if chosen in set(Scope) and not is_one_click else None,
        by="one-click" if is_one_click else "page",
        reason="" if is_one_click else text_of(form, "reason"),
        now=service.clock(),
    )
    if left is None:
        known = leaving(service.engine, service.project, service.settings, asked.token)
        return asked.note("nobody") if known else asked.note("broken", status=404)
    if is_one_click:
        return PlainTextResponse("Unsubscribed.\n")
    return _done(asked, left)


def _done(asked: Asked, left: Left) -> Response:
    words, brand = asked.words(left.person.language), asked.service.project.brand.name
    if left.scope is Scope.PAUSE and left.paused_until:
        day = words.day(left.paused_until, asked.service.project.timezone)
        return asked.page("unsubscribed", words, kind="paused", text=words.say("paused.text", brand=brand, day=day),
                          undo=left.undo)  # fmt: skip
    known = {"brand": brand, "mailbox": left.person.mailbox}
    if left.scope is Scope.TOPIC:
        known["topic"] = left.topic
    text = words.say(f"unsubscribed.{left.scope}", **known)
    return asked.page("unsubscribed", words, kind="unsubscribed", text=text, undo=left.undo)


def _undo(asked: Asked, form: FormData) -> Response:
    service = asked.service
    person = undo(service.engine, service.settings, asked.token, text_of(form, "undo"), now=service.clock())
    if person is None:
        return asked.note("broken", status=404)
    brand = service.project.brand.name
    return asked.note("undone", known=person.language, brand=brand, mailbox=person.mailbox)
