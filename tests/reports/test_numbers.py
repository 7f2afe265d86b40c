"""JSON holds the numbers unrounded, and what cannot be given is absent with its reason."""

import json
from dataclasses import replace
from typing import Any

import pytest

from handbill.reports.numbers import as_json
from handbill.reports.text import as_markdown
from tests.reports.factory import Cell
from tests.reports.samples import DAYS_60, LETTER, NO_LETTER, report_of


def values(*cells: Cell, **changes: Any) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(as_json(report_of(cells, **changes)))
    return read


def test_results_have_the_shape_that_evaluate_gives() -> None:
    results = values(NO_LETTER, LETTER, unit="household")["results"]
    assert set(results) == {"arms", "balance", "comparisons", "problems"}
    assert results["arms"][1]["metrics"]["conversion"] == {"kind": "proportion", "mean": 0.101, "sum": 2525}
    assert results["balance"] == {"expected": {"nothing": 0.5, "letter": 0.5}, "p_value": 1.0, "ok": True}
    (comparison,) = (each for each in results["comparisons"] if each["metric"] == "conversion")
    assert (comparison["control"], comparison["arm"], comparison["kind"]) == ("nothing", "letter", "proportion")
    assert comparison["difference"] == pytest.approx(0.021)
    assert {"low", "high", "p_value", "log10_p_value", "p_value_adjusted", "confidence", "method", "source"} <= set(
        comparison
    )


def test_money_registration_and_maturity_stand_beside() -> None:
    read = values(NO_LETTER, LETTER, unit="household", within=DAYS_60)
    assert (read["campaign"], read["status"], read["currency"]) == ("winback", "worked", "GBP")
    assert read["made_at"] == "2027-01-31T09:00:00+00:00"
    assert read["registered"]["within_seconds"] == 60 * 86_400
    assert read["registered"]["comparisons"] == ["letter - nothing"]
    assert read["maturity"]["mature"] is True
    (money,) = read["money"]
    assert money["extra"]["estimate"] == pytest.approx(525)
    assert money["cost_each"]["estimate"] == pytest.approx(19_500 / 525)
    assert money["margin_is_rough"] is False
    assert read["audience"] == {
        "selected": 50_420,
        "steps": [{"reason": "no_consent", "contacts": 400}, {"reason": "capped", "contacts": 20}],
        "planned": 50_000,
    }
    assert read["messages"] == [
        {"arm": "letter", "channel": "direct_mail", "planned": 25_000, "states": {"accepted": 25_000}, "answers": {},
         "cost": 19_500.0}
    ]  # fmt: skip


def test_a_margin_that_is_not_known_is_absent_with_its_reason() -> None:
    read = values(NO_LETTER, LETTER, margin=False)
    assert "margin_after_costs" not in read["money"][0]
    assert read["money"][0]["no_margin"] == "Nobody declared a margin."
    assert {"metric": "margin", "reason": "Nobody declared a margin."} in read["results"]["problems"]


def test_no_number_is_infinite_and_none_is_null() -> None:
    text = as_json(report_of([replace(NO_LETTER, buyers=0), replace(LETTER, buyers=0)]))
    assert "null" not in text
    assert "Infinity" not in text
    assert json.loads(text)["status"] == "cannot_tell"


def test_each_true_effect_says_whether_it_is_covered() -> None:
    truths = {("conversion", "letter", "nothing"): 0.05, ("revenue", "letter", "nothing"): 1.0}
    assert values(NO_LETTER, LETTER, truths=truths)["true_effects"] == [
        {"metric": "conversion", "arm": "letter", "control": "nothing", "difference": 0.05, "covered": False},
        {"metric": "revenue", "arm": "letter", "control": "nothing", "difference": 1.0},
    ]


def test_names_are_no_markdown() -> None:
    cells = [NO_LETTER, replace(LETTER, name="a|b `c` <b>*")]
    text = as_markdown(report_of(cells, hypothesis="[click](http://evil.example)"))
    assert "a\\|b \\`c\\` &lt;b>\\*" in text
    assert "[click]" not in text.replace("\\[click\\]", "")


def test_tables_of_markdown_have_as_many_cells_in_every_row() -> None:
    text = as_markdown(report_of([NO_LETTER, LETTER], unit="household", secondary=("margin",)))
    for block in text.split("\n\n"):
        rows = [line for line in block.splitlines() if line.startswith("|")]
        assert len({line.count("|") for line in rows}) <= 1
