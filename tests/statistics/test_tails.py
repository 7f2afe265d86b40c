"""Tails: they agree with each other where both can be computed, and go on where floats end."""

import math

import pytest

from handbill.statistics.roots import crossing
from handbill.statistics.tails import two_sided_normal, two_sided_t


def test_a_normal_tail_beyond_floats_keeps_its_logarithm() -> None:
    tail = two_sided_normal(100.0)

    # Mills' ratio: 2 φ(z)/z · (1 − 1/z² + 3/z⁴)
    expected = math.log10(2 / math.sqrt(2 * math.pi) / 100 * (1 - 1e-4 + 3e-8)) - 5000 / math.log(10)
    assert tail.log10_p_value == pytest.approx(expected, rel=1e-12)
    assert tail.p_value > 0


def test_no_difference_has_a_p_value_of_one() -> None:
    assert two_sided_normal(0.0) == (1, 0)
    assert two_sided_t(0.0, 5) == (1, 0)


def test_a_t_tail_with_one_degree_of_freedom_is_cauchys() -> None:
    assert two_sided_t(3.0, 1).p_value == pytest.approx(1 - 2 * math.atan(3.0) / math.pi, rel=1e-13)


def test_a_t_tail_with_three_degrees_of_freedom_beyond_floats() -> None:
    # Far out the density is 18/(π√3 t⁴), so P(|T| ≥ t) = 12/(π√3 t³).
    expected = math.log10(12 / (math.pi * math.sqrt(3))) - 360
    assert two_sided_t(1e120, 3).log10_p_value == pytest.approx(expected, rel=1e-12)


def test_a_t_tail_with_countless_degrees_is_normal() -> None:
    assert two_sided_t(50.0, 1e14).log10_p_value == pytest.approx(two_sided_normal(50.0).log10_p_value, rel=1e-8)


@pytest.mark.parametrize(("t", "df"), [(37.4, 5e8), (1000.0, 100.0), (60.0, 3000.0)])
def test_a_t_tail_is_continuous_where_floats_end(t: float, df: float) -> None:
    step = 1e-6
    before, at, after = (two_sided_t(t * (1 + k * step), df).log10_p_value for k in (-1, 0, 1))

    assert at - before == pytest.approx(after - at, rel=1e-3)


def test_a_crossing_is_found_next_to_an_infinite_end() -> None:
    assert crossing(lambda x: math.inf if x <= 0 else -math.log(x) - 1, 0.0, 5.0) == pytest.approx(math.exp(-1))


def test_a_crossing_at_an_end_is_that_end() -> None:
    assert crossing(lambda x: x - 2, 0.0, 2.0) == 2


def test_a_jump_is_found_as_well() -> None:
    assert crossing(lambda x: 1.0 if x > 0.3 else -1.0, 0.0, 1.0) == pytest.approx(0.3, abs=1e-15)


def test_a_function_that_keeps_its_sign_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match=r"^no change of sign between 0\.0 and 1\.0$"):
        crossing(lambda x: x + 1, 0.0, 1.0)
