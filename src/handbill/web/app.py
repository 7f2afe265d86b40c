"""All that the web service answers, put together from its parts."""

from collections.abc import Callable, Sequence

from starlette.applications import Starlette
from starlette.routing import BaseRoute

from handbill.web import health
from handbill.web.service import Service

PARTS: Sequence[Callable[[Service], list[BaseRoute]]] = (health.routes,)
"""Each part's routes; a part is a module."""


def make_app(service: Service) -> Starlette:
    """The application that a server such as uvicorn runs."""
    return Starlette(routes=[route for routes in PARTS for route in routes(service)])
