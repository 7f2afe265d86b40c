"""What an experiment takes: contacts with looks on the way, days, and money."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from handbill.statistics.power import SampleSize
from handbill.statistics.sequential import expected_share, inflation


@dataclass(frozen=True)
class SizeWithLooks:
    """Contacts of both arms when an experiment may end at a look: at most, and on average if the effect is as planned.

    >>> from handbill.statistics.power import sample_size_for_rates
    >>> size = size_with_looks(sample_size_for_rates(0.05, 0.055), [0.5, 1.0])  # R's rpact: 62,700 and 57,556
    >>> size.at_most, round(size.on_average)
    (62700, 57556)
    """

    exact: float
    on_average: float

    @property
    def at_most(self) -> int:
        """The largest possible number, rounded up."""
        return math.ceil(self.exact)


def size_with_looks(
    size: SampleSize, fractions: Sequence[float], *, power: float = 0.8, alpha: float = 0.05
) -> SizeWithLooks:
    """Contacts in both arms with planned looks at these fractions, from the size without looks (alpha is two-sided)."""
    exact = (size.exact_control + size.exact_treatment) * inflation(fractions, power=power, alpha=alpha / 2)
    return SizeWithLooks(exact, exact * expected_share(fractions, power=power, alpha=alpha / 2))


def days_needed(contacts: float, *, per_day: float, window_days: float) -> float:
    """Days until the last contact's window has closed: all are sent to at `per_day`, then the window runs.

    >>> days_needed(60_000, per_day=4000, window_days=14)
    29.0
    """
    if per_day <= 0 or window_days < 0:
        raise ValueError("an experiment needs contacts a day and a window")
    return contacts / per_day + window_days


@dataclass(frozen=True)
class Price:
    """What the experiment costs: sending, and what the holdout would have brought had it been mailed."""

    sending: float
    forgone: float

    @property
    def total(self) -> float:
        """Both together."""
        return self.sending + self.forgone


def price_of(size: SampleSize, *, cost_per_contact: float, effect: float = 0.0, value_of_effect: float = 0.0) -> Price:
    """Sending to the treatment arm, and `effect` × `value_of_effect` per contact of the control that went without.

    `effect` is extra buyers per contact and `value_of_effect` the margin of one; for amounts, the extra margin and 1.
    Holding out costs nothing where the effect does not pay for the contact.

    >>> price = price_of(SampleSize(10_000, 90_000), cost_per_contact=0.45, effect=0.02, value_of_effect=40)
    >>> round(price.sending), round(price.forgone)
    (40500, 3500)
    """
    gain_each = max(effect * value_of_effect - cost_per_contact, 0.0)
    return Price(size.treatment * cost_per_contact, size.control * gain_each)
