"""What our guardrails give for the inputs of a golden case."""

from collections.abc import Callable
from typing import Any

from handbill.statistics.guardrails import guard_rate
from handbill.statistics.samples import Proportion
from handbill.statistics.tails import normal_quantile

Numbers = dict[str, float | None]


def _non_inferiority(given: Any) -> Numbers:
    control, treatment = (Proportion(given[arm]["conversions"], of=given[arm]["n"]) for arm in ("control", "treatment"))
    null = given["null_difference"]
    result = guard_rate(control, treatment, abs(null), worse="lower" if null < 0 else "higher")
    assert result.p_safe is not None
    z = -normal_quantile(result.p_safe)  # the golden z counts in the direction of the margin's sign
    return {"z_farrington_manning": z if null < 0 else -z, "p_farrington_manning": result.p_safe}


METHODS: dict[str, Callable[[Any], Numbers]] = {"non_inferiority": _non_inferiority}
