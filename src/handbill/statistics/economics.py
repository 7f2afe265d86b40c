"""What each extra buyer cost, and between what and what that may lie."""

from dataclasses import dataclass

from handbill.statistics.fieller import fieller_bound
from handbill.statistics.joint import Joint
from handbill.statistics.means import variance_of_mean
from handbill.statistics.samples import Comparison
from handbill.statistics.tails import normal_quantile

METHOD = "cost over extra buyers: the bounds of the extra buyers, inverted"
FIELLER = "cost over extra buyers, both uncertain, by Fieller's method"
SOURCE = "Fieller, Journal of the Royal Statistical Society B 16, 1954, 175–185"

NO_EXTRA = "There were no extra buyers: even the upper bound of the effect is not above zero."


@dataclass(frozen=True)
class CostEach:
    """What one extra buyer (or order) cost. `low` is the least that fits the data, `high` the most.

    Without a `high`, the cost is at least `low` and possibly unbounded, because no effect at all fits the data too;
    without a `low` as well, no cost can be given, and `reasons` say why. `estimate` is given where it is positive
    and bounded.
    """

    confidence: float
    method: str = METHOD
    source: str = SOURCE
    estimate: float | None = None
    low: float | None = None
    high: float | None = None
    reasons: tuple[str, ...] = ()


def cost_per_extra(cost: float, units: int, effect: Comparison) -> CostEach:
    """A known cost over `units` × the effect, which is extra buyers or orders per unit.

    >>> result = Comparison(0.95, "", "", difference=0.0068, low=0.0050, high=0.0086)
    >>> each = cost_per_extra(213.07, 21307, result)
    >>> round(each.estimate, 2), round(each.low, 2), round(each.high, 2)
    (1.47, 1.16, 2.0)
    """
    plain = CostEach(effect.confidence)
    if effect.difference is None or effect.low is None or effect.high is None or not units:
        return _without(plain, effect.reasons[0] if effect.reasons else "The effect cannot be given.")
    if cost <= 0:
        return _without(plain, "The arm cost no more than its control.")
    if effect.high <= 0:
        return _without(plain, NO_EXTRA)
    low = cost / (units * effect.high)
    if effect.low <= 0:
        return CostEach(effect.confidence, low=low, reasons=("No effect at all fits the data too.",))
    return CostEach(
        effect.confidence, estimate=cost / (units * effect.difference), low=low, high=cost / (units * effect.low)
    )


def uncertain_cost_per_extra(control: Joint, treatment: Joint, *, confidence: float = 0.95) -> CostEach:
    """The same where the cost differs from contact to contact, such as redeemed vouchers: y is cost, x is buying.

    Extra cost per contact over extra buyers per contact, which go together, because buyers redeem.
    """
    plain = CostEach(confidence, method=FIELLER)
    if min(control.n, treatment.n) < 2:
        return _without(plain, "An arm has fewer than two contacts.")
    cost = treatment.y / treatment.n - control.y / control.n
    extra = treatment.x / treatment.n - control.x / control.n
    of_cost, of_extra = (
        variance_of_mean(control.along(*weights)) + variance_of_mean(treatment.along(*weights))
        for weights in ((1, 0), (0, 1))
    )
    covariance = control.covariance_of_means + treatment.covariance_of_means
    errors = normal_quantile(0.5 + confidence / 2)
    low, high = (fieller_bound(cost, of_cost, extra, of_extra, by, covariance) for by in (errors, -errors))
    if low is not None and high is not None:
        return CostEach(confidence, FIELLER, SOURCE, cost / extra, low, high)
    if extra <= 0 and extra**2 > errors**2 * of_extra:
        return _without(plain, NO_EXTRA)
    # Unbounded: all that fits is every slope outside a wedge; from zero upwards it starts where the wedge ends.
    least = _least_that_fits(cost, of_cost, extra, of_extra, covariance, errors)
    if least is None:
        return _without(plain, "Neither the extra cost nor the extra buyers can be told from nothing.")
    return CostEach(confidence, FIELLER, SOURCE, low=least, reasons=("No effect at all fits the data too.",))


def _least_that_fits(
    cost: float, of_cost: float, extra: float, of_extra: float, covariance: float, errors: float
) -> float | None:
    """Where no effect fits: buyers per cost are bounded instead, and the most of them is the least cost."""
    most = fieller_bound(extra, of_extra, cost, of_cost, -errors, covariance)
    return 1 / most if most is not None and most > 0 else None


def _without(plain: CostEach, reason: str) -> CostEach:
    return CostEach(plain.confidence, plain.method, plain.source, reasons=(reason,))
