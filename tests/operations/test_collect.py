"""The inbox is read once, whatever lies in it, and nothing is dropped."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, func, select

from handbill.channels.sender_dns import Mark
from handbill.clock import fixed_clock
from handbill.definitions.loading import load_project
from handbill.definitions.project import Project
from handbill.delivery.labels import labels_of
from handbill.errors import ChannelUnavailable, Problem
from handbill.operations.audit import Doer, entries
from handbill.operations.collect import Collected, collect, collect_project, sentences
from handbill.operations.doctor import examine
from handbill.responses.mailbox import MailRead
from handbill.responses.webhooks import Arrived, store_webhooks
from handbill.settings import Settings
from handbill.store.connection import reading, writing
from handbill.store.tables import event, orders, outbox, source_watermark, suppression
from tests.conftest import NOW
from tests.reports.factory import EMAIL, NOTHING, fill
from tests.reports.projects import write_project
from tests.responses.dovecot import PASSWORD, USER, Dovecot, running_dovecot
from tests.responses.mails import SECRET, away, bounced, complaint, put, request_to_stop

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


def test_what_vendors_reported_is_read_too(store: Engine, project: Project, settings: Settings, inbox: Path) -> None:
    assert inbox.is_dir()
    with reading(store) as connection:
        message = connection.scalars(select(outbox.c.id).order_by(outbox.c.id)).first() or 0
    told: list[dict[str, Any]] = [
        {"id": "1", "kind": "email.delivered", **labels_of(SECRET, message)},
        {"id": "2", "kind": "email.delivered", "message_id": "somebody@elsewhere.example"},
        {"id": "3", "kind": "email.folded", **labels_of(SECRET, message)},
    ]
    for number, body in enumerate((json.dumps({"events": told}).encode(), b"{")):
        with writing(store) as connection:
            store_webhooks(connection, [Arrived("press", "signed", str(number), {}, body, NOW)])
    found = collected(store, project, settings)
    assert (found.counts["reports"], found.counts["strays"]) == (1, 1)
    assert list(sentences(found)) == [
        "Read 1 report of a vendor.",
        "Kept 1 report about a message that is not ours.",
        "Kept 1 report in a word that is not known.",
        "Kept 1 request that nobody can read.",
    ]
    assert list(sentences(collected(store, project, settings))) == ["There was nothing new."]


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
        "bounces": 1, "complaints": 0, "unsubscribes": 1, "notifications": 0, "set_aside": 0, "quarantined": 1,
        "given_up": 0, "reports": 0, "strays": 0, "events": 1, "orders": 1,
    }  # fmt: skip
    assert list(sentences(found)) == [
        "Read 1 bounce.",
        "Read 1 unsubscribe request.",
        "Loaded 1 event (1 new).",
        "Loaded 1 order with 0 lines.",
        "1 mail waits in quarantine, for a person to look at: `handbill ingest --list-quarantine`.",
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


def test_who_read_what_is_written_down(
    store: Engine, project: Project, settings: Settings, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (inbox / "orders-1.csv").write_text(ORDERS)
    (inbox / "stock.csv").write_text("sku,left\nmug,4\n")
    collect(store, project, settings, clock=fixed_clock(NOW), doer=Doer("ada", "shell"))
    collect(store, project, settings, clock=fixed_clock(NOW), doer=Doer("ada", "shell"))
    monkeypatch.setenv("HANDBILL_DATABASE_URL", store.url.render_as_string(hide_password=False))
    monkeypatch.setenv("HANDBILL_SECRET", SECRET.decode())
    (inbox / "orders-2.csv").write_text(ORDERS.replace("A-1", "A-2"))
    collect_project(project.root, fixed_clock(NOW))
    lines = [(each.who, each.way, each.action, each.subject, dict(each.details)) for each in entries(store)]
    loaded = {"source": "import", "rows": 1, "loaded": 1, "rejected": 0}
    assert lines == [
        ("inbox", "schedule", "import", "orders", loaded),
        ("ada", "shell", "ingest", None, {"quarantined": 1}),
        ("ada", "shell", "import", "orders", loaded),
    ]


def test_a_project_without_an_inbox_has_nothing_new(
    store: Engine, project: Project, store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HANDBILL_DATABASE_URL", store_url)
    assert collect_project(project.root, fixed_clock(NOW)) == {
        "bounces": 0, "complaints": 0, "unsubscribes": 0, "notifications": 0, "set_aside": 0, "quarantined": 0,
        "given_up": 0,
        "reports": 0,
        "strays": 0,
    }  # fmt: skip


# ---------------------------------------------------------------- the mailbox that campaigns.yaml declares


@pytest.fixture(scope="module")
def dovecot() -> Iterator[Dovecot]:
    with running_dovecot() as server:
        yield server


@pytest.fixture
def mailbox(dovecot: Dovecot, project: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[Dovecot]:
    """A mailbox, declared in the project, over TLS with a certificate that this machine trusts."""
    monkeypatch.setenv("IMAP_PASSWORD", PASSWORD)
    monkeypatch.setenv("SSL_CERT_FILE", str(dovecot.certificate))
    path = project.root / "campaigns.yaml"
    declared = f"mailbox: {{host: localhost, port: {dovecot.port}, user: {USER}, password: '${{IMAP_PASSWORD}}'}}"
    text = path.read_text()
    assert text.count("{provider: file, ") == 1
    path.write_text(text.replace("{provider: file, ", f"{{provider: file, {declared}, "))
    yield dovecot
    dovecot.empty()


def first_message(store: Engine) -> int:
    with reading(store) as connection:
        return connection.scalar(select(func.min(outbox.c.id))) or 0


def test_inbox_and_mailbox_are_read_together(
    store: Engine, project: Project, settings: Settings, inbox: Path, mailbox: Dovecot
) -> None:
    message = first_message(store)
    mailbox.put("1", bounced(message))
    mailbox.put("2", away())
    put(inbox, "1", complaint(bounced_to=message + 1))
    found = collected(store, load_project(project.root), settings)
    assert (found.mail.bounces, found.mail.complaints, found.mail.set_aside) == (1, 1, 1)
    assert list(sentences(found)) == [
        "Read 1 bounce.",
        "Read 1 complaint.",
        "Set aside 1 mail that asks for nothing, as automatic replies do.",
    ]
    assert mailbox.mails() == []


def test_a_mailbox_that_cannot_be_read_holds_up_nothing_and_is_said(
    store: Engine, project: Project, settings: Settings, inbox: Path, mailbox: Dovecot, monkeypatch: pytest.MonkeyPatch
) -> None:
    (inbox / "new").mkdir()
    (inbox / "orders.csv").write_text(ORDERS)
    monkeypatch.setenv("IMAP_PASSWORD", "wrong")
    found = collected(store, load_project(project.root), settings)
    assert found.counts["orders"] == 1
    assert [problem.what for problem in found.unread] == [
        f"the mailbox at localhost:{mailbox.port} does not let us in ([AUTHENTICATIONFAILED] Authentication failed.)."
    ]
    with reading(store) as connection:
        assert connection.scalar(select(source_watermark.c.kind).where(source_watermark.c.source == "mailbox")) is None
    monkeypatch.setenv("HANDBILL_DATABASE_URL", settings.database_url)
    with pytest.raises(ChannelUnavailable, match="does not let us in"):
        collect_project(project.root, fixed_clock(NOW))


def test_addresses_whose_mail_keeps_coming_back_are_given_up(
    store: Engine, project: Project, settings: Settings, inbox: Path
) -> None:
    message = first_message(store)
    path = project.root / "campaigns.yaml"
    path.write_text(path.read_text() + "\npolicies: {bounces: {soft: 1}}\n")
    put(inbox, "1", bounced(message, status="4.2.2", said="smtp; 452 mailbox full"))
    found = collected(store, load_project(project.root), settings)
    assert list(sentences(found)) == ["Read 1 bounce.", "Gave up 1 address: mail kept coming back."]
    with reading(store) as connection:
        assert connection.scalars(select(suppression.c.reason)).all() == ["soft bounces"]
    assert collected(store, load_project(project.root), settings).given_up == 0


def test_the_doctor_looks_into_the_mailbox(
    project: Project, mailbox: Dovecot, store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HANDBILL_DATABASE_URL", store_url)
    mailbox.put("1", b"Subject: hello\r\n\r\n")
    seen = [each for each in examine(project.root, now=NOW, name_server="127.0.0.1:1") if each.topic == "mailbox"]
    assert [(each.mark, each.what) for each in seen] == [
        (
            Mark.GOOD,
            f"localhost:{mailbox.port} can be read, encrypted, with a certificate that holds; 1 mail waits there.",
        )
    ]
    monkeypatch.setenv("IMAP_PASSWORD", "wrong")
    seen = [each for each in examine(project.root, now=NOW, name_server="127.0.0.1:1") if each.topic == "mailbox"]
    assert [each.mark for each in seen] == [Mark.WRONG]
