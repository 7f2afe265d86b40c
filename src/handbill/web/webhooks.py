"""Where vendors report what became of messages: `POST /hooks/<name>`, verified and stored before they are answered."""

from contextlib import AbstractContextManager, nullcontext

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from handbill.operations.webhooks import Desk, Taken, desk_of
from handbill.web.service import Service

MOST_BYTES = 64_000_000
"""So much of requests' bodies is held in memory at a time; whoever brings more is asked to come again."""
RETRY = {"Retry-After": "30"}

_STATUS = {Taken.KEPT: 200, Taken.REFUSED: 401, Taken.UNREADABLE: 400}


def routes(service: Service, most_bytes: int = MOST_BYTES) -> list[BaseRoute]:
    """`POST /hooks/<name>`: 200 when the report is kept for good, 401 when it is not the vendor's."""
    desk = _desk(service)
    held = 0

    async def receive(request: Request) -> Response:
        nonlocal held
        name = request.path_params["name"]
        if name not in desk.names:
            raise HTTPException(404)
        parts: list[bytes] = []
        try:
            async for part in request.stream():
                held += len(part)
                parts.append(part)
                if held > most_bytes:
                    return _answer(Taken.LATER)
            return _answer(await desk.take(name, dict(request.headers.items()), b"".join(parts)))
        except ClientDisconnect:
            return _answer(Taken.LATER)  # nobody reads it
        finally:
            held -= sum(map(len, parts))

    return [Route("/hooks/{name}", receive, methods=["POST"])]


def reading(service: Service) -> AbstractContextManager[None]:
    """Reads, beside the requests, what was stored; where nobody reports, nothing runs."""
    desk = _desk(service)
    return desk.working() if desk.names else nullcontext()


def _desk(service: Service) -> Desk:
    return desk_of(service.engine, service.project, service.settings, service.clock)


def _answer(taken: Taken) -> Response:
    """The same words for every reason to refuse: whoever forges learns nothing."""
    match taken:
        case Taken.NOWHERE:
            raise HTTPException(404)
        case Taken.LATER:
            return PlainTextResponse("busy\n", 503, RETRY)
        case _:
            return PlainTextResponse("ok\n" if taken is Taken.KEPT else "refused\n", _STATUS[taken])
