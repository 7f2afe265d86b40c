"""Links, pictures and codes of our messages: kept first, answered then."""

import base64
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from handbill.errors import StoreUnavailable
from handbill.operations.tracking import Asked, Tracker
from handbill.web.refusals import answer_refusal, refusal
from handbill.web.service import Service

METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
DOT = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
"""A picture of one transparent dot."""

Header = tuple[bytes, bytes]

_ALLOWED = ", ".join(sorted(METHODS))


@dataclass(frozen=True)
class _Answer:
    status: int
    headers: list[Header]
    body: bytes = b""


@dataclass(frozen=True)
class _Page:
    """What is served under an address; `path` is how logs call it."""

    path: str
    serve: Callable[[str, Asked], Awaitable[_Answer | None]]


class Tracked:
    """Answers `/c/TOKEN`, `/o/TOKEN.gif` and `/s/CODE`, before anybody looks for another route.

    They come by the thousand after a mailing, and finding a route, with the objects that go with it, took half of the
    time of a click. A token with any letter changed leads nowhere. No address is ever taken from the request.
    """

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app = app
        self._tracker = Tracker(service.engine, service.project, service.settings, service.clock)
        self._pages = {
            "/c/": _Page("/c/{token}", self._click),
            "/o/": _Page("/o/{picture}", self._open),
            "/s/": _Page("/s/{code}", self._scan),
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves the request, or passes it on."""
        page = self._pages.get(scope["path"][:3]) if scope["type"] == "http" else None
        if page is None:
            await self._app(scope, receive, send)
            return
        scope["route"] = page
        if scope["method"] not in METHODS:
            await refusal(scope, 405, headers={"Allow": _ALLOWED})(scope, receive, send)
            return
        try:
            answer = await page.serve(scope["path"][3:], _asked(scope))
        except StoreUnavailable as error:
            await (await answer_refusal(Request(scope), error))(scope, receive, send)
            return
        if answer is None:
            await refusal(scope, 404)(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
        await send({"type": "http.response.body", "body": answer.body})

    async def _click(self, token: str, asked: Asked) -> _Answer | None:
        return _onward(await self._tracker.click(token, asked), asked)

    async def _scan(self, code: str, asked: Asked) -> _Answer | None:
        return _onward(await self._tracker.scan(code, asked), asked)

    async def _open(self, picture: str, asked: Asked) -> _Answer | None:
        return _SHOWN if await self._tracker.open(picture.removesuffix(".gif"), asked) else None


def _asked(scope: Scope) -> Asked:
    client = scope.get("client")
    agent = next((value for name, value in scope["headers"] if name == b"user-agent"), b"")
    return Asked(scope["method"], agent.decode("latin-1"), client[0] if client else "")


def _onward(target: str | None, asked: Asked) -> _Answer | None:
    if target is None:
        return None
    return _TOLD if asked.method == "OPTIONS" else _redirect(target)


@lru_cache(1_024)
def _redirect(target: str) -> _Answer:
    location = quote(target, safe=":/%#?=@[]!$&'()*+,;").encode()
    return _Answer(302, [(b"content-length", b"0"), (b"location", location), (b"cache-control", b"no-store")])


_TOLD = _Answer(204, [(b"allow", _ALLOWED.encode())])
_SHOWN = _Answer(
    200,
    [
        (b"content-type", b"image/gif"),
        (b"content-length", str(len(DOT)).encode()),
        (b"cache-control", b"no-store, private"),
        (b"cross-origin-resource-policy", b"cross-origin"),
    ],
    DOT,
)
