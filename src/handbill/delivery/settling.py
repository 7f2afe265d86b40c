"""How a try ended: what becomes of the message, and what is kept of the try.

An answer that comes after the lease was over still counts: it is evidence for a message that is uncertain by now.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from operator import itemgetter
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Insert,
    Select,
    Text,
    Update,
    and_,
    bindparam,
    func,
    insert,
    literal_column,
    null,
    or_,
    select,
    update,
)
from sqlalchemy.sql.dml import ReturningUpdate

from handbill.delivery.budget import CHARGED, refund
from handbill.delivery.held import fences, is_held, is_still
from handbill.delivery.outbox import Along, Claimed, Settlement, Verdict, mark_committing, mark_leavable
from handbill.store.given import Given
from handbill.store.prepared import ready
from handbill.store.tables import attempt, outbox
from handbill.store.types import to_micros

_MARKED = ("committing", "uncertain")


def settle(connection: Connection, settlements: Sequence[Settlement], *, now: datetime) -> None:
    """Writes down how tries ended. A row that somebody else took over in the meantime keeps what they say."""
    if not settlements:
        return
    dialect = connection.dialect.name
    _take_back(connection, settlements)
    told = [_told(settlement, to_micros(now)) for settlement in settlements]
    if dialect == "sqlite":  # there is no way to a server, and rows one by one take less time than one text of all
        # An index whose column a statement names is written anew, changed or not: most messages just end.
        ended = [each for each in told if _moves(each) == _NOT]
        moved = [each for each in told if _moves(each) != _NOT]
        for settle_each, some in ((_end_each, ended), (_settle_each, moved)):
            if some:
                ready(connection, settle_each).run_each(connection, _PARAMETERS, some)
        ready(connection, _keep_each_try).run_each(connection, _PARAMETERS, told)
    else:
        ready(connection, _settle_all).run(connection, **_SETTLED.values(dialect, told))


def settle_and_mark(
    connection: Connection,
    settlements: Sequence[Settlement],
    rows: Sequence[Claimed],
    *,
    now: datetime,
    lease_until: datetime,
    budget: int | None = None,
    topic: str | None = None,
) -> dict[int, Verdict]:
    """First `settle`, then `mark_committing`; in one statement where a trip to a server costs as much as ten rows."""
    mark = partial(mark_committing, connection, rows, now=now, lease_until=lease_until, budget=budget, topic=topic)
    if connection.dialect.name == "sqlite" or not settlements or not rows or budget is not None:
        settle(connection, settlements, now=now)
        return mark()
    _take_back(connection, settlements)
    told = [_told(settlement, to_micros(now)) for settlement in settlements]
    return mark(along=Along(_settle_and_mark, _SETTLED.values(connection.dialect.name, told)))


def _take_back(connection: Connection, settlements: Sequence[Settlement]) -> None:
    """Refunds what was charged for marked messages that were not sent after all."""
    if returned := [s.row for s in settlements if s.was_marked and s.state not in CHARGED]:
        held = fences(connection.dialect.name, returned)
        cost = ready(connection, _cost_of_marked).run(connection, **held).scalar()
        refund(connection, returned[0].channel, cost or 0)


_TEXTS = ("state", "reason", "their_id", "said", "outcome")
_NUMBERS = (
    "id",
    "fence",
    "was_marked",
    "number",
    "code",
    "again_at",
    "last_at",
    "accepted_at",
    "settled_at",
    "ended_at",
)
_SETTLED = Given("settled", dict.fromkeys(_NUMBERS, BigInteger()) | dict.fromkeys(_TEXTS, Text()))
_PARAMETERS = tuple(f"its_{name}" for name in _SETTLED.columns)

_moves = itemgetter(*(_PARAMETERS.index(f"its_{name}") for name in ("again_at", "last_at", "their_id")))
"""The values by which a message is found, or ends: none where they stay as they are."""
_NOT = (None, None, None)

_Told = tuple[int | str | None, ...]
_How = Mapping[str, ColumnElement[Any]]
"""What `_told` says of a settlement, as a statement names it."""


def _told(settlement: Settlement, now: int) -> _Told:
    """In the order of `_SETTLED`."""
    row, state, last_at = settlement.row, settlement.state, settlement.expires_at
    return (
        row.id,
        row.fence,
        int(settlement.was_marked),
        row.attempt + 1,
        settlement.code,
        None if settlement.not_before is None else to_micros(settlement.not_before),
        to_micros(last_at) if last_at is not None and last_at != row.expires_at else None,
        now if state == "accepted" else None,
        now if state != "queued" else None,
        now,
        state,
        settlement.reason,
        settlement.provider_id,
        settlement.text,
        settlement.outcome,
    )


def _settle_all(dialect: str) -> Update:
    """In one statement with the tries."""
    how = _given(dialect)
    return _settle(how).add_cte(_keep_tries(how).cte("kept"))


def _given(dialect: str) -> _How:
    """The values of all settlements, read once for whatever needs them."""
    return dict(select(_SETTLED.table(dialect)).cte("settlement").c.items())


def _settle_and_mark(dialect: str, channel: str, topic: str | None) -> ReturningUpdate[tuple[int]]:
    """What ended and what is about to be sent are never the same messages: one statement may change both."""
    how = _given(dialect)
    ended, kept = _settle(how).cte("ended"), _keep_tries(how).cte("kept")
    return mark_leavable(dialect, channel, topic).add_cte(ended, kept)


def _settle_each(_dialect: str) -> Update:
    return _settle(_one())


def _end_each(_dialect: str) -> Update:
    return _settle(_one(), moves=False)


def _keep_each_try(_dialect: str) -> Insert:
    return _keep_tries(_one())


def _one() -> _How:
    """The values of one settlement, as parameters."""
    return {name: bindparam(f"its_{name}", type_=type_, required=False) for name, type_ in _SETTLED.columns.items()}


def _settle(how: _How, *, moves: bool = True) -> Update:
    was_theirs = or_(
        and_(how["was_marked"] == literal_column("1"), is_still(*_MARKED)),
        and_(how["was_marked"] == literal_column("0"), is_still("claimed")),
    )
    values: dict[str, Any] = {
        "state": how["state"],
        "reason": how["reason"],
        "attempt": outbox.c.attempt + literal_column("1"),
        "owner": null(),
        "lease_until": null(),
        "answer_code": how["code"],
        "answer_text": how["said"],
        "accepted_at": how["accepted_at"],
        "settled_at": how["settled_at"],
    }
    if moves:
        values |= {
            "not_before": func.coalesce(how["again_at"], outbox.c.not_before),
            "expires_at": func.coalesce(how["last_at"], outbox.c.expires_at),
            "provider_id": func.coalesce(how["their_id"], outbox.c.provider_id),
        }
    return update(outbox).where(outbox.c.id == how["id"], outbox.c.fence == how["fence"], was_theirs).values(values)


def _keep_tries(how: _How) -> Insert:
    """Every try of a message that is still there, whoever holds it by now."""
    tries = select(*(how[name] for name in ("id", "number", "ended_at", "outcome", "code", "said")))
    names = ("outbox_id", "number", "ended_at", "outcome", "answer_code", "answer_text")
    return insert(attempt).from_select(names, tries.where(outbox.c.id == how["id"]))


def _cost_of_marked(dialect: str) -> Select[tuple[int]]:
    return select(func.sum(outbox.c.cost)).where(is_held(dialect), is_still(*_MARKED))
