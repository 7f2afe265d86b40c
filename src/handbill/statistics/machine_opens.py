"""What opens would say if machines opened this many of the messages; never a reason to decide by opens."""

import math

from handbill.statistics.samples import Comparison, Proportion
from handbill.statistics.tails import normal_quantile

METHOD = "opens corrected for an assumed share of machine opens, with a normal interval; no basis for a decision"
SOURCE = "Rogan and Gladen, American Journal of Epidemiology 107, 1978, 71–76"


def corrected_rate(opens: Proportion, machine_share: float, *, sensitivity: float = 1.0) -> float | None:
    """The rate of people who opened, if machines open `machine_share` of what people leave shut.

    `sensitivity` is the share of people's opens that is recorded. None where so many machine opens cannot be, since
    fewer were opened altogether (or people's opens would exceed everybody).

    >>> round(corrected_rate(Proportion(4200, of=10_000), 0.25), 4)
    0.2267
    """
    rate = (opens.rate - machine_share) / _discernible(machine_share, sensitivity)
    return rate if 0 <= rate <= 1 else None


def compare_opens(
    control: Proportion,
    treatment: Proportion,
    machine_share: float,
    *,
    sensitivity: float = 1.0,
    confidence: float = 0.95,
) -> Comparison:
    """Difference of the corrected open rates, treatment minus control; no p-value, because nothing follows from it."""
    if not control.of or not treatment.of:
        return Comparison(confidence, METHOD, SOURCE, reasons=("There are no contacts in an arm.",))
    rates = [corrected_rate(arm, machine_share, sensitivity=sensitivity) for arm in (control, treatment)]
    if rates[0] is None or rates[1] is None:
        reason = f"The opens that were seen do not fit {100 * machine_share:g} % machine opens."
        return Comparison(confidence, METHOD, SOURCE, reasons=(reason,))
    variance = sum(arm.rate * (1 - arm.rate) / arm.of for arm in (control, treatment))
    reach = normal_quantile(0.5 + confidence / 2) * math.sqrt(variance) / _discernible(machine_share, sensitivity)
    difference = rates[1] - rates[0]
    return Comparison(
        confidence, METHOD, SOURCE, difference=difference, low=difference - reach, high=difference + reach
    )


def _discernible(machine_share: float, sensitivity: float) -> float:
    """How much more often a person's open is seen than an open where there was none."""
    if not 0 <= machine_share < sensitivity <= 1:
        raise ValueError(f"opens say nothing with {machine_share:g} machine opens and {sensitivity:g} recorded")
    return sensitivity - machine_share
