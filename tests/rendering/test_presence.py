from pathlib import Path
from typing import Any

import pytest

from handbill.definitions.segment import (
    All,
    AnyOf,
    Clause,
    Comparison,
    EventClause,
    FieldClause,
    MailableClause,
    Not,
    Segment,
    SegmentClause,
)
from handbill.rendering.presence import possible_values, proven_fields
from tests.rendering.projects import make_project

ALWAYS = {"external_id", "created_at", "email"}


def has(name: str, operator: Any = "eq", operand: Any = "x", **options: Any) -> FieldClause:
    return FieldClause(name, (Comparison(operator, operand),), **options)


def proven(*clauses: Clause) -> set[str]:
    """Fields that are proven when a campaign includes one segment for each clause."""
    segments = {f"s{number}": Segment(f"s{number}", "S", clause) for number, clause in enumerate(clauses)}
    project = make_project(Path("unused"), segments=segments, audience={"include": tuple(segments)})
    return set(proven_fields(project, project.campaigns["spring-sale"], "email")) - ALWAYS


@pytest.mark.parametrize(
    ("clause", "fields"),
    [
        (has("tier"), {"tier"}),
        (has("tier", "exists", None), {"tier"}),
        (has("tier", "ne"), {"tier"}),
        (has("tier", "missing", None), set()),
        (has("tier", missing="include"), set()),
        (All((has("tier"), has("city"))), {"tier", "city"}),
        (AnyOf((has("tier"), has("city"))), set()),
        (AnyOf((All((has("tier"), has("city"))), has("city"))), {"city"}),
        (Not(has("tier")), set()),
        (Not(has("tier", "missing", None)), {"tier"}),
        (Not(has("tier", missing="include")), {"tier"}),
        (Not(AnyOf((has("tier", "missing", None), has("city", "missing", None)))), {"tier", "city"}),
        (Not(All((has("tier", "missing", None), has("city", "missing", None)))), set()),
        (Not(Not(has("tier"))), {"tier"}),
        (MailableClause("direct_mail"), {"address_line1"}),
        (EventClause("order", ()), set()),
    ],
)
def test_what_a_clause_asks_for_is_there(clause: Clause, fields: set[str]) -> None:
    assert proven(clause) == fields


def test_every_included_segment_has_to_ask_for_a_field() -> None:
    assert proven(has("tier"), All((has("tier"), has("city")))) == {"tier"}


def test_a_segment_may_ask_through_another() -> None:
    assert proven(SegmentClause("s1"), has("tier")) == {"tier"}


def test_segments_that_ask_for_each_other_prove_nothing() -> None:
    assert proven(SegmentClause("s1"), SegmentClause("s0")) == set()


def test_nobody_gets_mail_without_the_address_that_it_needs() -> None:
    project = make_project(Path("unused"))
    campaign = project.campaigns["spring-sale"]
    assert proven_fields(project, campaign, "email") == ALWAYS
    assert proven_fields(project, campaign, "direct_mail") == {"external_id", "created_at", "address_line1"}


@pytest.mark.parametrize(
    ("clauses", "countries"),
    [
        ([has("country", "in", ("GB", "IE"))], {"GB", "IE"}),
        ([has("country", "eq", "GB"), has("country", "eq", "FR")], {"GB", "FR"}),
        ([has("country", "eq", "GB"), has("tier")], None),
        ([All((has("country", "in", ("GB", "IE")), has("country", "in", ("IE", "FR"))))], {"IE"}),
        ([AnyOf((has("country"), has("country", "eq", "GB")))], {"x", "GB"}),
        ([has("country", "eq", "GB", missing="include")], None),
        ([Not(has("country", "eq", "GB"))], None),
        ([has("country", "starts_with", "G")], None),
    ],
)
def test_segments_say_which_values_a_field_can_have(clauses: list[Clause], countries: set[str] | None) -> None:
    segments = {f"s{number}": Segment(f"s{number}", "S", clause) for number, clause in enumerate(clauses)}
    project = make_project(Path("unused"), segments=segments, audience={"include": tuple(segments)})
    assert possible_values(project, project.campaigns["spring-sale"]).get("country") == countries
