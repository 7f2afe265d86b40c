"""Whatever the numbers are, the report says something defined: an interval, or the reason why there is none."""

import json
from dataclasses import replace
from typing import Any

import pytest

from handbill.reports.compare import compare
from handbill.reports.html import as_html
from handbill.reports.measure import Measured
from handbill.reports.numbers import as_json
from handbill.reports.registered import Registered
from handbill.reports.text import as_markdown
from handbill.statistics.joint import Joint
from handbill.statistics.results import Arm, Results
from handbill.statistics.results import as_json as results_as_json
from handbill.statistics.samples import Proportion, Sample
from tests.reports.factory import Cell, registered_of
from tests.reports.samples import report_of

MAIL = ("email",)

EDGES = {
    "nobody converted": [Cell("nothing", 500, 0), Cell("email", 500, 0, MAIL)],
    "everybody converted": [Cell("nothing", 500, 500), Cell("email", 500, 500, MAIL)],
    "everybody in one arm, nobody in the other": [Cell("nothing", 500, 0), Cell("email", 500, 500, MAIL)],
    "one contact an arm": [Cell("nothing", 1, 0), Cell("email", 1, 1, MAIL)],
    "one buyer in all": [Cell("nothing", 500, 0), Cell("email", 500, 1, MAIL)],
    "an empty arm": [Cell("nothing", 500, 20, share=1.0), Cell("email", 0, 0, MAIL, share=0.0)],
    "an arm with no share beside two with one": [
        Cell("nothing", 500, 20, share=0.5), Cell("email", 500, 40, MAIL, share=0.5),
        Cell("letter", 0, 0, ("direct_mail",), share=0.0),
    ],
    "a thousand million contacts": [Cell("nothing", 10**9, 10**7), Cell("email", 10**9, 10**7 + 10**5, MAIL)],
    "orders of ten thousand millions": [
        Cell("nothing", 5000, 400, paid=1e10), Cell("email", 5000, 450, MAIL, paid=1e10),
    ],
}  # fmt: skip


@pytest.mark.parametrize("cells", EDGES.values(), ids=EDGES.keys())
def test_every_edge_has_a_report_in_every_format(cells: list[Cell]) -> None:
    report = report_of(cells)
    values = json.loads(as_json(report))
    assert values["words"]
    assert "nan" not in as_markdown(report).lower().split()
    assert as_html(report).startswith("<!doctype html>")
    for one in values["results"]["comparisons"]:
        told = any(problem.get("metric") == one["metric"] for problem in values["results"]["problems"])
        assert "p_value" in one or told, one


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("nobody converted", "Nobody in either arm converted, so there is nothing to test."),
        ("everybody converted", "Everybody in both arms converted, so there is nothing to test."),
        ("an empty arm", "There are no contacts in this arm."),
    ],
)
def test_what_cannot_be_said_has_its_reason_in_the_report(name: str, says: str) -> None:
    assert says in as_markdown(report_of(EDGES[name]))


def test_all_orders_by_one_buyer_are_no_proof() -> None:
    results = _compared(
        {"revenue": Sample(1000, 0.0, 0.0, 0.0, 0)}, {"revenue": Sample(1000, 9000.0, 9000.0**2, 9000.0**3, 1)}
    )
    assert results["comparisons"][0].get("p_value") is None
    assert results["problems"][0]["reason"].startswith("Revenue is not testable with under 200 buyers in an arm")


def test_the_same_amount_for_everybody_leaves_nothing_to_test_with() -> None:
    same = Sample(1000, 5000.0, 25_000.0, 125_000.0, 1000)
    results = _compared({"revenue": same}, {"revenue": same})
    assert "low" not in results["comparisons"][0]
    assert results["problems"][0]["reason"] == (
        "The value is the same for every contact of each arm, so there is nothing to test with."
    )


def test_a_ratio_without_a_denominator_has_a_reason() -> None:
    results = _compared({"orders_per_click": Joint(n=1000)}, {"orders_per_click": Joint(n=1000)})
    assert "difference" not in results["comparisons"][0]
    assert results["problems"][0]["reason"] == (
        "The denominator is zero in the control and this arm, so there is no ratio."
    )


def test_a_million_millions_of_the_smallest_coin_keep_their_digits() -> None:
    """10^12 minor units in all: sums of cubes reach 10^36 and still leave an interval."""
    each, buyers = 1e10 / 300, 300
    control = Sample(10_000, each * buyers, each**2 * buyers, each**3 * buyers, buyers)
    more = Sample(10_000, each * 400, each**2 * 400, each**3 * 400, 400)
    (one,) = _compared({"revenue": control}, {"revenue": more})["comparisons"]
    assert one["low"] < one["difference"] < one["high"]
    assert one["difference"] == pytest.approx(each / 100)


def test_p_values_beyond_the_range_of_floats_are_given_by_their_logarithm() -> None:
    results = _compared({"conversion": Proportion(10**6, of=10**9)}, {"conversion": Proportion(5 * 10**6, of=10**9)})
    (one,) = results["comparisons"]
    assert one["p_value"] > 0
    assert one["log10_p_value"] < -300_000


def _compared(control: dict[str, object], arm: dict[str, object]) -> dict[str, Any]:
    registered: Registered = registered_of([Cell("nothing", 1000, 0), Cell("email", 1000, 0, MAIL)])
    units = 1000
    arms = (Arm("nothing", units, control), Arm("email", units, arm))  # type: ignore[arg-type] # sums of any kind
    results: Results = compare(replace(registered), Measured(arms, ()))
    return results_as_json(results)
