"""How a page for colleagues is made: who looks at it, its look, and the proof that a form came from it."""

import hashlib
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from jinja2 import Environment, FunctionLoader, StrictUndefined
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from handbill import __version__
from handbill.operations.sessions import Session, session_of
from handbill.tokens import read, sign
from handbill.web.headers import content_policy
from handbill.web.logo import logo_of
from handbill.web.prose import marked
from handbill.web.service import Service

SIGN_IN, HOME = "/sign-in", "/reports"
PROOF = "proof"
"""The field of our forms that shows that the page was ours, and this very person's."""
_PURPOSE = "desk form"
_OURS = {"same-origin", "none"}
_MOST_FIELDS = 20
_SESSION, _FORM = "handbill-session", "handbill-form"


@dataclass(frozen=True)
class Visit:
    """A request for a page; `session` is None for whoever has not signed in."""

    service: Service
    request: Request
    session: Session | None

    @property
    def is_secure(self) -> bool:
        """Whether the request came by https, by its own or a proxy's word."""
        return self.request.url.scheme == "https"

    def page(self, template: str, /, *, status: int = 200, live: bool = False, **values: Any) -> HTMLResponse:
        """A page of `pages/`; only a `live` one runs a script, which fetches that page again."""
        style, script, logo = _style(), _resource("live.js"), logo_of(self.service.project)
        policy = content_policy(styles=[style], scripts=[script] if live else (), images=bool(logo), forms=True)
        frame = {
            "brand": self.service.project.brand, "logo": logo, "session": self.session, "style": style,
            "script": script, "is_live": live, "version": __version__, "proof": self.proof,
        }  # fmt: skip
        made = _environment(self.service.project.timezone).get_template(f"{template}.html")
        headers = {"Content-Security-Policy": policy + ("; connect-src 'self'" if live else "")}
        return HTMLResponse(made.render(**frame, **values), status, headers)

    def note(self, heading: str, text: str, *, status: int) -> HTMLResponse:
        """A page that only says something."""
        return self.page("desk_note", status=status, heading=heading, text=text)

    def proof(self, path: str, bound_to: str | None = None) -> str:
        """The value of `PROOF` in a form that is sent to a path: good for this session (or this browser) only."""
        binding = bound_to or (self.session.digest if self.session else "")
        return sign(self.service.settings.keys, _PURPOSE, _digest(path, binding))

    def is_ours(self, form: FormData) -> bool:
        """Whether a form was sent by our page in this browser, and not by another site."""
        binding = self.session.digest if self.session else self.request.cookies.get(cookie(self, _FORM), "")
        proof = form.get(PROOF)
        if not binding or not isinstance(proof, str) or self.request.headers.get("sec-fetch-site", "none") not in _OURS:
            return False
        payload = read(self.service.settings.keys, _PURPOSE, proof)
        return payload == _digest(self.request.url.path, binding)


Show = Callable[[Visit], Response]
Take = Callable[[Visit, FormData], Response]


def desk_page(service: Service, path: str, show: Show) -> Route:
    """A page for people who have signed in; others are led to the sign-in, whatever stands in the address."""

    def answer(request: Request) -> Response:
        visit = visit_of(service, request)
        return show(visit) if visit.session else to_sign_in(request)

    return Route(path, answer, methods=["GET"])


def desk_form(service: Service, path: str, take: Take, *, open_to_all: bool = False) -> Route:
    """What a form of such a page is sent to; only that page may send it."""

    def judge(request: Request, form: FormData) -> Response:
        visit = visit_of(service, request)
        if visit.session is None and not open_to_all:
            return RedirectResponse(SIGN_IN, 303)
        if not visit.is_ours(form):
            return visit.note(
                "This page is out of date", "Please go back, load it again, and try once more.", status=403
            )
        return take(visit, form)

    async def answer(request: Request) -> Response:
        async with request.form(max_files=0, max_fields=_MOST_FIELDS) as form:
            return await run_in_threadpool(judge, request, form)

    return Route(path, answer, methods=["POST"])


def visit_of(service: Service, request: Request) -> Visit:
    """Who asks: by the cookie of their session, if that is not over."""
    visit = Visit(service, request, None)
    token = request.cookies.get(cookie(visit, _SESSION))
    session = session_of(service.engine, token, now=service.clock()) if token else None
    return Visit(service, request, session)


def to_sign_in(request: Request) -> Response:
    """To the sign-in, and back to this page afterwards."""
    return RedirectResponse(f"{SIGN_IN}?next={quote(request.url.path, safe='')}", 303)


def cookie(visit: Visit, name: str) -> str:
    """The cookie's name. By https it begins with __Host-, so that no other host can set it."""
    return f"__Host-{name}" if visit.is_secure else name


def give_session(visit: Visit, response: Response, token: str) -> None:
    """The cookie that the browser shows from now on: not to scripts, and not from other sites' forms."""
    _give(visit, response, _SESSION, token, "lax")
    response.delete_cookie(cookie(visit, _FORM), path="/", secure=visit.is_secure, httponly=True, samesite="strict")


def take_session(visit: Visit, response: Response) -> None:
    """The browser forgets its session."""
    response.delete_cookie(cookie(visit, _SESSION), path="/", secure=visit.is_secure, httponly=True, samesite="lax")


def form_binding(visit: Visit) -> tuple[str, Callable[[Response], None]]:
    """What binds a form to a browser that has no session yet, and how the browser gets to know it."""
    known = visit.request.cookies.get(cookie(visit, _FORM))
    value = known or secrets.token_urlsafe(16)
    return value, lambda response: None if known else _give(visit, response, _FORM, value, "strict")


def _give(visit: Visit, response: Response, name: str, value: str, same_site: Any) -> None:
    response.set_cookie(cookie(visit, name), value, path="/", secure=visit.is_secure, httponly=True, samesite=same_site)


def _digest(path: str, binding: str) -> bytes:
    return hashlib.blake2b(f"{path}\n{binding}".encode(), digest_size=16).digest()


@cache
def _environment(timezone: str) -> Environment:
    environment = Environment(loader=FunctionLoader(_resource), autoescape=True, undefined=StrictUndefined)
    environment.filters.update(_filters(ZoneInfo(timezone)))
    return environment


def _filters(zone: ZoneInfo) -> Mapping[str, Callable[..., str]]:
    def local(moment: datetime) -> str:
        return f"{moment.astimezone(zone):%-d %b %Y, %H:%M}"

    return {"local": local, "counted": lambda number: f"{number:,}", "lasting": lasting, "marked": marked}


def lasting(period: timedelta) -> str:
    """A time that is still to go, about.

    >>> lasting(timedelta(seconds=40)), lasting(timedelta(minutes=7)), lasting(timedelta(hours=5, minutes=20))
    ('under a minute', '7 min', '5 h 20 min')
    """
    minutes = round(period.total_seconds() / 60)
    if minutes < 1:
        return "under a minute"
    hours, rest = divmod(minutes, 60)
    days, left = divmod(hours, 24)
    if days:
        return f"{days} d {left} h"
    return f"{hours} h {rest} min" if hours else f"{rest} min"


@cache
def _style() -> str:
    return _resource("page.css") + _resource("desk.css")


def _resource(name: str) -> str:
    return files("handbill.web").joinpath("pages", name).read_text(encoding="utf-8")
