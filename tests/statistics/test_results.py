"""An experiment's results: every arm against the control, adjusted, with a reason for each value that is missing."""

import json

import numpy as np
import pytest

from handbill.statistics.results import Arm, Gap, as_json, compare_arms
from handbill.statistics.samples import Proportion, Sample


def _rates(name: str, successes: int, of: int) -> Arm:
    return Arm(name, of, {"visit": Proportion(successes, of=of)})


def test_every_arm_is_compared_with_the_control() -> None:
    results = compare_arms([_rates("A", 90, 1000), _rates("none", 50, 1000), _rates("B", 70, 1000)], "none")

    assert [(one.arm, one.control, one.metric, one.kind) for one in results.comparisons] == [
        ("A", "none", "visit", "proportion"),
        ("B", "none", "visit", "proportion"),
    ]
    assert results.problems == ()


def test_p_values_are_adjusted_within_a_metric() -> None:
    results = compare_arms([_rates("none", 50, 1000), _rates("A", 90, 1000), _rates("B", 70, 1000)], "none")

    first, second = (one.result for one in results.comparisons)
    assert first.p_value is not None
    assert first.p_value_adjusted == pytest.approx(2 * first.p_value)
    assert second.p_value_adjusted == second.p_value


def test_the_json_has_the_published_shape() -> None:
    results = compare_arms([_rates("none", 50, 1000), _rates("A", 90, 1000)], "none")

    shape = as_json(results)

    assert list(shape) == ["arms", "balance", "comparisons", "problems"]
    assert shape["arms"][0] == {
        "name": "none",
        "units": 1000,
        "metrics": {"visit": {"kind": "proportion", "mean": 0.05, "sum": 50}},
    }
    assert shape["balance"] == {"expected": {"none": 0.5, "A": 0.5}, "p_value": 1.0, "ok": True}
    assert list(shape["comparisons"][0]) == [
        "metric", "kind", "control", "arm", "difference", "low", "high", "relative", "relative_low", "relative_high",
        "p_value", "log10_p_value", "p_value_adjusted", "confidence", "method", "source",
        "probability_to_beat_control", "expected_loss",
    ]  # fmt: skip
    assert shape["problems"] == []
    json.dumps(shape, allow_nan=False)


def test_a_value_that_cannot_be_given_is_absent_and_its_reason_is_told() -> None:
    shape = as_json(compare_arms([_rates("none", 0, 1000), _rates("A", 0, 1000)], "none"))

    assert "p_value" not in shape["comparisons"][0]
    assert "relative" not in shape["comparisons"][0]
    assert shape["problems"][0] == {
        "metric": "visit",
        "arm": "A",
        "reason": "Nobody in either arm converted, so there is nothing to test.",
    }


def test_an_empty_arm_has_no_mean_and_no_comparison() -> None:
    shape = as_json(compare_arms([_rates("none", 5, 1000), _rates("A", 0, 0)], "none"))

    assert shape["arms"][1]["metrics"] == {"visit": {"kind": "proportion", "sum": 0}}
    assert "difference" not in shape["comparisons"][0]
    assert {"metric": "visit", "arm": "A", "reason": "There are no contacts in this arm."} in shape["problems"]


def test_a_metric_that_an_arm_lacks_is_named() -> None:
    opened = Arm("A", 10, {"open": Proportion(3, of=10), "visit": Proportion(1, of=10)})

    results = compare_arms([_rates("none", 1, 10), opened], "none")

    assert [one.metric for one in results.comparisons] == ["visit"]
    assert Gap("This metric was not measured in this arm.", "open", "none") in results.problems


def test_a_split_that_is_not_as_declared_is_the_first_problem() -> None:
    shape = as_json(compare_arms([_rates("none", 50, 1000), _rates("A", 90, 2000)], "none"))

    assert shape["balance"]["ok"] is False
    assert shape["problems"][0]["reason"].startswith("The contacts are not split as declared")


def test_declared_shares_are_what_the_split_is_checked_against() -> None:
    arms = [_rates("none", 50, 1000), _rates("A", 90, 2000)]

    assert compare_arms(arms, "none", shares={"none": 1 / 3, "A": 2 / 3}).balance.ok is True


def test_an_amount_is_given_with_the_probability_of_beating_the_control() -> None:
    values = np.concatenate((np.zeros(700), np.linspace(10, 90, 300)))
    arms = [Arm(name, 1000, {"spend": Sample.from_values(values * by)}) for name, by in (("none", 1), ("A", 1.1))]

    (one,) = compare_arms(arms, "none").comparisons

    assert one.kind == "mean"
    assert one.result.probability_to_beat_control == pytest.approx(0.8883, abs=1e-4)
    assert one.result.expected_loss is not None
    assert one.result.expected_loss > 0


def test_one_metric_has_one_kind() -> None:
    with pytest.raises(TypeError, match=r"^visit is a proportion in one arm and a mean in another$"):
        compare_arms([_rates("none", 1, 10), Arm("A", 10, {"visit": Sample(10, 2.0, 2.0, 2.0, 2)})], "none")
