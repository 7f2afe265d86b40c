"""Whether the contacts were split between the arms as declared."""

from collections.abc import Mapping
from dataclasses import dataclass

from scipy.special import chdtrc

from handbill.statistics.tails import SMALLEST_P

ALARM = 0.001
"""Below this p-value the split is not as declared, and no comparison of these arms can be trusted."""


@dataclass(frozen=True)
class Balance:
    """Whether the arms have the sizes that their shares promised.

    `expected` are the declared shares, adding up to 1. `ok` is None, and so is `p_value`, where nothing can be
    said; `reasons` then says why. A p-value of exactly 0 means that the declared split rules this one out.
    """

    expected: dict[str, float]
    p_value: float | None = None
    chi_square: float | None = None
    degrees_of_freedom: int = 0
    ok: bool | None = None
    reasons: tuple[str, ...] = ()


def check_balance(units: Mapping[str, int], shares: Mapping[str, float] | None = None) -> Balance:
    """Chi-square test of the arms' sizes against their declared shares (equal ones unless given; any scale).

    Arms with a share of zero leave the degrees of freedom; a contact in one is an alarm by itself.
    Pearson, Philosophical Magazine 50, 1900, 157–175.

    >>> split = check_balance({"gate_30": 44700, "gate_40": 45489})  # Cookie Cats: doubtful, no alarm yet
    >>> round(split.chi_square, 2), round(split.p_value, 4), split.ok
    (6.9, 0.0086, True)
    """
    weights = {name: 1.0 if shares is None else shares[name] for name in units}
    if not any(weights.values()) or min(weights.values()) < 0:
        raise ValueError(f"{weights} are not shares")
    whole, total = sum(weights.values()), sum(units.values())
    expected = {name: weight / whole for name, weight in weights.items()}
    uninvited = [name for name, share in expected.items() if not share and units[name]]
    if uninvited:
        counts = ", ".join(f"{name} has {units[name]}" for name in uninvited)
        reason = f"Arms with a share of zero have contacts: {counts}."
        return Balance(expected, p_value=0.0, ok=False, reasons=(reason,))
    freedom = sum(share > 0 for share in expected.values()) - 1
    if not total or not freedom:
        reason = "There are no contacts." if not total else "Only one arm has a share, so there is no split to check."
        return Balance(expected, degrees_of_freedom=freedom, reasons=(reason,))
    chi_square = sum((units[name] - total * s) ** 2 / (total * s) for name, s in expected.items() if s)
    p_value = max(float(chdtrc(freedom, chi_square)), SMALLEST_P)
    reasons = () if p_value >= ALARM else (_alarm(units, expected, p_value),)
    return Balance(expected, p_value, chi_square, freedom, p_value >= ALARM, reasons)


def _alarm(units: Mapping[str, int], expected: Mapping[str, float], p_value: float) -> str:
    total = sum(units.values())
    parts = ", ".join(f"{name} has {units[name]} instead of about {total * expected[name]:.0f}" for name in units)
    return (
        f"The contacts are not split as declared (p = {p_value:.2g}): {parts}. "
        "Find out why before you believe any comparison."
    )
