"""An explanation says for every clause whether it holds, what the contact has, and which moments it means."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, insert, select

from handbill.definitions.segment import (
    AggregateClause,
    Ago,
    All,
    AnyOf,
    Clause,
    Comparison,
    ConsentClause,
    Dates,
    EventClause,
    FieldClause,
    HistoryClause,
    MailableClause,
    MomentClause,
    Not,
    SampleClause,
    Segment,
    SegmentClause,
)
from handbill.planning.explanation import Explanation, explain_segment
from handbill.store.connection import writing
from handbill.store.tables import attribute_history, contact
from tests.conftest import NOW
from tests.planning.shop import add_contact, add_event, add_order, add_suppression, make_project

DAY = timedelta(days=1)
SUMMER = NOW - 180 * DAY
"""When clocks in London were an hour ahead."""


def explained(connection: Connection, root: Path, clause: Clause, who: str = "ann", **segments: Clause) -> Explanation:
    project = make_project(root, segments=segments)
    id_ = connection.execute(select(contact.c.id).where(contact.c.external_id == who)).scalar_one()
    return explain_segment(connection, project, Segment("s", "s", clause, file="segments/s.yaml"), id_, NOW)


def line(found: Explanation) -> str:
    return f"{'✓' if found.holds else '✗'} {found.clause}: {'; '.join((found.value, *found.notes))}"


def field(name: str, *comparisons: Comparison) -> FieldClause:
    return FieldClause(name, comparisons)


def test_each_kind_of_clause_says_what_the_contact_has(store: Engine, tmp_path: Path) -> None:
    clauses: dict[str, Clause] = {
        "✓ field: country, eq: GB: GB": field("country", Comparison("eq", "GB")),
        "✗ field: vip, eq: true: false": field("vip", Comparison("eq", True)),
        "✓ field: last_visit, within: 365 days: 2026-06-04 10:00 Europe/London; since 2025-12-01 09:00 Europe/London":
            field("last_visit", Comparison("within", timedelta(days=365))),
        "✗ field: birthday, before: 180 days ago: 2026-07-01; before 2026-06-04 in Europe/London":
            field("birthday", Comparison("before", Ago(180 * DAY))),
        "✓ event: order, count: {gte: 2}, within: 180 days: 2; since 2026-06-04 10:00 Europe/London":
            EventClause("order", (Comparison("gte", 2),), 180 * DAY),
        "✗ event: order, distinct: code, count: {gte: 2}: 1 different":
            EventClause("order", (Comparison("gte", 2),), distinct="code"),
        "✗ sum: order.total, gte: 100, within: [2026-11-01, 2026-11-30]: 40.00 GBP; "
        "from 2026-11-01 00:00 Europe/London to 2026-11-30 00:00 Europe/London":
            AggregateClause("sum", "order.total", (Comparison("gte", 100),),
                            Dates(NOW.replace(month=11, day=1, hour=0), NOW.replace(month=11, day=30, hour=0))),
        "✓ average: page_view.seconds, lt: 30: 7.5":
            AggregateClause("average", "page_view.seconds", (Comparison("lt", 30),)),
        "✗ first: order, before: 30 days ago: 2026-11-21 09:00 Europe/London; before 2026-11-01 09:00 Europe/London":
            MomentClause("first", "order", (Comparison("before", Ago(30 * DAY)),)),
        "✗ last: order, between: [60 days ago, 30 days ago]: 2026-11-30 09:00 Europe/London; "
        "from 2026-10-02 10:00 Europe/London to 2026-11-01 09:00 Europe/London":
            MomentClause("last", "order", (Comparison("between", (Ago(60 * DAY), Ago(30 * DAY))),)),
        "✓ consent: email, topic: offers, state: granted: granted 2025-10-27 09:00 Europe/London (source test)":
            ConsentClause("email", "offers"),
        "✓ consent: email, topic: events, state: unknown: unknown": ConsentClause("email", "events", "unknown"),
        "✗ mailable: email: ann@example.org, suppressed 2026-11-30 09:00 Europe/London: asked to":
            MailableClause("email"),
        "✓ mailable: direct_mail: ann HIGH STREET|YO21 1AA|GB": MailableClause("direct_mail"),
        "✓ field: tier, has_been: gold, for: 30 days: gold since 2026-10-22 10:00 Europe/London, "
        "before that basic since 2026-06-04 10:00 Europe/London; without a break since 2026-11-01 09:00 Europe/London":
            HistoryClause("tier", ("gold",), 30 * DAY),
        "✓ sample: 50%, salt: q4: drawn at 0.3001; in when below 0.5": SampleClause(Decimal("0.5"), "q4"),
    }  # fmt: skip
    with writing(store) as connection:
        ann = add_contact(connection, "ann", attributes={
            "vip": False, "birthday": "2026-07-01", "tier": "gold", "last_visit": int(SUMMER.timestamp() * 1_000_000),
        })  # fmt: skip
        add_suppression(connection, "email-ann", "asked to")
        for total, days_ago, code in (("20", 1, None), ("40", 10, "SPRING")):
            add_order(connection, ann, total, days_ago=days_ago, code=code)
        add_event(connection, ann, "page_view", properties={"seconds": 12.5})
        add_event(connection, ann, "page_view", properties={"seconds": 2.5})
        for value, days_ago in (("basic", 180), ("gold", 40)):
            connection.execute(insert(attribute_history).values(
                contact_id=ann, name="tier", value=value, from_at=NOW - days_ago * DAY))  # fmt: skip
        found = [line(explained(connection, tmp_path, clause)) for clause in clauses.values()]
    assert found == list(clauses)


def test_a_missing_value_says_what_it_did(store: Engine, tmp_path: Path) -> None:
    refused = "a comparison never matches a missing value"
    points = (Comparison("gte", 100),)
    with writing(store) as connection:
        add_contact(connection, "ann")
        add_contact(connection, "bob", attributes={"loyalty_points": "many"})
        assert [
            line(explained(connection, tmp_path, FieldClause("loyalty_points", points))),
            line(explained(connection, tmp_path, FieldClause("loyalty_points", points, "include"))),
            line(explained(connection, tmp_path, FieldClause("loyalty_points", points), "bob")),
            line(explained(connection, tmp_path, field("loyalty_points", Comparison("missing", None)))),
            line(explained(connection, tmp_path, AggregateClause("max", "order.total", points))),
            line(explained(connection, tmp_path, MomentClause("last", "order", (Comparison("within", DAY),)))),
        ] == [
            f"✗ field: loyalty_points, gte: 100: no value; {refused}",
            "✓ field: loyalty_points, gte: 100, missing: include: no value; let in by missing: include",
            f"✗ field: loyalty_points, gte: 100: many, which is no integer; {refused}",
            "✓ field: loyalty_points, missing: true: no value",
            f"✗ max: order.total, gte: 100: no value; {refused}",
            f"✗ last: order, within: 1 day: never; {refused}; since 2026-11-30 09:00 Europe/London",
        ]


def test_the_tree_follows_from_its_leaves_and_opens_the_segments_that_it_names(store: Engine, tmp_path: Path) -> None:
    british = field("country", Comparison("eq", "GB"))
    irish = FieldClause("country", (Comparison("eq", "IE"),), place=(4, 7))
    rule = All((AnyOf((irish, SegmentClause("british"))), Not(irish), Not(SegmentClause("british"))))
    with writing(store) as connection:
        add_contact(connection, "ann")
        found = explained(connection, tmp_path, rule, british=british)

    def outline(each: Explanation) -> tuple[str, list[Any]]:
        return f"{'✓' if each.holds else '✗'} {each.clause}", [outline(inner) for inner in each.inside]

    yes: tuple[str, list[Any]] = ("✓ field: country, eq: GB", [])
    no: tuple[str, list[Any]] = ("✗ field: country, eq: IE", [])
    assert outline(found) == (
        "✗ all",
        [
            ("✓ any", [no, ("✓ segment: british", [yes])]),
            ("✓ not", [no]),
            ("✗ not", [("✓ segment: british", [yes])]),
        ],
    )
    assert found.inside[0].inside[0].place == "segments/s.yaml:4:7"


def test_the_verdict_is_that_of_the_segment_for_everybody_else_too(store: Engine, tmp_path: Path) -> None:
    bought = EventClause("order", (Comparison("gte", 1),))
    with writing(store) as connection:
        ann, _ = add_contact(connection, "ann"), add_contact(connection, "bob")
        add_order(connection, ann, "20")
        assert explained(connection, tmp_path, bought, "ann").holds
        assert not explained(connection, tmp_path, bought, "bob").holds
