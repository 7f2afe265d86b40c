"""The service behind nginx and Caddy as the guide sets them up: what strangers reach, and what they cannot pretend."""

import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from sqlalchemy import Engine, select

from handbill.delivery.links import Click, Page, Unsubscribe, click_token, public_address, unsubscribe_token
from handbill.delivery.published import Listed, publish
from handbill.store.connection import open_store, reading, writing
from handbill.store.tables import consent, event, outbox
from tests.conftest import NOW
from tests.delivery.queues import make_run
from tests.operations.shop import SECRET, make_project
from tests.web.proxies import NAME, Edge, in_front_of
from tests.web.running import running

TARGET = "https://shop.example/new"
ONE_CLICK = b"List-Unsubscribe=One-Click"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
LARGE = FORM | {"Content-Length": "1200000"}
"""Announces more than is read. The answer comes before any of it is sent, which a proxy may not wait for."""
FORGED = ("X-Forwarded-For", "Forwarded", "X-Real-IP", "True-Client-IP", "CF-Connecting-IP")
MOST = 400
"""More requests than a client may make at once, and in the time that so many take on a slow machine."""


@dataclass(frozen=True)
class Site:
    """The public face of a shop, and what its recipients have in their mails."""

    edge: Edge
    store: Engine
    click: str
    leave: str


@pytest.fixture(scope="module", params=["nginx", "caddy"])
def program(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def site(program: str, tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[Site]:
    """The database is not what is tested here, so one will do."""
    root = tmp_path_factory.mktemp(program)
    shutil.copy(sqlite_template, root / "handbill.db")
    store = open_store(f"sqlite:///{root / 'handbill.db'}")
    make_project(root, 25, email=f"    links: https://{NAME}\n")
    click, leave = _addresses(store)
    environment = {
        "HANDBILL_DATABASE_URL": store.url.render_as_string(hide_password=False),
        "HANDBILL_SECRET": SECRET.decode(),
    }
    with (
        running(root, "--requests-per-client", "1", environment=environment) as service,
        in_front_of(program, urlsplit(service.url).netloc, root / "edge") as edge,
    ):
        yield Site(edge, store, click, leave)
    store.dispose()


def _addresses(store: Engine) -> tuple[str, str]:
    """A link of a mail, and its link to unsubscribe, without the host."""
    run_id = make_run(store, 1, state="accepted", accepted_at=NOW)
    listed = Listed("all", "en", 0, "fixed", TARGET)
    with writing(store) as connection:
        link = publish(connection, "spring", [listed], now=NOW)[listed]
        message = connection.execute(select(outbox).where(outbox.c.run_id == run_id)).one()
    wish = Unsubscribe(message.contact_id, message.id, "offers")
    return (
        public_address("", Page.CLICK, click_token(SECRET, Click(link, message.id))),
        public_address("", Page.UNSUBSCRIBE, unsubscribe_token(SECRET, wish)),
    )


def test_pages_come_by_https(site: Site) -> None:
    answer = site.edge.ask("GET", site.leave, source="127.0.1.1")
    assert answer.status == 200
    assert b"<h1>Unsubscribe</h1>" in answer.body
    assert answer.header("content-security-policy").startswith("default-src 'none'; style-src 'sha256-")
    assert answer.header("strict-transport-security") == "max-age=31536000"


def test_every_header_comes_once_and_names_no_version(site: Site) -> None:
    for path, status in ((site.leave, 200), ("/nowhere", 404), ("/reports", 303)):
        answer = site.edge.ask("GET", path, source="127.0.1.2")
        assert answer.status == status
        assert {name for name, times in Counter(name for name, _ in answer.headers).items() if times > 1} == set()
        assert answer.header("x-content-type-options") == "nosniff"
        assert answer.header("cache-control") == "no-store"
        assert answer.header("server").lower() in {"nginx", "caddy", ""}


def test_a_click_is_kept_and_leads_on(site: Site) -> None:
    answer = site.edge.ask("GET", site.click, source="127.0.1.3")
    assert (answer.status, answer.header("location")) == (302, TARGET)
    with reading(site.store) as connection:
        assert connection.scalars(select(event.c.kind).where(event.c.kind == "email.clicked")).all() == [
            "email.clicked"
        ]


def test_the_button_of_mail_programs_unsubscribes(site: Site) -> None:
    answer = site.edge.ask("POST", site.leave, body=ONE_CLICK, headers=FORM, source="127.0.1.4")
    assert (answer.status, answer.body) == (200, b"Unsubscribed.\n")
    with reading(site.store) as connection:
        states = connection.scalars(select(consent.c.state).order_by(consent.c.id)).all()
    assert states[-1] == "withdrawn"


def test_who_signs_in_gets_a_cookie_for_https_only(site: Site) -> None:
    answer = site.edge.ask("GET", "/sign-in", source="127.0.1.5", headers={"X-Forwarded-Proto": "http"})
    cookie = answer.header("set-cookie")
    assert cookie.startswith("__Host-handbill-form=")
    assert "; Secure" in cookie


def test_figures_are_not_for_strangers(site: Site) -> None:
    for path in ("/metrics", "/metrics?name=x", "/metrics/", "//metrics", "/%6detrics", "/./metrics"):
        answer = site.edge.ask("GET", path, source="127.0.1.6", headers={"X-Forwarded-For": "127.0.0.1"})
        assert (path, answer.status) == (path, 404)
        assert b"handbill_" not in answer.body


def test_nobody_asks_oftener_by_claiming_to_be_many(site: Site) -> None:
    seen = [_forging(site, number) for number in range(10)]
    while seen[-1] != 429 and len(seen) < MOST:
        seen.append(_forging(site, len(seen)))
    assert (seen[0], seen[-1]) == (404, 429)
    assert site.edge.ask("GET", "/nowhere", source="127.0.1.8").status == 404


def _forging(site: Site, number: int) -> int:
    claimed = dict.fromkeys(FORGED, f"192.0.2.{number % 250}") | {"Forwarded": f"for=192.0.2.{number % 250}"}
    return site.edge.ask("GET", "/nowhere", source="127.0.1.7", headers=claimed).status


def test_nobody_is_kept_out_by_who_claims_to_be_them(site: Site) -> None:
    claimed = {"X-Forwarded-For": "127.0.1.9"}
    for _ in range(15):
        site.edge.ask("GET", "/nowhere", source="127.0.1.10", headers=claimed)
    assert site.edge.ask("GET", "/nowhere", source="127.0.1.9").status == 404


def test_what_is_too_large_is_refused(site: Site) -> None:
    assert site.edge.ask("POST", site.leave, headers=LARGE, source="127.0.1.11").status == 413


def test_http_leads_to_https_and_shows_nothing(site: Site) -> None:
    answer = site.edge.ask_plainly(site.leave)
    assert answer.status in {301, 308}
    assert answer.header("location") == f"https://{NAME}{site.leave}"
    assert answer.header("set-cookie") == ""
    elsewhere = site.edge.ask_plainly(site.leave, Host="evil.example")
    assert b"Nothing changes until" not in answer.body + elsewhere.body


def test_proxies_write_down_no_personal_address(site: Site, program: str, tmp_path: Path) -> None:
    """Also not when the service is away, and not of requests that they refuse themselves."""
    site.edge.ask("GET", site.leave, source="127.0.1.12")
    site.edge.ask_plainly(site.leave)
    with in_front_of(program, "127.0.0.1:1", tmp_path / "edge") as edge:
        assert edge.ask("GET", site.leave).status == 502
        assert edge.ask("POST", site.leave, headers=LARGE).status == 413
        said = edge.logs()
    assert site.leave.rpartition("/")[2] not in said + site.edge.logs()
