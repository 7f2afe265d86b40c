"""Which requests came and how long they took, without a word about who asked or for whom."""

import asyncio
import logging
import time
import traceback
from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from handbill.web.refusals import refusal

LOGGER = logging.getLogger("handbill.web")

Observe = Callable[[str, str, int, float], None]
"""`observe(method, route, status, seconds)`."""

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Lines(logging.Formatter):
    """Puts the time before every line of a record, which holds the requests that were answered together."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as it is written."""
        at = self.formatTime(record)
        return "\n".join(f"{at} {line}" for line in record.getMessage().splitlines())


class Logged:
    """Writes one line a request: method, the route that served it (never its address, which holds tokens), status.

    What went wrong in our own code is logged with its place and without its message, which may quote a person's
    values; the client gets a plain page.
    """

    def __init__(self, app: ASGIApp, observe: Observe) -> None:
        self._app = app
        self._observe = observe
        self._lines: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun, status = time.perf_counter(), 0

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noted)
        except Exception as error:  # noqa: BLE001 - the last resort: strangers get a page, never a traceback
            LOGGER.error("%s", _without_values(error))
            if not status:
                await refusal(scope, 500)(scope, receive, noted)
        finally:
            method = scope["method"] if scope["method"] in METHODS else "other"
            seconds = time.perf_counter() - begun
            route = route_of(scope)
            self._observe(method, route, status, seconds)
            self._note(f"{method} {route} {status} {seconds * 1000:.1f} ms")

    def _note(self, line: str) -> None:
        """A commit answers a hundred clicks in one turn of the event loop: one record for all of them."""
        self._lines.append(line)
        if len(self._lines) == 1:
            asyncio.get_running_loop().call_soon(self._write)

    def _write(self) -> None:
        lines, self._lines = self._lines, []
        LOGGER.info("%s", "\n".join(lines))


def route_of(scope: Scope) -> str:
    """The pattern of the route that served the request, such as /c/{token}; `-` where there is none."""
    path = getattr(scope.get("route"), "path", None)
    return "-" if path is None else f"{scope.get('root_path', '')}{path}"


def _without_values(error: Exception) -> str:
    """Type and place of an error, and of what led to it."""
    lines: list[str] = []
    seen: BaseException | None = error
    while seen is not None:
        frames = traceback.extract_tb(seen.__traceback__)
        lines += [f"{type(seen).__name__} in {frame.filename}:{frame.lineno} {frame.name}" for frame in frames[-5:]]
        seen = seen.__cause__ or seen.__context__
    return "\n".join(lines)
