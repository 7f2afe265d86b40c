"""What Prometheus may read, and who else may not."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import Engine, insert, update

from handbill.clock import Clock, fixed_clock
from handbill.definitions.project import Project
from handbill.operations.run import start_run
from handbill.store.connection import writing
from handbill.store.tables import contact, event, outbox, source_watermark, webhook
from handbill.web.app import make_app
from tests.conftest import NOW
from tests.operations.shop import add_people, make_project
from tests.scenarios.fault_server import FaultServer
from tests.scenarios.fault_server import serving as mail_server
from tests.web.running import running
from tests.web.serving import service_for, serving_app

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def read(url: str, **headers: str) -> Samples:
    answer = requests.get(f"{url}/metrics", headers=headers, timeout=60)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def named(samples: Samples, name: str) -> dict[tuple[str, ...], float]:
    return {tuple(value for _, value in labels): count for (each, labels), count in samples.items() if each == name}


@pytest.fixture
def url(tmp_path: Path, store: Engine, clock: Clock) -> Iterator[str]:
    """A service with a run of 30 messages, a few events, and a webhook that waits."""
    with mail_server(FaultServer()) as server:
        project = make_project(tmp_path, server.port)
        _fill(store, project)
    with serving_app(make_app(service_for(tmp_path, project, store, clock))) as url:
        yield url


def _fill(store: Engine, project: Project) -> None:
    add_people(store, 30)
    with writing(store) as connection:
        connection.execute(
            update(contact).where(contact.c.id == 1).values(email="ann@annlee.example", email_key="ann@annlee.example")
        )
    start_run(store, project, "spring", clock=fixed_clock(NOW))
    with writing(store) as connection:
        connection.execute(update(outbox).where(outbox.c.id > 28).values(state="accepted"))
        seen = {"source": "s", "kind": "page_view", "occurred_at": NOW, "properties": {}}
        moments = (NOW, NOW - timedelta(minutes=1), NOW - timedelta(hours=1))
        events = [seen | {"source_event_id": str(n), "received_at": at} for n, at in enumerate(moments)]
        connection.execute(insert(event), events)
        until = NOW - timedelta(hours=2)
        connection.execute(
            insert(source_watermark).values(kind="orders", source="shop", complete_until=until, imported_at=NOW)
        )
        stored = {
            "source": "sendgrid",
            "format": "sendgrid",
            "nonce": "n",
            "digest": "d",
            "headers": {},
            "state": "waiting",
        }
        connection.execute(insert(webhook).values(**stored, body=b"{}", received_at=NOW - timedelta(seconds=90)))


def test_the_stores_counts_are_there(url: str) -> None:
    samples = read(url)
    assert named(samples, "handbill_run") == {("spring", "running", "once"): 1}
    assert named(samples, "handbill_outbox_messages") == {
        ("spring", "accepted", "once"): 2,
        ("spring", "queued", "once"): 28,
    }
    assert named(samples, "handbill_events_5m") == {("page_view",): 2}
    assert named(samples, "handbill_watermark_age_seconds") == {("orders", "shop"): 7200}
    assert named(samples, "handbill_webhooks_waiting") == {("sendgrid",): 1}
    assert named(samples, "handbill_webhook_oldest_seconds") == {("sendgrid",): 90}


def test_a_domain_of_one_persons_own_is_no_label(url: str) -> None:
    answer = requests.get(f"{url}/metrics", timeout=60).text
    assert named(read(url), "handbill_queue_messages") == {("email", "example.org"): 27, ("email", "other"): 1}
    assert "annlee" not in answer


def test_requests_are_counted_by_route_and_never_by_address(url: str) -> None:
    requests.get(f"{url}/healthz", timeout=60)
    requests.get(f"{url}/some/token", timeout=60)
    samples = read(url)
    assert named(samples, "handbill_http_requests_total") == {
        ("GET", "/healthz", "200"): 1,
        ("GET", "-", "404"): 1,
    }
    assert named(samples, "handbill_http_request_seconds_count") == {("/healthz",): 1, ("-",): 1}
    assert "token" not in requests.get(f"{url}/metrics", timeout=60).text


def test_what_comes_through_a_proxy_is_no_program_of_this_machine(url: str) -> None:
    for header in ("X-Forwarded-For", "Forwarded", "X-Real-IP", "Via"):
        assert requests.get(f"{url}/metrics", headers={header: "127.0.0.1"}, timeout=60).status_code == 404


def test_with_a_token_only_who_shows_it_may_read(tmp_path: Path, store: Engine, clock: Clock) -> None:
    app = make_app(service_for(tmp_path, make_project(tmp_path, 25), store, clock), metrics_token="let me")
    with serving_app(app) as url:
        for shown in ("", "Bearer let", "Bearer let me ", "Basic let me", "Bearer \xff"):
            headers = {"Authorization": shown.encode("latin-1")}
            assert requests.get(f"{url}/metrics", headers=headers, timeout=60).status_code == 404
        assert read(url, Authorization="Bearer let me", X_Forwarded_For="192.0.2.1")


def test_several_processes_count_together(tmp_path: Path) -> None:
    make_project(tmp_path, 25)
    with running(tmp_path, "--workers", "2", "--metrics-token", "t") as service:
        for _ in range(20):
            assert requests.get(f"{service.url}/healthz", timeout=60).ok
        counted = [
            named(read(service.url, Authorization="Bearer t"), "handbill_http_requests_total")[
                ("GET", "/healthz", "200")
            ]
            for _ in range(6)
        ]
        code, said = service.end()
    assert counted == [20] * 6
    assert code == 0
    assert not re.search(r"Traceback|Error", said)
