"""Replays: nobody was treated differently, so whatever is found is false."""

import numpy as np
import pytest

from handbill.errors import NotMeasurable
from handbill.statistics.replay import Replay, replay


def test_a_rate_is_found_to_differ_about_as_often_as_promised() -> None:
    values = np.concatenate((np.ones(800), np.zeros(9200)))

    result = replay(values, np.random.default_rng(1), control_share=0.2, experiments=400, binary=True)

    assert result.as_promised
    assert result.false_rate == pytest.approx(0.05, abs=0.03)
    assert result.method.startswith("pooled z test; ")


def test_revenue_with_too_few_buyers_is_silent() -> None:
    values = np.concatenate((np.full(150, 20.0), np.zeros(9000)))

    result = replay(values, np.random.default_rng(1), experiments=10)

    assert (result.silent, result.false_rate, result.interval, result.as_promised) == (10, None, None, None)


def test_finding_twice_as_much_as_promised_breaks_the_promise() -> None:
    assert Replay(1000, 60, 40, 0, 0.95, "").as_promised is False
    assert Replay(1000, 20, 20, 0, 0.95, "").as_promised is True


def test_one_contact_cannot_be_replayed() -> None:
    with pytest.raises(NotMeasurable, match=r"^A replay needs at least two contacts\.$"):
        replay(np.ones(1), np.random.default_rng(1))
