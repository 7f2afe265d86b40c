"""How fast messages may leave: one token bucket a channel and recipient domain, shared by all workers in the store."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Connection, select, update

from handbill.definitions.policy import EmailChannel
from handbill.definitions.values import Rate
from handbill.delivery.claiming import Lease, Recipients, claim
from handbill.delivery.outbox import Claimed
from handbill.store.inserts import insert_into
from handbill.store.tables import rate_bucket

BURST = timedelta(seconds=1)
"""After a rest at most so much time's worth of messages leaves at once."""

_DIGITS = 6


@dataclass(frozen=True)
class Limits:
    """Rates of a channel, and of recipient domains on it; nothing means no limit. And time zones that are `asleep`."""

    rate: Rate | None = None
    per_domain: Mapping[str, Rate] = field(default_factory=dict)
    asleep: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Claims:
    """What was claimed; and, when the limits allowed less than was asked for, how long to wait for more."""

    rows: list[Claimed]
    wait: timedelta | None


def limits_of(channel: EmailChannel, asleep: frozenset[str] = frozenset()) -> Limits:
    """The limits that the project declares; nothing leaves for the time zones that are `asleep`."""
    return Limits(channel.rate, {domain.lower(): rate for domain, rate in channel.per_domain.items()}, asleep)


def claim_within_limits(
    connection: Connection,
    run_id: int,
    channel: str,
    *,
    limits: Limits,
    lease: Lease,
    limit: int,
    now: datetime,
) -> Claims:
    """Claims as many messages as the limits allow now, at most `limit`; never waits."""
    rates = {f"{channel} {domain}": rate for domain, rate in limits.per_domain.items()}
    if limits.rate:
        rates[channel] = limits.rate
    buckets = _fill(connection, rates, lease.taken_at)
    allowed = min(limit, int(buckets.get(channel, limit)))
    rows: list[Claimed] = []
    for domain in limits.per_domain:
        room = min(allowed - len(rows), int(buckets[f"{channel} {domain}"]))
        if room > 0:
            only = Recipients(domain=domain, asleep=limits.asleep)
            found = claim(connection, run_id, channel, lease=lease, limit=room, now=now, recipients=only)
            buckets[f"{channel} {domain}"] -= len(found)
            rows += found
    if allowed > len(rows):
        others = Recipients(without=frozenset(limits.per_domain), asleep=limits.asleep)
        rows += claim(connection, run_id, channel, lease=lease, limit=allowed - len(rows), now=now, recipients=others)
    if limits.rate:
        buckets[channel] -= len(rows)
    _keep(connection, buckets)
    return Claims(rows, _wait(rates, buckets))


def _fill(connection: Connection, rates: Mapping[str, Rate], machine_now: datetime) -> dict[str, float]:
    """The tokens of each bucket now. Locks the buckets, always in the same order, until the transaction ends."""
    if not rates:
        return {}
    full = [{"name": name, "tokens": _capacity(rate), "filled_at": machine_now} for name, rate in rates.items()]
    connection.execute(insert_into(connection, rate_bucket).values(full).on_conflict_do_nothing())
    names = select(rate_bucket).where(rate_bucket.c.name.in_(sorted(rates)))
    tokens = {}
    for name, kept, filled_at in connection.execute(names.order_by(rate_bucket.c.name).with_for_update()):
        seconds = max(0.0, (machine_now - filled_at).total_seconds())
        # Six times a sixth is a little less than one message.
        tokens[name] = round(min(_capacity(rates[name]), kept + seconds * rates[name].per_second), _DIGITS)
    connection.execute(
        update(rate_bucket)
        .where(rate_bucket.c.name.in_(sorted(rates)))
        # A clock that was set back must not stop the bucket from filling.
        .values(filled_at=machine_now)
    )
    return tokens


def _keep(connection: Connection, buckets: Mapping[str, float]) -> None:
    for name, tokens in buckets.items():
        connection.execute(update(rate_bucket).where(rate_bucket.c.name == name).values(tokens=tokens))


def _wait(rates: Mapping[str, Rate], buckets: Mapping[str, float]) -> timedelta | None:
    """Until the first of the empty buckets holds a message again."""
    waits = [(1 - tokens) / rates[name].per_second for name, tokens in buckets.items() if tokens < 1]
    return timedelta(seconds=min(waits)) if waits else None


def _capacity(rate: Rate) -> float:
    return max(1.0, rate.per_second * BURST.total_seconds())
