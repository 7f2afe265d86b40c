"""What the arms of one experiment say, metric by metric, in the one shape that every report and command shares."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from handbill.statistics.balance import Balance, check_balance
from handbill.statistics.contrasts import Aggregate, Method, compare_aggregates, kind_of, mean_of, total_of
from handbill.statistics.multiplicity import holm
from handbill.statistics.samples import Comparison

__all__ = ["Aggregate", "Arm", "Contrast", "Gap", "Results", "as_json", "compare_arms", "kind_of", "mean_of"]


@dataclass(frozen=True)
class Arm:
    """One arm: how many units (contacts or households) were assigned to it, and their sums by metric.

    A metric that was not measured in an arm, such as opens in a holdout, is not in its `metrics`.
    """

    name: str
    units: int
    metrics: Mapping[str, Aggregate]


@dataclass(frozen=True)
class Contrast:
    """One arm against the control in one metric; `kind` is "proportion", "mean" or "ratio"."""

    metric: str
    kind: str
    control: str
    arm: str
    result: Comparison


@dataclass(frozen=True)
class Gap:
    """Why a value cannot be given or trusted; without a metric or an arm it concerns all of them."""

    reason: str
    metric: str = ""
    arm: str = ""


@dataclass(frozen=True)
class Results:
    """Arms with their sums, whether they were split as declared, every comparison, and what cannot be said."""

    arms: tuple[Arm, ...]
    balance: Balance
    comparisons: tuple[Contrast, ...]
    problems: tuple[Gap, ...]


def compare_arms(
    arms: Sequence[Arm],
    control: str,
    *,
    shares: Mapping[str, float] | None = None,
    confidence: float = 0.95,
    method: Method | None = None,
) -> Results:
    """Compare every other arm with the control in every metric; p-values are adjusted by Holm within a metric.

    `shares` are the declared shares by arm (equal ones unless given). By `method` in the metrics that it is for.
    Raises KeyError if no arm is called `control`.
    """
    base = {arm.name: arm for arm in arms}[control]
    balance = check_balance({arm.name: arm.units for arm in arms}, shares)
    gaps = [Gap(reason) for reason in balance.reasons]
    contrasts: list[Contrast] = []
    for metric in dict.fromkeys(name for arm in arms for name in arm.metrics):
        found: list[Contrast] = []
        for arm in arms:
            if metric not in arm.metrics:
                gaps.append(Gap("This metric was not measured in this arm.", metric, arm.name))
            elif arm.name != control and metric in base.metrics:
                found.append(_contrast(metric, base, arm, confidence, method))
        contrasts += _adjusted(found)
    gaps += [Gap(reason, one.metric, one.arm) for one in contrasts for reason in one.result.reasons]
    return Results(tuple(arms), balance, tuple(contrasts), tuple(gaps))


def as_json(results: Results) -> dict[str, Any]:
    """The results as plain values for `json.dumps`; what cannot be given is absent and its reason in `problems`."""
    balance = results.balance
    return {
        "arms": [_arm_json(arm) for arm in results.arms],
        "balance": _given({"expected": balance.expected, "p_value": balance.p_value, "ok": balance.ok}),
        "comparisons": [_contrast_json(one) for one in results.comparisons],
        "problems": [
            {key: value for key, value in (("metric", gap.metric), ("arm", gap.arm), ("reason", gap.reason)) if value}
            for gap in results.problems
        ],
    }


def _contrast(metric: str, control: Arm, arm: Arm, confidence: float, method: Method | None) -> Contrast:
    base, other = control.metrics[metric], arm.metrics[metric]
    try:
        result = compare_aggregates(base, other, confidence=confidence, method=method)
    except TypeError as error:
        raise TypeError(f"{metric} is {error}") from None
    return Contrast(metric, kind_of(base), control.name, arm.name, result)


def _adjusted(contrasts: Sequence[Contrast]) -> list[Contrast]:
    adjusted = holm([one.result.p_value for one in contrasts])
    return [
        replace(one, result=replace(one.result, p_value_adjusted=p))
        for one, p in zip(contrasts, adjusted, strict=True)
    ]  # fmt: skip


def _arm_json(arm: Arm) -> dict[str, Any]:
    return {
        "name": arm.name,
        "units": arm.units,
        "metrics": {metric: _aggregate_json(aggregate) for metric, aggregate in arm.metrics.items()},
    }


def _aggregate_json(aggregate: Aggregate) -> dict[str, Any]:
    total = total_of(aggregate)
    whole = int(total) if total.is_integer() else total
    return _given({"kind": kind_of(aggregate), "mean": mean_of(aggregate), "sum": whole})


def _contrast_json(one: Contrast) -> dict[str, Any]:
    result, plain = one.result, one.result.unadjusted
    return _given(
        {
            "metric": one.metric,
            "kind": one.kind,
            "control": one.control,
            "arm": one.arm,
            **_interval_json(result),
            "relative": result.relative,
            "relative_low": result.relative_low,
            "relative_high": result.relative_high,
            "p_value": result.p_value,
            "log10_p_value": result.log10_p_value,
            "p_value_adjusted": result.p_value_adjusted,
            "confidence": result.confidence,
            "method": result.method,
            "source": result.source,
            "probability_to_beat_control": result.probability_to_beat_control,
            "expected_loss": result.expected_loss,
            "variance_reduction": result.variance_reduction,
            "unadjusted": _given({**_interval_json(plain), "p_value": plain.p_value, "method": plain.method})
            if plain
            else None,
        }
    )


def _interval_json(result: Comparison) -> dict[str, Any]:
    return {"difference": result.difference, "low": result.low, "high": result.high}


def _given(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}
