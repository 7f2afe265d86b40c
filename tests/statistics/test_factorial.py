"""The 2×2: contrasts with each arm's own variance, and why an interaction takes so many people."""

import numpy as np
import pytest

from handbill.errors import NotMeasurable
from handbill.statistics.factorial import contrast, factorial_effects
from handbill.statistics.means import hall
from handbill.statistics.samples import Proportion, Sample


def test_two_arms_are_a_contrast_like_any_other() -> None:
    random = np.random.default_rng(3)
    arms = [Sample.from_values(random.exponential(size, 400)) for size in (2.0, 3.0)]

    one, same = contrast(arms, (-1.0, 1.0)), hall(*arms)

    assert (one.t, one.df, one.difference) == pytest.approx((same.t, same.df, same.difference))


def test_channels_that_add_up_have_no_interaction() -> None:
    effects = factorial_effects(*(Proportion(x, of=1000) for x in (20, 30, 40, 50)))

    assert effects.first.difference == pytest.approx(0.01)
    assert effects.second.difference == pytest.approx(0.02)
    assert effects.interaction.difference == pytest.approx(0)


def test_an_interaction_is_twice_as_uncertain_as_a_main_effect() -> None:
    effects = factorial_effects(*(Proportion(x, of=n) for x, n in ((20, 900), (30, 700), (40, 1500), (50, 1000))))

    assert effects.interaction.standard_error == pytest.approx(2 * effects.second.standard_error)


def test_an_arm_of_one_unit_is_refused() -> None:
    with pytest.raises(NotMeasurable, match=r"^A contrast needs at least two units in every arm\.$"):
        factorial_effects(*(Proportion(0, of=n) for n in (1, 50, 50, 50)))


def test_arms_without_spread_are_refused() -> None:
    with pytest.raises(NotMeasurable, match=r"^The value is the same for every unit of each arm"):
        factorial_effects(*(Proportion(0, of=50) for _ in range(4)))
