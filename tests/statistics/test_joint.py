"""Two metrics summed together: parts add up, and any line through them is summed without its rows."""

import numpy as np
import pytest

from handbill.statistics.joint import Joint
from handbill.statistics.samples import Sample

Y, X = np.array([0.0, 3.0, 0.0, 8.5, 2.0]), np.array([1.0, 0.0, 2.0, 4.0, 1.0])


def test_parts_of_an_arm_add_up() -> None:
    parts = Joint.from_values(Y[:2], X[:2]) + Joint.from_values(Y[2:], X[2:])

    assert parts == Joint.from_values(Y, X)


def test_a_line_through_both_has_the_sums_of_its_rows() -> None:
    line, rows = Joint.from_values(Y, X).along(2.0, -0.5, 3.0), Sample.from_values(2 * Y - 0.5 * X + 3)

    assert (line.n, line.buyers) == (5, 3)
    assert (line.total, line.squares, line.cubes) == pytest.approx((rows.total, rows.squares, rows.cubes))


def test_the_covariance_of_the_means_is_that_of_the_rows() -> None:
    assert Joint.from_values(Y, X).covariance_of_means == pytest.approx(np.cov(Y, X)[0, 1] / 5)


def test_a_single_unit_has_no_covariance() -> None:
    assert Joint.from_values(Y[:1], X[:1]).covariance_of_means == 0


def test_more_buyers_than_units_are_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match=r"are not the sums of 1 units$"):
        Joint(n=1, buyers=2)
