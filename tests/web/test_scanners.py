"""A mail gateway that follows every link of a message unsubscribes nobody, and counts as the machine that it is."""

import re
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import requests
from sqlalchemy import Engine, select

from handbill.clock import fixed_clock
from handbill.definitions.loading import load_project
from handbill.operations.run import drain_run, start_run
from handbill.store.connection import reading
from handbill.store.tables import consent, event, outbox, preference, suppression
from handbill.web.service import Service
from tests.conftest import NOW
from tests.operations.shop import TEMPLATE, add_people, make_project, make_settings
from tests.scenarios.fault_server import FaultServer
from tests.scenarios.fault_server import serving as serving_mail
from tests.web.serving import serving

PUBLIC = "https://go.shop.test"
PAGES = '<a href="{{ links.preferences }}">Choose</a> <a href="{{ links.view_online }}">Online</a>'
AGENT = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0 Safari/537.36"
WATCHED = (consent, preference, suppression, outbox)


def links_of(raw: bytes) -> list[str]:
    """Every address of ours in a message, in its body and its headers."""
    message = message_from_bytes(raw, policy=default)
    html = message.get_body(("html",)).get_content()  # type: ignore[union-attr]  # it has one
    found = re.findall(rf"{PUBLIC}/[\w./-]+", f"{html} {message['List-Unsubscribe']}")
    return list(dict.fromkeys(found))


def test_a_scanner_that_follows_every_link_changes_nothing_but_the_count_of_machines(
    tmp_path: Path, store: Engine
) -> None:
    add_people(store, 1)
    with serving_mail(FaultServer()) as server:
        make_project(tmp_path, server.port, email=f"    links: {PUBLIC}\n")
        (tmp_path / "templates/email/hello.mjml").write_text(TEMPLATE.replace("</mj-text>", f" {PAGES}</mj-text>", 1))
        project, clock = load_project(tmp_path), fixed_clock(NOW)
        run_id = start_run(store, project, "spring", clock=clock).run_id
        drain_run(store, project, make_settings(tmp_path, store), run_id, clock=clock)
        (taken,) = server.taken
    links = links_of(taken.message)
    assert sorted(link.removeprefix(f"{PUBLIC}/")[0] for link in links) == ["c", "c", "o", "p", "u", "v"]
    before = snapshot(store)
    with serving(Service(project, make_settings(tmp_path, store), store, clock)) as url:
        for method in ("HEAD", "OPTIONS", "GET"):
            for link in links:
                address, agent = link.replace(PUBLIC, url), {"User-Agent": AGENT}
                answer = requests.request(method, address, headers=agent, timeout=60, allow_redirects=False)
                assert answer.status_code < 500
                assert "set-cookie" not in answer.headers
    assert snapshot(store) == before
    with reading(store) as connection:
        hits = connection.execute(select(event.c.kind, event.c.verdict)).all()
    assert {tuple(each) for each in hits} == {("email.clicked", "machine"), ("email.opened", "machine")}
    assert len(hits) == 9


def snapshot(store: Engine) -> list[object]:
    """Everything that a link could have changed."""
    with reading(store) as connection:
        return [
            [tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key))] for table in WATCHED
        ]
