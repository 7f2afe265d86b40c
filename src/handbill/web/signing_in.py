"""How colleagues sign in and out."""

import math
import re

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from handbill.operations.sessions import Refused, sign_in, sign_out, too_many_words
from handbill.web.desk import HOME, SIGN_IN, Visit, desk_form, form_binding, give_session, take_session, visit_of
from handbill.web.limits import asker
from handbill.web.service import Service

WRONG = "Name or password is wrong."
_OUR_PAGE = re.compile(r"/reports(?:/[A-Za-z0-9_-][A-Za-z0-9_.-]*){0,3}")


def routes(service: Service) -> list[BaseRoute]:
    """`GET` and `POST /sign-in`, `POST /sign-out`."""

    def show(request: Request) -> Response:
        visit = visit_of(service, request)
        wanted = _next(request.query_params.get("next", ""))
        return RedirectResponse(wanted, 303) if visit.session else _form(visit, wanted)

    return [
        Route(SIGN_IN, show, methods=["GET"]),
        desk_form(service, SIGN_IN, _sign_in, open_to_all=True),
        desk_form(service, "/sign-out", _sign_out),
    ]


def _sign_in(visit: Visit, form: FormData) -> Response:
    service, wanted = visit.service, _next(_text(form, "next"))
    name, password = _text(form, "name").strip(), _text(form, "password")
    network = asker(visit.request.scope)
    found = sign_in(service.engine, service.settings, name, password, network, now=service.clock())
    if isinstance(found, Refused):
        if found.wait is None:
            return _form(visit, wanted, name=name, problem=WRONG, status=403)
        refused = _form(visit, wanted, name=name, problem=too_many_words(found.wait), status=429)
        refused.headers["Retry-After"] = str(math.ceil(found.wait.total_seconds()))
        return refused
    # A new session at every sign-in: one that somebody else planted in the browser opens nothing.
    answer = RedirectResponse(wanted, 303)
    give_session(visit, answer, found.token)
    return answer


def _sign_out(visit: Visit, _form_data: FormData) -> Response:
    answer = RedirectResponse(SIGN_IN, 303)
    if visit.session:
        sign_out(visit.service.engine, visit.session, now=visit.service.clock())
    take_session(visit, answer)
    return answer


def _form(visit: Visit, wanted: str, *, name: str = "", problem: str = "", status: int = 200) -> Response:
    binding, remember = form_binding(visit)
    answer = visit.page(
        "sign_in", status=status, name=name[:60], problem=problem, next=wanted, form_proof=visit.proof(SIGN_IN, binding)
    )
    remember(answer)
    return answer


def _next(path: str) -> str:
    """Only to a page of ours: an address that comes with a request leads nowhere else."""
    return path if _OUR_PAGE.fullmatch(path) else HOME


def _text(form: FormData, name: str) -> str:
    value = form.get(name)
    return value if isinstance(value, str) else ""
