"""How a try ended: what becomes of the message, and what is kept of the try.

An answer that comes after the lease was over still counts: it is evidence for a message that is uncertain by now.
"""

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    Connection,
    FromClause,
    Insert,
    Integer,
    Select,
    Text,
    Update,
    and_,
    bindparam,
    case,
    func,
    insert,
    or_,
    select,
    update,
)

from handbill.delivery.budget import CHARGED, refund
from handbill.delivery.held import fences, in_state, is_held
from handbill.delivery.outbox import Settlement
from handbill.store.given import as_given, given
from handbill.store.prepared import ready
from handbill.store.tables import attempt, outbox
from handbill.store.types import UtcTime, to_micros

_MARKED = ("committing", "uncertain")


def settle(connection: Connection, settlements: Sequence[Settlement], *, now: datetime) -> None:
    """Writes down how tries ended. A row that somebody else took over in the meantime keeps what they say."""
    if not settlements:
        return
    if returned := [s.row for s in settlements if s.was_marked and s.state not in CHARGED]:
        refund(
            connection,
            returned[0].channel,
            ready(connection, _cost_of_marked).run(connection, **fences(returned)).scalar() or 0,
        )
    how, moment = as_given(map(_as_given, settlements)), to_micros(now)
    ready(connection, _settle).run(connection, settled=how, now=moment)
    if connection.dialect.name == "sqlite":
        ready(connection, _keep_attempts).run(connection, settled=how, now=moment)


@cache
def _settled(dialect: str) -> FromClause:
    """The settlements that `_as_given` gives."""
    texts, numbers = ("state", "reason", "their_id", "said", "outcome"), ("again_at", "last_at")
    return given(
        dialect,
        "settled",
        {"id": BigInteger(), "fence": Integer(), "was_marked": Integer(), "number": Integer(), "code": Integer()}
        | dict.fromkeys(texts, Text())
        | dict.fromkeys(numbers, BigInteger()),
    )


def _as_given(settlement: Settlement) -> dict[str, int | str | None]:
    row = settlement.row
    told: dict[str, int | str | None] = {
        "id": row.id,
        "fence": row.fence,
        "was_marked": int(settlement.was_marked),
        "number": row.attempt + 1,
        "state": settlement.state,
        "reason": settlement.reason,
        "again_at": None if settlement.not_before is None else to_micros(settlement.not_before),
        "last_at": None if settlement.expires_at is None else to_micros(settlement.expires_at),
        "their_id": settlement.provider_id,
        "code": settlement.code,
        "said": settlement.text,
        "outcome": settlement.outcome,
    }
    return {name: value for name, value in told.items() if value is not None}


def _settle(dialect: str) -> Update:
    how, now = _settled(dialect).c, bindparam("now", type_=UtcTime, required=False)
    was_theirs = or_(
        and_(how.was_marked == 1, in_state(*_MARKED)),
        and_(how.was_marked == 0, in_state("claimed")),
    )
    values: dict[str, Any] = {
        "state": how.state,
        "reason": how.reason,
        "attempt": outbox.c.attempt + 1,
        "owner": None,
        "lease_until": None,
        "not_before": func.coalesce(how.again_at, outbox.c.not_before),
        "expires_at": func.coalesce(how.last_at, outbox.c.expires_at),
        "provider_id": func.coalesce(how.their_id, outbox.c.provider_id),
        "answer_code": how.code,
        "answer_text": how.said,
        "accepted_at": case((how.state == "accepted", now)),
        "settled_at": case((how.state != "queued", now)),
    }
    settled = update(outbox).where(outbox.c.id == how.id, outbox.c.fence == how.fence, was_theirs).values(values)
    # Where a statement can carry another one, the tries go with it: each round trip costs as much as ten rows.
    return settled if dialect == "sqlite" else settled.add_cte(_keep_attempts(dialect).cte("kept"))


def _keep_attempts(dialect: str) -> Insert:
    """Every try of a message that is still there, whoever holds it by now."""
    settled = _settled(dialect)
    how, now = settled.c, bindparam("now", type_=UtcTime, required=False)
    tries = select(how.id, how.number, now, how.outcome, how.code, how.said)
    names = ("outbox_id", "number", "ended_at", "outcome", "answer_code", "answer_text")
    return insert(attempt).from_select(names, tries.join(outbox, outbox.c.id == how.id))


def _cost_of_marked(dialect: str) -> Select[tuple[int]]:
    return select(func.sum(outbox.c.cost)).where(is_held(dialect), in_state(*_MARKED))
