"""Every request has its line in the log, with a time before it."""

import asyncio
import io
import logging
import re

from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from handbill.web.log import LOGGER, Lines, Logged


async def fine(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse("fine\n")(scope, receive, send)


def test_requests_that_are_answered_together_have_a_line_with_a_time_each() -> None:
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(Lines())
    counted: list[int] = []

    async def ask(app: Logged) -> None:
        scope: Scope = {"type": "http", "method": "GET", "path": "/c/token", "headers": []}

        async def receive() -> dict[str, object]:
            return {"type": "http.request"}

        async def send(_message: object) -> None:
            pass

        await app(scope, receive, send)

    async def ask_often() -> None:
        app = Logged(fine, lambda _method, _route, status, _seconds: counted.append(status))
        await asyncio.gather(*(ask(app) for _ in range(3)))

    level = LOGGER.level
    LOGGER.addHandler(handler)
    LOGGER.setLevel(logging.INFO)
    try:
        asyncio.run(ask_often())
    finally:
        LOGGER.setLevel(level)
        LOGGER.removeHandler(handler)
    lines = [re.sub(r"\d+\.\d ms", "0.0 ms", line) for line in written.getvalue().splitlines()]
    assert [re.sub(r"[0-9]", "0", line) for line in lines] == ["0000-00-00 00:00:00,000 GET - 000 0.0 ms"] * 3
    assert counted == [200] * 3
