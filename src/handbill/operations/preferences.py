"""What somebody may decide for themselves in the preference centre, and how that is kept."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, select, update

from handbill.contacts.consent import EVERY_TOPIC, GRANTED, WITHDRAWN, in_force, record_consent
from handbill.contacts.preferences import Frequency, Wishes, limit_frequency, pause_marketing, wishes_of
from handbill.definitions.project import Project
from handbill.delivery.links import Bearer, Unsubscribe, read_preferences
from handbill.operations.own_address import address_columns, known_place, no_address
from handbill.operations.recipients import Recipient, recipient
from handbill.operations.unsubscribing import PAUSE, SOURCE, Agreement, agreements, channels_of, withdraw
from handbill.responses.hit_rows import TRACKING
from handbill.settings import Settings
from handbill.store.connection import reading, writing
from handbill.store.tables import contact

FREQUENCIES: Mapping[str, Frequency | None] = {
    "as_often": None,
    "two_a_week": Frequency(2, 7),
    "one_a_week": Frequency(1, 7),
    "one_a_month": Frequency(1, 30),
}


@dataclass(frozen=True)
class Preferences:
    """What is in force for one person. `place` is where their postal address is; empty without one."""

    person: Recipient
    agreed: frozenset[Agreement]
    wishes: Wishes
    is_measured: bool
    place: str

    @property
    def frequency(self) -> str:
        """A word of `FREQUENCIES`; empty for a wish that is none of them."""
        return next((name for name, each in FREQUENCIES.items() if each == self.wishes.frequency), "")


@dataclass(frozen=True)
class Opened:
    """What a sound link leads to. `preferences` are None in a proof, and for people who were erased."""

    preferences: Preferences | None


@dataclass(frozen=True)
class Chosen:
    """What a form says. None, or an address without a single part, leaves a thing as it is."""

    agreed: frozenset[Agreement] | None = None
    frequency: str | None = None
    is_measured: bool | None = None
    language: str | None = None
    address: Mapping[str, str] | None = None
    removes_address: bool = False


@dataclass(frozen=True)
class Kept:
    """What is in force after a form was sent; with `wrong`, parts of the address that cannot be, nothing was kept."""

    preferences: Preferences
    wrong: frozenset[str] = field(default_factory=frozenset)


def open_preferences(engine: Engine, project: Project, settings: Settings, token: str) -> Opened | None:
    """What a preferences token opens; None for a text that is none. Changes nothing."""
    bearer = read_preferences(settings.keys, token)
    if bearer is None:
        return None
    with reading(engine) as connection:
        return Opened(_preferences(connection, project, bearer))


def keep_preferences(
    engine: Engine, project: Project, settings: Settings, token: str, chosen: Chosen, *, now: datetime
) -> Kept | None:
    """Keeps what somebody chose, all of it or nothing; asked again it changes nothing more. None: nobody to ask."""
    bearer = read_preferences(settings.keys, token)
    if bearer is None:
        return None
    with writing(engine) as connection:
        before = _preferences(connection, project, bearer)
        if before is None:
            return None
        row = _row(connection, bearer.contact_id)
        changes, wrong = address_columns(settings.secret, row, chosen.address or {})
        if chosen.removes_address and not changes:
            changes = no_address(settings.secret, row)
        if wrong:
            return Kept(before, wrong)
        if chosen.language and chosen.language != before.person.language:
            changes["language"] = chosen.language
        _keep_agreements(connection, project, bearer, before, chosen, now)
        if chosen.frequency is not None and chosen.frequency in FREQUENCIES and chosen.frequency != before.frequency:
            limit_frequency(connection, bearer.contact_id, FREQUENCIES[chosen.frequency], now)
        if chosen.is_measured is not None and chosen.is_measured != before.is_measured:
            state = GRANTED if chosen.is_measured else WITHDRAWN
            record_consent(connection, bearer.contact_id, TRACKING, EVERY_TOPIC, state, now, SOURCE)
        if changes:
            values = {**changes, "updated_at": now}
            connection.execute(update(contact).where(contact.c.id == bearer.contact_id).values(values))
        after = _preferences(connection, project, bearer)
        return Kept(after) if after else None


def keep_pause(
    engine: Engine, project: Project, settings: Settings, token: str, *, begins: bool, now: datetime
) -> Preferences | None:
    """Begins a pause of 30 days, or ends one. None: nobody to pause for."""
    bearer = read_preferences(settings.keys, token)
    if bearer is None:
        return None
    with writing(engine) as connection:
        if recipient(connection, bearer.contact_id) is not None:
            pause_marketing(connection, bearer.contact_id, now + PAUSE if begins else None, now)
        return _preferences(connection, project, bearer)


def is_measured(connection: Connection, contact_id: int) -> bool:
    """Whether opens and clicks may be kept: people who said nothing have not refused."""
    entry = in_force(connection, contact_id).get((TRACKING, EVERY_TOPIC))
    return entry is None or entry[0] == GRANTED


def _preferences(connection: Connection, project: Project, bearer: Bearer) -> Preferences | None:
    person = recipient(connection, bearer.contact_id)
    if person is None:
        return None
    return Preferences(
        person,
        agreements(connection, project, person.contact_id),
        wishes_of(connection, person.contact_id),
        is_measured(connection, person.contact_id),
        known_place(_row(connection, person.contact_id)),
    )


def _row(connection: Connection, contact_id: int) -> Row[Any]:
    return connection.execute(select(contact).where(contact.c.id == contact_id)).one()


def _keep_agreements(
    connection: Connection, project: Project, bearer: Bearer, before: Preferences, chosen: Chosen, now: datetime
) -> None:
    if chosen.agreed is None:
        return
    offered = {(channel, topic) for channel in channels_of(project) for topic in project.topics}
    leaves = Unsubscribe(bearer.contact_id, bearer.outbox_id, EVERY_TOPIC)
    withdraw(connection, leaves, sorted((before.agreed - chosen.agreed) & offered), now, {"by": "preferences"})
    for channel, topic in sorted((chosen.agreed - before.agreed) & offered):
        wording, proof = project.topics[topic], {"message": bearer.outbox_id, "by": "preferences"}
        record_consent(
            connection, bearer.contact_id, channel, topic, GRANTED, now, SOURCE, wording=wording, proof=proof
        )
