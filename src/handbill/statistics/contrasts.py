"""By which method two arms are compared in one metric, whatever the metric is."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

from handbill.statistics.bayesian import Verdict, effect_verdict, rates_verdict
from handbill.statistics.confidence_sequences import compare_any_time
from handbill.statistics.covariates import FEWEST_CONVERTERS, Regressed, compare_regressed, standard_error
from handbill.statistics.joint import Clustered, Joint
from handbill.statistics.means import FEWEST_BUYERS, compare_means
from handbill.statistics.proportions import Test, compare_proportions
from handbill.statistics.ratios import compare_ratios, delta
from handbill.statistics.samples import Comparison, Proportion, Sample

Aggregate = Proportion | Sample | Joint | Clustered | Regressed
"""The sums of a metric over an arm: a rate, an amount, a ratio, either by groups, or with covariates taken out."""

Method = Literal["z", "boschloo", "fisher", "welch", "hall", "any-time"]
METHODS: Mapping[Method, tuple[frozenset[str], str]] = {
    "z": (frozenset({"proportion"}), "pooled z test, whatever the counts"),
    "boschloo": (frozenset({"proportion"}), "Boschloo's exact test"),
    "fisher": (frozenset({"proportion"}), "Fisher's exact test"),
    "welch": (frozenset({"mean"}), "Welch's t test, whatever the skew"),
    "hall": (frozenset({"mean"}), "Hall's transformation of it"),
    "any-time": (frozenset({"proportion", "mean"}), "confidence sequence that holds however often one looks"),
}
"""What may be asked for by name instead of the method that suits the counts: for which kinds, and what it is."""

TESTS: Mapping[str, Test] = {"z": "pooled z", "boschloo": "Boschloo", "fisher": "Fisher"}
NO_METHOD = "The method that was asked for is not for {}: the usual one was used."


def kind_of(aggregate: Aggregate) -> str:
    """The word that reports use for this kind of metric."""
    match aggregate:
        case Proportion():
            return "proportion"
        case Clustered():
            return "proportion" if aggregate.rates else "mean"
        case Joint():
            return "ratio"
        case Regressed():
            return kind_of(aggregate.plain)
        case _:
            return "mean"


def mean_of(aggregate: Aggregate) -> float | None:
    """The rate, the mean or the ratio; None in an empty arm."""
    match aggregate:
        case Proportion():
            return aggregate.rate if aggregate.of else None
        case Sample():
            return aggregate.mean if aggregate.n else None
        case Joint():
            return aggregate.y / aggregate.x if aggregate.x else None
        case Clustered():
            return mean_of(aggregate.groups)
        case Regressed():
            return mean_of(aggregate.plain)


def total_of(aggregate: Aggregate) -> float:
    """The metric's sum over the arm; of a ratio, its numerator's."""
    match aggregate:
        case Proportion():
            return float(aggregate.successes)
        case Sample():
            return float(aggregate.total)
        case Joint():
            return float(aggregate.y)
        case Clustered():
            return float(aggregate.groups.y)
        case Regressed():
            return total_of(aggregate.plain)


def compare_aggregates(
    control: Aggregate, treatment: Aggregate, *, confidence: float = 0.95, method: Method | None = None
) -> Comparison:
    """Difference of two arms in a metric, treatment minus control, with the chance that it is better.

    By `method` where that is one for this kind of metric and arms were drawn for single rows, else by the one that
    suits the counts; `reasons` then say so.

    Raises:
        TypeError: the two are not of one kind.
    """
    if isinstance(control, Regressed) and isinstance(treatment, Regressed):
        plain = compare_aggregates(control.plain, treatment.plain, confidence=confidence, method=method)
        return _with_chance(compare_regressed(control, treatment, plain), control, treatment)
    result = _compare(control, treatment, confidence, method)
    if method and (isinstance(control, Clustered) or kind_of(control) not in METHODS[method][0]):
        what = "arms that were drawn for groups" if isinstance(control, Clustered) else f"a {kind_of(control)}"
        result = replace(result, reasons=(*result.reasons, NO_METHOD.format(what)))
    return _with_chance(result, control, treatment)


def error_of(control: Aggregate, treatment: Aggregate) -> float | None:
    """The standard error of the difference; None where nothing varies or the two are not of one kind."""
    if isinstance(control, Regressed) and isinstance(treatment, Regressed):
        return standard_error(control.rest, treatment.rest)
    if isinstance(control, Joint) and isinstance(treatment, Joint):
        known = compare_ratios(control, treatment).low is not None
        return delta(control, treatment).standard_error if known else None
    if isinstance(control, (Proportion, Sample, Clustered)) and isinstance(treatment, type(control)):
        return standard_error(control, treatment)
    return None


def _compare(control: Aggregate, treatment: Aggregate, confidence: float, method: Method | None) -> Comparison:
    if isinstance(control, Proportion) and isinstance(treatment, Proportion):
        if method == "any-time":
            return compare_any_time(control, treatment, control.of + treatment.of, confidence=confidence)
        return compare_proportions(control, treatment, confidence=confidence, test=TESTS.get(method or ""))
    if isinstance(control, Sample) and isinstance(treatment, Sample):
        if method == "any-time":
            return compare_any_time(control, treatment, control.n + treatment.n, confidence=confidence)
        transformed = {"hall": True, "welch": False}.get(method or "")
        return compare_means(control, treatment, confidence=confidence, transformed=transformed)
    if isinstance(control, Joint) and isinstance(treatment, Joint):
        return compare_ratios(control, treatment, confidence=confidence)
    if isinstance(control, Clustered) and isinstance(treatment, Clustered) and control.rates == treatment.rates:
        return _compare_groups(control, treatment, confidence)
    raise TypeError(f"a {kind_of(control)} in one arm and a {kind_of(treatment)} in another")


def _compare_groups(control: Clustered, treatment: Clustered, confidence: float) -> Comparison:
    """Rates and means of rows with the error that groups have."""
    result = compare_ratios(control.groups, treatment.groups, confidence=confidence)
    fewest = FEWEST_CONVERTERS if control.rates else FEWEST_BUYERS
    buyers = [arm.groups.buyers for arm in (control, treatment)]
    zeros = any(arm.groups.buyers < arm.groups.n for arm in (control, treatment))
    if result.p_value is None or not zeros or min(buyers) >= fewest:
        return result
    few = (
        f"Not testable with under {fewest} groups in an arm that have a value other than zero (the control has "
        f"{buyers[0]}, this arm {buyers[1]}). The interval is only rough."
    )
    return replace(result, p_value=None, log10_p_value=None, reasons=(few, *result.reasons))


def _with_chance(result: Comparison, control: Aggregate, treatment: Aggregate) -> Comparison:
    """With a flat prior; exact for rates of single rows, from the normal effect for everything else."""
    verdict: Verdict | None = None
    if isinstance(control, Proportion) and isinstance(treatment, Proportion):
        verdict = rates_verdict(control, treatment) if result.difference is not None else None
    elif result.difference is not None and result.p_value is not None:
        error = error_of(control, treatment)
        verdict = effect_verdict(result.difference, error) if error else None
    if verdict is None:
        return result
    return replace(
        result,
        probability_to_beat_control=verdict.probability_to_beat_control,
        expected_loss=verdict.expected_loss,
    )
