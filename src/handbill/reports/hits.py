"""Opens, clicks and scans of each arm: how many are people's for certain, how many perhaps, and what machines left."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations

from sqlalchemy import Connection, case, exists, func, select

from handbill.responses.events import ANSWERS
from handbill.statistics.proportions import compare_proportions
from handbill.statistics.results import Gap
from handbill.statistics.samples import Proportion
from handbill.store.tables import event, link, outbox, run

NAMES = ("opens", "clicks", "scans")
CONFIDENCE = 0.99
"""Of the comparison of arms by what machines clicked, over all pairs together."""
LEAST_SHARE = 0.01
"""Differences smaller than this move no result, however sure they are."""

_ORDER = ("human", "unknown", "proxy", "machine")
"""Of a message with several hits, the best one counts."""


@dataclass(frozen=True)
class Hits:
    """Messages of one arm with a hit of one sort, by the best verdict; the true number of people's lies between `low`
    and `high`.

    `flagged` messages were hit by a machine, whoever else did. `nobodys` are hits that were kept without a person.
    """

    arm: str
    name: str
    sent: int
    by_verdict: Mapping[str, int]
    flagged: int
    nobodys: int

    @property
    def low(self) -> int:
        """People for certain."""
        return self.by_verdict.get("human", 0)

    @property
    def high(self) -> int:
        """People, and those who may be."""
        return self.low + self.by_verdict.get("unknown", 0)


def hits_of(connection: Connection, campaign: str) -> tuple[Hits, ...]:
    """Every sort of hit of every arm that has any, over all runs of a campaign."""
    sent = _sent(connection, campaign)
    found, nobodys = _messages(connection, campaign), _nobodys(connection, campaign)
    return tuple(
        Hits(
            arm, name, sent.get((arm, _channel(name)), 0),
            {_ORDER[best]: number for (a, n, best), (number, _) in found.items() if (a, n) == (arm, name)},
            sum(flagged for (a, n, _), (_, flagged) in found.items() if (a, n) == (arm, name)),
            nobodys.get((arm, name), 0),
        )
        for name in NAMES
        for arm in sorted({arm for arm, _ in sent})
        if any((a, n) == (arm, name) for a, n, _ in found) or (arm, name) in nobodys
    )  # fmt: skip


def clicked_by_machines(connection: Connection, campaign: str) -> dict[str, Proportion]:
    """The accepted e-mails of each arm that sent any: how many a machine clicked in, whoever else did."""
    by_machine = exists().where(
        event.c.outbox_id == outbox.c.id, event.c.kind.in_(sorted(ANSWERS["clicks"])), event.c.verdict == "machine"
    )
    rows = connection.execute(
        select(outbox.c.arm, func.count(), func.sum(case((by_machine, 1), else_=0)))
        .join(run, run.c.id == outbox.c.run_id)
        .where(run.c.campaign == campaign, outbox.c.channel == "email", outbox.c.state == "accepted")
        .group_by(outbox.c.arm)
    )
    return {arm: Proportion(int(clicked), of=sent) for arm, sent, clicked in rows}


def unequal_machines(clicked: Mapping[str, Proportion]) -> tuple[str, str] | None:
    """Two arms that machines clicked so unequally that clicks do not compare them: the widest apart, the higher first.

    How many links a mail has decides how many of them a scanner follows, and which of its visits can be told.
    """
    falling = sorted(clicked, key=lambda arm: clicked[arm].rate, reverse=True)
    pairs = list(combinations(falling, 2))
    confidence = 1 - (1 - CONFIDENCE) / max(len(pairs), 1)
    unequal = [pair for pair in pairs if _differ(*(clicked[arm] for arm in pair), confidence=confidence)]
    return max(unequal, key=lambda pair: clicked[pair[0]].rate - clicked[pair[1]].rate, default=None)


def machine_gaps(clicked: Mapping[str, Proportion]) -> Iterator[Gap]:
    """Why clicks say nothing here, where machines clicked one arm's mails more than another's."""
    pair = unequal_machines(clicked)
    if pair is not None:
        more, less = pair
        reason = (
            f"Machines clicked in {clicked[more].rate:.1%} of the messages of {more} and in {clicked[less].rate:.1%} "
            f"of those of {less}, so clicks do not compare these arms."
        )
        yield from (Gap(reason, name) for name in ("clicks", "orders_per_click"))


def _differ(more: Proportion, less: Proportion, *, confidence: float) -> bool:
    if more.rate - less.rate < LEAST_SHARE:
        return False
    compared = compare_proportions(less, more, confidence=confidence)
    return compared.low is not None and compared.low > 0


def _channel(name: str) -> str:
    return "direct_mail" if name == "scans" else "email"


def _sent(connection: Connection, campaign: str) -> dict[tuple[str, str], int]:
    rows = connection.execute(
        select(outbox.c.arm, outbox.c.channel, func.count())
        .join(run, run.c.id == outbox.c.run_id)
        .where(run.c.campaign == campaign, outbox.c.state == "accepted")
        .group_by(outbox.c.arm, outbox.c.channel)
    )
    return {(arm, channel): number for arm, channel, number in rows}


def _messages(connection: Connection, campaign: str) -> dict[tuple[str, str, int], tuple[int, int]]:
    """Messages by arm, sort of hit and best verdict; and how many of them a machine hit."""
    found: dict[tuple[str, str, int], tuple[int, int]] = {}
    # What a vendor reports without a verdict may be anything.
    rank = case({"human": 0, "proxy": 2, "machine": 3}, value=event.c.verdict, else_=1)
    for name in NAMES:
        best = (
            select(outbox.c.arm, func.min(rank).label("best"), func.max(rank).label("worst"))
            .join(run, run.c.id == outbox.c.run_id)
            .join(event, event.c.outbox_id == outbox.c.id)
            .where(run.c.campaign == campaign, event.c.kind.in_(sorted(ANSWERS[name])))
            .group_by(outbox.c.id, outbox.c.arm)
            .subquery()
        )
        flagged = func.sum(case((best.c.worst == _ORDER.index("machine"), 1), else_=0))
        rows = select(best.c.arm, best.c.best, func.count(), flagged).group_by(best.c.arm, best.c.best)
        for arm, verdict, number, by_machines in connection.execute(rows):
            found[arm, name, verdict] = (number, int(by_machines))
    return found


def _nobodys(connection: Connection, campaign: str) -> dict[tuple[str, str], int]:
    """Clicks and scans that are tied to nobody, by their links; machines left out."""
    kinds = {kind: name for name in NAMES for kind in ANSWERS[name]}
    rows = connection.execute(
        select(link.c.arm, event.c.kind, func.count())
        .join(event, event.c.link_id == link.c.id)
        .where(
            link.c.campaign == campaign,
            link.c.kind != "trap",
            event.c.outbox_id.is_(None),
            event.c.kind.in_(sorted(kinds)),
            event.c.verdict == "human",
        )
        .group_by(link.c.arm, event.c.kind)
    )
    return {(arm, kinds[kind]): number for arm, kind, number in rows}
