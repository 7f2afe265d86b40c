"""What our ratios, households and covariates give for the inputs of a golden case."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from handbill.statistics import cuped, means, ratios
from handbill.statistics.joint import Joint

Numbers = dict[str, float | None]


def _ratio(given: Mapping[str, Any]) -> Numbers:
    control, treatment = (
        Joint.from_values(np.array(given[f"{arm}_num"]), np.array(given[f"{arm}_den"])) for arm in ("c", "t")
    )
    result = ratios.delta(control, treatment)
    low, high = result.interval(0.95)
    return {
        "ratio_control": control.y / control.x,
        "ratio_treatment": treatment.y / treatment.x,
        "diff": result.difference,
        "se": result.standard_error,
        "p_two_sided": result.tail.p_value,
        "ci_low": low,
        "ci_high": high,
        "df": result.df,
    }


def _households(given: Mapping[str, list[list[int]]]) -> Numbers:
    arms = [given["control_households"], given["treatment_households"]]
    joints = [
        Joint.from_values(np.array([sum(home) for home in homes]), np.array([len(home) for home in homes]))
        for homes in arms
    ]
    result = ratios.delta(*joints)
    return {"diff": result.difference, "se_cluster_m_over_m_minus_1": result.standard_error}


def _cuped(given: Mapping[str, list[float]]) -> Numbers:
    rows = [(np.array(given[f"{arm}_y"]), np.array(given[f"{arm}_x"])) for arm in ("c", "t")]
    control, treatment = (cuped.Covaried(Joint.from_values(y, x)) for y, x in rows)
    arms, slopes = cuped.adjust(control, treatment)
    result = means.welch(*arms)
    low, high = result.interval(0.95)
    adjusted = cuped.compare_covaried(control, treatment)
    numbers: Numbers = {
        "theta": slopes[0],
        "mean_adj_control": arms[0].mean,
        "mean_adj_treatment": arms[1].mean,
        "diff": result.difference,
        "se": result.standard_error,
        "p_two_sided": result.tail.p_value,
        "ci_low": low,
        "ci_high": high,
        "se_unadjusted": means.welch(control.plain, treatment.plain).standard_error,
        "variance_reduction": adjusted.variance_reduction,
    }
    if np.ptp(rows[0][1]):
        numbers["lin_interacted_estimate"], numbers["lin_interacted_se_hc2"] = cuped.lin_hc2(*rows)
    return numbers


METHODS: dict[str, Callable[[Any], Numbers]] = {
    "ratio_delta": _ratio,
    "cluster_household": _households,
    "cuped": _cuped,
}
