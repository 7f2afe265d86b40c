"""What may be said of a difference at any moment, however often somebody looks."""

import math
from dataclasses import replace

from scipy.special import lambertw

from handbill.errors import NotMeasurable
from handbill.statistics.means import FEWEST_BUYERS, welch
from handbill.statistics.samples import Comparison, Proportion, Sample
from handbill.statistics.tails import Tail, from_logarithm

METHOD = "asymptotic confidence sequence, valid at every look"
SOURCE = "Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, Annals of Statistics 52, 2024, 2613–2640"

BURN_IN = 10
"""Converters (and contacts who did not convert) that each arm needs before anything is said about a rate."""


def compare_any_time(
    control: Proportion | Sample, treatment: Proportion | Sample, planned: float, *, confidence: float = 0.95
) -> Comparison:
    """Difference, treatment minus control, with an interval that holds at all looks together.

    `planned` is how many units both arms together are to have in the end; there the interval is about as narrow as
    it can be. Only units whose window has closed may be counted, and only where they arrive over time.
    """
    plain = Comparison(confidence=confidence, method=METHOD, source=SOURCE)
    too_early = _too_early(control, treatment)
    if too_early:
        return replace(plain, reasons=too_early)
    try:
        difference, error = _difference(control, treatment)
    except NotMeasurable as problem:
        return replace(plain, reasons=(str(problem),))
    n = _units(control) + _units(treatment)
    rho2 = tuned(planned, 1 - confidence)
    reach = error * math.sqrt(n) * half_width(n, rho2, 1 - confidence)
    tail = any_time_tail(difference / error, n, rho2)
    return replace(
        plain,
        difference=difference,
        low=difference - reach,
        high=difference + reach,
        p_value=tail.p_value,
        log10_p_value=tail.log10_p_value,
    )


def tuned(planned: float, alpha: float = 0.05) -> float:
    """The mixture's parameter ρ² that makes the interval narrowest at the planned number of units.

    >>> round(tuned(5000), 7)  # the authors' package drconfseq gives the same
    0.0016424
    """
    return float((-lambertw(-(alpha**2) / math.e, -1).real - 1) / planned)


def half_width(n: float, rho2: float, alpha: float = 0.05) -> float:
    """Half the interval's width for a mean of n units with a variance of one.

    >>> round(half_width(1000, tuned(5000)), 6)
    0.105843
    """
    mixed = n * rho2 + 1
    return math.sqrt(2 * mixed / (n * n * rho2) * (math.log(mixed) / 2 - math.log(alpha)))


def any_time_tail(z: float, n: float, rho2: float) -> Tail:
    """The p-value that holds at all looks together: one over the evidence (e-value) against "no difference".

    Over several looks the smallest one counts.
    """
    mixed = n * rho2 + 1
    return from_logarithm(math.log(mixed) / 2 - n * rho2 * z * z / (2 * mixed))


def _difference(control: Proportion | Sample, treatment: Proportion | Sample) -> tuple[float, float]:
    """The difference and its standard error."""
    if isinstance(control, Proportion) and isinstance(treatment, Proportion):
        variance = sum(arm.rate * (1 - arm.rate) / arm.of for arm in (control, treatment))
        cross = treatment.successes * control.of - control.successes * treatment.of
        return cross / (control.of * treatment.of), math.sqrt(variance)
    if isinstance(control, Sample) and isinstance(treatment, Sample):
        studentised = welch(control, treatment)
        return studentised.difference, studentised.standard_error
    raise TypeError("one arm is a proportion and the other a mean")


def _too_early(control: Proportion | Sample, treatment: Proportion | Sample) -> tuple[str, ...]:
    fewest = min(_events(control), _events(treatment))
    needed = BURN_IN if isinstance(control, Proportion) else FEWEST_BUYERS
    if fewest >= needed:
        return ()
    who = "who converted and who did not" if isinstance(control, Proportion) else "who bought"
    return (f"Too early to look: each arm needs {needed} contacts {who}, and one has {fewest}.",)


def _events(arm: Proportion | Sample) -> int:
    return min(arm.successes, arm.of - arm.successes) if isinstance(arm, Proportion) else arm.buyers


def _units(arm: Proportion | Sample) -> int:
    return arm.of if isinstance(arm, Proportion) else arm.n
