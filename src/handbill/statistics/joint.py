"""What is known of two metrics of the same contacts, or of a household's orders and its members, taken together."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from handbill.statistics.samples import Sample


@dataclass(frozen=True)
class Joint:
    """The sums of y and x over an arm's units: squares, products and cubes. Parts of an arm add up with `+`.

    `n` counts units, `buyers` those whose y is not zero, `active` those whose x is not zero; `yyx` is the sum of
    y²x, and so on.
    """

    n: int = 0
    y: float = 0
    x: float = 0
    yy: float = 0
    yx: float = 0
    xx: float = 0
    yyy: float = 0
    yyx: float = 0
    yxx: float = 0
    xxx: float = 0
    buyers: int = 0
    active: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.buyers <= self.n or not 0 <= self.active <= self.n or min(self.yy, self.xx) < 0:
            raise ValueError(f"{self} are not the sums of {self.n} units")

    def __add__(self, other: Self) -> "Joint":
        return Joint(
            n=self.n + other.n,
            y=self.y + other.y,
            x=self.x + other.x,
            yy=self.yy + other.yy,
            yx=self.yx + other.yx,
            xx=self.xx + other.xx,
            yyy=self.yyy + other.yyy,
            yyx=self.yyx + other.yyx,
            yxx=self.yxx + other.yxx,
            xxx=self.xxx + other.xxx,
            buyers=self.buyers + other.buyers,
            active=self.active + other.active,
        )

    def along(self, a: float, b: float, shift: float = 0) -> Sample:
        """The sums of a·y + b·x + shift, as if every unit had been asked for that; `buyers` stay those of y."""
        total = a * self.y + b * self.x
        squares = a * a * self.yy + 2 * a * b * self.yx + b * b * self.xx
        cubes = a**3 * self.yyy + 3 * a * a * b * self.yyx + 3 * a * b * b * self.yxx + b**3 * self.xxx
        return Sample(
            n=self.n,
            total=total + self.n * shift,
            squares=max(squares + 2 * shift * total + self.n * shift**2, 0.0),
            cubes=cubes + 3 * shift * squares + 3 * shift**2 * total + self.n * shift**3,
            buyers=self.buyers,
        )

    @property
    def covariance_of_means(self) -> float:
        """Covariance of the mean of y and the mean of x, with n − 1; 0 with fewer than two units."""
        if self.n < 2:
            return 0.0
        return float((self.n * self.yx - self.y * self.x) / (self.n * self.n * (self.n - 1)))

    @classmethod
    def from_values(cls, y: NDArray[Any], x: NDArray[Any]) -> "Joint":
        """The sums of two arrays with one number a unit each."""
        first, second = np.asarray(y, dtype=np.float64), np.asarray(x, dtype=np.float64)
        yy, xx = first * first, second * second
        return cls(
            n=int(first.size),
            y=float(first.sum()),
            x=float(second.sum()),
            yy=float(yy.sum()),
            yx=float((first * second).sum()),
            xx=float(xx.sum()),
            yyy=float((yy * first).sum()),
            yyx=float((yy * second).sum()),
            yxx=float((first * xx).sum()),
            xxx=float((xx * second).sum()),
            buyers=int(np.count_nonzero(first)),
            active=int(np.count_nonzero(second)),
        )


def joint_of(n: int, sums: Mapping[str, float], *, buyers: int, active: int) -> Joint:
    """The joint of sums by their names; what is not named is zero."""
    return Joint(
        n=n,
        y=sums.get("y", 0.0),
        x=sums.get("x", 0.0),
        yy=sums.get("yy", 0.0),
        yx=sums.get("yx", 0.0),
        xx=sums.get("xx", 0.0),
        yyy=sums.get("yyy", 0.0),
        yyx=sums.get("yyx", 0.0),
        yxx=sums.get("yxx", 0.0),
        xxx=sums.get("xxx", 0.0),
        buyers=buyers,
        active=active,
    )


@dataclass(frozen=True)
class Clustered:
    """A metric of single rows whose arm was drawn for groups of them: y is a group's sum, x its number of rows.

    `rates` says that the rows hold 0 and 1, so that the metric is a share of the rows.
    """

    groups: Joint = field(default_factory=Joint)
    rates: bool = False
