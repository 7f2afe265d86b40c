import csv
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
import weasyprint  # noqa: F401 - loaded once here, and so in every forked child
from sqlalchemy import Engine, insert, select, update

from handbill.channels.print_house import read_marks
from handbill.clock import fixed_clock
from handbill.contacts.consent import record_consent
from handbill.contacts.suppressions import suppress
from handbill.definitions.policy import Channels, DirectMailChannel
from handbill.definitions.project import Project
from handbill.delivery import print_batch as module
from handbill.delivery.books import books
from handbill.delivery.leases import holding
from handbill.delivery.print_batch import PrintResult, print_batches
from handbill.delivery.worker import Worker
from handbill.errors import ChannelUnavailable, RunRefused
from handbill.settings import Settings
from handbill.store.connection import open_store, reading, writing
from handbill.store.tables import budget_use, contact, outbox, print_batch, print_piece, run
from tests.conftest import NOW
from tests.delivery.queues import attempts, change_run, make_run, rows_of, states
from tests.rendering.mail import letter_html, mail_project
from tests.rendering.projects import make_project

LETTER = letter_html("<p>Dear {{ contact.first_name | default('friend') }}, {{ piece.code }}</p>")
CODES = ("7KD4MWRVT", "7KD4MWRV2", "7KD4MWRV3", "7KD4MWRV4")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path, "sqlite://", b"secret")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return with_channel(mail_project(tmp_path, LETTER))


def with_channel(project: Project, **channel: Any) -> Project:
    return replace(project, channels=Channels(direct_mail=DirectMailChannel(cost=780_000, **channel)))


def make_post(store: Engine, count: int = 3, **changes: Any) -> int:
    """A running run with `count` queued letters; each contact agreed to offers by post."""
    run_id = make_run(
        store, count, campaign="spring-sale", channel="direct_mail", arm="post", cost=780_000, domain=None, **changes
    )
    with writing(store) as connection:
        for number, row in enumerate(connection.execute(select(outbox).where(outbox.c.run_id == run_id)).all()):
            own = {
                "code": CODES[number],
                "address": f"Person {number}\n{number} Dock Lane\nWhitby\nYO21 1AA",
                "address_hash": f"hash {number}",
            }
            connection.execute(update(outbox).where(outbox.c.id == row.id).values(own))
            connection.execute(update(contact).where(contact.c.id == row.contact_id).values(postcode="02108"))
            record_consent(
                connection, row.contact_id, "direct_mail", "offers", "granted", NOW - timedelta(days=9), "test"
            )
    return run_id


def print_run(
    store: Engine, project: Project, settings: Settings, run_id: int, progress: Callable[[], None] | None = None
) -> PrintResult:
    told = (lambda _sent, _rate, _left: progress()) if progress else None
    with holding(settings) as owner:
        worker = Worker(owner, clock=fixed_clock(NOW), machine_time=lambda _: NOW, progress=told)
        return print_batches(store, project, settings, run_id, worker)


def batch_folders(settings: Settings) -> list[str]:
    return sorted(path.name for path in (settings.work_dir / "print").iterdir())


def manifest(folder: Path) -> list[dict[str, str]]:
    with (folder / "manifest.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def printed(settings: Settings) -> list[str]:
    """Codes in all batches that were handed over, whose pages are all where the manifest says."""
    codes = []
    for folder in sorted((settings.work_dir / "print").glob("[!.]*")):
        rows = manifest(folder)
        assert list(read_marks(folder / "pieces.pdf")) == [int(row["sequence"]) for row in rows]
        assert [row["sequence"] for row in rows] == [str(number) for number in range(1, len(rows) + 1)]
        codes += [row["code"] for row in rows]
    return codes


def run_state(store: Engine, run_id: int) -> tuple[str, str | None]:
    with reading(store) as connection:
        found = connection.execute(select(run.c.state, run.c.state_reason).where(run.c.id == run_id)).one()
    return found.state, found.state_reason


# ---------------------------------------------------------------- what is handed over


def test_the_pieces_of_a_run_become_one_batch(store: Engine, project: Project, settings: Settings) -> None:
    run_id = make_post(store)
    result = print_run(store, project, settings, run_id)
    assert result == PrintResult(("spring-sale-once-letter-001",), {"accepted": 3}, None)
    assert batch_folders(settings) == ["spring-sale-once-letter-001"]
    assert states(store, run_id) == ["accepted"] * 3
    assert [row.provider_id for row in rows_of(store, run_id)] == [
        f"spring-sale-once-letter-001/{number}" for number in (1, 2, 3)
    ]
    assert printed(settings) == list(CODES[:3])


def test_the_manifest_knows_each_piece(store: Engine, project: Project, settings: Settings) -> None:
    run_id = make_post(store, 1)
    print_run(store, project, settings, run_id)
    (row,) = manifest(settings.work_dir / "print" / "spring-sale-once-letter-001")
    assert row == {
        "sequence": "1", "piece_id": f"{run_id}-1@shop.test", "household_id": "person1", "arm": "post",
        "code": "7KD4MWRVT", "page_from": "1", "page_to": "1", "address_1": "Person 0", "address_2": "0 Dock Lane",
        "address_3": "Whitby", "address_4": "YO21 1AA", "address_5": "", "address_6": "", "postcode": "02108",
        "seed": "no",
    }  # fmt: skip


def test_the_store_knows_each_batch(store: Engine, project: Project, settings: Settings) -> None:
    print_run(store, project, settings, make_post(store))
    with reading(store) as connection:
        batch = connection.execute(select(print_batch)).one()
        pieces = connection.execute(select(print_piece).order_by(print_piece.c.sequence)).all()
    assert (batch.state, batch.format, batch.pieces, batch.pages) == ("handed_over", "letter", 3, 3)
    assert (batch.made_at, batch.handed_over_at) == (NOW, NOW)
    assert Path(batch.directory) == settings.work_dir / "print" / "spring-sale-once-letter-001"
    assert [(piece.sequence, piece.page_from, piece.page_to) for piece in pieces] == [(1, 1, 1), (2, 2, 2), (3, 3, 3)]


def test_a_run_that_is_printed_prints_nothing_more(store: Engine, project: Project, settings: Settings) -> None:
    run_id = make_post(store)
    print_run(store, project, settings, run_id)
    assert print_run(store, project, settings, run_id) == PrintResult((), {}, None)
    assert printed(settings) == list(CODES[:3])


def test_a_large_run_becomes_several_batches(
    store: Engine, project: Project, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LARGEST_BATCH", 2)
    result = print_run(store, project, settings, make_post(store))
    assert result.batches == ("spring-sale-once-letter-001", "spring-sale-once-letter-002")
    assert printed(settings) == list(CODES[:3])


def test_each_format_has_a_batch_of_its_own(store: Engine, settings: Settings, tmp_path: Path) -> None:
    american = LETTER.replace("top: 57mm", "top: 64mm").replace("height: 22mm", "height: 16mm")
    arms = {
        "nothing": {"share": "50%", "holdout": "true"},
        "post": {"share": "25%", "direct_mail": {"template": "piece", "format": "letter"}},
        "american": {"share": "25%", "direct_mail": {"template": "american", "format": "letter_us"}},
    }
    templates = {"mail/piece.html": LETTER, "mail/american.html": american}
    project = with_channel(make_project(tmp_path, templates, arms=arms, email=None))
    run_id = make_post(store)
    with writing(store) as connection:
        connection.execute(update(outbox).where(outbox.c.code == CODES[1]).values(arm="american"))
    result = print_run(store, project, settings, run_id)
    assert result.batches == ("spring-sale-once-letter-001", "spring-sale-once-letter_us-001")
    assert printed(settings) == [CODES[0], CODES[2], CODES[1]]


def test_batches_go_where_the_channel_says(store: Engine, project: Project, settings: Settings) -> None:
    project = with_channel(project, directory="outgoing")
    print_run(store, project, settings, make_post(store))
    assert [path.name for path in (project.root / "outgoing").iterdir()] == ["spring-sale-once-letter-001"]


def test_progress_tells_how_many_are_left(store: Engine, project: Project, settings: Settings) -> None:
    told: list[tuple[int, int]] = []
    with holding(settings) as owner:
        worker = Worker(owner, clock=fixed_clock(NOW), progress=lambda sent, _rate, left: told.append((sent, left)))
        print_batches(store, project, settings, make_post(store), worker)
    assert told == [(3, 0)]


# ---------------------------------------------------------------- who stays behind


def test_a_piece_that_cannot_be_rendered_stays_behind_with_its_reason(
    store: Engine, project: Project, settings: Settings
) -> None:
    run_id = make_post(store)
    with writing(store) as connection:
        connection.execute(update(contact).where(contact.c.external_id == "person2").values(first_name="𓀀"))
    result = print_run(store, project, settings, run_id)
    assert result.by_state == {"accepted": 2, "render_error": 1}
    assert printed(settings) == [CODES[0], CODES[2]]
    assert [(row.state, row.reason) for row in rows_of(store, run_id)] == [
        ("accepted", None),
        (
            "render_error",
            (
                'templates/mail/piece.html: contact person2: no font on this machine has the character "𓀀" (U+13000). '
                "Install a font that has it, and name it in font-family."
            ),
        ),
        ("accepted", None),
    ]


def test_nothing_that_can_be_rendered_makes_no_batch(store: Engine, project: Project, settings: Settings) -> None:
    run_id = make_post(store)
    with writing(store) as connection:
        connection.execute(update(contact).values(first_name="𓀀"))
    assert print_run(store, project, settings, run_id) == PrintResult((), {"render_error": 3}, None)
    assert not (settings.work_dir / "print").exists()


@pytest.fixture
def meanwhile(store: Engine) -> Callable[[Callable[[Any], None]], Callable[[], None]]:
    """Makes something that happens once, after the pieces were rendered and before they are marked."""

    def once(change: Callable[[Any], None]) -> Callable[[], None]:
        done: list[bool] = []

        def happen() -> None:
            if not done:
                done.append(True)
                with writing(store) as connection:
                    change(connection)

        return happen

    return once


def test_somebody_who_objects_while_the_batch_is_rendered_gets_nothing(
    store: Engine, project: Project, settings: Settings, meanwhile: Any
) -> None:
    run_id = make_post(store)
    objects = meanwhile(lambda connection: suppress(connection, "direct_mail", "hash 1", "objected", NOW, "letter"))
    result = print_run(store, project, settings, run_id, objects)
    assert result.by_state == {"accepted": 2}
    assert [(row.state, row.reason) for row in rows_of(store, run_id)] == [
        ("accepted", None), ("skipped", "suppressed"), ("accepted", None)
    ]  # fmt: skip
    assert printed(settings) == [CODES[0], CODES[2]]


def test_a_consent_that_is_withdrawn_counts_to_the_last_moment(
    store: Engine, project: Project, settings: Settings, meanwhile: Any
) -> None:
    run_id = make_post(store)
    first = rows_of(store, run_id)[0].contact_id
    withdraws = meanwhile(
        lambda connection: record_consent(connection, first, "direct_mail", "offers", "withdrawn", NOW, "letter")
    )
    print_run(store, project, settings, run_id, withdraws)
    assert [(row.state, row.reason) for row in rows_of(store, run_id)] == [
        ("skipped", "no_consent"), ("accepted", None), ("accepted", None)
    ]  # fmt: skip
    assert printed(settings) == [CODES[1], CODES[2]]


def test_a_run_that_is_paused_meanwhile_hands_nothing_over(
    store: Engine, project: Project, settings: Settings, meanwhile: Any
) -> None:
    run_id = make_post(store)
    pauses = meanwhile(lambda connection: connection.execute(update(run).values(state="paused")))
    result = print_run(store, project, settings, run_id, pauses)
    assert result == PrintResult((), {}, NOW, "paused or cancelled")
    assert states(store, run_id) == ["queued"] * 3
    assert batch_folders(settings) == []
    with reading(store) as connection:
        assert connection.execute(select(print_batch)).all() == []


def test_the_budget_is_a_hard_limit(store: Engine, project: Project, settings: Settings) -> None:
    run_id = make_post(store)
    result = print_run(store, with_channel(project, budget=1_600_000), settings, run_id)
    why = "the budget of the channel direct_mail is spent"
    assert (result.by_state, result.stopped) == ({"accepted": 2}, why)
    assert states(store, run_id) == ["accepted", "accepted", "queued"]
    assert run_state(store, run_id) == ("paused", why)
    assert printed(settings) == list(CODES[:2])
    with reading(store) as connection:
        assert connection.scalar(select(budget_use.c.spent)) == 2 * 780_000


def test_a_paused_run_prints_nothing(store: Engine, project: Project, settings: Settings) -> None:
    run_id = make_post(store)
    change_run(store, run_id, state="paused")
    assert print_run(store, project, settings, run_id) == PrintResult((), {}, NOW)
    assert states(store, run_id) == ["queued"] * 3


# ---------------------------------------------------------------- what a person has to mend


def test_a_batch_that_the_database_does_not_know_is_left_alone(
    store: Engine, project: Project, settings: Settings
) -> None:
    taken = settings.work_dir / "print" / "spring-sale-once-letter-001"
    taken.mkdir(parents=True)
    run_id = make_post(store)
    with pytest.raises(RunRefused) as refused:
        print_run(store, project, settings, run_id)
    assert str(refused.value) == (
        f"{taken}: a print batch of this name exists, and the database does not know it. Move it away, then run again."
    )
    assert states(store, run_id) == ["queued"] * 3
    taken.rmdir()
    assert print_run(store, project, settings, run_id).by_state == {"accepted": 3}


def test_a_directory_that_cannot_be_written_loses_nothing(store: Engine, project: Project, settings: Settings) -> None:
    (project.root / "taken").write_text("a file")
    run_id = make_post(store)
    with pytest.raises(ChannelUnavailable) as unavailable:
        print_run(store, with_channel(project, directory="taken"), settings, run_id)
    assert str(unavailable.value) == (
        f"{project.root}/taken: print batches cannot be written here: {os.strerror(20).lower()}. "
        "Mend it, or set channels.direct_mail.directory."
    )
    assert states(store, run_id) == ["queued"] * 3


def test_a_campaign_that_is_gone_is_named(store: Engine, project: Project, settings: Settings) -> None:
    run_id = make_post(store)
    with pytest.raises(RunRefused) as refused:
        print_run(store, replace(project, campaigns={}), settings, run_id)
    assert str(refused.value) == (
        "spring-sale: the campaign of this run is not in campaigns.yaml any more. Restore it, or cancel it."
    )


def test_a_channel_that_is_gone_is_named(store: Engine, project: Project, settings: Settings) -> None:
    run_id = make_post(store)
    with pytest.raises(RunRefused) as refused:
        print_run(store, replace(project, channels=Channels()), settings, run_id)
    assert str(refused.value) == (
        "spring-sale: this run has post, but channels has no direct_mail. "
        "Restore it in campaigns.yaml, or cancel the run."
    )


def test_an_arm_that_sends_no_post_any_more_is_named(store: Engine, project: Project, settings: Settings) -> None:
    run_id = make_post(store)
    with writing(store) as connection:
        connection.execute(update(outbox).values(arm="nothing"))
    with pytest.raises(RunRefused) as refused:
        print_run(store, project, settings, run_id)
    assert str(refused.value) == (
        'spring-sale: arm "nothing" of this run sends no post any more. '
        "Restore it in campaigns.yaml, or cancel the run."
    )
    assert states(store, run_id) == ["queued"] * 3


# ---------------------------------------------------------------- killed


def killed_at(store_url: str, project: Project, settings: Settings, run_id: int, function: str, event: str) -> None:
    """Prints the run in a child that is killed with -9 when `function` is called or returns."""
    child = os.fork()
    if child == 0:
        try:
            sys.setprofile(_killer(function, event))
            engine = open_store(store_url)
            print_run(engine, project, settings, run_id)
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status)
    assert os.WTERMSIG(status) == signal.SIGKILL


def _killer(function: str, event: str) -> Callable[[FrameType, str, Any], None]:
    def look(frame: FrameType, happened: str, _: Any) -> None:
        code = frame.f_code
        if happened == event and code.co_name == function and "print_" in code.co_filename:
            os.kill(os.getpid(), signal.SIGKILL)

    return look


POINTS = [
    ("_claim", "return"), ("_begin", "return"), ("write_draft", "call"), ("_write_manifest", "call"),
    ("write_draft", "return"), ("_print_piece", "return"), ("_mark", "return"), ("hand_over", "call"),
    ("hand_over", "return"), ("settle_batch", "return"), ("_finish", "return"),
]  # fmt: skip
"""Before and after each step that leaves a trace on disk or in the database, and inside its transactions."""


@pytest.mark.parametrize(("function", "event"), POINTS)
def test_a_kill_at_any_point_and_a_repeat_print_each_piece_once(
    store_url: str, project: Project, settings: Settings, function: str, event: str
) -> None:
    engine = open_store(store_url)
    project = with_channel(project, budget=3 * 780_000)
    run_id = make_post(engine)
    engine.dispose()
    killed_at(store_url, project, settings, run_id, function, event)
    print_run(engine, project, settings, run_id)
    assert printed(settings) == list(CODES[:3])
    assert batch_folders(settings) == ["spring-sale-once-letter-001"]
    assert [outcome for _, outcome, _ in attempts(engine, run_id)].count("accepted") == 3
    with reading(engine) as connection:
        found = books(connection, run_id)
        assert connection.scalar(select(budget_use.c.spent)) == 3 * 780_000
    assert (found.balances, found.accepted) == (True, 3)
    engine.dispose()


def test_a_kill_while_a_batch_is_made_again_prints_each_piece_once(
    store_url: str, project: Project, settings: Settings
) -> None:
    engine = open_store(store_url)
    run_id = make_post(engine)
    with writing(engine) as connection:
        suppress(connection, "direct_mail", "hash 0", "objected", NOW, "letter")
    engine.dispose()
    killed_at(store_url, project, settings, run_id, "_unmark", "return")
    print_run(engine, project, settings, run_id)
    assert printed(settings) == list(CODES[1:3])
    assert states(engine, run_id) == ["skipped", "accepted", "accepted"]
    engine.dispose()


def test_a_batch_that_was_not_handed_over_is_cancelled_with_its_run(
    store_url: str, project: Project, settings: Settings
) -> None:
    engine = open_store(store_url)
    run_id = make_post(engine)
    engine.dispose()
    killed_at(store_url, project, settings, run_id, "_mark", "return")
    change_run(engine, run_id, state="cancelled")
    print_run(engine, project, settings, run_id)
    assert states(engine, run_id) == ["cancelled"] * 3
    assert batch_folders(settings) == []
    engine.dispose()


# ---------------------------------------------------------------- others at work


def begin_batch(store: Engine, settings: Settings, run_id: int, owner: str, lease: timedelta) -> None:
    """A batch that another process has begun, with all pieces of the run in it."""
    with writing(store) as connection:
        inserted = connection.execute(
            insert(print_batch).values(
                run_id=run_id, name="spring-sale-once-letter-001", state="making", format="letter", pieces=3, pages=3,
                pdf_sha256="0" * 64, directory=str(settings.work_dir / "print" / "spring-sale-once-letter-001"),
                owner=owner, lease_until=NOW + lease, made_at=NOW,
            )
        ).inserted_primary_key  # fmt: skip
        assert inserted
        for number, row in enumerate(connection.execute(select(outbox.c.id)).all(), start=1):
            connection.execute(
                insert(print_piece).values(
                    outbox_id=row.id, batch_id=inserted[0], sequence=number, page_from=number, page_to=number
                )
            )
        connection.execute(update(outbox).values(state="committing", owner=owner, lease_until=NOW + lease, fence=1))


def test_a_batch_that_another_process_is_making_is_left_to_it(
    store: Engine, project: Project, settings: Settings
) -> None:
    run_id = make_post(store)
    with holding(settings) as other:
        begin_batch(store, settings, run_id, other, timedelta(minutes=5))
        assert print_run(store, project, settings, run_id) == PrintResult((), {}, None)
        assert states(store, run_id) == ["committing"] * 3


def test_a_batch_that_was_begun_on_another_machine_is_left_to_it(
    store: Engine, project: Project, settings: Settings
) -> None:
    run_id = make_post(store)
    begin_batch(store, settings, run_id, "elsewhere-1-abc", timedelta(minutes=-5))
    result = print_run(store, project, settings, run_id)
    assert result.stopped == (
        "the print batch spring-sale-once-letter-001 was begun on another machine: run there once more"
    )
    assert states(store, run_id) == ["uncertain"] * 3
