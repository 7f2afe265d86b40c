"""How somebody subscribes by themselves: asked for on a form, confirmed from the mailbox, with the proof kept."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine

from handbill.contacts.consent import GRANTED, record_consent
from handbill.contacts.identity import email_hash, email_key
from handbill.contacts.newcomers import owners_of
from handbill.definitions.project import Project
from handbill.operations.confirmations import Asked, Purpose, Request, ask, asked, hand_over, note_confirmed
from handbill.operations.page_words import Words
from handbill.operations.recipients import masked, recipient
from handbill.operations.unsubscribing import EMAIL
from handbill.settings import Settings
from handbill.store.connection import reading, writing
from handbill.store.types import to_micros

WORDING_VERSION = "1"
"""Of `subscribe.wording`: to be counted up with every change of its meaning."""
DEFAULT_SOURCE = "form"
_LONGEST_SOURCE = 60


@dataclass(frozen=True)
class Subscription:
    """What a confirmation page is about. `topics` are in the project's words."""

    mailbox: str
    language: str
    topics: tuple[str, ...]
    is_confirmed: bool
    is_over: bool


def problems_of(project: Project, email: str, topics: Sequence[str]) -> frozenset[str]:
    """Which fields of the form cannot be used: `mailbox`, `topics`."""
    wrong = set()
    try:
        email_key(email)
    except ValueError:
        wrong.add("mailbox")
    if not topics or any(topic not in project.topics for topic in topics):
        wrong.add("topics")
    return frozenset(wrong)


def request_subscription(  # noqa: PLR0913 - who asks for what, in which words, from where and when
    engine: Engine,
    project: Project,
    settings: Settings,
    email: str,
    topics: Sequence[str],
    *,
    words: Words,
    source: str,
    network_hash: str,
    now: datetime,
) -> bool:
    """Keeps the wish and lets a mail be sent to the mailbox; False for a network that asks too often.

    Whether somebody with this mailbox is known is not looked at, so that nobody can find it out.
    """
    key = email_key(email)
    wording = f"[{WORDING_VERSION} {words.language}] {words.say('subscribe.wording', brand=project.brand.name)}"
    request = Request(
        Purpose.SUBSCRIBE,
        key,
        email_hash(settings.secret, key),
        words.language,
        " ".join(source.split())[:_LONGEST_SOURCE] or DEFAULT_SOURCE,
        network_hash,
        topics=tuple(dict.fromkeys(topics)),
        wording=wording,
    )
    with writing(engine) as connection:
        return ask(connection, request, now=now)


def subscription(
    engine: Engine, project: Project, settings: Settings, token: str, *, now: datetime
) -> Subscription | None:
    """What a confirmation link is about; None for a text that is none. Changes nothing."""
    with reading(engine) as connection:
        found = asked(connection, settings.keys, Purpose.SUBSCRIBE, token)
        if found is None:
            return None
        person = recipient(connection, found.contact_id) if found.contact_id else None
        return _subscription(project, found, person.mailbox if person else masked(found.email), now)


def confirm_subscription(
    engine: Engine, project: Project, settings: Settings, token: str, *, network_hash: str, now: datetime
) -> Subscription | None:
    """Subscribes the owner of the mailbox, and keeps the proof; confirmed again it changes nothing more."""
    with writing(engine) as connection:
        found = asked(connection, settings.keys, Purpose.SUBSCRIBE, token)
        if found is None:
            return None
        if found.confirmed_at is None and found.email and now <= found.until:
            # Whoever presses the button twice at once is subscribed once: the second one waits here for the first.
            if note_confirmed(connection, found.id, now=now):
                _subscribe(connection, settings, found, network_hash, now)
            return _subscription(project, found, masked(found.email), now, is_confirmed=True)
        person = recipient(connection, found.contact_id) if found.contact_id else None
        return _subscription(project, found, person.mailbox if person else "", now)


def _subscribe(connection: Connection, settings: Settings, found: Asked, network_hash: str, now: datetime) -> None:
    owners = owners_of(connection, settings.secret, found.email, language=found.language, now=now)
    hand_over(connection, found.id, owners[0])
    proof = _proof(found, network_hash, now)
    for owner in owners:
        for topic in found.topics:
            record_consent(
                connection, owner, EMAIL, topic, GRANTED, now, found.source, wording=found.wording, proof=proof
            )


def _subscription(
    project: Project, found: Asked, mailbox: str, now: datetime, *, is_confirmed: bool = False
) -> Subscription:
    is_confirmed = is_confirmed or found.confirmed_at is not None
    topics = tuple(project.topics.get(topic, topic) for topic in found.topics)
    return Subscription(mailbox, found.language, topics, is_confirmed, not is_confirmed and now > found.until)


def _proof(found: Asked, network_hash: str, now: datetime) -> dict[str, object]:
    """What shows that the owner agreed: both moments, and from which networks, as keyed hashes."""
    return {
        "confirmation": found.id,
        "requested_at": to_micros(found.requested_at),
        "confirmed_at": to_micros(now),
        "requested_from": found.network_hash,
        "confirmed_from": network_hash,
    }
