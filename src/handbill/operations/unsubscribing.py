"""How somebody stops our messages by the link in one of them, and how that is undone."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import Connection, Engine, select

from handbill.channels.contract import EventKind
from handbill.contacts.consent import EVERY_TOPIC, GRANTED, WITHDRAWN, agreed, in_force, record_consent
from handbill.contacts.preferences import pause_marketing, wishes_of
from handbill.definitions.project import Project
from handbill.delivery.links import Unsubscribe, read_unsubscribe
from handbill.operations.recipients import Recipient, recipient
from handbill.responses.events import Event
from handbill.responses.ingest import take_in
from handbill.settings import Settings
from handbill.store.connection import reading, writing
from handbill.store.tables import outbox
from handbill.store.types import from_micros, to_micros
from handbill.tokens import Keys, read, sign

SOURCE = "web"
PAUSE = timedelta(days=30)
REASONS = ("too_many", "not_relevant", "never_asked", "other")
"""What people may say about why; nothing else that they send is kept."""

_UNDO = "undo"
EMAIL = "email"

Agreement = tuple[str, str]
"""Channel and topic."""


class Scope(StrEnum):
    """What somebody wants to stop."""

    TOPIC = "topic"
    EMAIL = "email"
    EVERYTHING = "everything"
    PAUSE = "pause"


@dataclass(frozen=True)
class Leaving:
    """What the page behind an unsubscribe link is about. `topic` is in the project's words, empty for all of them.

    `person` is None for a proof's link, and for somebody who was erased.
    """

    person: Recipient | None
    topic: str
    scopes: tuple[Scope, ...]


@dataclass(frozen=True)
class Left:
    """What was stopped. `undo` is a token that takes it back; empty when nothing was changed."""

    person: Recipient
    scope: Scope
    topic: str
    undo: str = ""
    paused_until: datetime | None = None


def leaving(engine: Engine, project: Project, settings: Settings, token: str) -> Leaving | None:
    """What an unsubscribe token offers; None for a text that is none. Changes nothing."""
    wish = read_unsubscribe(settings.keys, token)
    if wish is None:
        return None
    with reading(engine) as connection:
        return Leaving(recipient(connection, wish.contact_id), _words_for(project, wish.topic), _scopes(project, wish))


def leave(  # noqa: PLR0913 - who, what, why, from where and when
    engine: Engine,
    project: Project,
    settings: Settings,
    token: str,
    scope: Scope | None,
    *,
    by: str,
    now: datetime,
    reason: str = "",
) -> Left | None:
    """Stops what somebody wants stopped, at once; asked again it changes nothing more. None: nobody to stop it for.

    Without a scope it is the topic of the message, or all e-mail where that has none. `by` is `page` or `one-click`.
    """
    wish = read_unsubscribe(settings.keys, token)
    if wish is None:
        return None
    offered = _scopes(project, wish)
    scope = scope if scope in offered else offered[0]
    with writing(engine) as connection:
        person = recipient(connection, wish.contact_id)
        if person is None:
            return None
        topic = _words_for(project, wish.topic)
        if scope is Scope.PAUSE:
            until = now + PAUSE
            pause_marketing(connection, person.contact_id, until, now)
            return Left(person, scope, topic, _undo_token(settings.keys, person.contact_id, until, []), until)
        before = agreements(connection, project, person.contact_id)
        ends = _ended(project, wish, scope)
        said = {"by": by, "reason": reason} if reason in REASONS else {"by": by}
        withdraw(connection, wish, ends, now, said)
        undone = sorted(before - agreements(connection, project, person.contact_id))
        return Left(person, scope, topic, _undo_token(settings.keys, person.contact_id, now, undone) if undone else "")


def undo(engine: Engine, settings: Settings, token: str, undo_token: str, *, now: datetime) -> Recipient | None:
    """Agrees again to what one unsubscribing ended, unless something else was said since; None for a wrong token."""
    wish = read_unsubscribe(settings.keys, token)
    payload = read(settings.keys, _UNDO, undo_token)
    if wish is None or payload is None:
        return None
    contact_id, at, ended = json.loads(payload)
    if contact_id != wish.contact_id:
        return None
    with writing(engine) as connection:
        person = recipient(connection, contact_id)
        if person is None:
            return None
        moment = from_micros(at)
        if wishes_of(connection, contact_id).paused_until == moment:
            pause_marketing(connection, contact_id, None, now)
        entries = in_force(connection, contact_id)
        for channel, topic in ended:
            latest = [entries[channel, each] for each in (topic, EVERY_TOPIC) if (channel, each) in entries]
            if latest and max(latest, key=lambda entry: entry[1]) == (WITHDRAWN, moment):
                proof = {"undone": at}
                record_consent(connection, contact_id, channel, topic, GRANTED, now, SOURCE, proof=proof)
        return person


def withdraw(
    connection: Connection, bearer: Unsubscribe, ends: Iterable[Agreement], now: datetime, said: dict[str, str]
) -> None:
    """Withdraws what somebody agreed to, and counts what they leave by e-mail as an answer to the message."""
    known = connection.scalar(select(outbox.c.id).where(outbox.c.id == bearer.outbox_id))
    for channel, topic in ends:
        if channel == EMAIL:
            event = Event(
                SOURCE,
                f"unsubscribe-{bearer.contact_id}-{bearer.outbox_id}-{topic}",
                EventKind.UNSUBSCRIBED,
                now,
                now,
                contact_id=bearer.contact_id,
                outbox_id=known,
                properties={"topic": topic, **said},
            )
            take_in(connection, event, now=now)
        # Once more where the answer was known already: they came back in the meantime, and leave again.
        if not _is_withdrawn(in_force(connection, bearer.contact_id), channel, topic):
            record_consent(connection, bearer.contact_id, channel, topic, WITHDRAWN, now, SOURCE, proof=said)


def agreements(connection: Connection, project: Project, contact_id: int) -> frozenset[Agreement]:
    """The declared topics that somebody has agreed to, by channel."""
    pairs = ((channel, topic) for channel in channels_of(project) for topic in project.topics)
    return frozenset(pair for pair in pairs if agreed(connection, contact_id, *pair))


def channels_of(project: Project) -> tuple[str, ...]:
    """The channels on which the project writes to people."""
    return (EMAIL, "direct_mail") if project.channels.direct_mail else (EMAIL,)


def _is_withdrawn(entries: Mapping[Agreement, tuple[str, datetime]], channel: str, topic: str) -> bool:
    """Whether the ledger says so already: of everything, when nothing has been agreed to again since."""
    last = max((entries[channel, each] for each in {topic, EVERY_TOPIC} if (channel, each) in entries), default=None,
               key=lambda entry: (entry[1], entry[0]))  # fmt: skip
    if last is None or last[0] != WITHDRAWN:
        return False
    granted = (at for (where, _), (state, at) in entries.items() if where == channel and state == GRANTED)
    return topic != EVERY_TOPIC or all(at < last[1] for at in granted)


def _scopes(project: Project, wish: Unsubscribe) -> tuple[Scope, ...]:
    own = () if wish.topic == EVERY_TOPIC else (Scope.TOPIC,)
    post = (Scope.EVERYTHING,) if project.channels.direct_mail else ()
    return (*own, Scope.EMAIL, *post, Scope.PAUSE)


def _ended(project: Project, wish: Unsubscribe, scope: Scope) -> list[Agreement]:
    if scope is Scope.TOPIC:
        return [(EMAIL, wish.topic)]
    channels = channels_of(project) if scope is Scope.EVERYTHING else (EMAIL,)
    return [(channel, EVERY_TOPIC) for channel in channels]


def _words_for(project: Project, topic: str) -> str:
    return "" if topic == EVERY_TOPIC else project.topics.get(topic, topic)


def _undo_token(keys: Keys, contact_id: int, at: datetime, ended: Iterable[Agreement]) -> str:
    return sign(keys, _UNDO, json.dumps([contact_id, to_micros(at), [list(each) for each in ended]]).encode())
