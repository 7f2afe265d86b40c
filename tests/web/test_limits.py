"""How much and how often strangers may ask, and who counts as one client."""

import shutil
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
from sqlalchemy import Engine
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import BaseRoute, Route

from handbill.clock import Clock
from handbill.operations.api_keys import create_key
from handbill.store.connection import open_store
from handbill.web import keys, patience
from handbill.web.app import make_app
from handbill.web.buckets import Allowance, Buckets
from handbill.web.limits import Limits, asker
from handbill.web.service import Service
from tests.conftest import NOW
from tests.operations.shop import make_project
from tests.web.serving import service_for, serving, serving_app

SMALL = Limits(largest_body=1_000, body_seconds=60, client=Allowance(per_second=0.001, burst=3), by_path={})
GENEROUS = Limits(largest_body=1_000, body_seconds=60, client=None)
IMPATIENT = Limits(largest_body=1_000, body_seconds=0.5, client=None)


def reading_part(_service: Service) -> list[BaseRoute]:
    """A page that reads what is sent, as forms and webhooks do."""

    async def read(request: Request) -> PlainTextResponse:
        return PlainTextResponse(str(len(await request.body())))

    return [Route("/read", read, methods=["POST"])]


@pytest.fixture
def sqlite_service(tmp_path: Path, sqlite_template: Path, clock: Clock) -> Iterator[Service]:
    """A service whose store is not asked here, so that one database will do."""
    shutil.copy(sqlite_template, tmp_path / "handbill.db")
    engine = open_store(f"sqlite:///{tmp_path / 'handbill.db'}")
    yield service_for(tmp_path, make_project(tmp_path, 25), engine, clock)
    engine.dispose()


@pytest.fixture
def url(sqlite_service: Service) -> Iterator[str]:
    with serving_app(make_app(sqlite_service, GENEROUS, parts=[reading_part])) as url:
        yield url


def test_a_body_is_counted_and_its_announced_length_is_not_believed(url: str) -> None:
    def parts(size: int) -> Iterator[bytes]:
        yield b"x" * 600
        yield b"x" * (size - 600)

    assert requests.post(f"{url}/read", data=b"x" * 1_000, timeout=60).text == "1000"
    assert requests.post(f"{url}/read", data=parts(1_000), timeout=60).text == "1000"
    for body in (b"x" * 1_001, parts(1_001)):
        answer = requests.post(f"{url}/read", data=body, timeout=60)
        assert (answer.status_code, "<h1>This is too large</h1>" in answer.text) == (413, True)


def test_a_body_that_comes_drop_by_drop_is_not_waited_for(sqlite_service: Service) -> None:
    with serving_app(make_app(sqlite_service, IMPATIENT, parts=[reading_part])) as url:
        host = urlsplit(url)
        with socket.create_connection((host.hostname, host.port), timeout=60) as line:
            line.sendall(b"POST /read HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nx")
            assert line.recv(4096).startswith(b"HTTP/1.1 408 ")


def test_a_head_that_never_ends_is_not_waited_for(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "HEAD_SECONDS", 0.3)
    host = urlsplit(url)
    for begun in (b"", b"GET /read HTTP/1.1\r\nX: "):
        with socket.create_connection((host.hostname, host.port), timeout=60) as line:
            line.sendall(begun)
            assert line.recv(4096) == b""


def test_a_head_without_end_is_not_kept_in_memory(url: str) -> None:
    host = urlsplit(url)
    with socket.create_connection((host.hostname, host.port), timeout=60) as line:
        line.sendall(b"GET /read HTTP/1.1\r\n")
        with pytest.raises(ConnectionError):
            for _ in range(1_000):
                line.sendall(b"X-More: " + b"x" * 8_000 + b"\r\n")
            raise ConnectionError if line.recv(1) == b"" else AssertionError("still listening")


def test_whoever_asks_too_often_waits(sqlite_service: Service) -> None:
    with serving_app(make_app(sqlite_service, SMALL, parts=[reading_part])) as url:
        answers = [requests.post(f"{url}/read", data=b"x", timeout=60) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert "<h1>Too many requests</h1>" in answers[3].text
    assert answers[3].headers["Retry-After"] == "1000"


def test_clients_behind_a_trusted_proxy_are_told_apart(sqlite_service: Service) -> None:
    with serving_app(make_app(sqlite_service, SMALL, parts=[reading_part])) as url:
        many = [requests.post(f"{url}/read", headers={"X-Forwarded-For": "192.0.2.1"}, timeout=60) for _ in range(4)]
        other = requests.post(f"{url}/read", headers={"X-Forwarded-For": "192.0.2.2"}, timeout=60)
    assert [answer.status_code for answer in many] == [200, 200, 200, 429]
    assert other.status_code == 200


def test_what_a_client_claims_about_itself_before_the_proxy_does_not_count(sqlite_service: Service) -> None:
    with serving_app(make_app(sqlite_service, SMALL, parts=[reading_part])) as url:
        claims = [f"10.0.0.{number}, 192.0.2.1" for number in range(4)]
        answers = [requests.post(f"{url}/read", headers={"X-Forwarded-For": claim}, timeout=60) for claim in claims]
    assert answers[-1].status_code == 429


def test_a_machine_with_a_network_of_addresses_is_one_client() -> None:
    def of(host: str) -> str:
        return asker({"client": (host, 1)})

    assert of("2001:db8:1:2::1") == of("2001:db8:1:2:ffff::9") != of("2001:db8:1:3::1")
    assert of("192.0.2.1") != of("192.0.2.2")
    assert of("no address: at all") == "no address: at all"
    assert asker({"client": None}) == ""


def test_a_bucket_fills_with_time_and_never_over_its_brim() -> None:
    now = [0.0]
    buckets = Buckets(Allowance(per_second=2, burst=3), clock=lambda: now[0])
    assert [buckets.take("ann") for _ in range(4)] == [0, 0, 0, 0.5]
    now[0] += 0.5
    assert [buckets.take("ann"), buckets.take("ann")] == [0, 0.5]
    now[0] += 1_000
    assert [buckets.take("ann") for _ in range(4)] == [0, 0, 0, 0.5]


def test_millions_of_clients_take_no_more_memory_than_the_latest_of_them() -> None:
    buckets = Buckets(Allowance(per_second=1, burst=1), most=100)
    for number in range(10_000):
        buckets.take(str(number))
    assert len(buckets) == 100


def test_a_bucket_gives_each_token_once_to_many_threads() -> None:
    buckets = Buckets(Allowance(per_second=1e-9, burst=500))
    taken: list[bool] = []

    def take() -> None:
        taken.extend(buckets.take("all") == 0 for _ in range(200))

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(taken) == 500


def test_one_key_cannot_keep_the_others_out(
    tmp_path: Path, store: Engine, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "KEY", Allowance(per_second=0.001, burst=2))
    busy, calm = (create_key(store, name, ["events"], now=NOW) for name in ("busy", "calm"))

    def ask(key: str) -> requests.Response:
        return requests.get(f"{url}/v1/watermarks", headers={"Authorization": f"Bearer {key}"}, timeout=60)

    with serving(service_for(tmp_path, make_project(tmp_path, 25), store, clock)) as url:
        answers = [ask(busy) for _ in range(3)]
        other = ask(calm)
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert (answers[2].headers["Retry-After"], answers[2].json()["detail"]) == ("1000", "Ask again in 1000 s.")
    assert other.status_code == 200
