"""All that the web service answers, put together from its parts."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager, ExitStack, asynccontextmanager

from starlette.applications import Starlette
from starlette.routing import BaseRoute
from starlette.types import ASGIApp

from handbill.web import (
    api,
    confirmation_mails,
    health,
    opt_in,
    preferences,
    privacy,
    reports,
    signing_in,
    unsubscribe,
    view_online,
    webhooks,
)
from handbill.web.headers import SecurityHeaders
from handbill.web.limits import Limited, Limits
from handbill.web.log import Logged
from handbill.web.metrics import RequestCounts, metrics_routes
from handbill.web.refusals import HANDLED, answer_refusal
from handbill.web.service import Service
from handbill.web.tracking import Tracked

Part = Callable[[Service], list[BaseRoute]]

PARTS: Sequence[Part] = (
    webhooks.routes,  # the first ones are found soonest, and these come by the thousand
    health.routes,
    api.routes,
    unsubscribe.routes,
    preferences.routes,
    opt_in.routes,
    privacy.routes,
    view_online.routes,
    signing_in.routes,
    reports.routes,
)
"""Each part's routes; a part is a module."""

ALONGSIDE: Sequence[Callable[[Service], AbstractContextManager[object]]] = (
    confirmation_mails.carrying,
    webhooks.reading,
)
"""What runs beside the requests, such as a writer that many of them share: entered before the first request, left
after the last."""


def make_app(
    service: Service, limits: Limits | None = None, parts: Sequence[Part] = PARTS, metrics_token: str = ""
) -> ASGIApp:
    """The application that a server such as uvicorn runs."""
    counts = RequestCounts()
    routes = [route for part in parts for route in part(service)]
    app = Starlette(
        routes=[*routes, *metrics_routes(service, counts, metrics_token)],
        exception_handlers=dict.fromkeys(HANDLED, answer_refusal),
        lifespan=_alongside(service),
    )
    # A redirect to the address with or without a slash would name the host that the request named.
    app.router.redirect_slashes = False
    limited = Limited(Tracked(app, service), limits or Limits())
    return SecurityHeaders(Logged(limited, counts.observe), https=_by_https(service))


def _alongside(service: Service) -> Callable[[Starlette], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def running(_app: Starlette) -> AsyncIterator[None]:
        with ExitStack() as stack:
            for part in ALONGSIDE:
                stack.enter_context(part(service))
            yield

    return running


def _by_https(service: Service) -> bool:
    email = service.project.channels.email
    return bool(email and email.links and str(email.links).startswith("https:"))
