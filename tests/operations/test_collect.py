"""The inbox is read once, whatever lies in it, and nothing is dropped."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, select

from handbill.clock import fixed_clock
from handbill.definitions.project import Project
from handbill.errors import Problem
from handbill.operations.collect import Collected, collect, collect_project, sentences
from handbill.responses.mailbox import MailRead
from handbill.settings import Settings
from handbill.store.connection import reading, writing
from handbill.store.tables import event, orders, outbox, source_watermark
from tests.conftest import NOW
from tests.reports.factory import EMAIL, NOTHING, fill
from tests.reports.projects import write_project
from tests.responses.mails import SECRET, bounced, put, request_to_stop

ORDERS = "order_id,contact,ordered_at,total\nA-1,email-00000-0,2026-12-01 12:00,12.50\n"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return write_project(tmp_path / "shop")


@pytest.fixture
def settings(project: Project, store_url: str) -> Settings:
    return Settings(project.root, store_url, SECRET)


@pytest.fixture
def inbox(settings: Settings, store: Engine) -> Path:
    """An inbox, and two accepted messages whose answers may come into it."""
    with writing(store) as connection:
        fill(connection, [replace(NOTHING, units=1, buyers=0), replace(EMAIL, units=2, buyers=0)])
    folder = settings.work_dir / "inbox"
    folder.mkdir(parents=True)
    return folder


def collected(store: Engine, project: Project, settings: Settings) -> Collected:
    return collect(store, project, settings, clock=fixed_clock(NOW))


def test_mail_and_files_are_taken_in_together(store: Engine, project: Project, settings: Settings, inbox: Path) -> None:
    with reading(store) as connection:
        (first, person), (second, _) = connection.execute(
            select(outbox.c.id, outbox.c.contact_id).order_by(outbox.c.id)
        ).all()
    put(inbox, "1", bounced(second))
    put(inbox, "2", request_to_stop(person, first))
    put(inbox, "3", b"Subject: hello\r\n\r\n")
    (inbox / "orders-2026-12-01.csv").write_text(ORDERS)
    (inbox / "events.jsonl").write_text(
        json.dumps({"kind": "page_view", "contact": "email-00000-0", "occurred_at": "2026-12-01T10:00:00Z"}) + "\n"
    )
    found = collected(store, project, settings)
    assert found.counts == {
        "bounces": 1, "unsubscribes": 1, "notifications": 0, "quarantined": 1, "events": 1, "orders": 1,
    }  # fmt: skip
    assert list(sentences(found)) == [
        "Read 1 bounce.",
        "Read 1 unsubscribe request.",
        "Loaded 1 event (1 new).",
        "Loaded 1 order with 0 lines.",
        "1 mail waits in quarantine: nothing signed by us was in it.",
    ]
    assert sorted(path.name for path in (inbox / "done").iterdir()) == [
        "1",
        "2",
        "events.jsonl",
        "orders-2026-12-01.csv",
    ]
    with reading(store) as connection:
        assert connection.scalar(select(func.count()).select_from(orders)) == 1
        assert connection.scalar(select(func.count()).select_from(event)) == 3


def test_reading_again_finds_nothing_new(store: Engine, project: Project, settings: Settings, inbox: Path) -> None:
    (inbox / "orders.csv").write_text(ORDERS)
    collected(store, project, settings)
    again = collected(store, project, settings)
    assert again == Collected(MailRead(), (), ())
    assert list(sentences(again)) == ["There was nothing new."]


def test_a_file_that_cannot_be_read_waits_and_holds_up_no_other(
    store: Engine, project: Project, settings: Settings, inbox: Path
) -> None:
    (inbox / "a-list.csv").write_text("x\n1\n")
    (inbox / "orders.csv").write_text(ORDERS)
    found = collected(store, project, settings)
    assert found.refused == (
        Problem(
            str(inbox / "a-list.csv"),
            what="a file in the inbox must be named after what it holds.",
            mend="Call it orders-….csv, events-….jsonl or the like.",
        ),
    )
    assert (inbox / "quarantine" / "a-list.csv").exists()
    assert found.counts["orders"] == 1


def test_after_the_mailbox_was_read_no_bounces_means_that_there_were_none(
    store: Engine, project: Project, settings: Settings, inbox: Path
) -> None:
    mailbox = select(source_watermark.c.complete_until).where(source_watermark.c.source == "mailbox")
    collected(store, project, settings)
    with reading(store) as connection:
        assert connection.scalar(mailbox) is None
    (inbox / "new").mkdir()
    for _ in range(2):
        collected(store, project, settings)
    with reading(store) as connection:
        assert connection.scalars(mailbox).all() == [NOW]


def test_a_project_without_an_inbox_has_nothing_new(
    store: Engine, project: Project, store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HANDBILL_DATABASE_URL", store_url)
    assert collect_project(project.root, fixed_clock(NOW)) == {
        "bounces": 0, "unsubscribes": 0, "notifications": 0, "quarantined": 0,
    }  # fmt: skip
