"""Whether a person or a machine opened, clicked or scanned: a verdict beside every hit, given again by better rules."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
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
    if not clicks:
        return verdicts
    for at, links in zip(clicks, _links_around([hits[at] for at in clicks]), strict=True):
        if links >= BURST_LINKS:
            verdicts[at] = MACHINE
        elif links > 1 and verdicts[at] == HUMAN:
            verdicts[at] = UNKNOWN
    machines: dict[tuple[str, str], list[datetime]] = {}
    for at in clicks:
        if verdicts[at] == MACHINE and hits[at].network:
            machines.setdefault((hits[at].network, hits[at].agent), []).append(hits[at].at)
    return [
        MACHINE if _is_near(each.at, machines.get((each.network, each.agent), ())) else verdict
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


def _links_around(clicks: Sequence[Hit]) -> list[int]:
    """For each click, in the order of time: the most different links in any span of a burst's length around it."""
    found = [1] * len(clicks)
    inside: Counter[int | None] = Counter()
    first, marked = 0, dict.fromkeys(range(2, BURST_LINKS + 1), 0)
    for last, click in enumerate(clicks):
        inside[click.link_id] += 1
        while click.at - clicks[first].at > BURST:
            gone = clicks[first].link_id
            inside[gone] -= 1
            if not inside[gone]:
                del inside[gone]
            first += 1
        for links in range(2, min(len(inside), BURST_LINKS) + 1):
            # Each click is marked once, so that ten thousand in a second take no longer than need be.
            for at in range(max(first, marked[links]), last + 1):
                found[at] = max(found[at], links)
            marked[links] = last
    return found


def _is_near(at: datetime, times: Sequence[datetime]) -> bool:
    """Whether one of the times, which are in order, is within the span in which a machine stays the same."""
    place = bisect_left(times, at - SAME_MACHINE)
    return place < len(times) and times[place] <= at + SAME_MACHINE
