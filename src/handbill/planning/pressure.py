"""Who has had enough, and who is never mailed at all: caps over all campaigns, and the global holdout."""

from datetime import timedelta

from sqlalchemy import BigInteger, ColumnElement, Connection, Integer, Select, func, literal, or_, select, type_coerce

from handbill.definitions.campaign import Campaign
from handbill.definitions.policy import Cap
from handbill.planning.audience import Reason
from handbill.planning.selection import Occasion, leave_out, leave_out_rows, planned_contacts, selection
from handbill.store.draw import Fraction
from handbill.store.tables import contact, outbox, run
from handbill.store.types import micros_of

PRESSING = ("planned", "queued", "claimed", "committing", "accepted", "uncertain", "closed_unknown")
"""States of a message that somebody got, or is about to get, or may have got."""


def leave_out_capped(connection: Connection, occasion: Occasion) -> None:
    """Leaves out whom this campaign would give more messages than a cap allows; marketing only.

    Counted are messages of other runs that left, or will leave, less than the cap's period before or after the
    planned contact. An arm that sends less than the others is capped like them: the arms must stay comparable.
    """
    if occasion.campaign.kind != "marketing":
        return
    for cap in occasion.project.policies.caps:
        if _messages(occasion.campaign, cap):
            leave_out_rows(connection, Reason.CAPPED, _over(occasion, cap), in_words(cap))


def leave_out_global_holdout(connection: Connection, occasion: Occasion) -> None:
    """Leaves out the households that no marketing campaign ever reaches."""
    holdout = occasion.project.policies.global_holdout
    if holdout and occasion.campaign.kind == "marketing":
        drawn = Fraction(holdout.salt, contact.c.household_key) < float(holdout.share)
        leave_out(connection, Reason.GLOBAL_HOLDOUT, drawn)


def in_words(cap: Cap) -> str:
    """`at most 2 e-mails in 7 days`, `at most 1 letter in 30 days for a household`."""
    one, many = {"email": ("e-mail", "e-mails"), "direct_mail": ("letter", "letters")}.get(
        cap.channel or "", ("message", "messages")
    )
    unit = " for a household" if cap.unit == "household" else ""
    return f"at most {cap.max} {one if cap.max == 1 else many} in {_duration(cap.per)}{unit}"


def _messages(campaign: Campaign, cap: Cap) -> int:
    """How many messages of the kind that the cap counts somebody gets from this campaign at most."""
    per_arm = (
        [channel for channel in campaign.channels if getattr(arm, channel) and cap.channel in {None, channel}]
        for arm in campaign.arms.values()
    )
    return max(len(channels) for channels in per_arm)


def _over(occasion: Occasion, cap: Cap) -> Select[tuple[int]]:
    """Planned contacts for whom earlier messages and those of this campaign are more than the cap allows."""
    own = _messages(occasion.campaign, cap)
    turn = _turn(occasion.campaign, cap)
    counted = planned_contacts(selection.c.contact_id, _earlier(occasion, cap).label("earlier"), turn.label("turn"))
    people = counted.subquery()
    return select(people.c.contact_id).where(people.c.earlier + people.c.turn * own > cap.max)


def _turn(campaign: Campaign, cap: Cap) -> ColumnElement[int]:
    """The how-manieth of a household somebody is; 1 where the campaign reaches one of each household anyway."""
    if cap.unit == "contact" or "direct_mail" in campaign.channels:
        return literal(1, Integer)
    return func.row_number().over(partition_by=contact.c.household_key, order_by=selection.c.contact_id)


def _earlier(occasion: Occasion, cap: Cap) -> ColumnElement[int]:
    """Messages of other runs around the planned contact, to the contact or to their household."""
    sent = type_coerce(func.coalesce(outbox.c.accepted_at, outbox.c.not_before), BigInteger)
    origin, period = type_coerce(selection.c.origin_at, BigInteger), micros_of(cap.per)
    count = select(func.count()).select_from(outbox.join(run, run.c.id == outbox.c.run_id))
    counts = [outbox.c.state.in_(PRESSING), sent > origin - period, sent < origin + period,
              or_(run.c.campaign != occasion.campaign.name, run.c.wave != occasion.wave.name),
              run.c.campaign.not_in(_without_pressure(occasion))]  # fmt: skip
    if cap.channel:
        counts.append(outbox.c.channel == cap.channel)
    if cap.unit == "contact":
        return count.where(outbox.c.contact_id == contact.c.id, *counts).correlate(selection, contact).scalar_subquery()
    member = contact.alias("member")
    of_household = count.join(member, member.c.id == outbox.c.contact_id).where(
        member.c.household_key == contact.c.household_key, *counts
    )
    return of_household.correlate(selection, contact).scalar_subquery()


def _without_pressure(occasion: Occasion) -> list[str]:
    """Campaigns whose messages people asked for: they are not counted."""
    return [name for name, each in occasion.project.campaigns.items() if each.kind != "marketing"]


def _duration(period: timedelta) -> str:
    for unit, length in (("day", timedelta(days=1)), ("hour", timedelta(hours=1)), ("minute", timedelta(minutes=1))):
        if not period % length:
            number = period // length
            return f"{number} {unit}" if number == 1 else f"{number} {unit}s"
    return f"{period.total_seconds():g} seconds"
