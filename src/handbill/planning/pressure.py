"""Who has had enough, and who is never mailed at all: pauses, caps over all campaigns, and the global holdout."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Integer,
    Select,
    and_,
    case,
    func,
    insert,
    literal,
    or_,
    select,
    type_coerce,
)

from handbill.contacts.preferences import Frequency, any_paused, frequencies, paused, wants
from handbill.definitions.policy import Cap
from handbill.planning.audience import Reason
from handbill.planning.caps import in_words, over, reserved, sealed, weights
from handbill.planning.selection import (
    Gate,
    Occasion,
    count_rows,
    leave_out,
    leave_out_rows,
    leaves_at,
    make_anew,
    selection,
)
from handbill.store.draw import Fraction
from handbill.store.tables import contact, outbox, run
from handbill.store.types import from_micros, to_micros

PRESSING = ("planned", "queued", "claimed", "committing", "accepted", "uncertain", "closed_unknown")
"""States of a message that somebody got, or is about to get, or may have got."""
_WAITING = ("planned", "queued", "claimed", "committing")


def leave_out_paused(connection: Connection, occasion: Occasion) -> None:
    """Leaves out those who asked for a pause that lasts until some message of the campaign would leave."""
    if occasion.campaign.kind == "marketing" and any_paused(connection, occasion.now):
        channels = occasion.campaign.channels
        rests = or_(*(paused(contact.c.id, leaves_at(occasion, channel)) for channel in channels))
        leave_out(connection, [Gate(Reason.PAUSED, rests)])


def leave_out_capped(connection: Connection, occasion: Occasion) -> None:
    """Leaves out whom this campaign would give more messages than a cap allows; marketing only.

    Counted are messages of other runs that left, or will leave, and those that campaigns which go first are about to
    send: who stays below the cap only without these is reserved for them. An arm that sends less than the others is
    capped like them: the arms must stay comparable. Whoever asked to hear from us less often has a cap of their own.
    """
    if occasion.campaign.kind != "marketing":
        return
    declared = [cap for cap in occasion.project.policies.caps if set(weights(cap)) & set(occasion.campaign.channels)]
    caps = [(cap, None) for cap in declared] + [(cap_of(wish), wish) for wish in frequencies(connection)]
    if not caps:
        return
    _load_sealed(connection, occasion, max(cap.per for cap, _ in caps))
    for cap, wish in caps:
        for people in _pressed(occasion, cap, wish):
            leave_out_rows(connection, Reason.CAPPED, people, _why(cap, wish))
    first = (
        select(reserved.c.campaign)
        .group_by(reserved.c.campaign)
        .order_by(func.min(reserved.c.turn), reserved.c.campaign)
    )
    names = tuple(connection.scalars(first))
    for number, name in enumerate(names, start=1):
        for cap, wish in caps:
            for people in _pressed(occasion, cap, wish, names[:number]):
                leave_out_rows(connection, Reason.RESERVED, people, f"{name}, {_why(cap, wish)}")


def cap_of(wish: Frequency) -> Cap:
    """The cap that a person's own wish amounts to."""
    return Cap.model_validate({"max": str(wish.at_most), "per": f"{wish.per_days} days"})


def leave_out_global_holdout(connection: Connection, occasion: Occasion) -> None:
    """Leaves out the households that no marketing campaign ever reaches."""
    holdout = occasion.project.policies.global_holdout
    if holdout and occasion.campaign.kind == "marketing":
        drawn = Fraction(holdout.salt, contact.c.household_key) < float(holdout.share)
        leave_out(connection, [Gate(Reason.GLOBAL_HOLDOUT, drawn)])


def _pressed(
    occasion: Occasion, cap: Cap, wish: Frequency | None, campaigns: tuple[str, ...] = ()
) -> Iterator[Select[tuple[int]]]:
    """Whom the campaign would press beyond a cap; where the cap is a wish, of those who have it."""
    for people in over(occasion, cap, campaigns):
        yield people.where(wants(wish, people.selected_columns[0])) if wish else people


def _why(cap: Cap, wish: Frequency | None) -> str:
    return f"{in_words(cap)}, as they asked" if wish else in_words(cap)


def _load_sealed(connection: Connection, occasion: Occasion, longest: timedelta) -> None:
    """Finds the messages of other runs that may press together with this campaign's."""
    make_anew(connection, sealed)
    since, until = _period(connection, occasion, longest)
    runs = _runs(connection, occasion, since) if since is not None else []
    if since is None or not runs:
        return
    at = _leaves_at(occasion.now)
    around = (outbox.c.run_id.in_(runs), outbox.c.state.in_(PRESSING), at > to_micros(since), at < to_micros(until))
    columns = (outbox.c.contact_id, outbox.c.channel, at, run.c.campaign, literal(0, Integer))
    names = ["contact_id", "channel", "at", "campaign", "turn"]
    found = select(*columns).join_from(outbox, run, run.c.id == outbox.c.run_id).where(*around)
    if any(cap.unit == "household" for cap in occasion.project.policies.caps):
        found = found.join(contact, contact.c.id == outbox.c.contact_id).add_columns(contact.c.household_key)
        names.append("household_key")
    else:
        planned = select(selection.c.contact_id).where(selection.c.reason.is_(None))
        found = found.where(outbox.c.contact_id.in_(planned))
    connection.execute(insert(sealed).from_select(names, found))
    count_rows(connection, sealed)


def _period(connection: Connection, occasion: Occasion, longest: timedelta) -> tuple[datetime | None, datetime]:
    """From when until when a message can press together with one of this campaign's; None when nobody is planned."""
    times = [leaves_at(occasion, channel) for channel in occasion.campaign.channels]
    ends = [end(time) for time in times for end in (func.min, func.max)]
    found = connection.execute(select(*ends).where(selection.c.reason.is_(None))).one()
    if found[0] is None:
        return None, occasion.now
    return from_micros(min(found)) - longest, from_micros(max(found)) + longest


def _runs(connection: Connection, occasion: Occasion, since: datetime) -> list[int]:
    """Runs of other marketing, but for those that had ended before."""
    asked_for = [name for name, each in occasion.project.campaigns.items() if each.kind != "marketing"]
    is_other = or_(run.c.campaign != occasion.campaign.name, run.c.wave != occasion.wave.name)
    is_recent = or_(run.c.finished_at.is_(None), run.c.finished_at > since)
    return list(connection.scalars(select(run.c.id).where(is_other, is_recent, run.c.campaign.not_in(asked_for))))


def _leaves_at(now: datetime) -> ColumnElement[int]:
    """When a message left or will leave, in microseconds; what waits for its turn cannot leave before now."""
    present = literal(to_micros(now), BigInteger)
    not_before = type_coerce(outbox.c.not_before, BigInteger)
    overdue = and_(outbox.c.state.in_(_WAITING), not_before < present)
    return case(
        (outbox.c.accepted_at.is_not(None), type_coerce(outbox.c.accepted_at, BigInteger)),
        (overdue, present),
        else_=not_before,
    )
