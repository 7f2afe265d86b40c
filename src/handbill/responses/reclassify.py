"""The verdicts of all hits given again, by the rules of this version and by what is known of each message by now."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, bindparam, func, select, update

from handbill.responses.classify import RULES, Hit, Sent, judge
from handbill.responses.hit_rows import KINDS, SOURCE, hit_of, messages
from handbill.store.connection import reading, writing
from handbill.store.tables import event, link

MESSAGES_AT_ONCE = 1_000
HITS_AT_ONCE = 20_000
"""Of several messages; all hits of one message are judged together, however many there are."""


@dataclass(frozen=True)
class Reclassified:
    """How many hits were looked at, and how many of them have another verdict now."""

    hits: int = 0
    changed: int = 0


def reclassify(engine: Engine, scanners: frozenset[str]) -> Reclassified:
    """Judges the hits of every message again, a page of messages at a time; may be stopped and repeated at any moment.

    What was kept without a person has nothing by which it could be judged again, and stays as it is.
    """
    total = Reclassified()
    for first, last in _pages(engine):
        with writing(engine) as connection:
            hits, changed = _judge_again(connection, first, last, scanners)
        total = Reclassified(total.hits + hits, total.changed + changed)
    return total


def _pages(engine: Engine) -> Iterator[tuple[int, int]]:
    """The numbers of the messages that were hit, from and to: so many at a time, and so many hits."""
    counted = (
        select(event.c.outbox_id, func.count())
        .where(event.c.kind.in_(KINDS), event.c.source == SOURCE)
        .group_by(event.c.outbox_id)
        .order_by(event.c.outbox_id)
        .limit(MESSAGES_AT_ONCE)
    )
    last = 0
    while True:
        with reading(engine) as connection:
            found = connection.execute(counted.where(event.c.outbox_id > last)).tuples().all()
        if not found:
            return
        first, hits = found[0][0], 0
        for message, count in found:
            if hits and hits + count > HITS_AT_ONCE:
                break
            last, hits = message, hits + count
        yield first, last


def _judge_again(connection: Connection, first: int, last: int, scanners: frozenset[str]) -> tuple[int, int]:
    by_message: dict[int, list[Any]] = {}
    rows = connection.execute(
        select(event.c.id, event.c.outbox_id, event.c.kind, event.c.occurred_at, event.c.verdict, event.c.link_id,
               event.c.properties, (link.c.kind == "trap").label("is_trap"))
        .outerjoin(link, link.c.id == event.c.link_id)
        .where(event.c.outbox_id.between(first, last), event.c.kind.in_(KINDS), event.c.source == SOURCE)
        .order_by(event.c.outbox_id, event.c.id)
    )  # fmt: skip
    for row in rows:
        by_message.setdefault(row.outbox_id, []).append(row)
    known = messages(connection, by_message)
    changed = []
    for outbox_id, hits in by_message.items():
        sent = known[outbox_id].sent if outbox_id in known else Sent()
        verdicts = judge([_hit(each) for each in hits], sent, scanners)
        changed += [
            {"event": each.id, "now": verdict, "said": {**each.properties, "rules": RULES}}
            for each, verdict in zip(hits, verdicts, strict=True)
            if verdict != each.verdict
        ]
    if changed:
        again = update(event).where(event.c.id == bindparam("event"))
        connection.execute(again.values(verdict=bindparam("now"), properties=bindparam("said")), changed)
    return sum(map(len, by_message.values())), len(changed)


def _hit(row: Any) -> Hit:
    return hit_of(row.kind, row.occurred_at, row.link_id, row.properties, is_trap=bool(row.is_trap))
