"""Whether another system may use the interface: its key is looked at before anything that it sends."""

from http import HTTPStatus

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from handbill.errors import StoreUnavailable
from handbill.operations.api_keys import ApiKey, find_key
from handbill.web.buckets import Allowance, Buckets
from handbill.web.nearby import from_this_machine
from handbill.web.refusals import answer_refusal, refusal, too_many
from handbill.web.service import Service

KEY = Allowance(per_second=100, burst=500)
"""Requests of one key."""
DESCRIPTIONS = frozenset({"/v1/openapi.json", "/v1/docs"})
"""They name the fields of the project's contacts, which strangers need not know; people here read them in a browser."""

_SCHEME = b"bearer "
_IN_SCOPE = "handbill.key"


class Keyed:
    """Lets through whoever shows a key (`Authorization: Bearer …`), as often as one key may ask."""

    def __init__(self, app: ASGIApp, service: Service, allowance: Allowance | None = None) -> None:
        self._app = app
        self._service = service
        self._buckets = Buckets(allowance or KEY)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on with its key."""
        if scope["path"] in DESCRIPTIONS and from_this_machine(scope):
            await self._app(scope, receive, send)
            return
        try:
            key = await run_in_threadpool(self._key, _shown(scope))
        except StoreUnavailable as error:
            answer = await answer_refusal(Request(scope), error)
            await answer(scope, receive, send)
            return
        if key is None:
            detail = "Show a key of this service: Authorization: Bearer KEY. Make one with handbill api-key create."
            headers = {"WWW-Authenticate": "Bearer"}
            await refusal(scope, HTTPStatus.UNAUTHORIZED, detail, headers)(scope, receive, send)
            return
        wait = self._buckets.take(str(key.id))
        if wait:
            await too_many(scope, wait)(scope, receive, send)
            return
        scope[_IN_SCOPE] = key
        await self._app(scope, receive, send)

    def _key(self, shown: str) -> ApiKey | None:
        return find_key(self._service.engine, shown, now=self._service.clock()) if shown else None


def key_of(request: Request) -> ApiKey:
    """The key that was shown with a request which `Keyed` let through."""
    key = request.scope[_IN_SCOPE]
    assert isinstance(key, ApiKey)  # noqa: S101 - for the type checker: `Keyed` puts nothing else there
    return key


def _shown(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"authorization" and value[: len(_SCHEME)].lower() == _SCHEME:
            return str(value[len(_SCHEME) :].strip().decode("latin-1"))
    return ""
