"""A message in the browser, for people whose mail program shows it badly."""

from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute

from handbill.operations.view_online import Viewer
from handbill.web.page import Asked, page_route
from handbill.web.service import Service

POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src https: http: data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; sandbox allow-popups allow-popups-to-escape-sandbox"
)
"""An e-mail brings its own styles and shows pictures of the shop; beyond that it may do nothing, and is nobody."""


def routes(service: Service) -> list[BaseRoute]:
    """`GET /v/{token}` shows the message that carried the link."""
    viewer = Viewer(service.engine, service.project, service.settings)

    def show(asked: Asked) -> Response:
        seen = viewer.view(asked.token)
        if seen is None:
            return asked.note("broken", status=404)
        if seen.state == "proof":
            return asked.note("nobody")
        if seen.state != "shown":
            return asked.note("view", status=410, known=seen.language or None)
        return HTMLResponse(seen.html, headers={"Content-Security-Policy": POLICY})

    return [page_route(service, "/v/{token}", show)]
