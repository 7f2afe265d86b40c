"""What is tidied up every few minutes: leases of dead processes, ended runs, old sessions, what is kept no longer."""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path

from sqlalchemy import Engine, Row, exists, select

from handbill.clock import Clock, real_clock
from handbill.definitions.project import Project
from handbill.delivery.leases import machine_time, sweep_leases
from handbill.delivery.print_recovery import recover
from handbill.delivery.run_state import finish_run
from handbill.delivery.uncertain import close_old
from handbill.operations.confirmations import forget_unconfirmed
from handbill.operations.opening import opened
from handbill.operations.privacy import erase_news
from handbill.operations.retention import forget_in_time
from handbill.operations.sessions import forget_sessions
from handbill.settings import Settings
from handbill.store.connection import reading, writing
from handbill.store.tables import outbox, run

NOBODY = "housekeeping"
"""The name of a process that never claims anything."""


def keep_house(engine: Engine, project: Project, settings: Settings, *, clock: Clock = real_clock) -> Mapping[str, int]:
    """Does everything once; answers how many of each were tidied up. Killed or repeated, it does no harm."""
    counted: Counter[str] = Counter()
    for row in _open_runs(engine):
        counted.update(_recover(engine, project, settings, row, clock))
    now = clock()
    counted["erased again"] = erase_news(engine, settings, now=now)
    counted["sessions"] = forget_sessions(engine, now=now)
    counted["unconfirmed"] = forget_unconfirmed(engine, now=now)
    counted.update(forget_in_time(engine, project, settings, now=now))
    return +counted


def keep_project_house(project_dir: Path, clock: Clock = real_clock) -> dict[str, int]:
    """The same for the project in a folder."""
    with opened(project_dir) as (project, settings, engine):
        return dict(keep_house(engine, project, settings, clock=clock))


def sentences(counted: Mapping[str, int]) -> Iterator[str]:
    """What was tidied up, in words."""
    for name, number in counted.items():
        one, many = _WORDS[name]
        yield f"{number:,} {one if number == 1 else many}."
    if not counted:
        yield "There was nothing to tidy up."


_WORDS: Mapping[str, tuple[str, str]] = {
    "queued again": ("message was held by a dead process and is queued again",
                     "messages were held by dead processes and are queued again"),
    "uncertain": ("message is uncertain: its process died before the answer came",
                  "messages are uncertain: their processes died before the answer came"),
    "closed": ("message was uncertain for a week and is closed", "messages were uncertain for a week and are closed"),
    "finished": ("run has nothing open any more and is finished", "runs have nothing open any more and are finished"),
    "erased again": ("erased person was heard of, which was erased too",
                     "erased people were heard of, which was erased too"),
    "sessions": ("session is over", "sessions are over"),
    "unconfirmed": ("address was not confirmed in time and is forgotten",
                    "addresses were not confirmed in time and are forgotten"),
    "events": ("old event is forgotten", "old events are forgotten"),
    "messages": ("old message has lost its address", "old messages have lost their addresses"),
    "contacts": ("contact of whom nothing was heard is erased", "contacts of whom nothing was heard are erased"),
    "files": ("old file is removed", "old files are removed"),
}  # fmt: skip


def _open_runs(engine: Engine) -> list[Row[tuple[int, str]]]:
    with reading(engine) as connection:
        return list(
            connection.execute(
                select(run.c.id, run.c.campaign).where(run.c.state.in_(["running", "paused"])).order_by(run.c.id)
            )
        )


def _recover(
    engine: Engine, project: Project, settings: Settings, row: Row[tuple[int, str]], clock: Clock
) -> Counter[str]:
    """Takes back what dead processes hold of a run, closes doubts that are old, and ends a run that has ended.

    Batches first: whether one was handed over is looked up, so its pieces are never uncertain.
    """
    now = clock()
    with reading(engine) as connection:
        machine_now = machine_time(connection)
        held = connection.scalar(
            select(exists().where(outbox.c.run_id == row.id, outbox.c.state.in_(["claimed", "committing"])))
        )
    counted: Counter[str] = Counter()
    if held:
        recover(engine, settings, row.id, owner=NOBODY, now=now, machine_now=machine_now)
        counted = _sweep(engine, project, settings, row, now, machine_now)
    with writing(engine) as connection:
        counted["closed"] = close_old(connection, row.id, now=now)
        counted["finished"] = int(finish_run(connection, row.id, now))
    return counted


def _sweep(
    engine: Engine,
    project: Project,
    settings: Settings,
    row: Row[tuple[int, str]],
    now: datetime,
    machine_now: datetime,
) -> Counter[str]:
    """A campaign that does not stand in campaigns.yaml any more holds what is uncertain."""
    campaign = project.campaigns.get(row.campaign)
    counted: Counter[str] = Counter()
    for channel in ("email", "direct_mail"):
        on_uncertain = campaign.on_uncertain if campaign and channel == "email" else "hold"
        with writing(engine) as connection:
            swept = sweep_leases(
                connection, settings, row.id, now=now, machine_now=machine_now, channel=channel,
                on_uncertain=on_uncertain,
            )  # fmt: skip
        counted.update({"queued again": swept.queued, "uncertain": swept.uncertain})
    return counted
