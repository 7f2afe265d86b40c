"""Whether the service works: for load balancers and for the people who look after it."""

from sqlalchemy import select
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import BaseRoute, Route

from handbill.web.service import Service


def routes(service: Service) -> list[BaseRoute]:
    """`GET /healthz`: 200 while the store answers."""

    def healthz(_request: Request) -> PlainTextResponse:
        with service.engine.connect() as connection:
            connection.execute(select(1))
        return PlainTextResponse("ok\n")

    return [Route("/healthz", healthz)]
