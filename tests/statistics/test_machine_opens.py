"""Machine opens: a sensitivity, never a decision."""

import pytest

from handbill.statistics.machine_opens import compare_opens, corrected_rate
from handbill.statistics.samples import Proportion


def test_without_machines_opens_stay_as_they_are() -> None:
    assert corrected_rate(Proportion(42, of=100), 0.0) == 0.42


def test_machines_hide_part_of_the_difference() -> None:
    result = compare_opens(Proportion(4200, of=10_000), Proportion(4500, of=10_000), 0.25)

    assert result.difference == pytest.approx(0.04)
    assert result.p_value is None


def test_fewer_opens_than_machines_make_do_not_fit() -> None:
    result = compare_opens(Proportion(200, of=1000), Proportion(400, of=1000), 0.25)

    assert (corrected_rate(Proportion(200, of=1000), 0.25), result.difference) == (None, None)
    assert result.reasons == ("The opens that were seen do not fit 25 % machine opens.",)


def test_an_empty_arm_has_no_opens() -> None:
    assert compare_opens(Proportion(), Proportion(1, of=2), 0.1).reasons == ("There are no contacts in an arm.",)


def test_machines_that_open_everything_leave_nothing_to_see() -> None:
    with pytest.raises(ValueError, match=r"^opens say nothing with 1 machine opens and 1 recorded$"):
        corrected_rate(Proportion(5, of=5), 1.0)
