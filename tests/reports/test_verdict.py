"""The first screen says what was found in words that cannot be misread."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from handbill.reports.maturity import Maturity
from handbill.reports.verdict import FirstScreen, broken_split, first_screen, no_experiment, too_early
from tests.reports.factory import Cell, registered_of
from tests.reports.samples import DAYS_60, LETTER, NO_LETTER, analysis_of


def screen(cells: Sequence[Cell], **changes: Any) -> FirstScreen:
    analysis = analysis_of(cells, **changes)
    return first_screen(analysis.registered, analysis.results, analysis.gains, "GBP")


def test_a_win_says_how_many_how_sure_at_what_cost_and_what_now() -> None:
    found = screen([NO_LETTER, LETTER], unit="household", within=DAYS_60)
    assert found.status == "worked"
    assert found.words == (
        "It worked. Per 100 households, the letter brought 2.1 more buyers than no letter (95 % interval 1.6–2.6) "
        "in 60 days: 525 extra buyers (399–651), £37 each (£30–£49). Margin after costs +£1,500 (−£3,600 to £6,600). "
        "Next: mail again, keep a holdout."
    )


def test_a_win_that_costs_more_than_it_brings_says_so() -> None:
    found = screen([NO_LETTER, replace(LETTER, cost=2.0)], unit="household", within=DAYS_60)
    assert found.status == "worked_at_a_loss"
    assert found.words == (
        "It worked, but at a loss. Per 100 households, the letter brought 2.1 more buyers than no letter "
        "(95 % interval 1.6–2.6) in 60 days: 525 extra buyers (399–651), £95 each (£77–£125). "
        "Margin after costs −£29,000 (−£34,100 to −£23,900). "
        "Next: do not repeat it as it is; it costs more than it brings."
    )


def test_an_inconclusive_result_says_what_fits_and_how_many_more_people_it_takes() -> None:
    cells = [replace(NO_LETTER, units=8_000, buyers=640), replace(LETTER, units=8_000, buyers=664)]
    found = screen(cells, unit="household", minimum_effect=0.005, within=DAYS_60)
    assert found.status == "cannot_tell"
    assert found.words == (
        "We cannot tell. Anything from 0.5 fewer to 1.1 more buyers per 100 fits. This does not show 'no effect'. "
        "Cost per extra buyer: at least £68, possibly unbounded. "
        "Next: crown nobody; repeat with six times as many people."
    )


def test_an_inconclusive_result_that_was_large_enough_says_what_it_would_have_shown() -> None:
    cells = [replace(NO_LETTER, units=8_000, buyers=640), replace(LETTER, units=8_000, buyers=664)]
    found = screen(cells, unit="household", minimum_effect=0.02, within=DAYS_60)
    assert found.verdicts[0].next == (
        "crown nobody; this was large enough to show 2.0 more buyers per 100, "
        "so repeat it only if less than that would pay."
    )


def test_harm_says_how_much_was_lost() -> None:
    found = screen([replace(NO_LETTER, buyers=2_525), replace(LETTER, buyers=2_000)], unit="household", within=DAYS_60)
    assert found.status == "did_harm"
    assert found.words == (
        "It did harm. Per 100 households, the letter brought 2.1 fewer buyers than no letter "
        "(95 % interval 1.6–2.6 fewer) in 60 days: 525 lost buyers (399–651). "
        "Margin after costs −£40,500 (−£45,600 to −£35,400). Next: stop it."
    )


def test_a_test_of_contacts_by_e_mail_speaks_of_contacts_and_of_sending() -> None:
    cells = [replace(NO_LETTER, units=9_000, buyers=450), Cell("mail", 9_000, 640, ("email",))]
    found = screen(cells, margin=False, within=timedelta(days=1))
    assert found.words == (
        "It worked. Per 100 contacts, the e-mail brought 2.1 more buyers than no e-mail (95 % interval 1.4–2.8) "
        "in 1 day: 190 extra buyers (127–253), £0.05 each (£0.04–£0.07). Margin after costs is not known. "
        "Next: send it again, keep a holdout."
    )


def test_a_goal_that_is_no_order_has_no_buyers() -> None:
    cells = [replace(NO_LETTER, units=900, buyers=30), Cell("mail", 900, 33, ("email",), cost=0.5)]
    found = screen(cells, margin=False, goal_event="form_submit", minimum_effect=None)
    assert found.words == (
        "We cannot tell. Anything from 1.4 fewer to 2.1 more conversions per 100 fits. This does not show 'no effect'. "
        "Cost per extra conversion: at least £24, possibly unbounded. Next: crown nobody; repeat with more people."
    )


def test_with_few_buyers_the_margin_is_not_claimed() -> None:
    found = screen([replace(NO_LETTER, units=900, buyers=30), replace(LETTER, units=900, buyers=90)], unit="household")
    assert found.status == "worked"
    assert "Margin after costs cannot be told from so few buyers." in found.words


def test_two_mailed_arms_are_called_by_their_names() -> None:
    plain, discount = Cell("plain", 9_000, 450, ("email",)), Cell("discount", 9_000, 640, ("email",), cost=0.002)
    found = screen([plain, discount], margin=False)
    assert found.words == (
        "It worked. Per 100 contacts, “discount” brought 2.1 more buyers than “plain” (95 % interval 1.4–2.8) "
        "in 14 days: 190 extra buyers (127–253), £0.05 each (£0.04–£0.07). Margin after costs is not known. "
        "Next: use “discount” from now on, keep a holdout."
    )


def test_several_arms_each_get_their_verdict() -> None:
    cells = [
        replace(NO_LETTER, units=4_000, buyers=320),
        Cell("email", 4_000, 330, ("email",)),
        replace(LETTER, units=4_000, buyers=420),
        Cell("both", 4_000, 210, ("email", "direct_mail")),
    ]
    found = screen(cells, margin=False, unit="household")
    assert found.headline == (
        "The letter worked. E-mail and letter together did harm. About the e-mail we cannot tell."
    )
    assert [verdict.about for verdict in found.verdicts] == ["the e-mail", "the letter", "e-mail and letter together"]
    assert found.words.split("\n\n")[1] == (
        "The e-mail: Anything from 1.2 fewer to 1.7 more buyers per 100 fits. This does not show 'no effect'. "
        "Cost per extra buyer: at least £0.06, possibly unbounded. "
        "Next: crown nobody; repeat with five times as many people."
    )


def test_declared_pairs_are_told_as_rivals() -> None:
    cells = [Cell("nothing", 900, 60), Cell("plain", 3_000, 235, ("email",)), Cell("better", 3_000, 330, ("email",))]
    pairs = (("plain", "nothing"), ("better", "nothing"), ("better", "plain"))
    found = screen(cells, margin=False, pairs=pairs, deciding=pairs)
    assert found.headline == "“better” worked and beat “plain”. About the rest we cannot tell."
    assert [verdict.about for verdict in found.verdicts] == [
        "“plain” against no e-mail", "“better” against no e-mail", "“better” against “plain”",
    ]  # fmt: skip


def test_a_difference_that_only_one_of_several_comparisons_shows_is_not_believed() -> None:
    cells = [
        replace(NO_LETTER, units=4_000, buyers=320),
        Cell("email", 4_000, 330, ("email",)),
        replace(LETTER, units=4_000, buyers=372),
    ]
    found = screen(cells, margin=False, unit="household")
    assert found.verdicts[1].status == "cannot_tell"
    assert (
        "Anything from 0.1 fewer to 2.7 more buyers per 100 fits. This does not show 'no effect'. Cost per extra "
        "buyer: at least £29, possibly unbounded."
    ) in found.words


def test_money_is_compared_in_money() -> None:
    found = screen([NO_LETTER, LETTER], unit="household", primary="margin", within=DAYS_60)
    assert found.words == (
        "It worked. Per 100 households, the letter brought £84 more margin than no letter (95 % interval £64–£104) "
        "in 60 days: £21,000 extra margin (£15,900–£26,100). Margin after costs +£1,500 (−£3,600 to £6,600). "
        "Next: mail again, keep a holdout."
    )


def test_revenue_of_too_few_buyers_is_not_tested() -> None:
    cells = [replace(NO_LETTER, units=900, buyers=30), replace(LETTER, units=900, buyers=90)]
    found = screen(cells, unit="household", primary="margin", minimum_effect=None)
    assert found.words == (
        "We cannot tell. Revenue is not testable with under 200 buyers in an arm (the control has 30, this arm 90): "
        "use conversion. The interval is only rough. Anything from £175 to £359 more margin per 100 fits. "
        "This does not show 'no effect'. Next: crown nobody; repeat with more people."
    )


def test_a_broken_split_comes_before_every_result() -> None:
    found = broken_split(analysis_of([replace(NO_LETTER, share=0.4), replace(LETTER, share=0.6)]).results)
    assert found.status == "split_broken"
    assert found.words == (
        "Do not use these numbers. The contacts are not split as declared (p = 2.2e-308): nothing has 25000 instead of "
        "about 20000, letter has 25000 instead of about 30000. Find out why before you believe any comparison. "
        "Next: find the fault before anything else."
    )


@pytest.mark.parametrize(
    ("maturity", "words"),
    [
        (
            Maturity({"nothing": 25_000, "letter": 25_000}, 0, datetime(2026, 3, 12, 9, tzinfo=UTC), None),
            "Too early: no result. 0 of 50,000 households have completed 60 days. Opens 12 March. Next: nothing.",
        ),
        (
            Maturity({"nothing": 25_000, "letter": 25_000}, 1, datetime(2027, 1, 12, 9, tzinfo=UTC), None),
            "Too early: no result. 1 of 50,000 households has completed 60 days. Opens 12 January 2027. Next: nothing.",
        ),
        (
            Maturity(
                {"nothing": 25_000, "letter": 25_000},
                50_000,
                datetime(2026, 3, 12, 9, tzinfo=UTC),
                datetime(2026, 3, 3, tzinfo=UTC),
            ),
            (
                "Too early: no result. All 50,000 households have completed 60 days, but orders are known only up to "
                "3 March. Next: import the orders up to 12 March."
            ),
        ),
        (
            Maturity({"nothing": 25_000, "letter": 25_000}, 50_000, datetime(2026, 3, 12, 9, tzinfo=UTC), None),
            (
                "Too early: no result. All 50,000 households have completed 60 days, but orders have never been "
                "imported. Next: import the orders up to 12 March."
            ),
        ),
        (Maturity({}, 0, None, None), "Nothing to compare. Nobody was assigned to an arm. Next: nothing."),
    ],
)
def test_before_its_time_there_is_no_result(maturity: Maturity, words: str) -> None:
    registered = registered_of([NO_LETTER, LETTER], unit="household", within=DAYS_60)
    assert too_early(registered, maturity, datetime(2026, 2, 1, tzinfo=UTC), "Europe/London").words == words


def test_a_campaign_without_an_experiment_is_told_that_nothing_can_be_known() -> None:
    assert no_experiment().words == (
        "Nothing to compare. This campaign has one arm and no holdout, so what it brought cannot be told from what "
        "would have come anyway. Next: declare an experiment with a holdout next time."
    )
