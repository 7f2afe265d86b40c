"""How campaigns and their runs stand, for people who watch: how far, how fast, how long still, and where it sticks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine, Row, case, func, select

from handbill.definitions.project import Project
from handbill.delivery.books import NOT_SENT_STATES, OPEN_STATES
from handbill.operations.control import reason_in_words
from handbill.store.connection import reading
from handbill.store.tables import outbox, run

RATE_OVER = timedelta(minutes=5)
MOST_DOMAINS = 8
UNSURE = ("uncertain", "closed_unknown")
CHANNELS: Mapping[str, str] = {"email": "e-mail", "direct_mail": "post"}


@dataclass(frozen=True)
class Tally:
    """Messages of one channel or domain: in all, sent, not sent, unsure and waiting; they add up."""

    name: str
    planned: int
    sent: int
    not_sent: int
    unsure: int
    waiting: int

    @property
    def done_share(self) -> float:
        """The share that is settled."""
        return 1 - self.waiting / self.planned if self.planned else 1.0


@dataclass(frozen=True)
class LiveRun:
    """One run. `per_minute` is the rate of the last minutes, None while nothing left; `left` the time at that rate."""

    run_id: int
    campaign: str
    wave: str
    state: str
    reason: str
    scheduled_at: datetime
    started_at: datetime
    finished_at: datetime | None
    total: Tally
    per_minute: float | None = None
    left: timedelta | None = None
    next_at: datetime | None = None
    channels: tuple[Tally, ...] = ()
    domains: tuple[Tally, ...] = ()
    why_not: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class Listed:
    """A campaign and its runs, the latest first; none where it has not been run. `is_declared` by today's files."""

    name: str
    kind: str
    topic: str
    is_declared: bool
    runs: tuple[LiveRun, ...]


def list_campaigns(engine: Engine, project: Project) -> list[Listed]:
    """Every campaign that ran or is declared: first those with an open run, then the latest, then those to come."""
    with reading(engine) as connection:
        totals = _totals(connection)
        rows = connection.execute(select(run).order_by(run.c.started_at.desc(), run.c.id.desc())).all()
    by_name: dict[str, list[LiveRun]] = {}
    for row in rows:
        by_name.setdefault(row.campaign, []).append(_short(row, totals.get(row.id)))
    names = sorted(project.campaigns.keys() - by_name.keys())
    found = [_listed(project, name, by_name.get(name, [])) for name in (*by_name, *names)]
    return sorted(found, key=lambda each: not any(one.state in ("running", "paused") for one in each.runs))


def watch_campaign(engine: Engine, project: Project, name: str, *, now: datetime) -> Listed | None:
    """A campaign with its runs, the latest one looked at closely; None for a name that nobody declared or ran."""
    with reading(engine) as connection:
        mine = select(run).where(run.c.campaign == name).order_by(run.c.started_at.desc(), run.c.id.desc())
        rows = connection.execute(mine).all()
        if not rows and name not in project.campaigns:
            return None
        totals = _totals(connection, [row.id for row in rows])
        runs = [_short(row, totals.get(row.id)) for row in rows]
        if rows:
            runs[0] = _closely(connection, rows[0], now)
    return _listed(project, name, runs)


def _listed(project: Project, name: str, runs: Sequence[LiveRun]) -> Listed:
    declared = project.campaigns.get(name)
    topic = project.topics.get(declared.topic or "", "") if declared else ""
    return Listed(name, declared.kind if declared else "", topic, declared is not None, tuple(runs))


_SUMS = (
    func.count().label("planned"),
    func.sum(case((outbox.c.state == "accepted", 1), else_=0)).label("sent"),
    func.sum(case((outbox.c.state.in_(NOT_SENT_STATES), 1), else_=0)).label("not_sent"),
    func.sum(case((outbox.c.state.in_(UNSURE), 1), else_=0)).label("unsure"),
    func.sum(case((outbox.c.state.in_(OPEN_STATES), 1), else_=0)).label("waiting"),
)


def _totals(connection: Connection, run_ids: Sequence[int] | None = None) -> dict[int, Tally]:
    """Counted by run and state, for which there is an index; rows are not looked at."""
    counted = select(outbox.c.run_id, *_SUMS).group_by(outbox.c.run_id)
    rows = connection.execute(counted if run_ids is None else counted.where(outbox.c.run_id.in_(run_ids)))
    return {row[0]: _tally("", row[1:]) for row in rows}


def _tally(name: str, counts: Sequence[int]) -> Tally:
    return Tally(name, *(int(each or 0) for each in counts))


def _short(row: Row[tuple[object, ...]], total: Tally | None) -> LiveRun:
    return LiveRun(
        row.id, row.campaign, row.wave, row.state, row.state_reason or "", row.scheduled_at, row.started_at,
        row.finished_at, total or Tally("", 0, 0, 0, 0, 0),
    )  # fmt: skip


def _closely(connection: Connection, row: Row[tuple[object, ...]], now: datetime) -> LiveRun:
    mine = outbox.c.run_id == row.id
    channels = [
        _tally(CHANNELS.get(each[0], each[0]), each[1:])
        for each in connection.execute(
            select(outbox.c.channel, *_SUMS).where(mine).group_by(outbox.c.channel).order_by(outbox.c.channel.desc())
        )
    ]
    total = Tally("", *(sum(getattr(each, name) for each in channels) for name in _COUNTS))
    recent = (mine, outbox.c.state == "accepted", outbox.c.settled_at > now - RATE_OVER)
    sent = connection.scalar(select(func.count()).where(*recent)) or 0
    # A run that is younger than the period has had less time.
    minutes = max(min(RATE_OVER, now - row.started_at), timedelta(seconds=10)) / timedelta(minutes=1)
    per_minute = sent / minutes if sent and row.state == "running" else None
    next_at = connection.scalar(select(func.min(outbox.c.not_before)).where(mine, outbox.c.state == "queued"))
    short = _short(row, total)
    return LiveRun(
        **{name: getattr(short, name) for name in _SHORT},
        per_minute=per_minute,
        left=timedelta(minutes=total.waiting / per_minute) if per_minute and total.waiting else None,
        next_at=next_at if next_at is not None and next_at > now else None,
        channels=tuple(channels),
        domains=tuple(_domains(connection, row.id)),
        why_not=tuple(_why_not(connection, row.id)),
    )


_COUNTS = ("planned", "sent", "not_sent", "unsure", "waiting")
_SHORT = ("run_id", "campaign", "wave", "state", "reason", "scheduled_at", "started_at", "finished_at", "total")


def _domains(connection: Connection, run_id: int) -> list[Tally]:
    """The largest recipient domains, and the others together."""
    rows = connection.execute(
        select(outbox.c.domain, *_SUMS)
        .where(outbox.c.run_id == run_id, outbox.c.domain.is_not(None))
        .group_by(outbox.c.domain)
        .order_by(func.count().desc(), outbox.c.domain)
    ).all()
    found = [_tally(row[0], row[1:]) for row in rows[:MOST_DOMAINS]]
    if others := rows[MOST_DOMAINS:]:
        sums = [sum(int(row[place] or 0) for row in others) for place in range(1, len(_COUNTS) + 1)]
        found.append(_tally(f"{len(others):,} others", sums))
    return found


def _why_not(connection: Connection, run_id: int) -> list[tuple[str, int]]:
    why = func.coalesce(outbox.c.reason, outbox.c.state)
    rows = connection.execute(
        select(why, func.count())
        .where(outbox.c.run_id == run_id, outbox.c.state.in_(NOT_SENT_STATES), outbox.c.state != "render_error")
        .group_by(why)
        .order_by(func.count().desc(), why)
    ).all()
    # What could not be made may cite a name; how many there are is enough here.
    broken = connection.scalar(select(func.count()).where(outbox.c.run_id == run_id, outbox.c.state == "render_error"))
    return [(reason_in_words(row[0]), row[1]) for row in rows] + ([("could not be made", broken)] if broken else [])
