"""What our roll-outs, running checks of the split, bandits and segments give for the inputs of a golden case."""

import math
from collections.abc import Callable, Mapping
from typing import Any

from scipy.special import ndtr

from handbill.statistics import balance, rollout, spending
from handbill.statistics.proportions import pooled_z
from handbill.statistics.samples import Proportion

Numbers = dict[str, float | None]


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


def _arm(given: Mapping[str, int]) -> Proportion:
    return Proportion(given["conversions"], of=given["n"])


METHODS: dict[str, Callable[[Any], Numbers]] = {"winner_rollout": _rollout, "running_balance": _running_balance}
