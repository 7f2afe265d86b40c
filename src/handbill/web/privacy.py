"""The pages that a confirmation mail leads to: a copy of one's data, and being erased."""

from starlette.datastructures import FormData
from starlette.responses import Response
from starlette.routing import BaseRoute

from handbill.errors import RunRefused
from handbill.operations.confirmations import Purpose
from handbill.operations.data_copy import as_archive
from handbill.operations.self_service import Errand, erase_me, errand, take_data
from handbill.web.page import Asked, form_route, page_route
from handbill.web.service import Service

ARCHIVE = "application/zip"
NAME = "my-data.zip"


def routes(service: Service) -> list[BaseRoute]:
    """`/export/{token}` and `/erase/{token}`: `GET` shows what is about to happen, `POST` does it."""
    return [
        page_route(service, "/export/{token}", lambda asked: _show(asked, Purpose.EXPORT)),
        form_route(service, "/export/{token}", _download),
        page_route(service, "/erase/{token}", lambda asked: _show(asked, Purpose.ERASE)),
        form_route(service, "/erase/{token}", _erase),
    ]


def _show(asked: Asked, purpose: Purpose) -> Response:
    found = _errand(asked, purpose)
    if found is None or found.person is None or found.is_over:
        return _refused(asked, found)
    words, is_grave = asked.words(found.person.language or found.language), purpose is Purpose.ERASE
    name, brand = f"confirm_{purpose}", asked.service.project.brand.name
    return asked.page(
        "confirm",
        words,
        title=words.say(f"{name}.title"),
        heading=words.say(f"{name}.heading"),
        text=words.say(f"{name}.text", brand=brand),
        keeps=words.say(f"{name}.keeps") if is_grave else "",
        button=words.say(f"{name}.button"),
        is_grave=is_grave,
    )


def _download(asked: Asked, _form: FormData) -> Response:
    service, found = asked.service, _errand(asked, Purpose.EXPORT)
    data = take_data(service.engine, service.project, service.settings, asked.token, now=service.clock())
    if data is None or found is None or found.person is None:
        return _refused(asked, found)
    words = asked.words(found.person.language or found.language)
    headers = {"Content-Disposition": f'attachment; filename="{NAME}"'}
    return Response(as_archive(data, words, service.project.brand), 200, headers, ARCHIVE)


def _erase(asked: Asked, _form: FormData) -> Response:
    service, found = asked.service, _errand(asked, Purpose.ERASE)
    try:
        is_done = erase_me(service.engine, service.settings, asked.token, now=service.clock())
    except RunRefused:
        return asked.note("later", status=503)
    if not is_done or found is None or found.person is None:
        return _refused(asked, found)
    return asked.note("erased", known=found.person.language or found.language, brand=service.project.brand.name)


def _errand(asked: Asked, purpose: Purpose) -> Errand | None:
    service = asked.service
    return errand(service.engine, service.settings, purpose, asked.token, now=service.clock())


def _refused(asked: Asked, found: Errand | None) -> Response:
    if found is None:
        return asked.note("broken", status=404)
    return asked.note("nobody") if found.person is None else asked.note("over", known=found.language, status=410)
