"""Links, pictures and codes of our messages: kept first, answered then."""

import base64

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from handbill.operations.tracking import Asked, Tracker
from handbill.web.service import Service

METHODS = ["GET", "HEAD", "OPTIONS"]
DOT = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
"""A picture of one transparent dot."""

_PICTURE = {"cache-control": "no-store, private", "cross-origin-resource-policy": "cross-origin"}


def routes(service: Service) -> list[BaseRoute]:
    """`/c/TOKEN` leads to a link's target, `/o/TOKEN.gif` is a dot, `/s/CODE` leads to a campaign's landing page.

    A token with any letter changed leads nowhere. No address is ever taken from the request.
    """
    tracker = Tracker(service.engine, service.project, service.settings, service.clock)

    async def click(request: Request) -> Response:
        return _onward(request, await tracker.click(request.path_params["token"], _asked(request)))

    async def scan(request: Request) -> Response:
        return _onward(request, await tracker.scan(request.path_params["code"], _asked(request)))

    async def opened(request: Request) -> Response:
        token = request.path_params["picture"].removesuffix(".gif")
        if not await tracker.open(token, _asked(request)):
            raise HTTPException(404)
        return Response(DOT, media_type="image/gif", headers=_PICTURE)

    return [
        Route("/c/{token}", click, methods=METHODS),
        Route("/o/{picture}", opened, methods=METHODS),
        Route("/s/{code}", scan, methods=METHODS),
    ]


def _asked(request: Request) -> Asked:
    address = request.client.host if request.client else ""
    return Asked(request.method, request.headers.get("user-agent", ""), address)


def _onward(request: Request, target: str | None) -> Response:
    if target is None:
        raise HTTPException(404)
    if request.method == "OPTIONS":
        return Response(status_code=204, headers={"allow": ", ".join(METHODS)})
    return RedirectResponse(target, 302, headers={"cache-control": "no-store"})
