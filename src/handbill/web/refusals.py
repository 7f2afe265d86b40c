"""What somebody is told whose request is not served: a plain page, or a problem (RFC 9457) for programs."""

import html
import math
from collections.abc import Mapping
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import Scope

from handbill.errors import StoreUnavailable
from handbill.web.headers import content_policy

PROBLEM = "application/problem+json"
API = "/v1/"
RETRY_SECONDS = 10

WORDS: Mapping[int, tuple[str, str]] = {
    400: ("This request cannot be read", "Please go back and try again."),
    401: ("Please sign in", "This page is only for people who have signed in."),
    403: ("This is not allowed", "You may not see or do this."),
    404: ("Page not found", "The address is not complete or not right. Please open the link again, or copy all of it."),
    405: ("This is not possible here", "Please go back and use the buttons of the page."),
    408: ("This took too long", "Please try again."),
    409: ("This contradicts what is known", "Please go back and correct it."),
    413: ("This is too large", "Please send less at once."),
    422: ("This cannot be used as it is", "Please go back and correct it."),
    429: ("Too many requests", "Please wait a moment and try again."),
    500: ("Something went wrong", "It is not your fault. Please try again later."),
    503: ("Not available at the moment", "Please try again in a few minutes."),
}
"""What each status is called, and what to do."""


def refusal(scope: Scope, status: int, detail: str = "", headers: Mapping[str, str] | None = None) -> Response:
    """The answer to a request that is not served; `detail` is for programs only."""
    title, advice = WORDS.get(status, (HTTPStatus(status).phrase, "Please try again later."))
    if scope["path"].startswith(API):
        problem = {"type": "about:blank", "title": title, "status": status, "detail": detail or advice}
        return JSONResponse(problem, status, headers, PROBLEM)
    page = _PAGE.format(title=html.escape(title), advice=html.escape(advice), style=_STYLE)
    return HTMLResponse(page, status, {**(headers or {}), "Content-Security-Policy": POLICY})


def too_many(scope: Scope, wait: float) -> Response:
    """The answer to somebody who asks too often; `wait` in seconds."""
    seconds = max(1, math.ceil(wait))
    return refusal(scope, 429, f"Ask again in {seconds} s.", {"Retry-After": str(seconds)})


async def answer_refusal(request: Request, error: Exception) -> Response:
    """For whatever a handler raises."""
    if isinstance(error, HTTPException):
        detail = "" if error.detail == HTTPStatus(error.status_code).phrase else error.detail
        return refusal(request.scope, error.status_code, detail, error.headers)
    if isinstance(error, StoreUnavailable):
        # Nothing of the database's own words: they name machines and files.
        return refusal(request.scope, 503, "The store cannot be reached.", {"Retry-After": str(RETRY_SECONDS)})
    return refusal(request.scope, 500)


HANDLED = (HTTPException, StoreUnavailable, Exception)
"""What `answer_refusal` answers; the last is our own bugs, which are logged as well."""

_STYLE = """\
:root {
  color-scheme: light dark;
  --page: #f5f4f0; --paper: #ffffff; --ink: #16191d; --muted: #585f68; --mark: #82868c;
}
@media (prefers-color-scheme: dark) {
  :root { --page: #0e1012; --paper: #171a1e; --ink: #eef0f2; --muted: #a9b1ba; --mark: #7b838d; }
}
body { margin: 0; padding: 0 20px; background: var(--page); color: var(--ink); font: 17px/1.55 ui-sans-serif, system-ui,
  -apple-system, "Segoe UI", "Helvetica Neue", Arial, sans-serif; }
main { box-sizing: border-box; max-width: 560px; margin: 12vh auto; padding: 40px 44px 44px; border-radius: 16px;
  background: linear-gradient(var(--mark) 0 5px, var(--paper) 5px); }
h1 { margin: 0; font-size: clamp(27px, 6vw, 34px); letter-spacing: -.02em; line-height: 1.15; text-wrap: balance; }
p { margin: 14px 0 0; color: var(--muted); }
@media (max-width: 560px) {
  body { padding: 0; background: var(--paper); }
  main { margin: 0; padding: 40px 20px; border-radius: 0; }
}
"""
POLICY = content_policy(styles=[_STYLE])
"""What these pages may load: their style."""

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
</head>
<body><main><h1>{title}</h1><p>{advice}</p></main></body>
</html>
"""
