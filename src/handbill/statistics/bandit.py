"""What share of the next wave each version gets when clicks decide on the way."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.special import betainc

from handbill.statistics.beta_posteriors import breakpoints, density, grid
from handbill.statistics.samples import Proportion

SOURCE = (
    "Thompson, Biometrika 25, 1933, 285–294; "
    "Scott, Applied Stochastic Models in Business and Industry 26, 2010, 639–658"
)

UNIFORM_SHARE = 0.1
"""Of every wave, dealt evenly to all versions: it alone compares them without any bias, and notices changes."""

FLOOR = 0.01
"""Of the rest, the least that any version gets."""


@dataclass(frozen=True)
class BanditShares:
    """Shares of the next wave by version: the evenly dealt part, the part that follows the clicks, and their sum.

    `best` is each version's probability of having the highest rate. A contact's propensity is its version's share.
    """

    uniform: dict[str, float]
    thompson: dict[str, float]
    total: dict[str, float]
    best: dict[str, float]


def bandit_shares(
    arms: Mapping[str, Proportion],
    *,
    uniform_share: float = UNIFORM_SHARE,
    floor: float = FLOOR,
    prior: tuple[float, float] = (1.0, 1.0),
) -> BanditShares:
    """Thompson's shares with a floor, beside a fixed uniform part.

    >>> shares = bandit_shares({"A": Proportion(50, of=1000), "B": Proportion(60, of=1000)})
    >>> {name: round(share, 3) for name, share in shares.total.items()}
    {'A': 0.204, 'B': 0.796}
    """
    if not 0 <= uniform_share <= 1 or not 0 <= floor * len(arms) <= 1:
        raise ValueError(f"{len(arms)} versions cannot have {floor:g} each beside {uniform_share:g} dealt evenly")
    best = probabilities_of_being_best(arms, prior=prior)
    uniform = {name: uniform_share / len(arms) for name in arms}
    thompson = {name: (1 - uniform_share) * share for name, share in floored(best, floor).items()}
    total = {name: uniform[name] + thompson[name] for name in arms}
    return BanditShares(uniform, thompson, total, best)


def probabilities_of_being_best(
    arms: Mapping[str, Proportion], *, prior: tuple[float, float] = (1.0, 1.0)
) -> dict[str, float]:
    """Each version's probability of having the highest rate, with independent beta posteriors; they add up to 1.

    By quadrature on the same grid as `rates_verdict`, not by drawing random numbers. The prior's parameters must be
    at least ½.

    >>> best = probabilities_of_being_best({"A": Proportion(16, of=94), "B": Proportion(25, of=96)})
    >>> round(best["B"], 4)
    0.9329
    """
    if min(prior) < 0.5:
        raise ValueError("the parameters of a beta prior must be at least 0.5 here")
    posteriors = {name: (prior[0] + arm.successes, prior[1] + arm.of - arm.successes) for name, arm in arms.items()}
    angles, weights = grid(*(breakpoints(*posterior) for posterior in posteriors.values()))
    rates = np.sin(angles) ** 2
    below = {name: betainc(*posterior, rates) for name, posterior in posteriors.items()}
    best = {}
    for name, posterior in posteriors.items():
        here = density(angles, *posterior) * weights
        others = np.prod([values for other, values in below.items() if other != name], axis=0)
        best[name] = float((here * others).sum() / here.sum())
    return best


def floored(shares: Mapping[str, float], floor: float) -> dict[str, float]:
    """Shares of which none is below the floor, and that still add up: floor + (1 − versions × floor) · share."""
    return {name: floor + (1 - len(shares) * floor) * share for name, share in shares.items()}
