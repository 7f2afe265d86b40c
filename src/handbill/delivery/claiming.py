"""Which messages a process takes: those that are due and that nobody else has, the earliest first."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import Any

from sqlalchemy import (
    BigInteger,
    Connection,
    Integer,
    Select,
    Text,
    Update,
    bindparam,
    exists,
    func,
    literal_column,
    or_,
    select,
    update,
)
from sqlalchemy.sql.dml import ReturningUpdate

from handbill.delivery.held import among_numbers, waits
from handbill.delivery.outbox import Claimed, in_time, run_goes_on
from handbill.store.prepared import ready
from handbill.store.tables import outbox, run
from handbill.store.types import UtcTime, from_micros, to_micros


@dataclass(frozen=True)
class Lease:
    """Who holds what is claimed, since when and until when, by the machine's time; after that anybody may take it."""

    owner: str
    taken_at: datetime
    until: datetime


@dataclass(frozen=True)
class Recipients:
    """Whose messages to claim: those of one domain, or of all without some.

    Never those of people in the time zones that are `asleep`; an empty name stands for those without one.
    """

    domain: str | None = None
    without: frozenset[str] = frozenset()
    asleep: frozenset[str] = frozenset()


EVERYBODY = Recipients()


def claim(
    connection: Connection,
    run_id: int,
    channel: str,
    *,
    lease: Lease,
    limit: int,
    now: datetime,
    recipients: Recipients = EVERYBODY,
) -> list[Claimed]:
    """Takes up to `limit` queued messages whose time has come, the earliest first; none unless the run is running."""
    whose = (channel, recipients.domain, tuple(sorted(recipients.without)), tuple(sorted(recipients.asleep)))
    due: dict[str, int | str] = {"run_id": run_id, "now": to_micros(now), "most": limit}
    taken: dict[str, int | str] = {"owner_name": lease.owner, "lease_until": to_micros(lease.until)}
    if connection.dialect.name != "sqlite":
        rows = ready(connection, _claim_at_once, *whose).run(connection, **due, **taken)
        return sorted(map(_claimed, rows), key=attrgetter("not_before", "id"))
    # One writer at a time: what is found waits for us. What a change returns would be kept in a file first.
    found = [_claimed(row) for row in ready(connection, _earliest, *whose, "all").run(connection, **due)]
    if found:
        ready(connection, _claim_found).run(connection, numbers=json.dumps([row.id for row in found]), **taken)
    return found


def release(connection: Connection, run_id: int, channel: str, *, owner: str) -> int:
    """Queues again, untried, whatever `owner` has claimed and not marked; answers how many."""
    return connection.execute(
        update(outbox)
        .where(
            outbox.c.run_id == run_id,
            outbox.c.channel == channel,
            outbox.c.state == "claimed",
            outbox.c.owner == owner,
        )
        .values(state="queued", owner=None, lease_until=None)
    ).rowcount


def _claim_at_once(
    dialect: str, channel: str, domain: str | None, without: tuple[str, ...], asleep: tuple[str, ...]
) -> ReturningUpdate[Any]:
    # A common table expression, because PostgreSQL may run a plain subquery several times, each time past its limit.
    picked = _earliest(dialect, channel, domain, without, asleep).with_for_update(skip_locked=True).cte("picked")
    mine = _taken().where(outbox.c.id.in_(select(picked.c.id)), waits())
    return mine.returning(*(outbox.c[name] for name in Claimed._fields))


def _claim_found(_dialect: str) -> Update:
    return _taken().where(among_numbers())


def _taken() -> Update:
    return update(outbox).values(
        state=literal_column("'claimed'"),
        fence=outbox.c.fence + literal_column("1"),
        owner=bindparam("owner_name", type_=Text(), required=False),
        lease_until=bindparam("lease_until", type_=UtcTime, required=False),
    )


def _earliest(
    _dialect: str, channel: str, domain: str | None, without: tuple[str, ...], asleep: tuple[str, ...], what: str = "id"
) -> Select[Any]:
    """The earliest messages that are due: their numbers, or `all` that a claim will know of them."""
    now = bindparam("now", type_=UtcTime, required=False)
    its_run = bindparam("run_id", type_=BigInteger(), required=False)
    due = [
        outbox.c.run_id == its_run,
        outbox.c.channel == channel,
        waits(),
        outbox.c.not_before <= now,
        in_time(now),
        exists().where(run.c.id == its_run, run_goes_on(now)),
    ]
    if domain is not None:
        due.append(outbox.c.domain == domain)
    if without:
        due.append(or_(outbox.c.domain.is_(None), outbox.c.domain.not_in(without)))
    if asleep:
        due.append(func.coalesce(outbox.c.timezone, "").not_in(asleep))
    afterwards = {"fence": (outbox.c.fence + literal_column("1")).label("fence")}
    columns = [outbox.c.id] if what == "id" else [afterwards.get(name, outbox.c[name]) for name in Claimed._fields]
    most = bindparam("most", type_=Integer(), required=False)
    return select(*columns).where(*due).order_by(outbox.c.not_before, outbox.c.id).limit(most)


def _claimed(raw: Sequence[Any]) -> Claimed:
    """A row as the database keeps it, with its times as times."""
    values = list(raw)
    for place in _TIMES:
        if values[place] is not None:
            values[place] = from_micros(values[place])
    return Claimed._make(values)


_TIMES = tuple(Claimed._fields.index(name) for name in ("message_at", "not_before", "expires_at"))
