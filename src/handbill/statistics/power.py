"""How many contacts an experiment needs, and what difference it can show with those that there are."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from scipy.special import nctdtr, ndtr

from handbill.statistics.roots import crossing
from handbill.statistics.tails import normal_quantile, t_quantile


@dataclass(frozen=True)
class SampleSize:
    """How many contacts each arm needs: to the digit (`exact_control`, `exact_treatment`) and rounded up."""

    exact_control: float
    exact_treatment: float

    @property
    def control(self) -> int:
        """Contacts in the control, rounded up."""
        return math.ceil(self.exact_control)

    @property
    def treatment(self) -> int:
        """Contacts in the treatment arm, rounded up."""
        return math.ceil(self.exact_treatment)


def sample_size_for_rates(
    control_rate: float,
    treatment_rate: float,
    *,
    power: float = 0.8,
    alpha: float = 0.05,
    ratio: float = 1.0,
    design_effect: float = 1.0,
) -> SampleSize:
    """Contacts that show the difference of two rates with this power, in a two-sided pooled z test at `alpha`.

    `ratio` is treatment contacts per control contact. Normal approximation with the pooled variance under the null
    (Fleiss, Levin and Paik, Statistical Methods for Rates and Proportions, 3rd edition, 2003, section 4.2).

    >>> sample_size_for_rates(0.05, 0.055).control  # R's power.prop.test(p1 = .05, p2 = .055, power = .8)
    31234
    """
    if control_rate == treatment_rate:
        raise ValueError("equal rates cannot be told apart with any number of contacts")
    under_null, under_effect = _rate_spreads(control_rate, treatment_rate, 1.0, ratio)
    reach = normal_quantile(1 - alpha / 2) * under_null + normal_quantile(power) * under_effect
    n = design_effect * (reach / (treatment_rate - control_rate)) ** 2
    return SampleSize(n, n * ratio)


def power_for_rates(
    control_rate: float, treatment_rate: float, n_control: float, n_treatment: float, *, alpha: float = 0.05
) -> float:
    """Chance that the two-sided pooled z test shows this difference in the right direction.

    >>> round(power_for_rates(0.5, 0.75, 50, 50), 3)  # R's documentation of power.prop.test
    0.74
    """
    under_null, under_effect = _rate_spreads(control_rate, treatment_rate, n_control, n_treatment)
    beyond = abs(treatment_rate - control_rate) - normal_quantile(1 - alpha / 2) * under_null
    return float(ndtr(beyond / under_effect)) if under_effect else float(beyond > 0)


def detectable_rate(
    control_rate: float,
    n_control: float,
    n_treatment: float,
    *,
    power: float = 0.8,
    alpha: float = 0.05,
    increase: bool = True,
) -> float | None:
    """The treatment rate nearest to the control's that these contacts show with this power.

    With `increase=False` the nearest below. None where not even a rate of 1 (or 0) could be shown.
    Contacts that cluster in households count as their number divided by the design effect.

    >>> round(detectable_rate(0.05, 31234, 31234), 4)
    0.055
    """

    def lacking(rate: float) -> float:
        return power_for_rates(control_rate, rate, n_control, n_treatment, alpha=alpha) - power

    end = 1.0 if increase else 0.0
    if min(n_control, n_treatment) <= 0 or end == control_rate or lacking(end) < 0:
        return None
    return crossing(lacking, control_rate, end)


def sample_size_for_means(
    difference: float,
    sd: float,
    *,
    power: float = 0.8,
    alpha: float = 0.05,
    ratio: float = 1.0,
    design_effect: float = 1.0,
) -> SampleSize:
    """Contacts that show a difference of means with this power, in a two-sided t test at `alpha`.

    `sd` is the standard deviation of single contacts, zeros included. Noncentral t; only a result in the right
    direction counts as shown.

    >>> sample_size_for_means(0.1, 14).control  # R's power.t.test(delta = 0.1, sd = 14, power = .8)
    307678
    """
    if difference == 0 or sd <= 0:
        raise ValueError("a sample size needs a difference and a standard deviation")

    def lacking(n: float) -> float:
        return power_for_means(difference, sd, n, n * ratio, alpha=alpha) - power

    fewest = 2.0 / min(ratio, 1.0)
    n = fewest if lacking(fewest) >= 0 else crossing(lacking, fewest, _enough(lacking, fewest))
    return SampleSize(n * design_effect, n * ratio * design_effect)


def power_for_means(
    difference: float, sd: float, n_control: float, n_treatment: float, *, alpha: float = 0.05, sides: int = 2
) -> float:
    """Chance that a t test shows this difference in the right direction.

    >>> round(power_for_means(1, 1, 20, 20), 4)  # R's documentation of power.t.test
    0.869
    """
    df = n_control + n_treatment - 2
    noncentrality = abs(difference) / sd / math.sqrt(1 / n_control + 1 / n_treatment)
    critical = t_quantile(1 - alpha / sides, df)
    return 1 - float(nctdtr(df, noncentrality, critical))


def detectable_difference(
    sd: float, n_control: float, n_treatment: float, *, power: float = 0.8, alpha: float = 0.05
) -> float | None:
    """The least difference of means that these contacts show with this power; None with too few contacts.

    >>> round(detectable_difference(14, 307678, 307678), 4)
    0.1
    """
    if min(n_control, n_treatment) < 2 or sd <= 0:
        return None

    def lacking(difference: float) -> float:
        return power_for_means(difference, sd, n_control, n_treatment, alpha=alpha) - power

    start = sd * math.sqrt(1 / n_control + 1 / n_treatment)
    return crossing(lacking, 0.0, _enough(lacking, start))


def design_effect(mean_size: float, correlation: float, *, size_variation: float = 0.0) -> float:
    """How many times more contacts an experiment needs when whole households are assigned.

    `correlation` is that of two members of one household, `size_variation` the household sizes' standard deviation
    as a share of their mean. Eldridge, Ashby and Kerry, International Journal of Epidemiology 35, 2006, 1292–1300.

    >>> round(design_effect(2.0, 0.3), 2)
    1.3
    """
    return 1 + ((size_variation**2 + 1) * mean_size - 1) * correlation


def _rate_spreads(
    control_rate: float, treatment_rate: float, n_control: float, n_treatment: float
) -> tuple[float, float]:
    """Standard errors of the difference of two rates: were there none (pooled), and as stated."""
    pooled = (n_control * control_rate + n_treatment * treatment_rate) / (n_control + n_treatment)
    under_null = pooled * (1 - pooled) * (1 / n_control + 1 / n_treatment)
    under_effect = control_rate * (1 - control_rate) / n_control + treatment_rate * (1 - treatment_rate) / n_treatment
    return math.sqrt(under_null), math.sqrt(under_effect)


def _enough(lacking: Callable[[float], float], start: float) -> float:
    """A value from `start` on, by doubling, at which nothing is lacking."""
    value = start
    while lacking(value) < 0:
        value *= 2
    return value
