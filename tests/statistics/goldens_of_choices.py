"""What our roll-outs, running checks of the split, bandits and segments give for the inputs of a golden case."""

import csv
import math
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from handbill.statistics import (
    balance,
    bandit,
    heterogeneity,
    machine_opens,
    means,
    revenue_parts,
    rollout,
    spending,
    strata,
)
from handbill.statistics.proportions import pooled_z
from handbill.statistics.samples import Proportion, Sample

Numbers = dict[str, float | None]

HILLSTROM = Path(__file__).parents[3] / "shared" / "data" / "hillstrom.csv"


def _rollout(given: Mapping[str, Any]) -> Numbers:
    first = {name: _arm(arm) for name, arm in given["stage1"].items()}
    second = {name: _arm(arm) for name, arm in given["stage2_increment"].items()}
    z = {name: pooled_z(first["holdout"], first[name]) or 0.0 for name in ("A", "B")}
    later = pooled_z(second["holdout"], second["A"]) or 0.0
    even = {"A": math.sqrt(0.5), "B": math.sqrt(0.5)}
    numbers: Numbers = {
        "p_A_stage1": float(ndtr(-z["A"])),
        "p_B_stage1": float(ndtr(-z["B"])),
        "p_A_stage2": float(ndtr(-later)),
        "z_A_alone_final": rollout.combined_z(float(ndtr(-z["A"])), later, 0.5),
        "boundary_final": spending.borders(given["information_fractions"])[-1],
        "naive_pooled_z_A": pooled_z(first["holdout"] + second["holdout"], first["A"] + second["A"]),
    }
    kinds: tuple[rollout.Intersection, ...] = ("simes", "dunnett")
    for kind in kinds:
        p_value = rollout.together("AB", z, even, kind)
        numbers[f"p_intersection_stage1_{kind}"] = p_value
        numbers[f"z_intersection_final_{kind}"] = rollout.combined_z(p_value, later, 0.5)
    claim = rollout.claim_winner(
        "A",
        rollout.Stage(first["holdout"], {name: first[name] for name in ("A", "B")}),
        rollout.Stage(second["holdout"], {"A": second["A"]}),
        test_share=0.5,
    )
    assert claim.z == numbers["z_intersection_final_dunnett"]  # the least of {A}, {A, B}
    return numbers


def _running_balance(given: Mapping[str, Any]) -> Numbers:
    units, shares = ({str(place): value for place, value in enumerate(given[key])} for key in ("observed", "theta"))
    result = balance.check_running_balance(units, shares, concentration=sum(given["dirichlet_alpha"]))
    assert result.p_value is not None
    return {"log_bayes_factor": -math.log(result.p_value), "p": result.p_value}


def _segments(given: Mapping[str, list[float]]) -> Numbers:
    effects = [heterogeneity.Effect(*one) for one in zip(given["effect"], given["se"], strict=True)]
    result = heterogeneity.compare_segments(effects)
    weights = [1 / effect.standard_error**2 for effect in effects]
    squares = sum(weights) - sum(weight**2 for weight in weights) / sum(weights)
    between = max((result.q - len(effects) + 1) / squares, 0.0)  # DerSimonian and Laird's, to check the shrinking
    mean, shrunken = heterogeneity.shrink(effects, between)
    return {
        "fixed_effect_mean": heterogeneity.pooled(effects, 0.0).estimate,
        "Q": result.q,
        "Q_p": result.p_value,
        "tau2_PM": result.variance_between,
        "tau2_DL": between,
        "mean_DL": mean.estimate,
        "mean_se_DL": mean.standard_error,
        **{f"shrunken_DL[{place}]": estimate for place, estimate in enumerate(shrunken)},
    }


def _strata(given: Mapping[str, list[list[int]]]) -> Numbers:
    waves = [
        strata.Stratum(Proportion(c[0], of=c[1]), Proportion(t[0], of=t[1]))
        for c, t in zip(given["control"], given["treatment"], strict=True)
    ]
    risk, risk_error = strata.mantel_haenszel_difference(waves)
    difference, error = strata.post_stratified(waves)
    return {
        "cmh_chi2": strata.mantel_haenszel_z(waves) ** 2,
        "cmh_p": strata.compare_stratified(waves).p_value,
        "rd_mh": risk,
        "rd_mh_se_sato": risk_error,
        "post_stratified_diff": difference,
        "post_stratified_se": error,
    }


def _bandit(given: Mapping[str, Any]) -> Numbers:
    arms = {str(place): _arm(arm) for place, arm in enumerate(given["arms"])}
    best = bandit.probabilities_of_being_best(arms, prior=(given["prior"]["alpha"], given["prior"]["beta"]))
    floored = bandit.floored(best, given["min_weight"])
    return {
        f"{kind}[{name}]": share
        for kind, shares in (("p_best", best), ("floored", floored))
        for name, share in shares.items()
    }


def _opens(given: Mapping[str, Any]) -> Numbers:
    control, treatment = (Proportion(given[arm]["opens"], of=given[arm]["n"]) for arm in ("control", "treatment"))
    share, sensitivity = given["false_open_rate"], given["sensitivity"]
    result = machine_opens.compare_opens(control, treatment, share, sensitivity=sensitivity)
    return {
        "corrected_control": machine_opens.corrected_rate(control, share, sensitivity=sensitivity),
        "corrected_treatment": machine_opens.corrected_rate(treatment, share, sensitivity=sensitivity),
        "corrected_diff": result.difference,
        "corrected_ci_low": result.low,
        "corrected_ci_high": result.high,
    }


def _revenue(given: Mapping[str, Any]) -> Numbers:
    control, treatment = hillstrom_spend("No E-Mail"), hillstrom_spend(given["arm"])
    arms = Sample.from_values(control), Sample.from_values(treatment)
    parts = revenue_parts.split_revenue(*arms)
    buyers = means.welch(*(revenue_parts.buyers_alone(arm) for arm in arms))
    cap = revenue_parts.winsor_cap(np.concatenate((control, treatment)))
    capped = means.welch(*(Sample.from_values(np.minimum(arm, cap)) for arm in (control, treatment)))
    shuffled = revenue_parts.permutation_p_value(control, treatment, np.random.default_rng(1))
    return {
        "aov_treatment": arms[1].total / arms[1].buyers,
        "aov_control": arms[0].total / arms[0].buyers,
        "effect_via_conversion": parts.via_conversion,
        "effect_via_order_value": parts.via_value,
        "aov_welch_t": buyers.t,
        "aov_welch_p": buyers.tail.p_value,
        "winsor_cap": cap,
        "winsor_t": capped.t,
        "winsor_p": capped.tail.p_value,
        "winsor_diff": capped.difference,
        "permutation_p_monte_carlo": shuffled,
    }


@cache
def hillstrom_spend(arm: str) -> NDArray[np.float64]:
    """What each contact of an arm of Hillstrom's e-mail experiment spent."""
    with HILLSTROM.open(encoding="utf-8", newline="") as rows:
        return np.array([float(row["spend"]) for row in csv.DictReader(rows) if row["segment"] == arm])


def _arm(given: Mapping[str, int]) -> Proportion:
    return Proportion(given["conversions"], of=given["n"])


METHODS: dict[str, Callable[[Any], Numbers]] = {
    "winner_rollout": _rollout,
    "running_balance": _running_balance,
    "segment_shrinkage": _segments,
    "stratified": _strata,
    "thompson": _bandit,
    "misclassified_opens": _opens,
    "zero_inflated_revenue": _revenue,
}
