"""How numbers are said: money, counts, ranges and durations, rounded as finely as their interval deserves."""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

MINUS = "−"
SIGNS = {"GBP": "£", "USD": "$", "EUR": "€", "JPY": "¥", "INR": "₹", "AUD": "A$", "CAD": "C$", "NZD": "NZ$"}
"""Currencies that have a sign of their own; the others are written by their code."""

COARSEST_SHARE = 9
"""An interval is at least this many rounding steps wide: 1.6–2.6 is said to tenths, £1,900–£10,500 to hundreds."""

FINER_FROM, FINER_SHARE = 100, 50
"""Larger sums of money are said more finely: +£1,500 (−£3,600 to £6,500), not +£1,000 (−£4,000 to £7,000)."""

COUNTED_UP_TO = 1000
"""People are counted singly up to here."""


@dataclass(frozen=True)
class Range:
    """An estimate and its interval, in one unit."""

    estimate: float
    low: float
    high: float

    def times(self, factor: float) -> "Range":
        """The range of so many times the quantity; a negative factor turns it round."""
        ends = sorted((self.low * factor, self.high * factor))
        return Range(self.estimate * factor, *ends)

    def plus(self, amount: float) -> "Range":
        """The range of the quantity and a fixed amount."""
        return Range(self.estimate + amount, self.low + amount, self.high + amount)

    @property
    def width(self) -> float:
        """From the lower to the upper bound."""
        return self.high - self.low


def number(value: float, width: float | None = None, *, decimals: int = 6, steps: float = COARSEST_SHARE) -> str:
    """A plain number, rounded for an interval of this width: `number(2.137, 1.0)` is 2.1."""
    step = _step(width, steps)
    places = max(0, min(decimals, -step)) if step is not None else _places(value, decimals)
    rounded = round(value, -step) if step is not None and step > 0 else round(value, places)
    return _signed(f"{abs(rounded):,.{places}f}", negative=rounded < 0)


def count(value: float, width: float | None = None) -> str:
    """A number of people or things: whole, and above a thousand rounded for its interval."""
    if abs(value) < COUNTED_UP_TO or width is None:
        return number(round(value), None, decimals=0)
    return number(value, max(width, COARSEST_SHARE), decimals=0)


def money(value: float, currency: str, width: float | None = None) -> str:
    """An amount: £6,200, £0.78, −£300; EUR and others without a sign of their own are written by their code."""
    sign = SIGNS.get(currency, f"{currency}\u00a0")
    if width is None:
        places = 0 if abs(value) >= 100 or value == int(value) else 2
        text = f"{abs(value):,.{places}f}"
        return _signed(f"{sign}{text}", negative=float(text.replace(",", "")) > 0 and value < 0)
    text = number(value, width, decimals=2, steps=FINER_SHARE if width >= FINER_FROM else COARSEST_SHARE)
    text = f"{text}0" if "." in text and len(text.partition(".")[2]) == 1 else text
    return _signed(f"{sign}{text.removeprefix(MINUS)}", negative=text.startswith(MINUS))


def price(value: float, currency: str) -> str:
    """What one thing costs, to the last digit that was declared: £0.001, £0.78, £2."""
    if value == int(value):
        return money(value, currency)
    places = max(2, len(f"{value:.6f}".rstrip("0").partition(".")[2]))
    return f"{SIGNS.get(currency, f'{currency}' + chr(160))}{value:,.{places}f}"


def with_plus(text: str) -> str:
    """A gain: +£6,200; a loss keeps its minus, and nothing stays nothing."""
    nothing = not any(digit in "123456789" for digit in text)
    return text if text.startswith(MINUS) or nothing else f"+{text}"


def span(low: str, high: str) -> str:
    """An interval: 1.6–2.6, and with a minus in it −0.3 to 0.9, so that no dash is taken for a sign."""
    return f"{low} to {high}" if MINUS in low + high else f"{low}–{high}"


def percent(share: float, width: float | None = None) -> str:
    """A share as a percentage: 5.2 %."""
    return f"{number(share * 100, width * 100 if width is not None else None, decimals=2)} %"


def chance_said(chance: float) -> str:
    """A probability: 98.7 %, > 99.9 %."""
    return "> 99.9 %" if chance > 0.999 else "< 0.1 %" if chance < 0.001 else percent(chance, 0.01)


def plural(amount: float, one: str, many: str | None = None) -> str:
    """`1 buyer`, `1,234 buyers`."""
    return f"{count(amount)} {one if round(amount) == 1 else many or one + 's'}"


def duration(length: timedelta) -> str:
    """`60 days`, `1 day`, `6 hours`."""
    if length % timedelta(days=1):
        return plural(length / timedelta(hours=1), "hour")
    return plural(length / timedelta(days=1), "day")


def day(moment: datetime, *, style: Literal["short", "long"] = "long") -> str:
    """`12 March 2027`, or without the year."""
    text = f"{moment.day} {moment:%B}"
    return text if style == "short" else f"{text} {moment.year}"


def listed(words: list[str]) -> str:
    """`a, b and c`."""
    *most, last = words
    return f"{', '.join(most)} and {last}" if most else last


def times_as_many(factor: float) -> str:
    """`twice as many`, `three times as many`; always rounded up."""
    names = {2: "twice", 3: "three times", 4: "four times", 5: "five times", 6: "six times", 7: "seven times",
             8: "eight times", 9: "nine times", 10: "ten times"}  # fmt: skip
    whole = max(2, math.ceil(factor))
    if whole > 100:
        return "more than a hundred times as many"
    return f"{names.get(whole, f'{whole} times')} as many"


def capital(text: str) -> str:
    """The sentence with a capital at its start."""
    return text[:1].upper() + text[1:]


def _step(width: float | None, steps: float) -> int | None:
    """The decimal place to round to, as a power of ten; None where there is no width."""
    if width is None or width <= 0 or math.isinf(width):
        return None
    return math.floor(math.log10(width / steps) + 1e-9)


def _places(value: float, most: int) -> int:
    """Places that show three digits of a number without an interval."""
    if value == 0 or value == int(value):
        return 0
    return max(0, min(most, 2 - math.floor(math.log10(abs(value)))))


def _signed(text: str, *, negative: bool) -> str:
    return f"{MINUS}{text}" if negative else text
