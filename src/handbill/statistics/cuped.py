"""Whether an amount differs once what contacts did before the experiment is taken out of it."""

from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from handbill.errors import NotMeasurable
from handbill.statistics.joint import Joint
from handbill.statistics.means import FEWEST_BUYERS, LARGEST_SAFE_RATIO, compare_means, variance_of_mean
from handbill.statistics.samples import Comparison, Sample

CUPED = "CUPED with one slope for all arms"
LIN = "CUPED with a slope for each arm"
CUPED_SOURCE = "Deng, Xu, Kohavi and Walker, WSDM 2013, 123–132"
LIN_SOURCE = "Lin, Annals of Applied Statistics 7, 2013, 295–318"

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Covaried:
    """An arm's metric y beside what is known of the time before the assignment, x.

    `known` are the contacts that have an x, `unknown` the metric of those without one, such as new contacts.
    Parts of an arm add up with `+`.
    """

    known: Joint = field(default_factory=Joint)
    unknown: Sample = field(default_factory=Sample)

    def __add__(self, other: Self) -> "Covaried":
        return Covaried(self.known + other.known, self.unknown + other.unknown)

    @property
    def plain(self) -> Sample:
        """The metric of all contacts, as it is without x."""
        return self.known.along(1, 0) + self.unknown


@dataclass(frozen=True)
class Adjusted:
    """A comparison after the covariate was taken out, and how much that brought.

    `variance_reduction` is the share of the difference's variance that went away (negative where the covariate did
    harm); None where there is no variance.
    """

    result: Comparison
    slopes: tuple[float, float]
    variance_reduction: float | None


def compare_covaried(
    control: Covaried, treatment: Covaried, *, confidence: float = 0.95, fewest_buyers: int = FEWEST_BUYERS
) -> Adjusted:
    """Difference between two amounts per contact, treatment minus control, with the covariate taken out.

    One pooled slope for arms of similar size, a slope for each arm where one is more than 1.5 times the other.
    The adjusted values then go through `compare_means`, Hall's transformation included.
    """
    smaller, larger = sorted((control.plain.n, treatment.plain.n))
    own = larger > LARGEST_SAFE_RATIO * smaller
    method, source = (LIN, f"{CUPED_SOURCE}; {LIN_SOURCE}") if own else (CUPED, CUPED_SOURCE)
    arms, slopes = adjust(control, treatment, own_slopes=own)
    result = compare_means(*arms, confidence=confidence, fewest_buyers=fewest_buyers)
    reduction = None
    if min(control.plain.n, treatment.plain.n) > 1:
        before = variance_of_mean(control.plain) + variance_of_mean(treatment.plain)
        after = sum(variance_of_mean(arm) for arm in arms)
        reduction = 1 - after / before if before else None
    result = replace(result, method=f"{method}; {result.method}", source=f"{source}; {result.source}")
    return Adjusted(result, slopes, reduction)


def slope(known: Joint) -> float:
    """How much more y comes with one more x (least squares); 0 where x does not vary.

    >>> slope(Joint.from_values(np.array([1.0, 3.0, 5.0]), np.array([0.0, 1.0, 2.0])))
    2.0
    """
    spread = known.n * known.xx - known.x * known.x
    if spread <= 1e-12 * known.n * known.xx:
        return 0.0
    return float((known.n * known.yx - known.y * known.x) / spread)


def adjust(
    control: Covaried, treatment: Covaried, *, own_slopes: bool = False
) -> tuple[tuple[Sample, Sample], tuple[float, float]]:
    """Each arm's sums of y − slope · (x − mean x) − step · (unknown − share unknown), and its slope; control first.

    Means and the share are those of both arms together, so that the adjusted means stay comparable with the plain
    ones. The step is how much more is expected of a contact without x than of one whose x is 0.
    """
    both = control + treatment
    total = max(both.known.n + both.unknown.n, 1)
    mean_x, share_unknown = both.known.x / total, both.unknown.n / total
    adjusted, slopes = [], []
    for arm in (control, treatment):
        fitted = arm if own_slopes else both
        by = slope(fitted.known)
        step = _step(fitted, by)
        back = by * mean_x + step * share_unknown
        adjusted.append(arm.known.along(1, -by, back) + _shifted(arm.unknown, back - step))
        slopes.append(by)
    return (adjusted[0], adjusted[1]), (slopes[0], slopes[1])


def lin_hc2(control: tuple[Floats, Floats], treatment: tuple[Floats, Floats]) -> tuple[float, float]:
    """Difference and standard error of the regression with interaction, heteroskedasticity-robust (HC2).

    Each arm is its y and its x, one number a contact. This is what `compare_covaried` approaches from sums where
    arms are unequal: its error lacks only what single contacts with an extreme x weigh.
    Lin, Annals of Applied Statistics 7, 2013, 295–318; MacKinnon and White, Journal of Econometrics 29, 1985, 305–325.

    Raises:
        NotMeasurable: an arm has fewer than three contacts, or one contact decides its slope alone.
    """
    grand_mean = float(np.concatenate((control[1], treatment[1])).mean())
    (base, base_variance), (mean, variance) = (_at(y, x, grand_mean) for y, x in (control, treatment))
    return mean - base, float(np.sqrt(base_variance + variance))


def _at(y: Floats, x: Floats, place: float) -> tuple[float, float]:
    """The regression line's height at `place` and its HC2 variance."""
    n = y.size
    if n < 3:
        raise NotMeasurable("A slope for each arm needs at least three contacts an arm.")
    centred = x - x.mean()
    spread = float((centred**2).sum())
    gradient = float((centred * y).sum()) / spread if spread else 0.0
    weights = 1 / n + ((place - x.mean()) * centred / spread if spread else 0.0)
    leverage = 1 / n + (centred**2 / spread if spread else 0.0)
    if np.max(leverage) > 1 - 1e-9:
        raise NotMeasurable("One contact alone decides the slope of its arm.")
    residual = y - y.mean() - gradient * centred
    height = float(y.mean() + gradient * (place - x.mean()))
    return height, float((weights**2 * residual**2 / (1 - leverage)).sum())


def _step(arm: Covaried, by: float) -> float:
    """Mean y of contacts without x, less the regression line's height at x = 0."""
    if not arm.known.n or not arm.unknown.n:
        return 0.0
    return arm.unknown.mean - (arm.known.y - by * arm.known.x) / arm.known.n


def _shifted(sample: Sample, shift: float) -> Sample:
    n, total, squares = sample.n, sample.total, sample.squares
    return Sample(
        n=n,
        total=total + n * shift,
        squares=squares + 2 * shift * total + n * shift**2,
        cubes=sample.cubes + 3 * shift * squares + 3 * shift**2 * total + n * shift**3,
        buyers=sample.buyers,
    )
