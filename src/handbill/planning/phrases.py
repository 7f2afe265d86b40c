"""How the parts of a plan read: reasons, moments, durations, shares and effects, the same words everywhere."""

from datetime import datetime, timedelta

from handbill.definitions.metrics import METRICS
from handbill.planning.audience import Reason

CHANNEL_WORDS = {"email": "e-mail", "direct_mail": "post"}


def reason_in_words(reason: str, detail: str | None = None) -> str:
    """`no consent (e-mail)`: why somebody is left out, and which channel, cap or segment it is about."""
    about = CHANNEL_WORDS.get(detail or "", detail)
    return Reason(reason).sentence + (f" ({about})" if about else "")


def effect_in_words(metric: str, effect: float, currency: str) -> str:
    """`1.20 percentage points` for a rate, `0.30 GBP` for money, `0.020` for a count."""
    if METRICS[metric].kind == "rate":
        return f"{effect * 100:.2f} percentage points"
    return f"{effect:.2f} {currency}" if metric in {"revenue", "margin"} else f"{effect:.3f}"


def short_effect(metric: str, effect: float, currency: str) -> str:
    """The same for a table: `1.20 pp`."""
    return effect_in_words(metric, effect, currency).replace(" percentage points", " pp")


def value_in_words(metric: str, value: float, currency: str) -> str:
    """`5%` for a rate, else as an effect."""
    return percent(value) if METRICS[metric].kind == "rate" else effect_in_words(metric, value, currency)


def percent(share: float) -> str:
    """`4.5%`, three digits."""
    return f"{share * 100:.3g}%"


def moment(at: datetime) -> str:
    """`2026-12-01 09:00`, on the clock of the time itself."""
    return f"{at:%Y-%m-%d %H:%M}"


def days(duration: timedelta) -> str:
    """`14 days`, `1 day`, `0.5 days`."""
    number = duration / timedelta(days=1)
    return f"{number:g} day" if number == 1 else f"{number:g} days"


def lapse(duration: timedelta) -> str:
    """`4 hours`, `1 hour`; from two days on in days."""
    hours = duration / timedelta(hours=1)
    if hours >= 48:
        return days(duration)
    return f"{hours:g} hour" if hours == 1 else f"{hours:g} hours"


def listed(words: list[str]) -> str:
    """`a, b and c`."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
