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
    Not,
    Segment,
    SegmentClause,
)
from handbill.rendering.presence import proven_fields
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
