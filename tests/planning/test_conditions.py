"""Every clause selects the same contacts on both databases."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from sqlalchemy import Connection, Engine, not_, or_

from handbill.definitions.segment import (
    AggregateClause,
    Ago,
    All,
    AnyOf,
    Clause,
    Comparison,
    EventClause,
    FieldClause,
    FieldOperator,
    MomentClause,
    Not,
    SampleClause,
    Segment,
    SegmentClause,
)
from handbill.planning.conditions import compile_segment
from handbill.store.connection import writing
from handbill.store.draw import unit_fraction
from tests.conftest import NOW
from tests.planning.shop import add_contact, add_event, add_order, make_project, millionths, selected

DAY = timedelta(days=1)
ONCE = (Comparison("gte", 1),)


def field(name: str, operator: FieldOperator, operand: object = None) -> FieldClause:
    return FieldClause(name, (Comparison(operator, operand),))  # type: ignore[arg-type]  # the table is read by eye


def orders(operator: FieldOperator, count: int | tuple[int, int], within: timedelta | None = None) -> EventClause:
    return EventClause("order", (Comparison(operator, count),), within)


def spent(function: str, operator: FieldOperator, operand: object, of: str = "order.total") -> AggregateClause:
    return AggregateClause(function, of, (Comparison(operator, operand),))  # type: ignore[arg-type]


def viewed(name: str, operator: FieldOperator, operand: object) -> EventClause:
    return EventClause("page_view", ONCE, where=((name, (Comparison(operator, operand),)),))  # type: ignore[arg-type]


def last(operator: FieldOperator, operand: object) -> MomentClause:
    return MomentClause("last", "order", (Comparison(operator, operand),))  # type: ignore[arg-type]


def fill(connection: Connection) -> None:
    """ann buys and clicks, bob only reads, cid is nearly unknown, dee has odd values."""
    ann = add_contact(
        connection, "ann", country="GB", city="Whitby", first_name="Ann", created_at=NOW - 10 * DAY,
        attributes={"loyalty_points": 120, "score": 2.5, "tier": "gold", "vip": True, "birthday": "1990-05-01"},
    )  # fmt: skip
    bob = add_contact(
        connection, "bob", country="IE", email="Bob@Partner.example", email_key="bob@partner.example", city="Ærø",
        attributes={"loyalty_points": 0, "score": -1, "tier": "silver", "vip": False, "birthday": "2026-11-30"},
    )  # fmt: skip
    add_contact(connection, "cid", country=None, city=None, email=None, email_key=None, first_name="100%_\\")
    dee = add_contact(
        connection, "dee", country="gb", city="zürich", first_name="100 percent",
        attributes={"loyalty_points": "120", "score": None, "tier": "", "vip": "true", "birthday": "2026-12-01"},
    )  # fmt: skip
    for total, days_ago in (("20", 5), ("40", 30), ("-10", 2), ("100", 500)):
        add_order(connection, ann, total, days_ago=days_ago, discount=millionths("1.5"))
    add_order(connection, dee, "-5", days_ago=3)
    add_order(connection, bob, "30", days_ago=-2)  # in the future: a replay does not see it
    add_event(connection, ann, "email.clicked", days_ago=3)
    add_event(connection, bob, "page_view", properties={"path": "/sale", "seconds": 12.5, "new": True})
    add_event(connection, bob, "page_view", properties={"path": "/", "seconds": 3})
    add_event(connection, dee, "page_view", properties={"seconds": "12.5", "new": "true"})


CASES: dict[str, tuple[Clause, str]] = {
    "eq is letter by letter": (field("country", "eq", "GB"), "ann"),
    "ne does not match a missing value": (field("country", "ne", "GB"), "bob dee"),
    "in": (field("country", "in", ("GB", "IE")), "ann bob"),
    "not_in does not match a missing value": (field("country", "not_in", ("GB",)), "bob dee"),
    "exists": (field("country", "exists"), "ann bob dee"),
    "missing": (field("country", "missing"), "cid"),
    "not is two-valued": (Not(field("country", "eq", "GB")), "bob cid dee"),
    "not of ne": (Not(field("country", "ne", "GB")), "ann cid"),
    "missing: include": (FieldClause("country", (Comparison("eq", "GB"),), "include"), "ann cid"),
    "not of missing: include": (Not(FieldClause("country", (Comparison("eq", "GB"),), "include")), "bob dee"),
    "contains takes % and _ as letters": (field("first_name", "contains", "%_\\"), "cid"),
    "contains is letter by letter": (field("city", "contains", "WHIT"), ""),
    "contains counts letters, not bytes": (field("city", "contains", "ür"), "dee"),
    "starts_with takes % as a letter": (field("first_name", "starts_with", "100%"), "cid"),
    "starts_with beyond ASCII": (field("city", "starts_with", "Æ"), "bob"),
    "ends_with": (field("city", "ends_with", "by"), "ann"),
    "ends_with longer than the text": (field("first_name", "ends_with", "My Ann"), ""),
    "e-mail ignores capitals": (field("email", "ends_with", "@PARTNER.example"), "bob"),
    "e-mail equals": (field("email", "in", ("BOB@partner.example",)), "bob"),
    "text between goes by code point": (field("city", "between", ("Whitby", "zürich")), "ann dee"),
    "integer gte; a text in its place is missing": (field("loyalty_points", "gte", 100), "ann"),
    "integer zero is not missing": (field("loyalty_points", "lt", 1), "bob"),
    "not of an integer": (Not(field("loyalty_points", "gte", 100)), "bob cid dee"),
    "integer between has both ends": (field("loyalty_points", "between", (0, 120)), "ann bob"),
    "integer missing": (field("loyalty_points", "missing"), "cid dee"),
    "number eq": (field("score", "eq", Decimal("2.5")), "ann"),
    "number negative": (field("score", "lte", Decimal("-0.5")), "bob"),
    "number null is missing": (field("score", "missing"), "cid dee"),
    "boolean true": (field("vip", "eq", True), "ann"),
    "boolean ne false": (field("vip", "ne", False), "ann"),
    "empty text is a value": (field("tier", "exists"), "ann bob dee"),
    "date before": (field("birthday", "before", date(2026, 11, 30)), "ann"),
    "date after is strict": (field("birthday", "after", date(2026, 11, 30)), "dee"),
    "date before so long ago": (field("birthday", "before", Ago(DAY)), "ann"),
    "date within": (field("birthday", "within", 2 * DAY), "bob dee"),
    "date eq": (field("birthday", "eq", date(1990, 5, 1)), "ann"),
    "time after": (field("created_at", "after", datetime(2026, 1, 1, tzinfo=UTC)), "ann"),
    "time within": (field("created_at", "within", 11 * DAY), "ann"),
    "time before so long ago": (field("created_at", "before", Ago(11 * DAY)), "bob cid dee"),
    "several comparisons of one field": (
        FieldClause("loyalty_points", (Comparison("gte", 0), Comparison("lt", 100))), "bob"),
    "an order at least once; refunds and the future do not count": (EventClause("order", ONCE), "ann"),
    "never ordered": (orders("eq", 0), "bob cid dee"),
    "twice in a window": (orders("gte", 2, 60 * DAY), "ann"),
    "the window excludes its oldest moment": (orders("gte", 2, 30 * DAY), ""),
    "count between": (orders("between", (3, 4)), "ann"),
    "orders where": (
        EventClause("order", (Comparison("gte", 2),), where=(("total", (Comparison("gte", Decimal(40)),)),)), "ann"),
    "sum takes refunds off": (spent("sum", "eq", Decimal(150)), "ann"),
    "sum in a window": (
        AggregateClause("sum", "order.total", (Comparison("eq", 10),), within=10 * DAY), "ann"),
    "the sum of nothing is 0": (spent("sum", "lt", Decimal(1)), "bob cid dee"),
    "max": (spent("max", "eq", 100), "ann"),
    "min leaves refunds out": (spent("min", "eq", 20), "ann"),
    "average is exact": (spent("average", "between", (Decimal("53.333333"), Decimal("53.333334"))), "ann"),
    "the average of nothing is missing": (Not(spent("average", "gte", 0)), "bob cid dee"),
    "sum of discounts": (spent("sum", "gte", 6, "order.discount"), "ann"),
    "last order": (last("within", 6 * DAY), "ann"),
    "last order before": (last("before", Ago(4 * DAY)), "ann"),
    "first order": (MomentClause("first", "order", (Comparison("before", Ago(400 * DAY)),)), "ann"),
    "never ordered does not match a last order": (Not(last("within", 600 * DAY)), "bob cid dee"),
    "an event": (EventClause("email.clicked", ONCE, within=7 * DAY), "ann"),
    "an event outside its window": (EventClause("email.clicked", ONCE, within=2 * DAY), ""),
    "an event's text": (viewed("path", "eq", "/sale"), "bob"),
    "an event's number is no text": (viewed("seconds", "gte", Decimal("12.5")), "bob"),
    "an event's boolean": (viewed("new", "eq", True), "bob"),
    "all": (All((field("country", "exists"), orders("eq", 0))), "bob dee"),
    "any": (AnyOf((field("country", "missing"), field("country", "eq", "IE"))), "bob cid"),
    "not of all with a missing value": (
        Not(All((field("loyalty_points", "gte", 0), field("country", "eq", "GB")))), "bob cid dee"),
    "everybody": (All(()), "ann bob cid dee"),
    "nobody": (AnyOf(()), ""),
    "membership of another segment": (Not(SegmentClause("british")), "bob cid dee"),
    "sample": (
        SampleClause(Decimal("0.5"), "q4"),
        " ".join(name for name in ("ann", "bob", "cid", "dee") if unit_fraction("q4", name) < 0.5)),
}  # fmt: skip


def test_every_clause_selects_the_same_contacts_on_both_databases(store: Engine, tmp_path: Path) -> None:
    project = make_project(tmp_path, segments={"british": field("country", "eq", "GB")})
    with writing(store) as connection:
        fill(connection)
        found = {
            case: " ".join(selected(connection, compile_segment(project, Segment("s", "s", clause), NOW)))
            for case, (clause, _) in CASES.items()
        }
    assert found == {case: expected for case, (_, expected) in CASES.items()}


def test_a_condition_is_true_or_false_for_everybody_and_never_null(store: Engine, tmp_path: Path) -> None:
    project = make_project(tmp_path, segments={"british": field("country", "eq", "GB")})
    with writing(store) as connection:
        fill(connection)
        conditions = {
            case: compile_segment(project, Segment("s", "s", clause), NOW) for case, (clause, _) in CASES.items()
        }
        decided = {case: len(selected(connection, or_(each, not_(each)))) for case, each in conditions.items()}
    assert set(decided.values()) == {4}, decided


def test_relative_dates_count_days_in_the_project_time_zone(store: Engine, tmp_path: Path) -> None:
    project = make_project(tmp_path)
    late_evening = datetime(2026, 6, 30, 23, 30, tzinfo=UTC)  # already the first of July in London
    with writing(store) as connection:
        add_contact(connection, "ann", attributes={"birthday": "2026-07-01"})
        born_today = Segment("s", "s", field("birthday", "within", DAY))
        assert selected(connection, compile_segment(project, born_today, late_evening)) == ["ann"]
