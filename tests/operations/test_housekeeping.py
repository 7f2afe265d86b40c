"""What is tidied up every few minutes, and that nothing is forgotten which is needed yet."""

import os
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, insert, select, update

from handbill.clock import fixed_clock, real_clock
from handbill.definitions.loading import load_project
from handbill.definitions.project import Project
from handbill.operations import retention
from handbill.operations.audit import operator
from handbill.operations.housekeeping import keep_house, sentences
from handbill.operations.logins import add_login
from handbill.operations.sessions import SignedIn, sign_in
from handbill.responses.events import Event, store_events
from handbill.store.connection import reading, writing
from handbill.store.tables import attempt, audit_entry, erasure, event, outbox, run, web_session
from tests.conftest import NOW
from tests.operations.shop import make_settings
from tests.reports.factory import EMAIL, NOTHING, Cell, fill, members_of
from tests.reports.projects import CAMPAIGNS, write_project

LATER = NOW + timedelta(days=400)
"""Long after every experiment has been measured."""
CELLS = (Cell("nothing", 3, 1), Cell("email", 3, 1, ("email",)))
Make = Callable[[str], Project]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """A project that keeps things for as long as said."""

    def project(kept: str) -> Project:
        return write_project(tmp_path / "shop", f"retention: {{{kept}}}\n{CAMPAIGNS}" if kept else CAMPAIGNS)

    return project


def keep(store: Engine, project: Project, at: datetime = LATER) -> dict[str, int]:
    settings = make_settings(project.root, store)
    return dict(keep_house(store, project, settings, clock=fixed_clock(at)))


def happened(store: Engine, days: list[int], contact_id: int | None = None, *, kind: str = "page_view") -> None:
    with writing(store) as connection:
        at = [LATER - timedelta(days=each) for each in days]
        store_events(connection, (Event("shop", f"{kind}{each}", kind, each, each, contact_id) for each in at))


def ages(store: Engine) -> list[int]:
    with reading(store) as connection:
        return sorted((LATER - each).days for each in connection.scalars(select(event.c.occurred_at)))


def test_without_periods_nothing_is_forgotten(store: Engine, make: Make) -> None:
    happened(store, [1, 3000])
    assert keep(store, make("")) == {}
    assert ages(store) == [1, 3000]


def test_old_events_are_forgotten_in_small_parts(store: Engine, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "AT_ONCE", 2)
    monkeypatch.setattr(retention, "MOST", 4)
    project = make("events: 1 year")
    happened(store, [1, 364, 366, 367, 368, 369, 370])
    assert keep(store, project) == {"events": 4}
    assert keep(store, project) == {"events": 1}
    assert ages(store) == [1, 364]


def test_whole_tables_are_looked_through_once_a_day_only(store: Engine, make: Make) -> None:
    project = make("events: 1 year")
    assert keep(store, project) == {}
    happened(store, [370])
    assert keep(store, project, LATER + timedelta(hours=23)) == {}
    assert keep(store, project, LATER + timedelta(hours=24)) == {"events": 1}


def test_events_that_an_open_experiment_counts_are_kept(store: Engine, make: Make) -> None:
    project = make("events: 30 days")
    with writing(store) as connection:
        fill(connection, CELLS)
        store_events(connection, [
            Event("shop", str(day), "page_view", at := NOW + timedelta(days=day), at) for day in (-1, 0, 1)
        ])  # fmt: skip
    windows_and_imports = timedelta(days=2 * 14 + 60)
    assert keep(store, project, NOW + windows_and_imports - timedelta(hours=1)) == {"events": 1}
    assert keep(store, project, NOW + windows_and_imports + timedelta(days=1)) == {"events": 2}


def test_old_messages_lose_their_addresses_and_keep_what_became_of_them(store: Engine, make: Make) -> None:
    project = make("messages: 90 days")
    with writing(store) as connection:
        fill(connection, CELLS)
        message = connection.scalar(select(outbox.c.id).limit(1))
        tried = {"outbox_id": message, "number": 1, "ended_at": NOW, "outcome": "accepted"}
        connection.execute(insert(attempt).values(**tried, answer_text="250 ann@example.org"))
    assert keep(store, project, NOW + timedelta(days=80)) == {}
    assert keep(store, project) == {"messages": 3}
    with reading(store) as connection:
        rows = connection.execute(select(outbox.c.address, outbox.c.address_hash, outbox.c.state).distinct()).all()
        assert [tuple(row) for row in rows] == [("", "", "accepted")]
        assert connection.scalars(select(attempt.c.answer_text)).all() == [None]


def test_messages_of_a_run_that_is_open_keep_their_addresses(store: Engine, make: Make) -> None:
    project = make("messages: 90 days")
    with writing(store) as connection:
        fill(connection, CELLS)
        connection.execute(update(run).values(state="paused"))
    assert keep(store, project).get("messages") is None


def test_contacts_of_whom_nothing_was_heard_are_erased(store: Engine, make: Make) -> None:
    project = make("contacts: 1 year")
    with writing(store) as connection:
        fill(connection, (Cell("nothing", 1, 0), Cell("email", 3, 1, ("email",))))
        bought, clicked, opened_by_machine = members_of(connection, "email")
        silent = members_of(connection, "nothing")[0]
        said = [("email.clicked", "human", clicked), ("email.opened", "machine", opened_by_machine)]
        at = LATER - timedelta(days=10)
        store_events(connection, [Event("t", kind, kind, at, at, who, None, by) for kind, by, who in said])
    assert keep(store, project, NOW + timedelta(days=364)) == {}
    assert keep(store, project) == {"contacts": 3}
    with reading(store) as connection:
        erased = set(connection.scalars(select(erasure.c.contact_id)))
    assert erased == {bought, opened_by_machine, silent}


def test_old_files_are_removed_and_what_waits_in_the_inbox_is_not(store: Engine, make: Make) -> None:
    project = make("files: 90 days")
    work = make_settings(project.root, store).work_dir
    paths = [work / name for name in ("rejects/a.csv", "inbox/done/m", "preview/spring/a.html", "inbox/new/m")]
    for path in (*paths, work / "rejects" / "young.csv"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    for path in paths:
        os.utime(path, (0, 0))
    assert keep(store, project) == {"files": 3}
    assert [path.exists() for path in paths] == [False, False, False, True]
    assert (work / "rejects" / "young.csv").exists()


def test_what_was_forgotten_is_written_down(store: Engine, make: Make) -> None:
    happened(store, [400])
    keep(store, make("events: 1 year"))
    with reading(store) as connection:
        line = connection.execute(select(audit_entry.c.who, audit_entry.c.subject, audit_entry.c.details)).one()
    assert tuple(line) == ("housekeeping", "events", {"count": 1})


def test_messages_of_dead_processes_are_taken_back(store: Engine, make: Make) -> None:
    project = make("")
    with writing(store) as connection:
        fill(connection, (NOTHING, EMAIL))
        first, second, third, *_ = connection.scalars(select(outbox.c.id).order_by(outbox.c.id)).all()
        connection.execute(update(run).values(state="running", finished_at=None))
        over = {"owner": "elsewhere-1", "lease_until": real_clock() - timedelta(hours=1)}
        for message, state in ((first, "claimed"), (second, "committing")):
            connection.execute(update(outbox).where(outbox.c.id == message).values(state=state, **over))
        held = {"owner": "elsewhere-2", "lease_until": real_clock() + timedelta(hours=1)}
        connection.execute(update(outbox).where(outbox.c.id == third).values(state="claimed", **held))
    assert keep(store, project, NOW) == {"queued again": 1, "uncertain": 1}
    with reading(store) as connection:
        states = connection.scalars(select(outbox.c.state).order_by(outbox.c.id).limit(3)).all()
    assert states == ["queued", "uncertain", "claimed"]


def test_a_run_whose_last_process_died_after_its_work_is_finished(store: Engine, make: Make) -> None:
    project = make("")
    with writing(store) as connection:
        fill(connection, CELLS)
        connection.execute(update(run).values(state="running", finished_at=None))
    assert keep(store, project, NOW) == {"finished": 1}


def test_sessions_that_are_over_are_deleted(store: Engine, make: Make) -> None:
    project = make("")
    settings = make_settings(project.root, store)
    add_login(store, "ann", "correct horse battery", now=NOW, doer=operator())
    assert isinstance(sign_in(store, settings, "ann", "correct horse battery", "1.2.3.4", now=NOW), SignedIn)
    assert keep(store, project, NOW + timedelta(hours=11)) == {}
    assert keep(store, project, NOW + timedelta(hours=13)) == {"sessions": 1}
    with reading(store) as connection:
        assert connection.scalars(select(web_session.c.digest)).all() == []


def test_what_was_done_is_said_in_words() -> None:
    assert list(sentences({"events": 1, "messages": 2_000})) == [
        "1 old event is forgotten.", "2,000 old messages have lost their addresses.",
    ]  # fmt: skip
    assert list(sentences({})) == ["There was nothing to tidy up."]


def test_the_periods_are_part_of_the_project(make: Make) -> None:
    kept = load_project(make("events: 2 years, files: 90 days").root).retention
    assert (kept.events, kept.files, kept.contacts) == (timedelta(days=730), timedelta(days=90), None)
