"""Whether what must not get worse did: every registered guardrail, for every arm that it is about."""

from dataclasses import dataclass

from handbill.reports.measure import Measured
from handbill.reports.registered import Rail, Registered
from handbill.statistics.contrasts import Aggregate
from handbill.statistics.guardrails import Guardrail, Worse, guard_ceiling, guard_mean, guard_rate
from handbill.statistics.samples import Proportion, Sample


@dataclass(frozen=True)
class Judged:
    """One guardrail for one arm. Without a `result`, `reason` says why nothing can be said."""

    rail: Rail
    arm: str
    result: Guardrail | None = None
    reason: str = ""

    @property
    def verdict(self) -> str:
        """safe, harmful, or not shown."""
        return self.result.verdict if self.result else "not shown"


def judge(registered: Registered, measured: Measured) -> tuple[Judged, ...]:
    """Every guardrail for every arm that is sent something, other than the one that it is held against."""
    metrics = {arm.name: arm.metrics for arm in measured.arms}
    gaps = {gap.metric: gap.reason for gap in measured.gaps}
    found = []
    for rail in registered.guardrails:
        for arm in registered.arms:
            if arm.channels and arm.share > 0 and arm.name != rail.against:
                mine, theirs = (metrics[name].get(rail.metric) if name else None for name in (arm.name, rail.against))
                found.append(_judged(registered, rail, arm.name, mine, theirs, gaps.get(rail.metric, "")))
    return tuple(found)


def _judged(
    registered: Registered, rail: Rail, arm: str, mine: Aggregate | None, theirs: Aggregate | None, gap: str
) -> Judged:
    reading, confidence = registered.readings[rail.metric], registered.confidence
    worse: Worse = "lower" if reading.more_is_better else "higher"
    margin = rail.margin or 0.0
    result: Guardrail | None = None
    if rail.below is not None and isinstance(mine, Proportion):
        result = guard_ceiling(mine, rail.below, worse=worse, confidence=confidence)
    elif isinstance(mine, Proportion) and isinstance(theirs, Proportion):
        result = guard_rate(theirs, mine, margin, worse=worse, confidence=confidence)
    elif isinstance(mine, Sample) and isinstance(theirs, Sample):
        result = guard_mean(theirs, mine, margin, worse=worse, confidence=confidence)
    if result is None:
        return Judged(rail, arm, reason=gap or f"{reading.title} was not measured in both arms.")
    return Judged(rail, arm, result, " ".join(result.reasons))
