"""What a Bayesian analysis says of the primary metric: probabilities and probable values in place of tests."""

from dataclasses import replace

from handbill.reports.phrases import Nouns
from handbill.reports.registered import Registered
from handbill.reports.sentences import LEAST_SAID, PER
from handbill.reports.wording import chance_said, money, number
from handbill.statistics.posteriors import compare_believed
from handbill.statistics.results import Contrast, Results
from handbill.statistics.samples import Comparison

BAYESIAN = "bayesian"


def is_believed(registered: Registered, metric: str) -> bool:
    """Whether this metric has a posterior in place of a test."""
    return registered.analysis == BAYESIAN and metric == registered.primary


def as_believed(registered: Registered, results: Results) -> Results:
    """The results with posteriors for all comparisons of the primary metric.

    Several comparisons share what is left for error, so that all their intervals hold together.
    """
    sums = {arm.name: arm.metrics.get(registered.primary) for arm in results.arms}
    family = sum(one.metric == registered.primary for one in results.comparisons)
    each = 1 - (1 - registered.confidence) / max(family, 1)
    found = []
    for one in results.comparisons:
        control, arm = sums.get(one.control), sums.get(one.arm)
        if one.metric == registered.primary and control is not None and arm is not None:
            believed = compare_believed(control, arm, one.result, confidence=each, prior=registered.prior)
            one = replace(one, result=replace(believed, confidence=one.result.confidence))  # noqa: PLW2901 - the same one
        found.append(one)
    return replace(results, comparisons=tuple(found))


def is_clear(registered: Registered, one: Contrast, level: float) -> bool:
    """Whether a comparison whose interval leaves out zero is more than chance at this level.

    A posterior's interval says so by itself; a test also has its corrected p-value.
    """
    if is_believed(registered, one.metric):
        return one.result.probability_to_beat_control is not None
    p = one.result.p_value_adjusted
    return p is not None and p < level


def chance_of(nouns: Nouns, result: Comparison) -> float | None:
    """The chance that the arm is better than the control; of what there should be less of, that it has less."""
    chance = result.probability_to_beat_control
    return chance if chance is None or nouns.gained.more_is_better else 1 - chance


def belief_sentence(nouns: Nouns, result: Comparison) -> str:
    """`Chance that it is better: 83 %. Choosing it risks 0.05 buyers per 100 on average.`; no risk near nothing."""
    chance, loss = chance_of(nouns, result), result.expected_loss
    if chance is None or loss is None or result.difference is None:
        return ""
    # E[max(Δ, 0)] − E[max(−Δ, 0)] = E[Δ]
    risk = PER * (loss if nouns.gained.more_is_better else loss + result.difference)
    first = f"Chance that it is better: {chance_said(chance)}."
    if risk < LEAST_SAID:
        return first
    said = money(risk, nouns.currency, risk) if nouns.gained.scale == "money" else number(risk, risk)
    what = f"{said} {nouns.many}" if nouns.gained.scale != "money" else f"{said} of {nouns.many}"
    return f"{first} Choosing it risks {what} per {PER} on average."
