"""What is known of an arm's contacts for one metric, and what a comparison of two arms says."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from handbill.errors import NotMeasurable


@dataclass(frozen=True)
class Proportion:
    """How many of an arm's contacts did something: `Proportion(48, of=80)`. Parts of an arm add up with `+`."""

    successes: int = 0
    of: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.successes <= self.of:
            raise ValueError(f"{self.successes} of {self.of} is not a proportion")

    def __add__(self, other: Self) -> "Proportion":
        return Proportion(self.successes + other.successes, self.of + other.of)

    @property
    def rate(self) -> float:
        """Successes per contact, in [0, 1].

        Raises:
            NotMeasurable: the arm is empty.
        """
        if not self.of:
            raise NotMeasurable("An arm without contacts has no rate.")
        return self.successes / self.of

    @property
    def complement(self) -> "Proportion":
        """The same contacts, counted by who did not."""
        return Proportion(self.of - self.successes, of=self.of)

    @classmethod
    def from_values(cls, values: NDArray[Any]) -> "Proportion":
        """The proportion of ones in an array of zeros and ones (or of True in an array of booleans)."""
        return cls(int(np.count_nonzero(values)), of=int(values.size))


@dataclass(frozen=True)
class Sample:
    """The sums of a metric over an arm's contacts, those with zero included. Parts of an arm add up with `+`.

    `n` counts contacts, `buyers` those with a value other than zero; `total`, `squares` and `cubes` are the sums
    of x, x² and x³. Sums in Python integers stay exact whatever their size; floats are good to 15 digits.
    """

    n: int = 0
    total: float = 0
    squares: float = 0
    cubes: float = 0
    buyers: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.buyers <= self.n or self.squares < 0:
            raise ValueError(f"{self} are not the sums of {self.n} contacts")

    def __add__(self, other: Self) -> "Sample":
        return Sample(
            self.n + other.n,
            self.total + other.total,
            self.squares + other.squares,
            self.cubes + other.cubes,
            self.buyers + other.buyers,
        )

    @property
    def mean(self) -> float:
        """The metric per contact.

        Raises:
            NotMeasurable: the arm is empty.
        """
        if not self.n:
            raise NotMeasurable("An arm without contacts has no mean.")
        return self.total / self.n

    @classmethod
    def from_values(cls, values: NDArray[Any]) -> "Sample":
        """The sums of an array of one number a contact."""
        x = np.asarray(values, dtype=np.float64)
        square = x * x
        return cls(
            n=int(x.size),
            total=float(x.sum()),
            squares=float(square.sum()),
            cubes=float((square * x).sum()),
            buyers=int(np.count_nonzero(x)),
        )


@dataclass(frozen=True)
class Comparison:
    """What two arms say about one metric: arm minus control, in the metric's own unit.

    A value that cannot be given is None and its reason stands in `reasons`. `relative` is the difference as a
    share of the control's value. `p_value` is two-sided and never below the smallest normal float (2.2e-308);
    `log10_p_value` has no such floor. `p_value_adjusted` is set where several arms share a control.
    `expected_loss` is what choosing the arm costs on average, per contact, should the control be better.
    Where covariates were taken out, `unadjusted` is the same comparison without them, and `variance_reduction` the
    share of the difference's variance that went away (negative where they did harm).
    """

    confidence: float
    method: str
    source: str
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    relative: float | None = None
    relative_low: float | None = None
    relative_high: float | None = None
    p_value: float | None = None
    log10_p_value: float | None = None
    p_value_adjusted: float | None = None
    probability_to_beat_control: float | None = None
    expected_loss: float | None = None
    unadjusted: "Comparison | None" = None
    variance_reduction: float | None = None
    reasons: tuple[str, ...] = ()
