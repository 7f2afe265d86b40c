"""Who has agreed to what: a ledger that only grows, whose latest entry is in force."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, literal, select

from handbill.store.inserts import insert_into
from handbill.store.tables import consent, contact

GRANTED, WITHDRAWN = STATES = ("granted", "withdrawn")
EVERY_TOPIC = "*"
"""Stands for all topics of a channel: withdrawn, it withdraws them all."""


def record_consent(  # noqa: PLR0913 - a consent is proven by all of these
    connection: Connection,
    contact_id: int,
    channel: str,
    topic: str,
    state: str,
    at: datetime,
    source: str,
    *,
    wording: str | None = None,
    proof: Mapping[str, Any] | None = None,
) -> None:
    """Adds one entry to the ledger; the same entry twice is kept once.

    `source` says where it was given, `wording` what the person read, `proof` whatever shows it (such as the form's id).
    """
    values = {
        "contact_id": contact_id,
        "channel": channel,
        "topic": topic,
        "state": state,
        "at": at,
        "source": source,
        "wording": wording,
        "proof": dict(proof) if proof is not None else None,
    }
    connection.execute(insert_into(connection, consent).values(values).on_conflict_do_nothing())


def in_force(connection: Connection, contact_id: int) -> dict[tuple[str, str], tuple[str, datetime]]:
    """What a contact's latest entry for each channel and topic says, and when it was made.

    An entry for all topics stands under `*`, and holds for each topic without a later one of its own.
    """
    ledger = select(consent.c.channel, consent.c.topic, consent.c.state, consent.c.at)
    mine = ledger.where(consent.c.contact_id == contact_id).order_by(consent.c.at, consent.c.state)
    return {(channel, topic): (state, at) for channel, topic, state, at in connection.execute(mine).tuples()}


def agreed(connection: Connection, contact_id: int, channel: str, topic: str) -> bool:
    """Whether a contact has agreed to a topic on a channel; `granted` for one contact."""
    entries = in_force(connection, contact_id)
    found = [entries[channel, each] for each in (topic, EVERY_TOPIC) if (channel, each) in entries]
    return bool(found) and max(found, key=lambda entry: (entry[1], entry[0]))[0] == GRANTED


def granted(channel: str, topic: str) -> ColumnElement[bool]:
    """Whether the contact of the statement around this one has agreed to a topic on a channel. Never null.

    The latest entry for the topic or for all topics decides; of two at one moment, the withdrawal.
    """
    latest = (
        select(consent.c.state)
        .where(
            consent.c.contact_id == contact.c.id,
            consent.c.channel == channel,
            consent.c.topic.in_((topic, EVERY_TOPIC)),
        )
        .order_by(consent.c.at.desc(), consent.c.state.desc())
        .limit(1)
        .correlate(contact)
        .scalar_subquery()
    )
    return func.coalesce(latest, literal(WITHDRAWN)) == GRANTED
