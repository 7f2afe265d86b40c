"""What p-values are worth when several comparisons had their chance."""

from collections.abc import Sequence


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Adjusted p-values that keep the chance of any false claim at the level, in the order given.

    Comparisons without a p-value (None) take no part. Holm, Scandinavian Journal of Statistics 6, 1979, 65–70.

    >>> holm([0.01, 0.04, 0.03, 0.005])
    [0.03, 0.06, 0.06, 0.02]
    """
    given = _sorted(p_values)
    adjusted, largest = list[float | None](p_values), 0.0
    for rank, (p_value, place) in enumerate(given):
        largest = max(largest, min(1.0, (len(given) - rank) * p_value))
        adjusted[place] = largest
    return adjusted


def benjamini_hochberg(p_values: Sequence[float | None]) -> list[float | None]:
    """Adjusted p-values that keep the expected share of false claims among all claims at the level.

    For secondary metrics and segments.
    Benjamini and Hochberg, Journal of the Royal Statistical Society B 57, 1995, 289–300.

    >>> benjamini_hochberg([0.01, 0.04, 0.03, 0.005])
    [0.02, 0.04, 0.04, 0.02]
    """
    given = _sorted(p_values)
    adjusted, smallest = list[float | None](p_values), 1.0
    for rank in range(len(given), 0, -1):
        p_value, place = given[rank - 1]
        smallest = min(smallest, p_value * len(given) / rank)
        adjusted[place] = smallest
    return adjusted


def _sorted(p_values: Sequence[float | None]) -> list[tuple[float, int]]:
    """The p-values that exist, smallest first, each with its place."""
    return sorted((p_value, place) for place, p_value in enumerate(p_values) if p_value is not None)
