"""What e-mail and post add by themselves, and whether they add up, where an experiment has all four arms for it."""

from dataclasses import dataclass

from handbill.reports.registered import Registered
from handbill.reports.wording import Range
from handbill.statistics.factorial import factorial_effects
from handbill.statistics.results import Arm
from handbill.statistics.samples import Proportion, Sample
from handbill.statistics.studentised import Studentised

CELLS: tuple[frozenset[str], ...] = (
    frozenset(),
    frozenset({"email"}),
    frozenset({"direct_mail"}),
    frozenset({"email", "direct_mail"}),
)
"""The channels of the four arms, in the order in which `factorial_effects` takes them."""

FEWEST_BUYERS = 20
"""Under so many in an arm its variance is not known well enough for an interval."""


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
    names = {frozenset(arm.channels): arm.name for arm in registered.arms if arm.share > 0}
    drawn = sum(arm.share > 0 for arm in registered.arms)
    if drawn != len(CELLS) or set(names) != set(CELLS):
        return None
    measured = {arm.name: arm.metrics.get(metric) for arm in arms}
    found = [sums for cell in CELLS if isinstance(sums := measured.get(names[cell]), (Proportion, Sample))]
    if len(found) < len(CELLS) or min(map(_buyers, found)) < FEWEST_BUYERS:
        return None
    effects = factorial_effects(*found)
    email, post, both = (
        _range(one, registered.confidence) for one in (effects.first, effects.second, effects.interaction)
    )
    return Factorial(metric, (Effect("email", email), Effect("direct_mail", post)), Effect("", both))


def _range(effect: Studentised, confidence: float) -> Range:
    return Range(effect.difference, *effect.interval(confidence))


def _buyers(aggregate: Proportion | Sample) -> int:
    if isinstance(aggregate, Proportion):
        return min(aggregate.successes, aggregate.of - aggregate.successes)
    return aggregate.buyers
