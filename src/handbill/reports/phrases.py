"""How arms, units and gains are called in a sentence."""

from dataclasses import dataclass, replace

from handbill.reports.metrics import Reading
from handbill.reports.registered import Registered, RegisteredArm
from handbill.reports.wording import Range, count, money, number, span

POSTCARDS = ("a6", "a5", "postcard")


@dataclass(frozen=True)
class Nouns:
    """The words of one experiment's sentences: its unit, what is gained, and in which currency money is said."""

    unit: str
    units: str
    gained: Reading
    one: str
    many: str
    currency: str


def reading_of(registered: Registered, metric: str) -> Reading:
    """How the metric reads in this experiment: those who reach a goal that is no order are not called buyers."""
    reading = registered.readings[metric]
    if metric == "conversion" and registered.goal_event != "order":
        return replace(reading, one="conversion", many="conversions")
    return reading


def nouns_of(registered: Registered, currency: str) -> Nouns:
    """The words for the primary metric."""
    reading = reading_of(registered, registered.primary)
    return Nouns(registered.unit, f"{registered.unit}s", reading, reading.one, reading.many, currency)


def arm_phrase(registered: Registered, name: str) -> str:
    """The arm as the subject of a sentence: `the letter`; its name in quotes where several arms do the same."""
    arm = registered.arm(name)
    alike = [other for other in registered.arms if other.channels == arm.channels]
    if len(alike) > 1 or not arm.channels:
        return f"“{name}”"
    if len(arm.channels) > 1:
        return f"e-mail and {piece_noun(arm)} together"
    return f"the {channel_noun(arm, arm.channels[0])}"


def control_phrase(registered: Registered, control: str, arm: str) -> str:
    """What the arm is compared with: `no letter`, `nothing`, or another arm."""
    if registered.arm(control).channels:
        return arm_phrase(registered, control)
    treated = registered.arm(arm)
    return f"no {channel_noun(treated, treated.channels[0])}" if len(treated.channels) == 1 else "nothing"


def channel_noun(arm: RegisteredArm, channel: str) -> str:
    """e-mail, letter or postcard."""
    return "e-mail" if channel == "email" else piece_noun(arm)


def piece_noun(arm: RegisteredArm) -> str:
    """letter or postcard."""
    return "postcard" if arm.piece in POSTCARDS else "letter"


def amount(nouns: Nouns, value: float, width: float) -> str:
    """A quantity of the gained thing: `2.1`, or `£77`."""
    return money(value, nouns.currency, width) if nouns.gained.scale == "money" else number(value, width)


def amounts(nouns: Nouns, values: Range) -> str:
    """Its interval: `1.6–2.6`."""
    return span(amount(nouns, values.low, values.width), amount(nouns, values.high, values.width))


def whole(nouns: Nouns, value: float, width: float) -> str:
    """The same over all units: people are counted whole."""
    return money(value, nouns.currency, width) if nouns.gained.scale == "money" else count(value, width)


def of_gained(nouns: Nouns, value: float) -> str:
    """`buyer` or `buyers`."""
    return nouns.one if round(value) == 1 else nouns.many
