"""The preference centre: what somebody gets, how often, in which language and where, and what becomes of their data."""

from collections.abc import Mapping

from starlette.background import BackgroundTask
from starlette.datastructures import FormData
from starlette.responses import Response
from starlette.routing import BaseRoute

from handbill.operations.confirmations import Purpose
from handbill.operations.own_address import ADDRESS_PARTS
from handbill.operations.page_words import LANGUAGES, Words, words_in
from handbill.operations.preferences import (
    FREQUENCIES,
    Chosen,
    Preferences,
    keep_pause,
    keep_preferences,
    open_preferences,
)
from handbill.operations.self_service import request_confirmation
from handbill.operations.unsubscribing import channels_of
from handbill.web.confirmation_mails import send_waiting
from handbill.web.page import Asked, form_route, page_route, text_of, texts_of
from handbill.web.service import Service


def routes(service: Service) -> list[BaseRoute]:
    """`GET /p/{token}` shows, `POST` keeps; `/pause` and `/data` are the page's other two forms."""
    return [
        page_route(service, "/p/{token}", _show),
        form_route(service, "/p/{token}", _keep),
        form_route(service, "/p/{token}/pause", _pause),
        form_route(service, "/p/{token}/data", _ask_for_data),
    ]


def _show(asked: Asked) -> Response:
    service = asked.service
    opened = open_preferences(service.engine, service.project, service.settings, asked.token)
    if opened is None or opened.preferences is None:
        return _nobody(asked, is_sound=opened is not None)
    return _page(asked, opened.preferences)


def _keep(asked: Asked, form: FormData) -> Response:
    service = asked.service
    chosen = _chosen(form, service)
    kept = keep_preferences(service.engine, service.project, service.settings, asked.token, chosen, now=service.clock())
    if kept is None:
        return _nobody(asked)
    if kept.wrong:
        return _page(asked, kept.preferences, typed=chosen, wrong=kept.wrong)
    return _page(asked, kept.preferences, status_key="preferences.saved")


def _pause(asked: Asked, form: FormData) -> Response:
    service, begins = asked.service, text_of(form, "pause") == "begin"
    kept = keep_pause(
        service.engine, service.project, service.settings, asked.token, begins=begins, now=service.clock()
    )
    if kept is None:
        return _nobody(asked)
    return _page(asked, kept, status_key="preferences.pause_saved" if begins else "preferences.pause_ended")


def _ask_for_data(asked: Asked, form: FormData) -> Response:
    """The same answer whether a mail is sent or too many were asked for."""
    service, wanted = asked.service, text_of(form, "data")
    if wanted not in {Purpose.EXPORT, Purpose.ERASE}:
        return asked.note("stale", status=400)
    person = request_confirmation(
        service.engine,
        service.settings,
        asked.token,
        Purpose(wanted),
        language=asked.words().language,
        network_hash=asked.network_hash,
        now=service.clock(),
    )
    if person is None:
        return _nobody(asked)
    words = asked.words(person.language)
    text = words.say("sent.text", mailbox=person.mailbox)
    answer = asked.page("sent", words, title=words.say("sent.title"), heading=words.say("sent.heading"), text=text)
    answer.background = BackgroundTask(send_waiting, service)
    return answer


def _chosen(form: FormData, service: Service) -> Chosen:
    """What the form says; parts that it does not have stay as they are."""
    pairs = [pair.partition("/") for pair in texts_of(form, "agreed")]
    frequency, language = text_of(form, "frequency"), text_of(form, "language")
    return Chosen(
        agreed=frozenset((channel, topic) for channel, _, topic in pairs),
        frequency=frequency or None,
        is_measured=text_of(form, "measured") == "yes" if "asks_measured" in form else None,
        language=language if language in LANGUAGES else None,
        address={name: text_of(form, name) for name in ADDRESS_PARTS} if service.project.channels.direct_mail else None,
        removes_address=text_of(form, "no_address") == "yes",
    )


def _page(
    asked: Asked,
    found: Preferences,
    *,
    typed: Chosen | None = None,
    wrong: frozenset[str] = frozenset(),
    status_key: str = "",
) -> Response:
    project = asked.service.project
    words = asked.words(found.person.language)
    until = found.wishes.paused_until
    day = words.day(until, project.timezone) if until and until > asked.service.clock() else ""
    return asked.page(
        "preferences",
        words,
        status=422 if wrong else 200,
        person=found.person,
        channels=channels_of(project),
        topics=project.topics,
        agreed=found.agreed if typed is None else typed.agreed,
        frequencies=list(FREQUENCIES),
        frequency=found.frequency if typed is None else typed.frequency,
        asks_measured=_measures(asked.service),
        measured=found.is_measured if typed is None else typed.is_measured,
        spoken=[words_in(each) for each in LANGUAGES],
        language=(typed.language if typed else None) or words.language,
        place=found.place,
        address=_typed_address(typed),
        removes=typed is not None and typed.removes_address,
        paused_day=day,
        wrong=wrong,
        status_text=_status(words, status_key, day),
    )


def _measures(service: Service) -> bool:
    email = service.project.channels.email
    return email is not None and email.tracking == "individual"


def _typed_address(typed: Chosen | None) -> Mapping[str, str]:
    """What was typed, to be corrected. The address on file is not shown: people pass messages on, with their links."""
    written = typed.address if typed and typed.address else {}
    return {name: written.get(name, "") for name in ADDRESS_PARTS}


def _status(words: Words, key: str, day: str) -> str:
    if not key:
        return ""
    return words.say(key, day=day) if key == "preferences.pause_saved" else words.say(key)


def _nobody(asked: Asked, *, is_sound: bool | None = None) -> Response:
    service = asked.service
    if is_sound is None:
        is_sound = open_preferences(service.engine, service.project, service.settings, asked.token) is not None
    return asked.note("nobody") if is_sound else asked.note("broken", status=404)
