"""Covariates: they narrow the interval, never move what is estimated, and new contacts are welcome."""

import numpy as np
import pytest

from handbill.errors import NotMeasurable
from handbill.statistics.cuped import Adjusted, Covaried, compare_covaried, lin_hc2
from handbill.statistics.joint import Joint
from handbill.statistics.means import compare_means
from handbill.statistics.samples import Sample


def _arms(
    sizes: tuple[int, int], effect: float = 0.5, unknown_share: float = 0.0, seed: int = 3
) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Rows (y, x, known) of control and treatment: spending now goes with spending before."""
    random, rows = np.random.default_rng(seed), []
    for n, gain in zip(sizes, (0.0, effect), strict=True):
        before = random.exponential(10, n)
        known = random.random(n) >= unknown_share
        y = 0.8 * before + random.exponential(4, n) + gain
        rows.append((y, np.where(known, before, 0.0), known))
    return rows


def _covaried(y: np.ndarray, x: np.ndarray, known: np.ndarray) -> Covaried:
    return Covaried(Joint.from_values(y[known], x[known]), Sample.from_values(y[~known]))


def _compare(rows: list[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> Adjusted:
    return compare_covaried(*(_covaried(*arm) for arm in rows))


def test_what_contacts_did_before_narrows_the_interval() -> None:
    rows = _arms((3000, 3000))

    adjusted = _compare(rows)

    assert adjusted.variance_reduction == pytest.approx(0.8, abs=0.03)
    assert adjusted.slopes == pytest.approx((0.8, 0.8), abs=0.02)
    assert adjusted.result.method.startswith("CUPED with one slope for all arms; ")


def test_the_adjusted_arms_keep_the_mean_of_all() -> None:
    rows = _arms((3000, 3000))
    plain = compare_means(*(Sample.from_values(y) for y, _, _ in rows))

    assert _compare(rows).result.relative == pytest.approx(plain.relative, abs=0.03)


def test_new_contacts_without_a_past_get_a_step_of_their_own() -> None:
    """The same as least squares on x and an indicator of "unknown", over both arms, then Welch on what is left."""
    rows = _arms((900, 900), unknown_share=0.3)
    y, x, known = (np.concatenate([arm[part] for arm in rows]) for part in range(3))
    design = np.column_stack((np.ones_like(y), x, ~known))
    slopes = np.linalg.lstsq(design, y, rcond=None)[0][1:]
    left = y - (design[:, 1:] - design[:, 1:].mean(axis=0)) @ slopes

    adjusted = _compare(rows)

    expected = compare_means(Sample.from_values(left[:900]), Sample.from_values(left[900:]))
    result = adjusted.result
    assert (result.difference, result.low, result.high, result.p_value) == pytest.approx(
        (expected.difference, expected.low, expected.high, expected.p_value)
    )


def test_unequal_arms_get_a_slope_each_and_agree_with_the_robust_regression() -> None:
    rows = _arms((1500, 9000))

    adjusted = _compare(rows)

    estimate, error = lin_hc2(*((y, x) for y, x, _ in rows))
    result = adjusted.result
    assert result.method.startswith("CUPED with a slope for each arm; ")
    assert result.difference == pytest.approx(estimate, rel=1e-9)
    assert result.low is not None
    assert result.high is not None
    assert (result.high - result.low) / 2 / 1.96 == pytest.approx(error, rel=0.01)


def test_a_covariate_that_never_varies_changes_nothing() -> None:
    y = np.tile([1.0, 5.0, 9.0], 100)
    arm = _covaried(y, np.full(300, 4.0), np.full(300, True))

    adjusted = compare_covaried(arm, arm)

    assert (adjusted.slopes, adjusted.variance_reduction) == ((0, 0), 0)


def test_contacts_who_are_all_new_are_compared_as_they_are() -> None:
    y = np.tile([1.0, 5.0, 9.0], 100)
    arm = Covaried(unknown=Sample.from_values(y))

    adjusted = compare_covaried(arm, Covaried(unknown=Sample.from_values(y + 1)))

    assert adjusted.result.difference == pytest.approx(1)
    assert adjusted.variance_reduction == pytest.approx(0, abs=1e-12)


def test_empty_arms_are_named() -> None:
    adjusted = compare_covaried(Covaried(), Covaried())

    assert adjusted.variance_reduction is None
    assert adjusted.result.reasons == ("There are no contacts in the control and this arm.",)


def test_nothing_that_varies_leaves_no_reduction_to_speak_of() -> None:
    arm = _covaried(np.full(50, 2.0), np.arange(50.0), np.full(50, True))

    assert compare_covaried(arm, arm).variance_reduction is None


def test_a_slope_that_one_contact_decides_is_refused() -> None:
    rows = np.array([1.0, 2.0, 3.0]), np.array([0.0, 0.0, 7.0])

    with pytest.raises(NotMeasurable, match=r"^One contact alone decides the slope of its arm\.$"):
        lin_hc2(rows, rows)


def test_two_contacts_have_no_slope() -> None:
    rows = np.array([1.0, 2.0]), np.array([0.0, 7.0])

    with pytest.raises(NotMeasurable, match=r"^A slope for each arm needs at least three contacts an arm\.$"):
        lin_hc2(rows, rows)
