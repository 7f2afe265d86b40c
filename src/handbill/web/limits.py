"""How much and how often strangers may ask: size and time of a request's body, and requests of one client."""

import asyncio
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from handbill.web.buckets import Allowance, Buckets
from handbill.web.refusals import too_many

LARGEST_BODY = 1_000_000
"""Bytes."""
BODY_SECONDS = 20.0
"""A body must be there by then: whoever sends it drop by drop holds no connection for long."""
CLIENT = Allowance(per_second=50, burst=500)
"""Of one client: much for people, and for an office behind one address."""
BY_PATH: Mapping[str, Allowance] = {
    "/hooks/": Allowance(per_second=2_000, burst=10_000),
    "/v1/": Allowance(per_second=200, burst=1_000),
}
"""Vendors report every message one by one, from a few addresses; other systems have a limit for each key, too."""

_NETWORK_BITS = 64


@dataclass(frozen=True)
class Limits:
    """What one client may ask for. None as an allowance: as often as it likes."""

    largest_body: int = LARGEST_BODY
    body_seconds: float = BODY_SECONDS
    client: Allowance | None = CLIENT
    by_path: Mapping[str, Allowance] = field(default_factory=lambda: BY_PATH)


def limits_of(per_second: float) -> Limits:
    """The limits of a service that allows each client so many requests a second, ten times as many after a rest; 0: any
    number.
    """
    return Limits(client=Allowance(per_second, max(1, round(per_second * 10))) if per_second else None)


class Limited:
    """Refuses what is too large (413), too slow (408) or too often (429, before anything else is done)."""

    def __init__(self, app: ASGIApp, limits: Limits) -> None:
        self._app = app
        self._limits = limits
        self._others = Buckets(limits.client) if limits.client else None
        self._by_path = {path: Buckets(each) for path, each in limits.by_path.items()} if limits.client else {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on when its client may ask."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        buckets = next((each for path, each in self._by_path.items() if scope["path"].startswith(path)), self._others)
        wait = 0.0 if buckets is None else buckets.take(asker(scope))
        if wait:
            await too_many(scope, wait)(scope, receive, send)
            return
        await self._app(scope, self._counted(receive), send)

    def _counted(self, receive: Receive) -> Receive:
        """The body's parts, as long as there are not too many of them and they come in time."""
        limits, size, deadline = self._limits, 0, asyncio.get_running_loop().time() + self._limits.body_seconds
        complete = False

        async def counted() -> Message:
            nonlocal size, complete
            if complete:  # what comes now is the end of the connection, which nobody waits for in vain
                return await receive()
            try:
                async with asyncio.timeout_at(deadline):
                    message = await receive()
            except TimeoutError:
                raise HTTPException(408) from None
            size += len(message.get("body", b""))
            complete = not message.get("more_body", False)
            if size > limits.largest_body:
                raise HTTPException(413, f"At most {limits.largest_body:,} bytes are read.")
            return message

        return counted


def asker(scope: Scope) -> str:
    """Who asks, as far as limits go: an address, or a network of addresses that one client can have at will (IPv6)."""
    host = scope["client"][0] if scope.get("client") else ""
    if ":" not in host:
        return host
    try:
        return str(ipaddress.ip_network((host, _NETWORK_BITS), strict=False).network_address)
    except ValueError:
        return host
