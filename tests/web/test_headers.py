"""Whether every answer keeps browsers from loading, framing or passing on anything, and says nothing of the machine."""

import base64
import dataclasses
import hashlib
import logging
from pathlib import Path

import pytest
import requests
from sqlalchemy import Engine
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import BaseRoute, Route

from handbill.clock import Clock
from handbill.definitions.project import Project
from handbill.web import health, refusals
from handbill.web.app import make_app
from handbill.web.headers import NOTHING, content_policy
from handbill.web.service import Service
from tests.operations.shop import make_project
from tests.web.serving import service_for, serving, serving_app

ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex, nofollow",
    "Content-Security-Policy": NOTHING,
    "Cache-Control": "no-store",
}
REFUSED = ALWAYS | {"Content-Security-Policy": refusals.POLICY}
"""A page that only says why there is none may have its style."""
ANN = "ann.lee@example.org"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make_project(tmp_path, 25)


def odd_pages(_service: Service) -> list[BaseRoute]:
    """A page with a style of its own, and one with a bug."""

    def styled(_request: Request) -> HTMLResponse:
        policy = content_policy(styles=["p{color:red}"], images=True, forms=True)
        return HTMLResponse("<style>p{color:red}</style>", headers={"Content-Security-Policy": policy})

    def broken(request: Request) -> HTMLResponse:
        raise ValueError(f"no such person: {request.path_params['token']}")

    return [Route("/styled", styled), Route("/broken/{token}", broken, methods=["GET", "POST"])]


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/healthz", 200), ("GET", "/nowhere", 404), ("PUT", "/healthz", 405)]
)
def test_every_answer_has_the_headers(
    tmp_path: Path, project: Project, store: Engine, clock: Clock, method: str, path: str, status: int
) -> None:
    with serving(service_for(tmp_path, project, store, clock)) as url:
        answer = requests.request(method, url + path, timeout=60)
    assert answer.status_code == status
    assert {name: answer.headers.get(name) for name in ALWAYS} == (ALWAYS if status == 200 else REFUSED)
    assert "server" not in answer.headers
    assert "Strict-Transport-Security" not in answer.headers


def test_a_page_sets_a_policy_for_exactly_its_own_style(
    tmp_path: Path, project: Project, store: Engine, clock: Clock
) -> None:
    with serving_app(make_app(service_for(tmp_path, project, store, clock), parts=[odd_pages])) as url:
        answer = requests.get(f"{url}/styled", timeout=60)
    digest = base64.b64encode(hashlib.sha256(b"p{color:red}").digest()).decode()
    assert answer.headers["Content-Security-Policy"] == (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src 'self' data:; base-uri 'none'; "
        "form-action 'self'; frame-ancestors 'none'"
    )


def test_browsers_remember_https_where_links_are_https(tmp_path: Path, store: Engine, clock: Clock) -> None:
    plain = make_project(tmp_path, 25)
    assert plain.channels.email is not None
    email = plain.channels.email.model_copy(update={"links": "https://news.shop.example"})
    project = dataclasses.replace(plain, channels=plain.channels.model_copy(update={"email": email}))
    with serving(service_for(tmp_path, project, store, clock)) as url:
        answer = requests.get(f"{url}/nowhere", timeout=60)
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"


def test_a_missing_page_is_told_plainly(tmp_path: Path, project: Project, store: Engine, clock: Clock) -> None:
    with serving(service_for(tmp_path, project, store, clock)) as url:
        page = requests.get(f"{url}/nowhere?q=<script>", timeout=60)
        problem = requests.get(f"{url}/v1/nowhere", timeout=60)
    assert "<h1>Page not found</h1>" in page.text
    assert "Please open the link again, or copy all of it." in page.text
    assert "script" not in page.text
    assert problem.headers["Content-Type"] == "application/problem+json"
    assert (problem.json()["status"], problem.json()["title"]) == (401, "Please sign in")


def test_a_slash_too_many_leads_nowhere(tmp_path: Path, project: Project, store: Engine, clock: Clock) -> None:
    """A redirect would name the host that the request names, which a stranger chooses."""
    with serving(service_for(tmp_path, project, store, clock)) as url:
        answer = requests.get(f"{url}/healthz/", headers={"Host": "evil.example"}, timeout=60, allow_redirects=False)
    assert answer.status_code == 404
    assert "evil" not in answer.text + str(answer.headers)


def test_a_bug_shows_strangers_no_traceback_and_the_log_no_person(
    tmp_path: Path, project: Project, store: Engine, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        caplog.at_level(logging.INFO, "handbill.web"),
        serving_app(make_app(service_for(tmp_path, project, store, clock), parts=[odd_pages, health.routes])) as url,
    ):
        answer = requests.get(f"{url}/broken/{ANN}?of={ANN}", timeout=60)
        assert requests.get(f"{url}/healthz", timeout=60).ok
    assert answer.status_code == 500
    assert "<h1>Something went wrong</h1>" in answer.text
    assert "Traceback" not in answer.text
    assert {name: answer.headers.get(name) for name in ALWAYS} == REFUSED
    assert "ValueError in" in caplog.text
    assert "GET /broken/{token} 500" in caplog.text
    assert "GET /healthz 200" in caplog.text
    assert ANN not in caplog.text
