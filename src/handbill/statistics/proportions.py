"""Whether two response rates differ, by how much, and how sure that is."""

import math
from collections.abc import Mapping
from typing import Literal

from handbill.statistics.exact import boschloo, fisher
from handbill.statistics.roots import crossing, falling_crossing
from handbill.statistics.samples import Comparison, Proportion
from handbill.statistics.tails import Tail, normal_quantile, two_sided_normal

FEWEST_EXPECTED = 5
"""Below this expected count in a cell the normal approximation of the test is not trusted (Cochran 1954)."""

MOST_FOR_BOSCHLOO = 500
"""Boschloo's test looks at every possible table; where an arm is larger than this, Fisher's takes its place."""

LARGEST_FOR_BOSCHLOO = 2000
"""Where somebody asks for it: beyond this it would need minutes, and differ from Fisher's test in nothing."""

INTERVALS = "Miettinen–Nurminen score intervals for the difference and for the ratio"
SOURCE = "Miettinen and Nurminen, Statistics in Medicine 4, 1985, 213–226"
Test = Literal["pooled z", "Boschloo", "Fisher"]
TESTS: Mapping[Test, tuple[str, str]] = {
    "pooled z": ("pooled z test", "Pearson, Philosophical Magazine 50, 1900, 157–175"),
    "Boschloo": ("Boschloo's exact test", "Boschloo, Statistica Neerlandica 24, 1970, 1–35"),
    "Fisher": ("Fisher's exact test", "Fisher, Statistical Methods for Research Workers, 1934"),
}

Interval = tuple[float, float]


def compare_proportions(
    control: Proportion, treatment: Proportion, *, confidence: float = 0.95, test: Test | None = None
) -> Comparison:
    """Difference between two response rates, treatment minus control.

    p-value: two-sided pooled z test; with fewer than 5 expected in a cell Boschloo's exact test up to
    500 contacts an arm, Fisher's above; or the `test` that is asked for. Intervals: Miettinen–Nurminen.
    Rates are fractions, not percent.

    >>> result = compare_proportions(Proportion(48, of=80), Proportion(56, of=70))  # Newcombe (1998), example (a)
    >>> round(result.low, 4), round(result.high, 4), round(result.p_value, 4)
    (0.0528, 0.3382, 0.008)
    """
    chosen = test or _test_for(control, treatment)
    name, source = TESTS[chosen]
    method = f"{name}; {INTERVALS}"
    source = f"{source}; {SOURCE}"
    empty = [name for name, arm in (("the control", control), ("this arm", treatment)) if not arm.of]
    if empty:
        reason = f"There are no contacts in {' and '.join(empty)}."
        return Comparison(confidence=confidence, method=method, source=source, reasons=(reason,))
    tail, no_test = _tail(control, treatment, chosen)
    low, high = miettinen_nurminen_interval(control, treatment, confidence)
    relative_low, relative_high, no_ratio = _relative(control, treatment, confidence)
    return Comparison(
        confidence=confidence,
        method=method,
        source=source,
        difference=_difference(control, treatment),
        low=low,
        high=high,
        relative=_difference(control, treatment) / control.rate if control.successes else None,
        relative_low=relative_low,
        relative_high=relative_high,
        p_value=tail.p_value if tail else None,
        log10_p_value=tail.log10_p_value if tail else None,
        reasons=no_test + no_ratio,
    )


def pooled_z(control: Proportion, treatment: Proportion) -> float | None:
    """The pooled z statistic, whose square is chi-square without correction; None where nothing varies.

    >>> round(pooled_z(Proportion(48, of=80), Proportion(56, of=70)), 4)
    2.6502
    """
    both = control + treatment
    variance = both.rate * (both.of - both.successes) / both.of * (1 / control.of + 1 / treatment.of)
    return _difference(control, treatment) / math.sqrt(variance) if variance else None


def wilson_interval(arm: Proportion, confidence: float = 0.95) -> Interval:
    """Score interval of one rate (Wilson, Journal of the American Statistical Association 22, 1927, 209–212).

    >>> low, high = wilson_interval(Proportion(81, of=263))  # Newcombe, Statistics in Medicine 17, 1998, 857–872
    >>> round(low, 4), round(high, 4)
    (0.2553, 0.3662)
    """
    z, n, rate = normal_quantile(0.5 + confidence / 2), arm.of, arm.rate
    centre = (rate + z * z / (2 * n)) / (1 + z * z / n)
    spread = z * math.sqrt(rate * (1 - rate) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return (max(0.0, centre - spread) if arm.successes else 0.0, min(1.0, centre + spread) if rate < 1 else 1.0)


def newcombe_interval(control: Proportion, treatment: Proportion, confidence: float = 0.95) -> Interval:
    """Hybrid score interval of the difference, in closed form and so quick enough for plots.

    Newcombe, Statistics in Medicine 17, 1998, 873–890, method 10.

    >>> low, high = newcombe_interval(Proportion(48, of=80), Proportion(56, of=70))  # example (a)
    >>> round(low, 4), round(high, 4)
    (0.0524, 0.3339)
    """
    control_low, control_high = wilson_interval(control, confidence)
    low, high = wilson_interval(treatment, confidence)
    down = math.hypot(treatment.rate - low, control_high - control.rate)
    up = math.hypot(high - treatment.rate, control.rate - control_low)
    return _difference(control, treatment) - down, _difference(control, treatment) + up


def miettinen_nurminen_interval(control: Proportion, treatment: Proportion, confidence: float = 0.95) -> Interval:
    """Score interval of the difference: every difference that the score test does not reject.

    Miettinen and Nurminen, Statistics in Medicine 4, 1985, 213–226, with their variance factor n/(n − 1).

    >>> low, high = miettinen_nurminen_interval(Proportion(48, of=80), Proportion(56, of=70))
    >>> round(low, 5), round(high, 5)
    (0.05283, 0.33817)
    """
    if 2 * (control.successes + treatment.successes) > control.of + treatment.of:
        # The rarer outcome keeps its digits: 1 − 3e-9 would lose them.
        low, high = miettinen_nurminen_interval(control.complement, treatment.complement, confidence)
        return -high, -low
    z = normal_quantile(0.5 + confidence / 2)
    observed = _difference(control, treatment)
    near = newcombe_interval(control, treatment, confidence)
    step = 0.02 * (near[1] - near[0])
    low = falling_crossing(lambda d: difference_score(control, treatment, d) - z, near[0], step, (-1.0, observed))
    high = falling_crossing(lambda d: difference_score(control, treatment, d) + z, near[1], step, (observed, 1.0))
    return low, high


def ratio_score_interval(control: Proportion, treatment: Proportion, confidence: float = 0.95) -> Interval:
    """Score interval of the ratio treatment / control (Miettinen and Nurminen 1985); its upper end may be infinite.

    The ratio's interval, less one, is the interval of the relative lift.

    >>> low, high = ratio_score_interval(Proportion(48, of=80), Proportion(56, of=70))
    >>> round(low - 1, 4), round(high - 1, 4)
    (0.079, 0.6721)
    """
    z = normal_quantile(0.5 + confidence / 2)

    def above(ratio: float) -> float:
        return ratio_score(control, treatment, ratio) - z

    def below(ratio: float) -> float:
        return ratio_score(control, treatment, ratio) + z

    if not control.successes:
        if not treatment.successes:
            return 0.0, math.inf
        return crossing(above, 0.0, _beyond(control, treatment, 1.0, z)), math.inf
    observed = treatment.rate / control.rate
    if not treatment.successes:
        return 0.0, crossing(below, observed, _beyond(control, treatment, observed, -z))
    # Katz's logarithmic interval (Biometrics 34, 1978, 469–474) lies near.
    spread = math.exp(z * math.sqrt(sum((1 - arm.rate) / arm.successes for arm in (control, treatment))))
    step = 0.02 * observed * (spread - 1 / spread) + 1e-12 * observed
    low = falling_crossing(above, observed / spread, step, (0.0, observed))
    high = falling_crossing(below, observed * spread, step, (observed, math.inf))
    return low, high


def difference_score(control: Proportion, treatment: Proportion, difference: float) -> float:
    """The score statistic for "the true difference is this": z, infinite where such a difference leaves no variance."""
    rate = _restricted_rate(control, treatment, difference)
    treated, n = rate + difference, control.of + treatment.of
    variance = max(rate * (1 - rate), 0.0) / control.of + max(treated * (1 - treated), 0.0) / treatment.of
    return _standardised(_difference(control, treatment) - difference, variance * n / (n - 1))


def ratio_score(control: Proportion, treatment: Proportion, ratio: float) -> float:
    """The score statistic for "the true ratio treatment / control is this"."""
    n = control.of + treatment.of
    both = control.successes + treatment.successes
    b = treatment.of * ratio + treatment.successes + control.of + control.successes * ratio
    root = math.sqrt(max(b * b - 4 * n * ratio * both, 0.0))
    rate = 2 * both / (b + root)
    treated = min(ratio * rate, 1.0)
    variance = treated * (1 - treated) / treatment.of + ratio**2 * rate * max(1 - rate, 0.0) / control.of
    return _standardised(treatment.rate - ratio * control.rate, variance * n / (n - 1))


def _standardised(distance: float, variance: float) -> float:
    if variance > 0:
        return distance / math.sqrt(variance)
    return math.copysign(math.inf, distance) if distance else 0.0


def _restricted_rate(control: Proportion, treatment: Proportion, difference: float) -> float:
    """The control rate that makes the counts most likely, given the true difference.

    The log-likelihood is concave, so its slope has at most one root: Newton's method within a shrinking bracket,
    from the closed form of the cubic, which by itself loses all digits of rates near 1e-9.
    """
    counts = (
        control.successes,
        control.of - control.successes,
        treatment.successes,
        treatment.of - treatment.successes,
    )
    low, high = max(0.0, -difference), min(1.0, 1.0 - difference)
    rate = _closed_form(control, treatment, difference)
    if not low < rate < high:
        if low >= high or _slope(counts, low, difference)[0] <= 0:
            return low
        if _slope(counts, high, difference)[0] >= 0:
            return high
    for _ in range(100):
        if not low < rate < high:
            rate = (low + high) / 2
        slope, curvature = _slope(counts, rate, difference)
        low, high = (rate, high) if slope > 0 else (low, rate)
        step = slope / curvature
        rate += step
        if abs(step) <= 1e-13 * rate or high - low <= 1e-15 * rate:
            break
    return min(max(rate, low), high)


def _closed_form(control: Proportion, treatment: Proportion, difference: float) -> float:
    """The same by the cubic's trigonometric solution (Miettinen and Nurminen 1985, appendix)."""
    n, both = control.of + treatment.of, control.successes + treatment.successes
    b = ((2 * control.of + treatment.of) * difference - n - both) / (3 * n)
    c = ((control.of * difference - n - 2 * control.successes) * difference + both) / n
    d = control.successes * difference * (1 - difference) / n
    q = b**3 - b * c / 2 + d / 2
    radius = math.sqrt(max(b * b - c / 3, 0.0))
    if not radius:
        return -b
    radius = math.copysign(radius, q)
    return 2 * radius * math.cos((math.pi + math.acos(min(max(q / radius**3, -1.0), 1.0))) / 3) - b


def _slope(counts: tuple[int, int, int, int], rate: float, difference: float) -> tuple[float, float]:
    """First and negated second derivative of the log-likelihood: sums of ±count/share and count/share²."""
    # Not zero: at an edge the slope is merely enormous.
    a, b = max(rate, 1e-150), max(1.0 - rate, 1e-150)
    c, d = max(difference + rate, 1e-150), max(1.0 - difference - rate, 1e-150)
    at_a, at_b, at_c, at_d = counts[0] / a, counts[1] / b, counts[2] / c, counts[3] / d
    return at_a - at_b + at_c - at_d, at_a / a + at_b / b + at_c / c + at_d / d


def _difference(control: Proportion, treatment: Proportion) -> float:
    return treatment.rate - control.rate


def _beyond(control: Proportion, treatment: Proportion, start: float, level: float) -> float:
    """A ratio above `start` that is so large that its score lies below `level`."""
    ratio = max(2 * start, 1.0)
    while ratio_score(control, treatment, ratio) > level:
        ratio *= 4
    return ratio


def _relative(
    control: Proportion, treatment: Proportion, confidence: float
) -> tuple[float | None, float | None, tuple[str, ...]]:
    """Bounds of the relative lift, and why one of them cannot be given."""
    low, high = ratio_score_interval(control, treatment, confidence)
    if math.isinf(high):
        reason = "Nobody in the control converted, so a relative lift cannot be given: it has no upper bound."
        return (low - 1 if treatment.successes else None), None, (reason,)
    return low - 1, high - 1, ()


def _test_for(control: Proportion, treatment: Proportion) -> Test:
    both = control + treatment
    smallest = min(control.of, treatment.of) * min(both.successes, both.of - both.successes)
    if smallest >= FEWEST_EXPECTED * both.of:
        return "pooled z"
    return "Boschloo" if max(control.of, treatment.of) <= MOST_FOR_BOSCHLOO else "Fisher"


def _tail(control: Proportion, treatment: Proportion, test: Test) -> tuple[Tail | None, tuple[str, ...]]:
    both = control + treatment
    if both.successes in (0, both.of):
        who = "Nobody in either arm converted" if not both.successes else "Everybody in both arms converted"
        return None, (f"{who}, so there is nothing to test.",)
    if test == "pooled z":
        return two_sided_normal(pooled_z(control, treatment) or 0.0), ()
    if test == "Boschloo" and max(control.of, treatment.of) > LARGEST_FOR_BOSCHLOO:
        return None, (f"Boschloo's test is for up to {LARGEST_FOR_BOSCHLOO:,} contacts an arm: use Fisher's.",)
    return (boschloo if test == "Boschloo" else fisher)(control, treatment), ()
