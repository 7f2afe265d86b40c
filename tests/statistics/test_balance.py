"""The split: alarm when it is not as declared, silence when it is, and a reason when nothing can be said."""

import pytest

from handbill.statistics.balance import check_balance, check_running_balance


def test_arms_as_declared_are_fine() -> None:
    result = check_balance({"A": 21306, "B": 21387, "C": 21307})

    assert result.ok is True
    assert result.p_value == pytest.approx(0.9037, abs=1e-4)
    assert result.expected == pytest.approx({"A": 1 / 3, "B": 1 / 3, "C": 1 / 3})


def test_declared_shares_may_be_unequal() -> None:
    assert check_balance({"mail": 9030, "holdout": 970}, {"mail": 0.9, "holdout": 0.1}).ok is True


def test_a_split_that_is_not_as_declared_raises_the_alarm_with_the_counts() -> None:
    result = check_balance({"mail": 9200, "holdout": 800}, {"mail": 0.9, "holdout": 0.1})

    assert result.ok is False
    assert " ".join(result.reasons) == (
        "The contacts are not split as declared (p = 2.6e-11): mail has 9200 instead of about 9000, "
        "holdout has 800 instead of about 1000. Find out why before you believe any comparison."
    )


def test_a_contact_in_an_arm_with_a_share_of_zero_is_an_alarm() -> None:
    result = check_balance({"A": 500, "B": 500, "C": 1}, {"A": 0.5, "B": 0.5, "C": 0})

    assert (result.ok, result.p_value) == (False, 0)
    assert result.reasons == ("Arms with a share of zero have contacts: C has 1.",)


def test_an_empty_arm_with_a_share_of_zero_leaves_the_degrees_of_freedom() -> None:
    result = check_balance({"A": 10_000, "B": 10_500, "C": 9800, "D": 0}, {"A": 1, "B": 1, "C": 1, "D": 0})

    assert result.degrees_of_freedom == 2
    assert result.p_value == pytest.approx(2.5708e-6, rel=1e-4)


def test_an_arm_that_got_nobody_is_an_alarm() -> None:
    assert check_balance({"A": 500, "B": 0}).ok is False


def test_no_contacts_say_nothing_about_the_split() -> None:
    result = check_balance({"A": 0, "B": 0})

    assert (result.ok, result.p_value, result.reasons) == (None, None, ("There are no contacts.",))


def test_a_single_arm_has_no_split() -> None:
    result = check_balance({"A": 10})

    assert (result.ok, result.reasons) == (None, ("Only one arm has a share, so there is no split to check.",))


def test_a_hopeless_split_of_a_billion_has_a_p_value_above_zero() -> None:
    result = check_balance({"A": 10**9, "B": 0})

    assert result.p_value is not None
    assert result.p_value > 0


@pytest.mark.parametrize("shares", [{"A": 0.0, "B": 0.0}, {"A": 1.5, "B": -0.5}])
def test_shares_that_are_none_are_a_mistake_of_the_caller(shares: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"are not shares$"):
        check_balance({"A": 1, "B": 1}, shares)


def test_a_running_check_forgives_what_a_single_look_would_not() -> None:
    units = {"A": 10_000, "B": 10_500}

    assert check_balance(units).ok is False
    assert check_running_balance(units).ok is True


def test_a_running_check_raises_the_alarm_with_the_counts() -> None:
    result = check_running_balance({"mail": 9200, "holdout": 800}, {"mail": 0.9, "holdout": 0.1})

    assert result.ok is False
    assert " ".join(result.reasons) == (
        "The contacts are not split as declared (p = 6.1e-10): mail has 9200 instead of about 9000, "
        "holdout has 800 instead of about 1000. Find out why before you believe any comparison."
    )


def test_a_running_check_of_nobody_says_nothing() -> None:
    result = check_running_balance({"A": 0, "B": 0})

    assert (result.ok, result.p_value, result.reasons) == (None, None, ("There are no contacts.",))


def test_a_running_check_knows_arms_without_a_share() -> None:
    shares = {"A": 0.5, "B": 0.5, "C": 0.0}

    assert check_running_balance({"A": 500, "B": 500, "C": 1}, shares).p_value == 0
    assert check_running_balance({"A": 500, "B": 500, "C": 0}, shares).ok is True


def test_a_running_check_of_a_billion_has_a_p_value_above_zero() -> None:
    result = check_running_balance({"A": 10**9, "B": 0})

    assert result.p_value is not None
    assert result.p_value > 0
