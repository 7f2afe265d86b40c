"""Winner roll-outs: the claim holds whatever picked the winner, and says so when it cannot be made."""

import math

import numpy as np
import pytest

from handbill.statistics.proportions import pooled_z
from handbill.statistics.rollout import Stage, claim_winner
from handbill.statistics.samples import Proportion, Sample

TEST = Stage(Proportion(100, of=2000), {"A": Proportion(130, of=2000), "B": Proportion(110, of=2000)})
LATER = Stage(Proportion(400, of=8000), {"A": Proportion(2900, of=50_000)})


def test_a_winner_that_keeps_winning_is_proven() -> None:
    claim = claim_winner("A", TEST, LATER)

    assert claim.proven is True
    assert claim.critical == pytest.approx(1.959964)
    assert claim.p_value is not None
    assert claim.p_value < 0.025
    assert claim.rollout_alone.difference == pytest.approx(0.008)


def test_a_winner_that_does_nothing_in_the_roll_out_is_not_proven() -> None:
    later = Stage(Proportion(400, of=8000), {"A": Proportion(2500, of=50_000)})

    assert claim_winner("A", TEST, later).proven is False


def test_one_version_needs_no_adjustment() -> None:
    alone = Stage(TEST.holdout, {"A": TEST.versions["A"]})

    claim = claim_winner("A", alone, LATER)

    first, second = pooled_z(TEST.holdout, TEST.versions["A"]), pooled_z(LATER.holdout, LATER.versions["A"])  # type: ignore[arg-type]  # all four are proportions
    assert first is not None
    assert second is not None
    assert claim.z == pytest.approx(math.sqrt(0.2) * first + math.sqrt(0.8) * second)


def test_more_versions_cost_evidence_and_dunnett_costs_least() -> None:
    alone = claim_winner("A", Stage(TEST.holdout, {"A": TEST.versions["A"]}), LATER).z
    dunnett, simes = (claim_winner("A", TEST, LATER, intersection=by).z for by in ("dunnett", "simes"))

    assert alone is not None
    assert dunnett is not None
    assert simes is not None
    assert simes < dunnett < alone


def test_a_version_that_lost_by_far_can_be_the_one_that_was_picked() -> None:
    """Picked by clicks, say: its own evidence counts, not that of the best version."""
    later = Stage(LATER.holdout, {"B": LATER.versions["A"]})

    picked, best = claim_winner("B", TEST, later).z, claim_winner("A", TEST, LATER).z

    assert picked is not None
    assert best is not None
    assert picked < best


def test_few_converters_are_counted_exactly() -> None:
    few = Stage(Proportion(1, of=500), {"A": Proportion(4, of=500)})

    claim = claim_winner("A", few, few)

    assert claim.proven is False
    assert claim.z == pytest.approx(0.893 * (math.sqrt(0.2) + math.sqrt(0.8)), abs=0.01)  # Fisher: p = 0.186


def test_nobody_converting_anywhere_proves_nothing() -> None:
    nothing = Stage(Proportion(0, of=500), {"A": Proportion(0, of=500)})

    assert claim_winner("A", nothing, nothing).proven is False


def test_revenue_can_be_claimed_too() -> None:
    values = np.concatenate((np.zeros(3000), np.linspace(5, 95, 1500)))
    stage = Stage(Sample.from_values(values), {"A": Sample.from_values(1.2 * values), "B": Sample.from_values(values)})

    assert claim_winner("A", stage, stage).proven is True


def test_revenue_of_few_buyers_cannot_be_claimed() -> None:
    few = Sample.from_values(np.concatenate((np.zeros(900), np.linspace(5, 95, 50))))

    claim = claim_winner("A", Stage(few, {"A": few}), Stage(few, {"A": few}))

    assert claim.proven is None
    assert claim.reasons == (
        "A in the test: An arm has 50 buyers, and under 200 revenue is not testable.",
        "A in the roll-out: An arm has 50 buyers, and under 200 revenue is not testable.",
    )


def test_an_empty_holdout_proves_nothing_and_says_why() -> None:
    claim = claim_winner("A", TEST, Stage(Proportion(), LATER.versions))

    assert (claim.proven, claim.z) == (None, None)
    assert claim.reasons == ("A in the roll-out: There are no contacts in this arm or in the holdout.",)


def test_mixed_metrics_are_a_mistake_of_the_caller() -> None:
    mixed = Stage(Proportion(3, of=50), {"A": Sample.from_values(np.ones(5))})

    with pytest.raises(TypeError, match=r"^one arm is a proportion and the other a mean$"):
        claim_winner("A", TEST, mixed)


def test_a_test_of_everybody_is_no_test() -> None:
    with pytest.raises(ValueError, match=r"^no roll-out: 2 versions, 1 of the units in the test$"):
        claim_winner("A", TEST, LATER, test_share=1.0)
