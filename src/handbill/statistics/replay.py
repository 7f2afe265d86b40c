"""How often our own tests find an effect in data where there is none: history, replayed with fake arms."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from handbill.errors import NotMeasurable
from handbill.statistics.means import compare_means
from handbill.statistics.proportions import compare_proportions, wilson_interval
from handbill.statistics.samples import Comparison, Proportion, Sample

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Replay:
    """How many of the fake experiments found something. Each of them compares arms that were treated alike.

    `higher` and `lower` claim that the fake treatment did better or worse; each should be at most half of
    1 − confidence. `silent` gave no p-value, such as revenue with too few buyers.
    """

    experiments: int
    higher: int
    lower: int
    silent: int
    confidence: float
    method: str

    @property
    def tested(self) -> int:
        """Experiments that gave a p-value."""
        return self.experiments - self.silent

    @property
    def false_rate(self) -> float | None:
        """Share of the tested experiments that found something; None where none was tested."""
        return (self.higher + self.lower) / self.tested if self.tested else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Between what the long-run share lies, from so many experiments (Wilson)."""
        return wilson_interval(Proportion(self.higher + self.lower, of=self.tested)) if self.tested else None

    @property
    def as_promised(self) -> bool | None:
        """Whether the promised rate fits what was found, or less was found; None where none was tested."""
        return None if self.interval is None else self.interval[0] <= 1 - self.confidence


def replay(
    values: Floats,
    random: Generator,
    *,
    control_share: float = 0.5,
    experiments: int = 1000,
    confidence: float = 0.95,
    binary: bool = False,
) -> Replay:
    """Deals the contacts to a fake control and a fake treatment, again and again, and compares them as a report would.

    Only contacts with a value are dealt one by one; the zeros are counted.

    Raises:
        NotMeasurable: fewer than two contacts.
    """
    if values.size < 2:
        raise NotMeasurable("A replay needs at least two contacts.")
    something = values[values != 0]
    zeros = values.size - something.size
    higher = lower = silent = 0
    methods = set()
    for _ in range(experiments):
        dealt = random.random(something.size) < control_share
        empty = int(random.binomial(zeros, control_share))
        result = _compare(something[dealt], empty, something[~dealt], zeros - empty, confidence, binary)
        methods.add(result.method)
        if result.p_value is None or result.difference is None:
            silent += 1
        elif result.p_value < 1 - confidence:
            higher, lower = higher + (result.difference > 0), lower + (result.difference < 0)
    return Replay(experiments, higher, lower, silent, confidence, " or ".join(sorted(methods)))


def _compare(
    control: Floats, zeros_of_control: int, treatment: Floats, zeros: int, confidence: float, binary: bool
) -> Comparison:
    if binary:
        rates = (
            Proportion(control.size, control.size + zeros_of_control),
            Proportion(treatment.size, treatment.size + zeros),
        )
        return compare_proportions(*rates, confidence=confidence)
    samples = (
        Sample.from_values(arm) + Sample(n=count) for arm, count in ((control, zeros_of_control), (treatment, zeros))
    )
    return compare_means(*samples, confidence=confidence)
