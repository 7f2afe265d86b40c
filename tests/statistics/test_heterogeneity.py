"""Segments: alike ones are believed together, unlike ones mostly by themselves."""

import pytest

from handbill.errors import NotMeasurable
from handbill.statistics.heterogeneity import Effect, compare_segments, spread


def test_segments_that_differ_by_chance_only_are_all_believed_to_be_the_mean() -> None:
    result = compare_segments([Effect(0.010, 0.005), Effect(0.011, 0.004), Effect(0.009, 0.006)])

    assert result.variance_between == 0
    assert {segment.estimate for segment in result.segments} == {result.mean.estimate}
    assert result.p_value > 0.9


def test_segments_that_truly_differ_are_hardly_moved() -> None:
    result = compare_segments([Effect(0.1, 0.001), Effect(0.2, 0.001), Effect(0.3, 0.001)])

    assert [segment.estimate for segment in result.segments] == pytest.approx([0.1, 0.2, 0.3], abs=1e-4)
    assert result.p_value > 0
    assert result.p_value < 1e-300


def test_a_noisy_segment_is_moved_further_than_a_sure_one() -> None:
    result = compare_segments([Effect(0.0, 0.01), Effect(0.1, 0.01), Effect(0.05, 0.01), Effect(0.2, 0.05)])

    moved = [abs(segment.estimate - own) for segment, own in zip(result.segments, (0.0, 0.1, 0.05, 0.2), strict=True)]
    assert max(moved) == moved[3]


def test_the_variance_between_makes_the_squares_as_large_as_they_should_be() -> None:
    effects = [Effect(0.0, 0.01), Effect(0.1, 0.02), Effect(0.04, 0.01)]

    assert spread(effects, compare_segments(effects).variance_between) == pytest.approx(2)


def test_segments_that_seem_alike_are_not_taken_to_be_alike_for_sure() -> None:
    result = compare_segments([Effect(0.010, 0.005)] * 6)

    low, high = result.segments[0].low, result.segments[0].high
    assert result.variance_between == 0
    assert (high - low) / 2 / 1.96 > 1.2 * result.mean.standard_error
    assert (high - low) / 2 / 1.96 < 0.005


def test_the_intervals_do_not_depend_on_the_unit() -> None:
    effects = [Effect(0.0, 0.01), Effect(0.1, 0.02), Effect(0.04, 0.01), Effect(0.02, 0.03)]

    thousandfold = compare_segments([Effect(1000 * one.estimate, 1000 * one.standard_error) for one in effects])

    for one, large in zip(compare_segments(effects).segments, thousandfold.segments, strict=True):
        assert (large.low, large.high) == pytest.approx((1000 * one.low, 1000 * one.high))


def test_two_segments_keep_their_own_intervals() -> None:
    result = compare_segments([Effect(0.1, 0.01), Effect(0.3, 0.02)])

    assert (result.segments[1].low, result.segments[1].high) == pytest.approx((0.3 - 0.0392, 0.3 + 0.0392), abs=1e-4)


@pytest.mark.parametrize("effects", [[], [Effect(1, 1)], [Effect(1, 1), Effect(1, 0)]])
def test_one_segment_has_nothing_to_differ_from(effects: list[Effect]) -> None:
    with pytest.raises(NotMeasurable, match=r"^Segments can be compared when there are two or more"):
        compare_segments(effects)
