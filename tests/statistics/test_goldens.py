"""Do our numbers agree with those that R packages and 40-digit arithmetic gave for the same inputs?"""

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.statistics import goldens_of_adjustment, goldens_of_choices, goldens_of_guardrails, goldens_of_looks

from handbill.statistics import (
    balance,
    bayesian,
    economics,
    effort,
    exact,
    means,
    multiplicity,
    power,
    proportions,
    tails,
)
from handbill.statistics.samples import Proportion, Sample

SHARED = Path(__file__).parents[3] / "shared"
GOLDENS = SHARED / "goldens" / "statistics.json"
CASES: dict[str, Any] = {}
if GOLDENS.exists():
    CASES = {case["id"]: case for case in json.loads(GOLDENS.read_text(encoding="utf-8"))["cases"]}

pytestmark = pytest.mark.skipif(not CASES, reason="the shared goldens are not on this machine")

Numbers = dict[str, float | None]
"""A number by its key in the file; None where there is none to be given."""

COVERED = """
    TP-01 TP-02 TP-03 TP-06 TP-07 TP-08 TP-11 TP-12 TP-13 TP-16 TP-17 TP-18 TP-21 TP-22 TP-23 TP-26
    W-01 W-02 W-03 W-06 W-07 W-08
    FE-01 FE-02 FE-03 FE-06 FE-07 BX-01
    WM-01 WM-02 WM-03 WM-06 WM-07 WM-08
    SRM-01 SRM-02 SRM-03 SRM-06 SRM-07 SRM-08
    MC-01 MC-02 MC-03 MC-06
    BB-01 BB-02 BB-03 BB-06 BB-07 BB-08
    GE-01 GE-02 GE-03
    PW-02 PW-03 PW-06 PW-11 PW-12 PW-13
    CV-01 CV-02 CV-03
    HO-01 HO-02
    R-01 R-02 R-03 CL-01 C-01 C-02 C-03
    NI-01 NI-02
    GS-01 GS-02 GS-03 GS-06 GS-07 GS-08 GS-11 GS-12 GS-15 GS-16 GS-17 GS-19 GF-01 GF-02 GF-03 PK-01
    AV-01 AV-02 AV-03 AV-06 AV-07
    WR-01 AV-12 HS-01 HS-02 CMH-01 TS-01 TS-02 TS-03 BO-01 ZR-01 ZR-02 PW-16
"""

OUT_OF_SCOPE = {
    "power by arcsine": "PW-01 PW-07 PW-08",
    "other sequential tests": "AV-08 AV-11",
}

OTHER_METHODS = {
    "two_proportion": (
        "p_pooled_yates p_unpooled wald_ci_low wald_ci_high mee_score_ci_low mee_score_ci_high "
        "relative_lift_ci_log_low relative_lift_ci_log_high relative_lift_delta_se"
    ),
    "one_proportion": "clopper_pearson_low clopper_pearson_high",
    "fisher_exact": "barnard_p_two_sided odds_ratio_conditional_mle odds_ratio_ci_low odds_ratio_ci_high",
    "welch_mean": "relative_delta_se relative_delta_ci_low relative_delta_ci_high relative_log_ci_low",
    "srm": "p_exact_binomial",
    "multiple_comparison": "bonferroni hochberg hommel by",
    "cluster_household": "se_cluster_no_small_sample_factor se_naive_unclustered",
    "cuped": "ancova_estimate ancova_se",
    "non_inferiority": "p_miettinen_nurminen p_wald_unpooled",
    "always_valid": "growthbook_rho_t5000 lyapunov_low_rho2_0.01",
    "winner_rollout": (
        "p_intersection_stage1_bonferroni z_intersection_final_bonferroni "
        "p_intersection_stage1_sidak z_intersection_final_sidak"
    ),
    "stratified": "or_mh or_ci_low or_ci_high",
    "thompson": "top_two",
    "power": "n_per_arm_both_tails n_both_tails_rounded_up",
    "exact_coverage": "coverage_wald",
    "holdout_increment": "iroas",
}
"""Numbers of covered cases that come from methods which are not ours."""


def test_every_case_is_either_covered_or_known_to_be_out_of_scope() -> None:
    others = [case for cases in OUT_OF_SCOPE.values() for case in cases.split()]

    assert sorted(COVERED.split() + others) == sorted(CASES)


@pytest.mark.parametrize("case_id", COVERED.split())
def test_our_numbers_agree(case_id: str) -> None:
    case = CASES[case_id]
    group = "running_balance" if "dirichlet_alpha" in case["inputs"] else case["group"]
    actual = METHODS[group]({**case["inputs"], "title": case["title"]})
    others = OTHER_METHODS.get(group, "").split()
    expected = {key: value for key, value in case["expected"].items() if key.split("[")[0] not in others}

    wrong = {
        key: (actual.get(key), value)
        for key, value in expected.items()
        if key not in actual or not _agree(actual[key], value, case["tolerance"].get(key))
    }
    assert not wrong, f"{case['title']}: (ours, theirs) differ: {wrong}"
    assert expected


def _agree(actual: float | None, expected: float | str | None, tolerance: Mapping[str, float] | None) -> bool:
    if expected is None or actual is None:
        return expected is actual
    if isinstance(expected, str):
        return actual == float(expected)
    assert tolerance is not None
    return abs(actual - expected) <= tolerance["atol"] + tolerance["rtol"] * abs(expected)


def _proportion(given: Mapping[str, int]) -> Proportion:
    return Proportion(given["conversions"], of=given["n"])


def _two_proportions(given: Mapping[str, Any]) -> Numbers:
    control, treatment = _proportion(given["control"]), _proportion(given["treatment"])
    result = proportions.compare_proportions(control, treatment)
    if not treatment.of:
        empty = {"p_pooled": result.p_value, "newcombe_ci_low": result.low, "newcombe_ci_high": result.high}
        return {"diff": result.difference, "relative_lift": result.relative, **empty}
    z = proportions.pooled_z(control, treatment)
    tail = None if z is None else tails.two_sided_normal(z)
    low, high = proportions.newcombe_interval(control, treatment)
    ratio_low, ratio_high = proportions.ratio_score_interval(control, treatment)
    return {
        "diff": result.difference,
        "relative_lift": result.relative,
        "z_pooled": z,
        "p_pooled": tail and tail.p_value,
        "log10_p_pooled": tail and tail.log10_p_value,
        "newcombe_ci_low": low,
        "newcombe_ci_high": high,
        "miettinen_nurminen_ci_low": result.low,
        "miettinen_nurminen_ci_high": result.high,
        "relative_lift_ci_mn_score_low": ratio_low - 1,
        "relative_lift_ci_mn_score_high": ratio_high - 1,
    }


def _one_proportion(given: Mapping[str, int]) -> Numbers:
    low, high = proportions.wilson_interval(_proportion(given))
    return {"wilson_low": low, "wilson_high": high}


def _exact_tests(given: Mapping[str, Any]) -> Numbers:
    arms = _proportion(given["control"]), _proportion(given["treatment"])
    numbers: Numbers = {
        "p_two_sided": exact.fisher(*arms).p_value,
        "p_greater": exact.fisher(*arms, "greater").p_value,
        "p_less": exact.fisher(*arms, "less").p_value,
    }
    if max(arms[0].of, arms[1].of) <= proportions.MOST_FOR_BOSCHLOO:
        numbers["boschloo_p_two_sided"] = exact.boschloo(*arms).p_value
    return numbers


def _welch(given: Mapping[str, list[float]]) -> Numbers:
    control, treatment = (Sample.from_values(np.array(given[arm])) for arm in ("control", "treatment"))
    result = means.compare_means(control, treatment, fewest_buyers=0, transformed=False)
    if result.low is None:
        keys = ("t", "df", "p_two_sided", "ci_low", "ci_high")
        assert result.reasons
        return {"diff": result.difference, **dict.fromkeys(keys, result.p_value)}
    plain = means.welch(control, treatment)
    return {
        "diff": result.difference,
        "t": plain.t,
        "df": plain.df,
        "p_two_sided": result.p_value,
        "ci_low": result.low,
        "ci_high": result.high,
        "relative_lift": result.relative,
        "relative_fieller_ci_low": result.relative_low,
        "relative_fieller_ci_high": result.relative_high,
    }


def _balance(given: Mapping[str, list[int]]) -> Numbers:
    units = {str(place): count for place, count in enumerate(given["observed"])}
    result = balance.check_balance(units, {str(place): share for place, share in enumerate(given["weights"])})
    return {"chi2": result.chi_square, "df": result.degrees_of_freedom, "p": result.p_value}


def _multiplicity(given: Mapping[str, list[float]]) -> Numbers:
    adjusted = {"holm": multiplicity.holm(given["p"]), "bh": multiplicity.benjamini_hochberg(given["p"])}
    return {f"{name}[{place}]": p for name, values in adjusted.items() for place, p in enumerate(values)}


def _beta_binomial(given: Mapping[str, Any]) -> Numbers:
    a, b = _proportion(given["A"]), _proportion(given["B"])
    alpha, beta = given["prior"]["alpha"], given["prior"]["beta"]
    verdict = bayesian.rates_verdict(a, b, prior=(alpha, beta))
    return {
        "chance_to_win_B": verdict.probability_to_beat_control,
        "expected_loss_choose_B": verdict.expected_loss,
        "expected_loss_choose_A": verdict.expected_loss_of_control,
        "posterior_mean_A": (a.successes + alpha) / (a.of + alpha + beta),
        "posterior_mean_B": (b.successes + alpha) / (b.of + alpha + beta),
    }


def _gaussian_effect(given: Mapping[str, Any]) -> Numbers:
    control, treatment = _proportion(given["control"]), _proportion(given["treatment"])
    var_c, var_t = (arm.rate * (1 - arm.rate) / arm.of for arm in (control, treatment))
    mean, sd = treatment.rate - control.rate, math.sqrt(var_c + var_t)
    if "relative effect" in given["title"]:
        ratio = treatment.rate / control.rate
        mean, sd = ratio - 1, math.sqrt(var_t + ratio**2 * var_c) / control.rate
    prior = (given["prior"]["mean"], given["prior"]["sd"]) if given["prior"] else None
    verdict = bayesian.effect_verdict(mean, sd, prior=prior)
    posterior_mean, posterior_sd = bayesian.posterior_effect(mean, sd, prior=prior)
    return {
        "posterior_mean": posterior_mean,
        "posterior_sd": posterior_sd,
        "chance_to_win": verdict.probability_to_beat_control,
        "risk_treatment": verdict.expected_loss,
        "risk_control": verdict.expected_loss_of_control,
        "ci_low": posterior_mean - 1.959963984540054 * posterior_sd,
        "ci_high": posterior_mean + 1.959963984540054 * posterior_sd,
    }


def _power(given: Mapping[str, Any]) -> Numbers:
    if "p1" in given and "n_per_arm" in given:
        n = given["n_per_arm"]
        return {"power": power.power_for_rates(given["p1"], given["p2"], n, n)}
    if "looks" in given:
        size = power.sample_size_for_rates(given["p1"], given["p2"], power=given["power"])
        looks = effort.size_with_looks(size, [0.5, 1.0], power=given["power"])
        return {"n_total_max": looks.exact, "n_total_expected_H1": looks.on_average}
    if "p1" in given:
        size = power.sample_size_for_rates(given["p1"], given["p2"], power=given["power"])
        return {"n_per_arm": size.exact_control, "n_per_arm_rounded_up": size.control}
    if "power" in given:
        size = power.sample_size_for_means(given["delta"], given["sd"], power=given["power"])
        return {"n_per_arm_upper_tail_only": size.exact_control, "n_upper_tail_rounded_up": size.control}
    effect, sd, sides = given.get("delta", given.get("d")), given.get("sd", 1), given["sides"]
    n_control, n_treatment = given.get("n1", given.get("n_per_arm")), given.get("n2", given.get("n_per_arm"))
    return {"power": power.power_for_means(effect, sd, n_control, n_treatment, sides=sides)}


def _coverage(given: Mapping[str, Any]) -> Numbers:
    """The probability of all tables whose interval holds the true difference; the rarest tables are left out."""
    arms = [(given["n_control"], given["p_control"]), (given["n_treatment"], given["p_treatment"])]
    binomials = [[math.comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(n + 1)] for n, p in arms]
    true = given["p_treatment"] - given["p_control"]
    covered = {"coverage_newcombe": 0.0, "coverage_miettinen_nurminen": 0.0}
    for i, p_control in enumerate(binomials[0]):
        for j, p_treatment in enumerate(binomials[1]):
            if p_control * p_treatment < 1e-13:
                continue
            table = Proportion(i, of=arms[0][0]), Proportion(j, of=arms[1][0])
            low, high = proportions.newcombe_interval(*table)
            covered["coverage_newcombe"] += p_control * p_treatment * (low - 1e-12 <= true <= high + 1e-12)
            low, high = proportions.miettinen_nurminen_interval(*table)
            covered["coverage_miettinen_nurminen"] += p_control * p_treatment * (low - 1e-12 <= true <= high + 1e-12)
    return dict(covered)


def _increment(given: Mapping[str, Any]) -> Numbers:
    holdout, treatment = _proportion(given["holdout"]), _proportion(given["treatment"])
    orders = proportions.compare_proportions(holdout, treatment)
    names = ("No E-Mail", "Mens E-Mail" if treatment.of == 21307 else "Womens E-Mail")
    spend = [Sample.from_values(goldens_of_choices.hillstrom_spend(name)) for name in names]
    revenue = means.compare_means(*spend)
    cost = given["cost_per_contact"] * treatment.of
    each = economics.cost_per_extra(cost, treatment.of, orders)
    numbers: Numbers = {
        "cost_per_incremental_order": each.estimate,
        "cost_per_incremental_order_low": each.low,
        "cost_per_incremental_order_high": each.high,
    }
    return numbers | {
        f"incremental_{name}{end}": treatment.of * value
        for name, result in (("orders", orders), ("revenue", revenue))
        for end, value in (("", result.difference), ("_low", result.low), ("_high", result.high))
        if value is not None
    }


METHODS: dict[str, Callable[[Any], Numbers]] = {
    "two_proportion": _two_proportions,
    "one_proportion": _one_proportion,
    "fisher_exact": _exact_tests,
    "welch_mean": _welch,
    "srm": _balance,
    "multiple_comparison": _multiplicity,
    "bayes_beta_binomial": _beta_binomial,
    "bayes_gaussian_effect": _gaussian_effect,
    "power": _power,
    "exact_coverage": _coverage,
    "holdout_increment": _increment,
    **goldens_of_adjustment.METHODS,
    **goldens_of_guardrails.METHODS,
    **goldens_of_looks.METHODS,
    **goldens_of_choices.METHODS,
}
