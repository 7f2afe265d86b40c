"""What each of two channels adds by itself, and whether they add up: the 2×2 of nothing, one, the other and both."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from handbill.reports.registered import Registered
from handbill.reports.wording import Range
from handbill.statistics.results import Aggregate, Arm
from handbill.statistics.samples import Proportion
from handbill.statistics.tails import normal_quantile

METHOD = "linear contrast of the four arms with the variance of each arm; normal interval"
SOURCE = "Cochran and Cox, Experimental Designs, 2nd edition, 1957, chapter 5"

FEWEST_BUYERS = 20
"""Under so many in an arm its variance is not known well enough for a normal interval."""


@dataclass(frozen=True)
class Effect:
    """One main effect (of `channel`) or the interaction (no channel), per unit."""

    channel: str
    effect: Range


@dataclass(frozen=True)
class Factorial:
    """The main effect of each channel, averaged over the other, and their interaction."""

    metric: str
    main: tuple[Effect, Effect]
    interaction: Effect


def factorial_of(registered: Registered, arms: tuple[Arm, ...], metric: str) -> Factorial | None:
    """The 2×2 in one metric; None for any other experiment, and with too few buyers."""
    cells = _cells(registered)
    measured = {arm.name: arm.metrics.get(metric) for arm in arms}
    if cells is None:
        return None
    found = {name: aggregate for name in cells if (aggregate := measured.get(name)) is not None}
    if len(found) < 4 or min(_buyers(aggregate) for aggregate in found.values()) < FEWEST_BUYERS:
        return None
    first, second = (
        Effect(channel, _contrast(cells, found, channel, registered.confidence)) for channel in ("email", "direct_mail")
    )
    return Factorial(metric, (first, second), Effect("", _contrast(cells, found, "", registered.confidence)))


def _cells(registered: Registered) -> dict[str, frozenset[str]] | None:
    """The channels of each arm, when they are nothing, e-mail, post and both, once each."""
    cells = {arm.name: frozenset(arm.channels) for arm in registered.arms if arm.share > 0}
    wanted = [frozenset[str](), frozenset({"email"}), frozenset({"direct_mail"}), frozenset({"email", "direct_mail"})]
    return cells if sorted(cells.values(), key=sorted) == sorted(wanted, key=sorted) else None


def _contrast(
    cells: Mapping[str, frozenset[str]], found: Mapping[str, Aggregate], channel: str, confidence: float
) -> Range:
    """A channel's effect averaged over the other; without a channel, how much more the two do together than apart."""
    estimate = variance = 0.0
    for name, channels in cells.items():
        apart = -1.0 if len(channels) == 1 else 1.0
        weight = (0.5 if channel in channels else -0.5) if channel else apart
        mean, of_mean = _mean_and_variance(found[name])
        estimate += weight * mean
        variance += weight**2 * of_mean
    reach = normal_quantile(0.5 + confidence / 2) * math.sqrt(variance)
    return Range(estimate, estimate - reach, estimate + reach)


def _mean_and_variance(aggregate: Aggregate) -> tuple[float, float]:
    if isinstance(aggregate, Proportion):
        return aggregate.rate, aggregate.rate * (1 - aggregate.rate) / aggregate.of
    mean = aggregate.mean
    return mean, (aggregate.squares / aggregate.n - mean * mean) / (aggregate.n - 1)


def _buyers(aggregate: Aggregate) -> int:
    if isinstance(aggregate, Proportion):
        return min(aggregate.successes, aggregate.of - aggregate.successes)
    return aggregate.buyers
