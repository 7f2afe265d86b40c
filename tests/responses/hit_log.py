"""A log of hits of which it is known who made them: people who read, mail providers, and scanners of many habits."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from handbill.responses.classify import Hit, Sent
from tests.conftest import NOW

TRAP = 99
BROWSERS = tuple(
    f"Mozilla/5.0 ({system}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{version}.0.0.0 Safari/537.36"
    for system in ("Windows NT 10.0; Win64; x64", "Macintosh; Intel Mac OS X 10_15_7", "Linux; Android 14; CUBOT X70")
    for version in range(120, 132)
)
READERS = ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_1 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148",
           "Microsoft Office/16.0 (Windows NT 10.0; Microsoft Outlook 16.0)")  # fmt: skip
FETCHERS = ("Mozilla/5.0", "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)")
NAMED = ("Barracuda Sentinel (EE)", "python-requests/2.31.0", "Mozilla/5.0 (compatible; Proofpoint URL Defense)")

Who = Literal["person", "single", "provider", "scanner"]


@dataclass(frozen=True)
class Labelled:
    """A hit, and who made it. `single`: the only click of a person in a message. A burst's hits share its number."""

    hit: Hit
    who: Who
    burst: int = 0


@dataclass(frozen=True)
class Message:
    """The hits of one message, in the order of time."""

    sent: Sent
    hits: tuple[Labelled, ...]


def messages(count: int, seed: int = 1) -> Iterator[Message]:
    """Messages with `count` hits in all, or a few more."""
    dice, bursts, made = random.Random(seed), 0, 0
    while made < count:
        accepted = NOW + timedelta(seconds=dice.randrange(86_400))
        office = f"{dice.getrandbits(64):016x}"
        hits: list[Labelled] = []
        if dice.random() < 0.25:
            bursts += 1
            hits += _scanner(dice, accepted, office, bursts)
        if dice.random() < 0.5:
            hits += _opens(dice, accepted, office)
        if dice.random() < 0.45 or not hits:
            hits += _person(dice, accepted, office)
        made += len(hits)
        yield Message(Sent(accepted), tuple(sorted(hits, key=lambda each: each.hit.at)))


def _person(dice: random.Random, accepted: datetime, office: str) -> Iterator[Labelled]:
    """One click mostly; some read on, and take seconds at least for it."""
    clicks = dice.choice((1, 1, 1, 1, 1, 1, 2, 2, 3, 5))
    at = accepted + timedelta(seconds=30 + dice.expovariate(1 / 7_200))
    # Half of those whose mail is scanned read it in the office, behind the same address as the scanner.
    network = office if dice.random() < 0.5 else f"{dice.getrandbits(64):016x}"
    click = Hit("email.clicked", at, "GET", dice.choice(BROWSERS), network)
    for link in dice.sample(range(6), clicks):
        yield Labelled(replace(click, at=at, link_id=link), "single" if clicks == 1 else "person")
        at += timedelta(seconds=2.5 + dice.expovariate(1 / 25))


def _opens(dice: random.Random, accepted: datetime, office: str) -> Iterator[Labelled]:
    at = accepted + timedelta(seconds=5 + dice.expovariate(1 / 3_600))
    if dice.random() < 0.7:
        yield Labelled(
            Hit("email.opened", at, "GET", dice.choice(FETCHERS), f"{dice.getrandbits(64):016x}"), "provider"
        )
    else:
        yield Labelled(Hit("email.opened", at, "GET", dice.choice(READERS), office), "person")


def _scanner(dice: random.Random, accepted: datetime, office: str, burst: int) -> Iterator[Labelled]:
    """Follows the links of one message; two thirds come 20 to 60 seconds after the sending."""
    habit = dice.choice(("fast", "fast", "fast", "fast", "trap", "named", "asks", "early", "small", "slow"))
    if dice.random() < 0.03:
        habit = "patient"  # follows link after link like a reader, and cannot be told from one
    after = dice.uniform(20, 60) if dice.random() < 0.67 else dice.uniform(1, 1_800)
    at = accepted - timedelta(seconds=2) if habit == "early" else accepted + timedelta(seconds=after)
    links = dice.sample(range(6), 1 if habit == "small" else dice.randint(3, 6))
    if habit in ("trap", "small", "slow"):
        links.append(TRAP)
    agent = dice.choice(NAMED) if habit == "named" else f"{dice.choice(BROWSERS)} Edg/{dice.randint(90, 99)}"
    network = office if dice.random() < 0.2 else f"{dice.getrandbits(64):016x}"
    gap = {"slow": 20.0, "trap": 3.0, "patient": 9.0}.get(habit, 0.15)
    if habit == "asks":
        for link in links:
            yield Labelled(_fetched(at, "HEAD", agent, network, link), "scanner", burst)
    for link in links:
        yield Labelled(_fetched(at, "GET", agent, network, link), "scanner", burst)
        at += timedelta(seconds=dice.uniform(gap / 2, gap))


def _fetched(at: datetime, method: str, agent: str, network: str, link: int) -> Hit:
    return Hit("email.clicked", at, method, agent, network, link, is_trap=link == TRAP)
