"""What went before: messages that the people of a test received, what they did, and arms that they were put into."""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from handbill.channels.contract import EventKind
from handbill.definitions.campaign import Campaign, Channel
from handbill.definitions.project import Project
from handbill.definitions.rehearsal import EventFact, MessageFact
from handbill.errors import ProjectInvalid
from handbill.planning.registration import registration_digest, registration_of
from handbill.rehearsal.reading import Rehearsal
from handbill.responses.events import Event
from handbill.responses.ingest import take_in
from handbill.store.inserts import insert_into
from handbill.store.tables import (
    assignment,
    attribute_history,
    contact,
    definition,
    enrollment,
    experiment,
    outbox,
    run,
)

SOURCE = "campaign test"
_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,14})(\.[0-9]+)?")  # 007 and 1_000 are names of something
_KINDS: Mapping[str, str] = {
    "direct_mail.delivered": EventKind.LETTER_DELIVERED,
    "direct_mail.returned": EventKind.LETTER_RETURNED,
}
"""Events that segments name by their channel."""


def remember(connection: Connection, project: Project, rehearsal: Rehearsal, ids: Mapping[str, int]) -> None:
    """Writes down what everybody received and did, since when fields have their values, and who is put into which arm.

    Raises:
        ProjectInvalid: two people of one household are put into different arms.
    """
    for name, persona in rehearsal.personas.items():
        for field, since in persona.since.items():
            _date(connection, ids[name], field, rehearsal.moment(since, project))
        received = [
            (each, _receive(connection, project, ids[name], each, rehearsal.moment(each.at, project)))
            for each in persona.received
        ]
        for number, event in enumerate(persona.events):
            at = rehearsal.moment(event.at, project)
            answered = _answered(project, rehearsal, event, at, received)
            take_in(connection, _as_event(f"{name}-{number}", event, at, ids[name], answered), now=at)
    _put_into_arms(connection, rehearsal, ids)


# ---------------------------------------------------------------- what they received and did


def _date(connection: Connection, contact_id: int, field: str, since: datetime) -> None:
    mine = (attribute_history.c.contact_id == contact_id, attribute_history.c.name == field)
    connection.execute(update(attribute_history).where(*mine).values(from_at=since))


def _receive(connection: Connection, project: Project, contact_id: int, message: MessageFact, at: datetime) -> int:
    """A message of an earlier run of its own, accepted at that time; answers its id."""
    campaign = project.campaigns[message.campaign]
    known = select(outbox.c.id).where(outbox.c.contact_id == contact_id)
    wave = f"before-{contact_id}-{len(connection.execute(known).all()) + 1}"
    run_id = _earlier_run(connection, campaign.name, wave, at)
    person = connection.execute(select(contact).where(contact.c.id == contact_id)).one()
    enrolled = {"campaign": campaign.name, "contact_id": contact_id, "key": wave, "run_id": run_id}
    enrollment_id = connection.scalar(
        insert(enrollment)
        .values(**enrolled, definition_digest=wave, entered_at=at, due_at=at)
        .returning(enrollment.c.id)
    )
    ways = {"email": (person.email, person.email_hash), "direct_mail": (person.address_line1, person.postal_hash)}
    address, address_hash = ways[message.channel]
    row = {
        "run_id": run_id, "enrollment_id": enrollment_id, "contact_id": contact_id, "channel": message.channel,
        "step": "send", "arm": message.arm or _arm_with(campaign, message.channel), "state": "accepted",
        "address": address or "", "address_key": wave, "address_hash": address_hash or "", "not_before": at,
        "message_id": f"{wave}@handbill.invalid", "message_at": at, "idempotency_key": wave, "accepted_at": at,
        "settled_at": at,
    }  # fmt: skip
    outbox_id: int = connection.execute(insert(outbox).values(**row).returning(outbox.c.id)).scalar_one()
    return outbox_id


def _earlier_run(connection: Connection, campaign: str, wave: str, at: datetime) -> int:
    declared = {"digest": wave, "campaign": campaign, "content": {}, "first_seen_at": at}
    connection.execute(insert_into(connection, definition).values(**declared).on_conflict_do_nothing())
    row = {"campaign": campaign, "wave": wave, "state": "finished", "definition_digest": wave, "plan_digest": "",
           "plan": {}, "scheduled_at": at, "started_at": at, "finished_at": at}  # fmt: skip
    run_id: int = connection.execute(insert(run).values(**row).returning(run.c.id)).scalar_one()
    return run_id


def _arm_with(campaign: Campaign, channel: Channel) -> str:
    return next((name for name, arm in campaign.arms.items() if getattr(arm, channel)), next(iter(campaign.arms)))


def _answered(
    project: Project, rehearsal: Rehearsal, event: EventFact, at: datetime, received: list[tuple[MessageFact, int]]
) -> int | None:
    """The latest message of the campaign that the event names, received before it."""
    fitting = [
        (rehearsal.moment(message.at, project), outbox_id)
        for message, outbox_id in received
        if message.campaign == event.campaign and rehearsal.moment(message.at, project) <= at
    ]
    return max(fitting)[1] if fitting else None


def _as_event(key: str, written: EventFact, at: datetime, contact_id: int, outbox_id: int | None) -> Event:
    properties = {name: _typed(text) for name, text in written.properties.items()}
    kind = _KINDS.get(written.event, written.event)
    return Event(SOURCE, key, kind, at, at, contact_id, outbox_id, properties=properties)


def _typed(text: str) -> Any:
    """A property as an import would read it: a number, true or false, else text."""
    if text in {"true", "false"}:
        return text == "true"
    number = _NUMBER.fullmatch(text)
    if number is None:
        return text
    return float(text) if number[2] else int(text)


# ---------------------------------------------------------------- the arms they were put into


def _put_into_arms(connection: Connection, rehearsal: Rehearsal, ids: Mapping[str, int]) -> None:
    """Assigns units as an earlier wave would have: nothing draws them again."""
    registration = registration_of(rehearsal.campaign)
    wanted = {name: each.arm for name, each in rehearsal.personas.items() if each.arm is not None}
    if registration is None or not wanted:
        return
    name, now = rehearsal.campaign.name, rehearsal.now
    run_id = _earlier_run(connection, name, "put into arms", now)
    sealed = {"campaign": name, "salt": registration["salt"], "unit": registration["unit"], "sealed_at": now,
              "registration": registration, "registration_digest": registration_digest(registration)}  # fmt: skip
    experiment_id = connection.execute(insert(experiment).values(**sealed).returning(experiment.c.id)).scalar_one()
    for unit_id, arm in _units(connection, rehearsal, ids, wanted):
        share = float(rehearsal.campaign.arms[arm].share)
        connection.execute(insert(assignment).values(
            experiment_id=experiment_id, unit_id=unit_id, arm=arm, propensity=share, run_id=run_id,
            eligible_at=now, origin_at=now))  # fmt: skip


def _units(
    connection: Connection, rehearsal: Rehearsal, ids: Mapping[str, int], wanted: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    """Each unit and its arm, once."""
    by_household = rehearsal.campaign.unit == "household"
    first: dict[str, str] = {}
    for name, arm in wanted.items():
        person: Row[Any] = connection.execute(select(contact).where(contact.c.id == ids[name])).one()
        unit_id = person.household_key if by_household else person.external_id
        if unit_id not in first:
            first[unit_id] = name
            yield unit_id, arm
        elif wanted[first[unit_id]] != arm:
            what = f"{first[unit_id]} and {name} are one household, and a household is in one arm."
            raise ProjectInvalid(rehearsal.problem(("personas", name, "arm"), what, "Choose the same arm for both."))
