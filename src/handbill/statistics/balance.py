"""Whether the contacts were split between the arms as declared."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import exp, lgamma, log, log1p, pi

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


def check_running_balance(
    units: Mapping[str, int], shares: Mapping[str, float] | None = None, *, concentration: float = 100.0
) -> Balance:
    """Whether a split that is looked at again and again, as units arrive, is as declared.

    The p-value is one over the Bayes factor of "some other split", with a Dirichlet prior of this concentration
    around the declared shares, against the declared one; it holds at all looks together. An alarm once is an alarm
    for good. Lindon and Malek, Advances in Neural Information Processing Systems 35, 2022, 20147–20159.

    >>> split = check_running_balance({"gate_30": 44700, "gate_40": 45489})
    >>> round(split.p_value, 4), split.ok
    (0.9587, True)
    """
    fixed = check_balance(units, shares)
    if fixed.p_value is None or fixed.p_value == 0:
        return fixed
    declared = {name: share for name, share in fixed.expected.items() if share}
    log_factor = _log_bayes_factor({name: units[name] for name in declared}, declared, concentration)
    p_value = max(exp(min(-log_factor, 0.0)), SMALLEST_P)
    reasons = () if p_value >= ALARM else (_alarm(units, fixed.expected, p_value),)
    return Balance(fixed.expected, p_value, None, fixed.degrees_of_freedom, p_value >= ALARM, reasons)


def _log_bayes_factor(units: Mapping[str, int], shares: Mapping[str, float], concentration: float) -> float:
    """Logarithm of the Dirichlet-multinomial's probability of these counts over that of the declared shares.

    The leading terms of Stirling's series are cancelled by hand: differences of gamma functions would leave no
    digit at 10^9 units.
    """
    whole = concentration + sum(units.values())
    result = lgamma(concentration) - _stirling_rest(whole) + (len(units) - 1) / 2 * (log(2 * pi) - log(whole))
    for name, share in shares.items():
        prior = concentration * share
        weight = prior + units[name]
        excess = (weight - whole * share) / (whole * share)
        result += (weight - 0.5) * log1p(excess) + (prior - 0.5) * log(share) + _stirling_rest(weight) - lgamma(prior)
    return result


def _stirling_rest(z: float) -> float:
    """What Stirling's formula lacks of the logarithm of the gamma function."""
    if z < 20:
        return lgamma(z) - ((z - 0.5) * log(z) - z + log(2 * pi) / 2)
    return 1 / (12 * z) - 1 / (360 * z**3) + 1 / (1260 * z**5) - 1 / (1680 * z**7)


def _alarm(units: Mapping[str, int], expected: Mapping[str, float], p_value: float) -> str:
    total = sum(units.values())
    parts = ", ".join(f"{name} has {units[name]} instead of about {total * expected[name]:.0f}" for name in units)
    return (
        f"The contacts are not split as declared (p = {p_value:.2g}): {parts}. "
        "Find out why before you believe any comparison."
    )
