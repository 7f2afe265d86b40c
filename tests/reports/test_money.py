"""What an extra buyer costs is never negative, never infinite, and never claimed without a reason."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from handbill.reports.factorial import FEWEST_BUYERS
from handbill.reports.money import Gain
from handbill.reports.text import as_markdown
from tests.reports.factory import Cell
from tests.reports.samples import LETTER, NO_LETTER, analysis_of, report_of


def gain_of(cells: Sequence[Cell], **changes: Any) -> Gain:
    return analysis_of(cells, **changes).gains[0]


def test_the_cost_of_an_extra_buyer_has_the_turned_interval_of_the_extra_buyers() -> None:
    gain = gain_of([NO_LETTER, LETTER])
    assert gain.extra is not None
    assert gain.cost_each is not None
    assert gain.cost == pytest.approx(19_500)
    assert gain.extra.estimate == pytest.approx(525)
    assert gain.cost_each.estimate == pytest.approx(19_500 / 525)
    assert gain.cost_each.low == pytest.approx(19_500 / gain.extra.high)
    assert gain.cost_each.high == pytest.approx(19_500 / gain.extra.low)
    assert gain.cost_at_least is None


def test_when_the_interval_includes_zero_there_is_a_least_cost_and_no_upper_bound() -> None:
    gain = gain_of([NO_LETTER, replace(LETTER, buyers=2_030)])
    assert gain.cost_each is None
    assert gain.extra is not None
    assert gain.cost_at_least == pytest.approx(19_500 / gain.extra.high)


def test_when_no_extra_buyer_fits_no_cost_of_one_is_given() -> None:
    gain = gain_of([NO_LETTER, replace(LETTER, buyers=1_500)])
    assert (gain.cost_each, gain.cost_at_least) == (None, None)


def test_the_costs_of_a_mailed_control_are_taken_off() -> None:
    plain = Cell("plain", 10_000, 500, ("email",), cost=0.2)
    gain = gain_of([plain, Cell("better", 20_000, 1_500, ("email",), cost=0.5)])
    assert gain.cost == pytest.approx(20_000 * 0.5 - 20_000 * 0.2)


def test_margin_is_after_all_costs() -> None:
    gain = gain_of([NO_LETTER, LETTER])
    assert gain.margin is not None
    assert gain.margin.estimate == pytest.approx(525 * 40 - 19_500)
    assert gain.margin.low < gain.margin.estimate < gain.margin.high
    assert not gain.rough


def test_margin_of_few_buyers_is_rough() -> None:
    gain = gain_of([replace(NO_LETTER, units=900, buyers=30), replace(LETTER, units=900, buyers=90)])
    assert gain.rough


def test_margin_that_was_not_measured_is_absent_with_the_reason() -> None:
    gain = gain_of([NO_LETTER, LETTER], margin=False)
    assert (gain.margin, gain.no_margin) == (None, "Nobody declared a margin.")


FOUR = [
    Cell("nothing", 1_000, 80),
    Cell("email", 1_000, 100, ("email",)),
    Cell("letter", 1_000, 130, ("direct_mail",), piece="letter"),
    Cell("both", 1_000, 190, ("email", "direct_mail"), piece="letter"),
]


def test_the_effect_of_a_channel_is_averaged_over_the_other() -> None:
    found = analysis_of(FOUR).factorial
    assert found is not None
    email, post = found.main
    assert (email.channel, post.channel) == ("email", "direct_mail")
    assert email.effect.estimate == pytest.approx((0.02 + 0.06) / 2)
    assert post.effect.estimate == pytest.approx((0.05 + 0.09) / 2)
    assert found.interaction.effect.estimate == pytest.approx(0.04)


def test_an_interaction_is_known_half_as_well_as_a_channel() -> None:
    found = analysis_of(FOUR).factorial
    assert found is not None
    assert found.interaction.effect.width == pytest.approx(2 * found.main[0].effect.width, rel=1e-3)
    variance = sum(cell.buyers / 1_000 * (1 - cell.buyers / 1_000) / 1_000 for cell in FOUR)
    assert found.interaction.effect.width == pytest.approx(2 * 1.959964 * variance**0.5, rel=0.01)


@pytest.mark.parametrize(
    "cells",
    [
        FOUR[:3],
        [NO_LETTER, LETTER],
        [*FOUR[:3], replace(FOUR[3], buyers=FEWEST_BUYERS - 1)],
    ],
)
def test_other_experiments_have_no_interaction(cells: Sequence[Cell]) -> None:
    assert analysis_of(cells).factorial is None


def test_the_report_says_that_an_interaction_needs_more_people() -> None:
    cells = [*FOUR[:3], replace(FOUR[3], buyers=150)]
    assert (
        "Whether the two channels add up, help or hinder each other cannot be told: showing that takes about four "
        "times the people that a channel's own effect takes."
    ) in as_markdown(report_of(cells, unit="household"))
