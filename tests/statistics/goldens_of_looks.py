"""What our planned looks and confidence sequences give for the inputs of a golden case."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from scipy.special import ndtr

from handbill.statistics import confidence_sequences, sequential, spending
from handbill.statistics.proportions import pooled_z
from handbill.statistics.roots import crossing
from handbill.statistics.samples import Proportion

Numbers = dict[str, float | None]


def _pocock_type(fraction: float, alpha: float) -> float:
    return alpha * math.log(1 + (math.e - 1) * min(fraction, 1.0))


def _squares(fraction: float, alpha: float) -> float:
    return alpha * min(fraction, 1.0) * min(fraction, 1.0)


SPENDING: Mapping[str, spending.Spending] = {
    "OF": spending.obrien_fleming_type,
    "P": _pocock_type,
    "KD": _squares,
}


def _looks(given: Mapping[str, Any]) -> Numbers:
    if "K" in given:
        return _constants(given)
    fractions, alpha = given["information_fractions"], given["alpha_one_sided"]
    spend = SPENDING[given["spending"]]
    limits = spending.borders(fractions, alpha=alpha, spend=spend)
    spent = np.cumsum(spending.crossing_probabilities(fractions, limits))
    numbers: Numbers = {"sample_size_inflation_power80": sequential.inflation(fractions, alpha=alpha, spend=spend)}
    for place, limit in enumerate(limits, start=1):
        numbers[f"z[{place}]"] = limit
        numbers[f"cumulative_alpha_spent[{place}]"] = float(spent[place - 1])
        numbers[f"nominal_p_one_sided[{place}]"] = float(ndtr(-limit))
    return numbers


def _constants(given: Mapping[str, Any]) -> Numbers:
    """The classical constants, as those whose upper borders are crossed in 2.5 %."""
    count: int = given["K"]
    alpha: float = given["alpha_two_sided"]
    flat = "Pocock" in given["title"]
    shape = [1.0 if flat else math.sqrt(count / k) for k in range(1, count + 1)]
    fractions = [k / count for k in range(1, count + 1)]

    def excess(constant: float) -> float:
        return sum(spending.crossing_probabilities(fractions, [constant * part for part in shape])) - alpha / 2

    constant = crossing(excess, 1.5, 4.0)
    return {"constant": constant, **{f"z[{k}]": constant * part for k, part in enumerate(shape, start=1)}}


def _false_alarms(limits: Sequence[float]) -> float:
    fractions = [k / len(limits) for k in range(1, len(limits) + 1)]
    return 2 * sum(spending.crossing_probabilities(fractions, limits, lower=[-limit for limit in limits]))


def _peeking(given: Mapping[str, Any]) -> Numbers:
    return {f"type1_K{count}": _false_alarms([given["z"]] * count) for count in given["K"]}


def _final(given: Mapping[str, Any]) -> Numbers:
    alpha = given["alpha_one_sided"]
    stages = [given[key] for key in ("look1", "final_cumulative") if key in given]
    arms = [(_arm(stage["control"]), _arm(stage["treatment"])) for stage in stages]
    z = [pooled_z(*pair) or 0.0 for pair in arms]
    control, treatment = arms[-1]
    error = math.sqrt(sum(arm.rate * (1 - arm.rate) / arm.of for arm in arms[-1]))
    if len(arms) == 1:
        error = (treatment.rate - control.rate) / z[0]  # this case takes the pooled error, the others the unpooled
    looks = [sequential.Look(*pair) for pair in zip(given["information_fractions"], z, strict=False)]
    result = sequential.decide(looks, error, confidence=1 - 2 * alpha)
    numbers: Numbers = {
        "z_look1": z[0],
        "z_final": z[-1],
        "boundary_look1": result.border,
        "final_p_one_sided": result.p_value and result.p_value / 2,
        "ci_low": result.low,
        "median_unbiased_estimate": result.estimate,
        "ci_high": result.high,
        "naive_estimate": treatment.rate - control.rate,
    }
    return numbers


def _always_valid(given: Mapping[str, Any]) -> Numbers:
    alpha = given["alpha"]
    if "tuning" in given:
        return _growthbook(given)
    if "x" in given:
        x = np.array(given["x"])
        reach = float(x.std(ddof=1)) * confidence_sequences.half_width(
            x.size, confidence_sequences.tuned(given["t_opt"], alpha), alpha
        )
        return {"low": float(x.mean()) - reach, "high": float(x.mean()) + reach}
    if "t" in given:
        rho2 = confidence_sequences.tuned(given["t_opt"], alpha)
        return {f"half_width_t{t}": confidence_sequences.half_width(t, rho2, alpha) for t in given["t"]}
    return {f"rho2_t{planned}": confidence_sequences.tuned(planned, alpha) for planned in given["t_opt"]}


def _growthbook(given: Mapping[str, Any]) -> Numbers:
    """Our formulas at that product's approximation of the tuning parameter."""
    control, treatment = _arm(given["control"]), _arm(given["treatment"])
    twice = -2 * math.log(given["alpha"])
    rho2 = (twice + math.log(twice + 1)) / given["tuning"]
    n = control.of + treatment.of
    error = math.sqrt(sum(arm.rate * (1 - arm.rate) / arm.of for arm in (control, treatment)))
    difference = treatment.rate - control.rate
    reach = error * math.sqrt(n) * confidence_sequences.half_width(n, rho2, given["alpha"])
    return {
        "ci_low": difference - reach,
        "ci_high": difference + reach,
        "p_always_valid": confidence_sequences.any_time_tail(difference / error, n, rho2).p_value,
        "half_width_inflation_vs_fixed": reach / error / 1.959963984540054,
    }


def _arm(given: Mapping[str, int]) -> Proportion:
    return Proportion(given["conversions"], of=given["n"])


METHODS: dict[str, Callable[[Any], Numbers]] = {
    "group_sequential": _looks,
    "group_sequential_final_inference": _final,
    "peeking": _peeking,
    "always_valid": _always_valid,
}
