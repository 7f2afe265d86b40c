"""Whether a person or a machine opened, clicked or scanned: a verdict beside every hit, given again by better rules."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from handbill.channels.contract import EventKind
from handbill.responses.scanners import is_machine, is_proxy

RULES = 1
"""Goes up with every change of the rules, and stands beside each verdict."""

HUMAN, MACHINE, PROXY, UNKNOWN = "human", "machine", "proxy", "unknown"

BURST_LINKS = 3
BURST = timedelta(seconds=2)
"""So many different links of one message within this time: nobody clicks like that, and scanners do.

Two thirds of such bursts come 20 to 60 seconds after sending, so that the time since the sending says nothing.
"""
SAME_MACHINE = timedelta(minutes=10)
"""So long before and after a burst, the same program in the same network is the same machine."""

_READING = frozenset({"GET", "POST"})


@dataclass(frozen=True)
class Hit:
    """One request for a link, a picture or a code. `is_trap`: the link is one that no person sees."""

    kind: str
    at: datetime
    method: str
    agent: str
    network: str
    link_id: int | None = None
    is_trap: bool = False


@dataclass(frozen=True)
class Sent:
    """When the message was taken over by the mail server and delivered, where known."""

    accepted_at: datetime | None = None
    delivered_at: datetime | None = None


def judge(hits: Sequence[Hit], sent: Sent, scanners: frozenset[str]) -> list[str]:
    """The verdict of each hit of one message, in their order; `scanners` are hashes of networks.

    What a machine did is found from all hits together, so that the first clicks of a burst are judged with the last.
    """
    verdicts = [verdict_alone(each, sent, scanners) for each in hits]
    clicks = sorted((at for at, each in enumerate(hits) if each.kind == EventKind.CLICKED), key=lambda at: hits[at].at)
    for group, links in _windows(clicks, hits):
        verdict = MACHINE if links >= BURST_LINKS else UNKNOWN
        for at in group:
            if verdicts[at] != MACHINE:
                verdicts[at] = verdict
    witnesses = [hits[at] for at in clicks if verdicts[at] == MACHINE]
    return [
        MACHINE if verdict != MACHINE and _is_same(each, witnesses) else verdict
        for each, verdict in zip(hits, verdicts, strict=True)
    ]


def verdict_alone(hit: Hit, sent: Sent, scanners: frozenset[str]) -> str:
    """What one hit says by itself."""
    if hit.method not in _READING or hit.is_trap or hit.network in scanners or is_machine(hit.agent):
        return MACHINE
    if hit.kind != EventKind.OPENED:
        # Gateways follow links while they hold the mail back; a reader has it only afterwards.
        if hit.kind == EventKind.CLICKED and _is_before(hit, sent):
            return MACHINE
        return HUMAN if hit.agent else UNKNOWN
    if is_proxy(hit.agent):
        return PROXY
    return HUMAN if hit.agent else UNKNOWN


def _is_before(hit: Hit, sent: Sent) -> bool:
    if sent.accepted_at is None:
        return True
    return hit.at < (sent.delivered_at or sent.accepted_at)


def _windows(clicks: Sequence[int], hits: Sequence[Hit]) -> Iterable[tuple[Sequence[int], int]]:
    """Clicks on two or more different links within the time of a burst, and on how many."""
    first = 0
    for last in range(len(clicks)):
        while hits[clicks[last]].at - hits[clicks[first]].at > BURST:
            first += 1
        links = len({hits[at].link_id for at in clicks[first : last + 1]})
        if links > 1:
            yield clicks[first : last + 1], links


def _is_same(hit: Hit, witnesses: Iterable[Hit]) -> bool:
    return any(
        hit.network and (hit.network, hit.agent) == (each.network, each.agent) and abs(hit.at - each.at) <= SAME_MACHINE
        for each in witnesses
    )
