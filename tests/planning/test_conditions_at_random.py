"""Any segment selects whom a plain reading of it selects, on both databases."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from handbill.definitions.segment import (
    AggregateClause,
    All,
    AnyOf,
    Clause,
    Comparison,
    EventClause,
    FieldClause,
    MomentClause,
    Not,
    Segment,
)
from handbill.planning.conditions import compile_segment
from handbill.store.connection import writing
from tests.conftest import NOW
from tests.planning.shop import add_contact, add_order, make_project, selected

COUNTRIES = ("GB", "gb", "IE", "Åland", None)
POINTS = (-1, 0, 5, None)
TOTALS = ((), (20,), (-5,), (20, 40, -10), (7,))
DAYS = (1, 3, 30)

PEOPLE: list[dict[str, Any]] = [
    {"country": COUNTRIES[n % 5], "points": POINTS[n % 4], "totals": TOTALS[n // 2 % 5], "days": DAYS[n % 3]}
    for n in range(30)
]

texts = st.sampled_from(["GB", "gb", "Å", "land", "G", ""])
numbers = st.sampled_from([-1, 0, 3, 5, 20, 30])
number_comparisons = st.one_of(
    st.builds(Comparison, st.sampled_from(["eq", "ne", "lt", "lte", "gt", "gte"]), numbers),
    st.builds(lambda a, b: Comparison("between", (min(a, b), max(a, b))), numbers, numbers),
)
text_comparisons = st.one_of(
    st.builds(Comparison, st.sampled_from(["eq", "ne", "contains", "starts_with", "ends_with"]), texts),
    st.builds(Comparison, st.sampled_from(["in", "not_in"]), st.tuples(texts, texts)),
)
presence = st.builds(Comparison, st.sampled_from(["exists", "missing"]), st.none())
missing = st.sampled_from(["include", "exclude"])
windows = st.sampled_from([None, timedelta(days=3), timedelta(days=10)])
leaves: st.SearchStrategy[Clause] = st.one_of(
    st.builds(FieldClause, st.just("country"), st.tuples(text_comparisons | presence), missing),
    st.builds(FieldClause, st.just("loyalty_points"), st.tuples(number_comparisons | presence), missing),
    st.builds(EventClause, st.just("order"), st.tuples(number_comparisons), windows),
    st.builds(
        AggregateClause, st.sampled_from(["sum", "min", "max", "average"]), st.just("order.total"),
        st.tuples(number_comparisons), windows,
    ),
    st.builds(
        MomentClause, st.sampled_from(["first", "last"]), st.just("order"),
        st.tuples(st.builds(Comparison, st.just("within"), windows.filter(bool))),
    ),
)  # fmt: skip
clauses = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.builds(All, st.lists(inner, min_size=1, max_size=3).map(tuple)),
        st.builds(AnyOf, st.lists(inner, min_size=1, max_size=3).map(tuple)),
    ),
    max_leaves=6,
)

COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda value, operand: value == operand,
    "ne": lambda value, operand: value != operand,
    "lt": lambda value, operand: value < operand,
    "lte": lambda value, operand: value <= operand,
    "gt": lambda value, operand: value > operand,
    "gte": lambda value, operand: value >= operand,
    "between": lambda value, operand: operand[0] <= value <= operand[1],
    "in": lambda value, operand: value in operand,
    "not_in": lambda value, operand: value not in operand,
    "contains": lambda value, operand: operand in value,
    "starts_with": lambda value, operand: value.startswith(operand),
    "ends_with": lambda value, operand: value.endswith(operand),
    "within": lambda value, operand: timedelta(days=value) < operand,
    "exists": lambda _value, _operand: True,
}


def read_plainly(clause: Any, person: dict[str, Any]) -> bool:
    """The slow, obvious reading of a clause."""
    match clause:
        case All():
            return all(read_plainly(each, person) for each in clause.clauses)
        case AnyOf():
            return any(read_plainly(each, person) for each in clause.clauses)
        case Not():
            return not read_plainly(clause.clause, person)
        case FieldClause():
            value = person["country" if clause.name == "country" else "points"]
            if value is None and clause.missing == "include":
                return True
        case MomentClause():
            value = person["days"] if any(total > 0 for total in person["totals"]) else None
        case EventClause():
            value = sum(total > 0 for total in seen(clause, person))
        case _:
            value = added_up(clause.function, seen(clause, person))
    comparisons = clause.count if isinstance(clause, EventClause) else clause.comparisons
    return all(passes(value, each) for each in comparisons)


def seen(clause: Any, person: dict[str, Any]) -> list[int]:
    """The order totals inside the clause's window: all of a person's orders are equally old."""
    inside = clause.within is None or timedelta(days=person["days"]) < clause.within
    return list(person["totals"]) if inside else []


def added_up(function: str, totals: list[int]) -> Any:
    """An aggregate of order totals; refunds only lower sums."""
    if function == "sum":
        return sum(totals)
    bought = [total for total in totals if total > 0]
    if not bought:
        return None
    if function == "average":
        return Decimal(sum(bought)) / len(bought)
    return min(bought) if function == "min" else max(bought)


def passes(value: Any, comparison: Comparison) -> bool:
    """A comparison never matches a missing value, unless it asks for one."""
    if comparison.operator == "missing":
        return value is None
    return value is not None and COMPARE[comparison.operator](value, comparison.operand)


@settings(max_examples=80, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_segment_selects_whom_a_plain_reading_selects(store: Engine, tmp_path: Path, data: st.DataObject) -> None:
    project = make_project(tmp_path)
    with writing(store) as connection:
        if not selected(connection, True):
            for number, person in enumerate(PEOPLE):
                points = {} if person["points"] is None else {"loyalty_points": person["points"]}
                id_ = add_contact(connection, f"{number:02}", country=person["country"], attributes=points)
                for total in person["totals"]:
                    add_order(connection, id_, total, days_ago=person["days"])
    clause = data.draw(clauses)
    with writing(store) as connection:
        found = selected(connection, compile_segment(project, Segment("s", "s", clause), NOW))
    assert found == [f"{number:02}" for number, person in enumerate(PEOPLE) if read_plainly(clause, person)]
