"""What each gate of a campaign says of one contact, with the values that it looks at; the plan's own walk decides."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Row, func, or_, select

from handbill.contacts.consent import EVERY_TOPIC
from handbill.contacts.preferences import Wishes, wishes_of
from handbill.contacts.suppressions import hash_column
from handbill.definitions.values import zone
from handbill.planning.assignment import arm_of, shares_of
from handbill.planning.audience import Reason
from handbill.planning.caps import in_words
from handbill.planning.explanation import said_at
from handbill.planning.phrases import CHANNEL_WORDS, listed, reason_in_words
from handbill.planning.pressure import PRESSING, cap_of
from handbill.planning.rollout import salt_of_test, winner_of
from handbill.planning.selection import Occasion, planned_contacts, selection
from handbill.store.draw import unit_fraction
from handbill.store.tables import assignment, consent, contact, enrollment, experiment, outbox, run, suppression

Verdict = Literal["passes", "refuses", "not asked"]
"""Gates behind the one that refuses are not asked."""


@dataclass(frozen=True)
class GateVerdict:
    """One gate: what it says of the contact, and what it looked at."""

    gate: str
    verdict: Verdict
    value: str


@dataclass(frozen=True)
class Standing:
    """Where a contact ends on the way from the campaign's rule to an arm.

    `reason` is why they are left out, in words; None for those who are planned. `fraction` is the draw of their unit,
    `arm` the arm that the unit is in, or would be in; `sealed_arm` the one that an earlier run gave it.
    """

    selected: bool
    reason: str | None
    gates: tuple[GateVerdict, ...]
    unit: str
    unit_id: str
    fraction: float | None
    arm: str | None
    sealed_arm: str | None


def standing_of(connection: Connection, occasion: Occasion, person: Row[Any]) -> Standing:
    """Reads the selection that the plan's stages made on this connection, and the rows that the gates look at."""
    place = connection.execute(select(selection).where(selection.c.contact_id == person.id)).one_or_none()
    campaign, drawn = occasion.campaign, occasion.campaign.experiment
    unit_id = person.household_key if campaign.unit == "household" else person.external_id
    fraction = unit_fraction(drawn.salt, unit_id) if drawn else None
    arm = arm_of(shares_of(campaign), fraction) if fraction is not None else next(iter(campaign.arms))
    return Standing(
        selected=place is not None,
        reason=reason_in_words(place.reason, place.detail) if place is not None and place.reason else None,
        gates=tuple(_judged(_Asked(connection, occasion, person, place, unit_id))),
        unit=campaign.unit,
        unit_id=unit_id,
        fraction=fraction,
        arm=place.arm if place is not None and place.arm else arm,
        sealed_arm=_sealed_arm(connection, campaign.name, unit_id),
    )


@dataclass(frozen=True)
class _Asked:
    """Of whom the gates are asked; `place` is their row of the selection, None where no segment holds them."""

    connection: Connection
    occasion: Occasion
    person: Row[Any]
    place: Row[Any] | None
    unit_id: str

    @property
    def zone(self) -> ZoneInfo:
        """In which times are said."""
        return zone(self.occasion.project.timezone)

    @property
    def wishes(self) -> Wishes:
        """What they asked for."""
        return wishes_of(self.connection, self.person.id)


def _judged(asked: _Asked) -> Iterator[GateVerdict]:
    """Every gate that the campaign has, in the order in which they are asked."""
    refused = asked.place is None
    reason = Reason(asked.place.reason) if asked.place is not None and asked.place.reason else None
    for gate, reasons, values in _GATES:
        found = values(asked)
        if found is None:
            continue
        verdict: Verdict = "not asked" if refused else "refuses" if reason in reasons else "passes"
        refused = refused or verdict == "refuses"
        yield GateVerdict(gate, verdict, found)


def _excluded(asked: _Asked) -> str | None:
    names = asked.occasion.campaign.audience.exclude
    inside = asked.place is not None and asked.place.reason == Reason.EXCLUDED_SEGMENT
    if not names:
        return None
    return f"in {asked.place.detail}" if asked.place is not None and inside else f"not in {listed(list(names))}"


def _consent(asked: _Asked) -> str | None:
    campaign = asked.occasion.campaign
    if campaign.kind != "marketing":
        return None
    return "; ".join(f"{CHANNEL_WORDS[each]}: {_entry(asked, each)}" for each in campaign.channels)


def _entry(asked: _Asked, channel: str) -> str:
    ledger = consent.c
    found = asked.connection.execute(
        select(consent)
        .where(ledger.contact_id == asked.person.id, ledger.channel == channel)
        .where(ledger.topic.in_((asked.occasion.campaign.topic, EVERY_TOPIC)))
        .order_by(ledger.at.desc(), ledger.state.desc())
        .limit(1)
    ).one_or_none()
    if found is None:
        return f"nothing in the ledger for {asked.occasion.campaign.topic}"
    topic = "all topics" if found.topic == EVERY_TOPIC else found.topic
    return f"{found.state} for {topic} {said_at(found.at, asked.zone)} (entry {found.id}, source {found.source})"


def _suppression(asked: _Asked) -> str:
    return "; ".join(f"{CHANNEL_WORDS[each]}: {_suppressed(asked, each)}" for each in asked.occasion.campaign.channels)


def _suppressed(asked: _Asked, channel: str) -> str:
    own = asked.person._mapping[hash_column(channel).name]  # noqa: SLF001 - SQLAlchemy's documented way to ask by name
    mine = (suppression.c.channel == channel, suppression.c.key_hash == own)
    found = asked.connection.execute(select(suppression).where(*mine)).one_or_none()
    return f"{found.reason} {said_at(found.at, asked.zone)} (source {found.source})" if found else "not on the list"


def _address(asked: _Asked) -> str:
    person = asked.person
    known = {
        "email": person.email or "no e-mail address",
        "direct_mail": person.address_problem or person.address_key or "no postal address",
    }
    return "; ".join(f"{CHANNEL_WORDS[each]}: {known[each]}" for each in asked.occasion.campaign.channels)


def _layer(asked: _Asked) -> str | None:
    drawn = asked.occasion.campaign.experiment
    slot = drawn.layer if drawn else None
    if slot is None:
        return None
    fraction = unit_fraction(asked.occasion.project.layers[slot.name].salt, asked.unit_id)
    return f"drawn at {fraction:.4f} in {slot.name}, and the slot is {float(slot.from_):g} to {float(slot.to):g}"


def _stage(asked: _Asked) -> str | None:
    declared = asked.occasion.campaign.experiment
    if declared is None or declared.rollout is None:
        return None
    fraction = unit_fraction(salt_of_test(declared.salt), asked.unit_id)
    wave = "roll-out" if winner_of(asked.occasion.campaign, asked.occasion.wave.name) else "test"
    return (
        f"this is the {wave}; drawn at {fraction:.4f}, and the test is on those below {float(declared.rollout.test):g}"
    )


def _time(asked: _Asked) -> str:
    place = asked.place
    if place is None or place.due_at is None:
        return "not worked out"
    origin = place.origin_at or place.due_at
    waits = f", and leaves or begins {said_at(origin, asked.zone)}" if origin != place.due_at else ""
    return f"due {said_at(place.due_at, asked.zone)}{waits}"


def _pause(asked: _Asked) -> str | None:
    until = asked.wishes.paused_until
    if asked.occasion.campaign.kind != "marketing" or until is None:
        return None
    return f"asked for none before {said_at(until, asked.zone)}"


def _caps(asked: _Asked) -> str | None:
    wish = asked.wishes.frequency
    caps = (*asked.occasion.project.policies.caps, *([cap_of(wish)] if wish else []))
    if asked.occasion.campaign.kind != "marketing" or not caps:
        return None
    origin = asked.place.origin_at if asked.place is not None and asked.place.origin_at else asked.occasion.now
    return "; ".join(f"{in_words(cap)}: {_pressing(asked, cap, origin)} around it" for cap in caps)


def _pressing(asked: _Asked, cap: Any, origin: datetime) -> str:
    """Messages of other runs that are less than the cap's period away from the planned contact."""
    sent = func.coalesce(outbox.c.accepted_at, outbox.c.not_before)
    rows = (
        select(outbox.c.channel, func.count())
        .join_from(outbox, run, run.c.id == outbox.c.run_id)
        .join(contact, contact.c.id == outbox.c.contact_id)
        .where(outbox.c.state.in_(PRESSING), sent > origin - cap.per, sent < origin + cap.per)
        .where(or_(run.c.campaign != asked.occasion.campaign.name, run.c.wave != asked.occasion.wave.name))
        .group_by(outbox.c.channel)
        .order_by(outbox.c.channel)
    )
    own = contact.c.household_key == asked.person.household_key if cap.unit == "household" else (
        contact.c.id == asked.person.id
    )  # fmt: skip
    counted = [(channel, number) for channel, number in asked.connection.execute(rows.where(own)).tuples()
               if cap.channel in {None, channel}]  # fmt: skip
    return ", ".join(f"{number} by {CHANNEL_WORDS[channel]}" for channel, number in counted) or "none"


def _holdout(asked: _Asked) -> str | None:
    holdout = asked.occasion.project.policies.global_holdout
    if holdout is None or asked.occasion.campaign.kind != "marketing":
        return None
    fraction = unit_fraction(holdout.salt, asked.person.household_key)
    return f"household drawn at {fraction:.4f}, and those below {float(holdout.share):g} are held out"


def _duplicate(asked: _Asked) -> str:
    """Who comes before them at the same address, among those whom no earlier gate refuses."""
    keys = {"email": contact.c.email_key, "direct_mail": contact.c.household_key}
    first = []
    for channel in asked.occasion.campaign.channels:
        own = asked.person._mapping[keys[channel].name]  # noqa: SLF001 - SQLAlchemy's documented way to ask by name
        before = planned_contacts(contact.c.external_id).where(
            keys[channel] == own, selection.c.contact_id < asked.person.id
        )
        if other := asked.connection.scalar(before.order_by(selection.c.contact_id).limit(1)):
            first.append(f"{other} comes first ({CHANNEL_WORDS[channel]})")
    return "; ".join(first) or "nobody with the same address comes first"


def _enrolled(asked: _Asked) -> str:
    campaign, wave = asked.occasion.campaign.name, asked.occasion.wave.name
    found = asked.connection.execute(
        select(enrollment.c.entered_at).where(
            enrollment.c.campaign == campaign, enrollment.c.key == wave, enrollment.c.contact_id == asked.person.id
        )
    ).one_or_none()
    return f"entered wave {wave} {said_at(found.entered_at, asked.zone)}" if found else f"not in wave {wave} yet"


def _sealed_arm(connection: Connection, campaign: str, unit_id: str) -> str | None:
    found = (
        select(assignment.c.arm)
        .join(experiment, experiment.c.id == assignment.c.experiment_id)
        .where(experiment.c.campaign == campaign, assignment.c.unit_id == unit_id, assignment.c.epoch == 0)
    )
    return connection.scalar(found)


_GATES: tuple[tuple[str, frozenset[Reason], Callable[[_Asked], str | None]], ...] = (
    ("excluded segments", frozenset({Reason.EXCLUDED_SEGMENT}), _excluded),
    ("consent", frozenset({Reason.NO_CONSENT}), _consent),
    ("suppression", frozenset({Reason.SUPPRESSED, Reason.BOUNCED}), _suppression),
    ("address", frozenset({Reason.NO_EMAIL_ADDRESS, Reason.NO_POSTAL_ADDRESS, Reason.UNDELIVERABLE_ADDRESS}), _address),
    ("layer", frozenset({Reason.OTHER_EXPERIMENT}), _layer),
    ("test and roll-out", frozenset({Reason.WAITS_FOR_WINNER, Reason.WAS_IN_TEST}), _stage),
    ("time", frozenset({Reason.TOO_LATE, Reason.QUIET}), _time),
    ("pause", frozenset({Reason.PAUSED}), _pause),
    ("caps", frozenset({Reason.CAPPED, Reason.RESERVED}), _caps),
    ("global holdout", frozenset({Reason.GLOBAL_HOLDOUT}), _holdout),
    ("one message an address", frozenset({Reason.DUPLICATE_ADDRESS, Reason.HOUSEHOLD_ALREADY_MAILED}), _duplicate),
    ("wave", frozenset({Reason.ALREADY_ENROLLED}), _enrolled),
)
"""The gates in the order in which the reasons are tried; a value of None means that the campaign does not have it."""
