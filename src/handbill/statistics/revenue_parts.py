"""Why revenue per contact differs: more buyers, or larger orders, or a few huge ones."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from handbill.errors import NotMeasurable
from handbill.statistics.means import compare_means
from handbill.statistics.samples import Comparison, Sample

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class RevenueParts:
    """The difference per contact, split: from more buyers (`via_conversion`) and from what they spend (`via_value`).

    They add up to the whole difference. `per_buyer` compares what buyers spend; buyers are not the same people in
    both arms, so that it explains and proves nothing.
    """

    via_conversion: float
    via_value: float
    per_buyer: Comparison


def split_revenue(control: Sample, treatment: Sample, *, confidence: float = 0.95) -> RevenueParts:
    """Revenue per contact is the share of buyers times what a buyer spends; each part at the other's midpoint.

    Raises:
        NotMeasurable: an arm has no buyers.
    """
    if not control.buyers or not treatment.buyers:
        raise NotMeasurable("Revenue cannot be split where an arm has no buyers.")
    rates = control.buyers / control.n, treatment.buyers / treatment.n
    values = control.total / control.buyers, treatment.total / treatment.buyers
    return RevenueParts(
        via_conversion=(rates[1] - rates[0]) * (values[0] + values[1]) / 2,
        via_value=(values[1] - values[0]) * (rates[0] + rates[1]) / 2,
        per_buyer=compare_means(buyers_alone(control), buyers_alone(treatment), confidence=confidence),
    )


def buyers_alone(sample: Sample) -> Sample:
    """The same sums over those with a value other than zero."""
    return Sample(sample.buyers, sample.total, sample.squares, sample.cubes, sample.buyers)


def winsor_cap(values: Floats, share: float = 0.999) -> float:
    """The cap that this share of all contacts (zeros included) stays below; fix it on earlier data, before the send."""
    if not values.size:
        raise NotMeasurable("A cap cannot be found without values.")
    return float(np.quantile(values, share))


def compare_winsorised(control: Floats, treatment: Floats, cap: float, *, confidence: float = 0.95) -> Comparison:
    """The difference of means with every value above `cap` lowered to it, so that no single order decides."""
    return compare_means(
        *(Sample.from_values(np.minimum(arm, cap)) for arm in (control, treatment)), confidence=confidence
    )


def permutation_p_value(control: Floats, treatment: Floats, random: Generator, *, shuffles: int = 2000) -> float:
    """Two-sided p-value of "the arms differ in nothing", from shuffling who was in which arm.

    Never below 1/(shuffles + 1). Only buyers are shuffled: how many of them fall to the treatment is drawn first,
    then which ones. Phipson and Smyth, Statistical Applications in Genetics and Molecular Biology 9, 2010, article 39.
    """
    values = np.concatenate((control[control != 0], treatment[treatment != 0]))
    n_control, n_treatment = control.size, treatment.size
    if not n_control or not n_treatment:
        raise NotMeasurable("There are no contacts in an arm.")
    if not values.size:
        raise NotMeasurable("Nobody bought anything, so there is nothing to shuffle.")
    total = float(values.sum())

    def distance(of_treatment: float) -> float:
        return abs(of_treatment / n_treatment - (total - of_treatment) / n_control)

    observed = distance(float(treatment.sum())) * (1 - 1e-12)  # so that equal sums in another order count as equal
    zeros = n_control + n_treatment - values.size
    counts = random.hypergeometric(values.size, zeros, n_treatment, size=shuffles)
    sums = (float(random.permutation(values)[: int(count)].sum()) for count in counts)
    extreme = sum(distance(of_treatment) >= observed for of_treatment in sums)
    return (extreme + 1) / (shuffles + 1)
