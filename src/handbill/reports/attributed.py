"""What other ways of counting would claim, beside what was caused."""

from dataclasses import dataclass

from handbill.reports.money import contrast_of, range_of
from handbill.reports.registered import Registered
from handbill.reports.wording import Range
from handbill.statistics.joint import Joint
from handbill.statistics.results import Arm, Results
from handbill.statistics.samples import Proportion


@dataclass(frozen=True)
class Claim:
    """What one rule claims for an arm. `placebo` is what the same rule claims for as many who were sent nothing."""

    rule: str
    arm: str
    claimed: float
    placebo: float | None
    caused: Range | None


def claims_of(registered: Registered, results: Results) -> tuple[Claim, ...]:
    """By matchback (whoever bought in the window after a message), by click and by printed code, arm by arm."""
    arms = {arm.name: arm for arm in results.arms}
    holdout = next((arms[arm.name] for arm in registered.arms if arm.holdout and arms[arm.name].units), None)
    found = []
    for arm in registered.arms:
        measured = arms[arm.name]
        if arm.channels and measured.units:
            found += _claims(measured, holdout, results)
    return tuple(found)


def _claims(arm: Arm, holdout: Arm | None, results: Results) -> list[Claim]:
    bought, clicked, codes = (arm.metrics.get(name) for name in ("conversion", "orders_per_click", "codes"))
    found = []
    if isinstance(bought, Proportion):
        nothing = holdout.metrics.get("conversion") if holdout else None
        placebo = arm.units * nothing.rate if isinstance(nothing, Proportion) else None
        effect = range_of(contrast_of(results, "conversion", arm.name, holdout.name)) if holdout else None
        caused = effect.times(arm.units) if effect else None
        found.append(Claim("matchback", arm.name, bought.successes, placebo, caused))
    if isinstance(clicked, Joint):
        found.append(Claim("click", arm.name, clicked.y, None, None))
    if isinstance(codes, Proportion) and codes.successes:
        found.append(Claim("code", arm.name, codes.successes, None, None))
    return found
