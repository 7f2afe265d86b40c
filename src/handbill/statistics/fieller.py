"""Which ratios of two uncertain quantities fit the data."""

import math


def fieller_bound(
    numerator: float,
    numerator_variance: float,
    denominator: float,
    denominator_variance: float,
    standard_errors: float,
    covariance: float = 0.0,
) -> float | None:
    """The ratio that the data lie this many standard errors above (a negative number of them: below).

    None where there is no such ratio, which is so when the denominator is not clearly above zero itself.
    Fieller, Journal of the Royal Statistical Society B 16, 1954, 175–185.

    >>> low, high = (fieller_bound(6.0, 0.25, 3.0, 0.09, z) for z in (1.96, -1.96))
    >>> round(low, 4), round(high, 4)
    (1.5534, 2.6064)
    >>> fieller_bound(6.0, 0.25, 0.5, 0.09, 1.96) is None
    True
    """
    leading = denominator**2 - standard_errors**2 * denominator_variance
    if denominator <= 0 or leading <= 0:
        return None
    centre = numerator * denominator - standard_errors**2 * covariance
    # The discriminant over the squared standard errors, which does not cancel where they are few.
    spread = (
        numerator**2 * denominator_variance
        + numerator_variance * denominator**2
        - 2 * numerator * denominator * covariance
        - standard_errors**2 * (numerator_variance * denominator_variance - covariance**2)
    )
    return (centre - standard_errors * math.sqrt(max(spread, 0.0))) / leading
