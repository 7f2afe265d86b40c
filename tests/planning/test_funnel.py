"""A funnel counts whom each clause admits, leaves over and keeps out alone."""

from pathlib import Path

from sqlalchemy import Engine

from handbill.definitions.segment import All, AnyOf, Comparison, FieldClause, Not, Segment
from handbill.planning.funnel import Funnel, funnel_of
from handbill.store.connection import writing
from tests.conftest import NOW
from tests.planning.shop import add_contact, make_project


def points(operator: str, operand: int) -> FieldClause:
    return FieldClause("loyalty_points", (Comparison(operator, operand),))  # type: ignore[arg-type]  # the table is read by eye


def counted(store: Engine, root: Path, rule: All | AnyOf) -> Funnel:
    """Ten contacts with 0 to 9 points, every other one British."""
    with writing(store) as connection:
        for number in range(10):
            country = "GB" if number % 2 else "IE"
            add_contact(connection, f"c{number}", country=country, attributes={"loyalty_points": number})
        return funnel_of(connection, make_project(root), Segment("s", "s", rule), NOW)


def test_clauses_that_must_all_hold_leave_fewer_and_fewer(store: Engine, tmp_path: Path) -> None:
    british = FieldClause("country", (Comparison("eq", "GB"),))
    found = counted(store, tmp_path, All((british, points("gte", 2), Not(points("gte", 6)))))
    assert (found.contacts, found.of) == (2, 10)
    assert [(each.depth, each.clause, each.admits, each.left, each.keeps_out) for each in found.steps] == [
        (0, "all", 2, None, 8),
        (1, "field: country, eq: GB", 5, 5, 2),
        (1, "field: loyalty_points, gte: 2", 8, 4, 1),
        (1, "not", 6, 2, 2),
        (2, "field: loyalty_points, gte: 6", 4, None, 2),
    ]


def test_of_clauses_of_which_one_must_hold_none_keeps_anybody_in_line(store: Engine, tmp_path: Path) -> None:
    found = counted(store, tmp_path, AnyOf((points("lt", 2), points("gte", 8))))
    assert (found.contacts, found.of) == (4, 10)
    assert [(each.clause, each.admits, each.left) for each in found.steps[1:]] == [
        ("field: loyalty_points, lt: 2", 2, None),
        ("field: loyalty_points, gte: 8", 2, None),
    ]


def test_more_clauses_than_one_number_has_bits_are_counted_too(store: Engine, tmp_path: Path) -> None:
    found = counted(store, tmp_path, All(tuple(points("ne", number) for number in range(-65, 5))))
    assert (found.contacts, len(found.steps)) == (5, 71)
    assert found.steps[-1].left == 5
