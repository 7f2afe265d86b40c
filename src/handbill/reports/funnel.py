"""What became of each arm's messages, from assignment to answer, and what they cost."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from handbill.definitions.values import MILLIONTHS
from handbill.reports.hits import Hits, hits_of
from handbill.responses.attribution import Units, code_orders
from handbill.responses.events import ANSWERS
from handbill.store.tables import assignment, assignment_member, event, outbox, run

NEVER_SENT = ("skipped", "render_error", "cancelled", "expired")
OPEN = ("planned", "queued", "claimed", "committing")
UNSURE = ("uncertain", "closed_unknown")


@dataclass(frozen=True)
class Channel:
    """One arm's messages on one channel. `states` counts them by state, `answers` by what came back.

    `planned` = accepted + failed + not sent + unsure + still open, always.
    """

    arm: str
    channel: str
    states: Mapping[str, int]
    answers: Mapping[str, int]
    cost: float

    @property
    def planned(self) -> int:
        """Messages in all."""
        return sum(self.states.values())

    @property
    def accepted(self) -> int:
        """Taken over by the mail server, or handed to the printer."""
        return self.states.get("accepted", 0)

    @property
    def failed(self) -> int:
        """Refused for good."""
        return self.states.get("failed", 0)

    @property
    def never_sent(self) -> int:
        """Left out on purpose: suppressed meanwhile, not renderable, cancelled or too late."""
        return sum(self.states.get(state, 0) for state in NEVER_SENT)

    @property
    def unsure(self) -> int:
        """The server went silent after it had the message."""
        return sum(self.states.get(state, 0) for state in UNSURE)

    @property
    def still_open(self) -> int:
        """Not sent yet."""
        return sum(self.states.get(state, 0) for state in OPEN)


@dataclass(frozen=True)
class Funnel:
    """Messages by arm and channel, contacts by arm, orders that came with a printed code by arm, and who clicked."""

    contacts: Mapping[str, int]
    channels: tuple[Channel, ...]
    coded: Mapping[str, tuple[int, float]]
    hits: tuple[Hits, ...] = ()

    def of(self, arm: str) -> tuple[Channel, ...]:
        """The channels of one arm, e-mail first."""
        return tuple(channel for channel in self.channels if channel.arm == arm)

    def cost_of(self, arm: str) -> float:
        """What the arm's accepted messages cost, in the currency."""
        return sum(channel.cost for channel in self.of(arm))


def funnel_of(connection: Connection, campaign: str, experiment_id: int | None) -> Funnel:
    """The funnel of all runs of a campaign."""
    return Funnel(
        contacts=_contacts(connection, experiment_id) if experiment_id is not None else {},
        channels=_channels(connection, campaign),
        coded=_coded(connection, campaign),
        hits=hits_of(connection, campaign),
    )


def spent_on(connection: Connection, campaign: str, units: Units) -> Funnel:
    """The messages to some of an experiment's units alone, for what they cost."""
    return Funnel({}, _channels(connection, campaign, units), {})


def _contacts(connection: Connection, experiment_id: int) -> dict[str, int]:
    rows = connection.execute(
        select(assignment.c.arm, func.count().label("contacts"))
        .join(assignment_member, assignment_member.c.assignment_id == assignment.c.id)
        .where(assignment.c.experiment_id == experiment_id)
        .group_by(assignment.c.arm)
    )
    return {row.arm: row.contacts for row in rows}


def _channels(connection: Connection, campaign: str, units: Units | None = None) -> tuple[Channel, ...]:
    states: dict[tuple[str, str], dict[str, int]] = {}
    costs: dict[tuple[str, str], float] = {}
    kinds = (outbox.c.arm, outbox.c.channel, outbox.c.state)
    counted = select(*kinds, func.count(), func.sum(outbox.c.cost)).join(run, run.c.id == outbox.c.run_id)
    if units is not None:
        counted = counted.join(assignment_member, assignment_member.c.contact_id == outbox.c.contact_id)
        counted = counted.join(assignment, assignment.c.id == assignment_member.c.assignment_id).where(units.chosen)
    rows = connection.execute(counted.where(run.c.campaign == campaign).group_by(*kinds))
    for arm, channel, state, number, cost in rows:
        states.setdefault((arm, channel), {})[state] = number
        if state == "accepted":
            costs[arm, channel] = int(cost) / MILLIONTHS
    answers = _answers(connection, campaign)
    return tuple(
        Channel(arm, channel, states[arm, channel], answers.get((arm, channel), {}), costs.get((arm, channel), 0.0))
        for arm, channel in sorted(states, key=lambda each: (each[0], each[1] != "email"))
    )


def _answers(connection: Connection, campaign: str) -> dict[tuple[str, str], dict[str, int]]:
    """Messages with at least one answer of each sort."""
    found: dict[tuple[str, str], dict[str, int]] = {}
    for name, kinds in ANSWERS.items():
        rows = connection.execute(
            select(outbox.c.arm, outbox.c.channel, func.count(outbox.c.id.distinct()))
            .join(run, run.c.id == outbox.c.run_id)
            .join(event, event.c.outbox_id == outbox.c.id)
            .where(run.c.campaign == campaign, event.c.kind.in_(sorted(kinds)))
            .group_by(outbox.c.arm, outbox.c.channel)
        )
        for arm, channel, number in rows:
            found.setdefault((arm, channel), {})[name] = number
    return found


def _coded(connection: Connection, campaign: str) -> dict[str, tuple[int, float]]:
    orders = code_orders(campaign).subquery()
    rows = connection.execute(select(orders.c.arm, func.count(), func.sum(orders.c.total)).group_by(orders.c.arm))
    return {arm: (number, int(total) / MILLIONTHS) for arm, number, total in rows}
