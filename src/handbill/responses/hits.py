"""What comes in at our links, pictures and codes: kept raw and at once, with a verdict that can be given again."""

import itertools
import json
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, bindparam, update

from handbill.delivery.uncertain import settle_by_evidence
from handbill.responses.classify import RULES, SAME_MACHINE, Hit, Sent, judge, verdict_alone
from handbill.responses.hit_rows import SOURCE, Message, Row, keep, messages
from handbill.store.tables import event
from handbill.store.types import to_micros

_LONGEST_AGENT = 300

_started = secrets.token_hex(6)
_numbers = itertools.count()


@dataclass(frozen=True)
class Arrived:
    """A hit as it came in. `name` makes it one event, however often it is stored; `outbox_id` 0 names no message."""

    name: str
    hit: Hit
    outbox_id: int
    target: str = ""


def new_name() -> str:
    """A name that no other event has; names of one process follow one another, which indexes like."""
    return f"{time.time_ns():x}-{_started}-{next(_numbers):x}"


def store_hits(connection: Connection, arrived: Sequence[Arrived], scanners: frozenset[str], *, now: datetime) -> None:
    """Keeps hits, judges them together with the earlier ones of their messages, and settles what was in doubt.

    Of somebody who refuses to be measured, and of links that are counted for all, nothing but the number is kept.
    """
    known = _known(connection, arrived)
    by_message: dict[int, list[Arrived]] = {}
    rows = []
    for each in arrived:
        message = known.get(each.outbox_id)
        if message is None or message.contact_id is None:
            sent = message.sent if message else _LONG_AGO
            rows.append(_row(each, message, verdict_alone(each.hit, sent, scanners), now))
        else:
            by_message.setdefault(each.outbox_id, []).append(each)
    changed: list[dict[str, Any]] = []
    for outbox_id, new in by_message.items():
        message = known[outbox_id]
        old = message.earlier
        verdicts = judge([*(each.hit for each in old), *(each.hit for each in new)], message.sent, scanners)
        changed += [
            {"event": each.event_id, "now": verdict}
            for each, verdict in zip(old, verdicts, strict=False)
            if verdict != each.verdict
        ]
        rows += [_row(each, message, verdict, now) for each, verdict in zip(new, verdicts[len(old) :], strict=True)]
    keep(connection, rows)
    if changed:
        judged_again = update(event).where(event.c.id == bindparam("event")).values(verdict=bindparam("now"))
        connection.execute(judged_again, changed)
    for outbox_id, message in known.items():
        if message.is_in_doubt:
            settle_by_evidence(connection, outbox_id, "accepted", evidence=f"hit from {SOURCE}", now=now)


_LONG_AGO = Sent(datetime.min.replace(tzinfo=UTC), None)
"""Of links without a message nothing is known but that they were followed."""


def clean_agent(agent: str) -> str:
    """What a program says it is, short and printable."""
    short = agent[:_LONGEST_AGENT]
    return short if short.isprintable() else "".join(letter for letter in short if letter.isprintable())


def _known(connection: Connection, arrived: Sequence[Arrived]) -> dict[int, Message]:
    ids = {each.outbox_id for each in arrived if each.outbox_id}
    return messages(connection, ids, hit_since=min(each.hit.at for each in arrived) - SAME_MACHINE) if ids else {}


def _row(each: Arrived, message: Message | None, verdict: str, now: datetime) -> Row:
    said: dict[str, Any] = {"rules": RULES, "method": each.hit.method}
    is_known = message is not None and message.contact_id is not None
    if is_known:
        said |= {"agent": each.hit.agent, "network": each.hit.network}
        if each.target:
            said["link"] = each.target
    elif message is not None:
        said |= {"campaign": message.campaign, "arm": message.arm}
    return Row(
        each.name,
        str(each.hit.kind),
        message.contact_id if message and is_known else None,
        each.outbox_id if is_known else None,
        to_micros(each.hit.at),
        to_micros(now),
        verdict,
        each.hit.link_id,
        json.dumps(said),
    )
