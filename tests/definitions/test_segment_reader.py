"""A segment file becomes typed clauses, each with the place where it is written."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from handbill.definitions.clause_text import clause_text
from handbill.definitions.clauses import Reading
from handbill.definitions.event_clauses import AT_LEAST_ONCE
from handbill.definitions.fields import FieldDeclaration, contact_fields
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
from handbill.definitions.segment_reader import clauses_of, named_segments, read_segment
from handbill.definitions.yaml import read_yaml

FIELDS = contact_fields(
    {
        "points": FieldDeclaration(type="integer"),
        "rating": FieldDeclaration(type="number"),
        "member": FieldDeclaration(type="boolean"),
        "birthday": FieldDeclaration(type="date"),
        "tier": FieldDeclaration(type="text", one_of=("basic", "gold")),
    }
)


def read(text: str) -> Segment:
    tree, problems = read_yaml(text.encode(), "segments/new.yaml")
    assert tree is not None
    segment, mistakes = read_segment(tree, "new", "segments/new.yaml", Reading(FIELDS, ZoneInfo("Europe/London")))
    assert problems + mistakes == []
    assert segment is not None
    return segment


def clause(text: str) -> Clause:
    return read(f"name: New\nwhere: {text}\n").where


PLACE = (2, 8)


@pytest.mark.parametrize(
    ("written", "comparisons"),
    [
        ("field: country, in: [GB, IE]", (Comparison("in", ("GB", "IE")),)),
        ("field: postcode, eq: 02108", (Comparison("eq", "02108"),)),
        ("field: country, ne: NO", (Comparison("ne", "NO"),)),
        ("field: points, gte: 100, lt: 200", (Comparison("gte", 100), Comparison("lt", 200))),
        ("field: points, between: [1, 10]", (Comparison("between", (1, 10)),)),
        ("field: rating, gt: 4.5", (Comparison("gt", Decimal("4.5")),)),
        ("field: member, eq: true", (Comparison("eq", True),)),
        ("field: email, ends_with: '@partner.example'", (Comparison("ends_with", "@partner.example"),)),
        ("field: email, exists: true", (Comparison("exists", None),)),
        ("field: email, exists: false", (Comparison("missing", None),)),
        ("field: email, missing: true", (Comparison("missing", None),)),
        ("field: created_at, within: 30 days", (Comparison("within", timedelta(days=30)),)),
        ("field: created_at, before: 14 days ago", (Comparison("before", Ago(timedelta(days=14))),)),
        ("field: tier, not_in: [gold]", (Comparison("not_in", ("gold",)),)),
    ],
)
def test_a_field_is_compared_by_its_type(written: str, comparisons: tuple[Comparison, ...]) -> None:
    found = clause(f"{{{written}}}")

    assert isinstance(found, FieldClause)
    assert found.comparisons == comparisons


def test_a_date_stands_in_the_time_zone_of_the_project() -> None:
    found = clause("{field: created_at, after: 2026-07-01 09:00}")

    assert isinstance(found, FieldClause)
    assert found.comparisons == (Comparison("after", datetime(2026, 7, 1, 8, tzinfo=UTC)),)


def test_a_day_is_its_first_moment_in_that_zone() -> None:
    found = clause("{field: birthday, eq: 1990-07-01}")

    assert isinstance(found, FieldClause)
    assert found.comparisons == (Comparison("eq", datetime(1990, 6, 30, 23, tzinfo=UTC)),)


@pytest.mark.parametrize(
    ("option", "missing"), [("", "exclude"), (", missing: include", "include"), (", missing: exclude", "exclude")]
)
def test_what_a_missing_value_means_is_exclude_unless_said(option: str, missing: str) -> None:
    found = clause(f"{{field: points, gte: 100{option}}}")

    assert isinstance(found, FieldClause)
    assert found.missing == missing


def test_an_event_is_counted_in_a_window_with_its_properties() -> None:
    assert clause("{event: order, count: {gte: 2}, within: 90 days, where: {total: {gte: 20}}}") == EventClause(
        "order",
        (Comparison("gte", 2),),
        timedelta(days=90),
        (("total", (Comparison("gte", Decimal(20)),)),),
        PLACE,
    )


def test_a_count_without_an_operator_is_meant_exactly() -> None:
    found = clause("{event: order, count: 2}")

    assert isinstance(found, EventClause)
    assert found.count == (Comparison("eq", 2),)


def test_an_event_without_a_count_happened_at_least_once() -> None:
    assert clause("{event: email.clicked}") == EventClause("email.clicked", AT_LEAST_ONCE, None, (), PLACE)


@pytest.mark.parametrize(
    ("written", "operand"),
    [("20", Decimal(20)), ('"20"', "20"), ("true", True), ("knitwear", "knitwear"), ("[a, b]", ("a", "b"))],
)
def test_what_a_property_is_compared_with_says_its_type(written: str, operand: object) -> None:
    operator = "in" if isinstance(operand, tuple) else "eq"
    found = clause(f"{{event: page_view, where: {{seen: {{{operator}: {written}}}}}}}")

    assert isinstance(found, EventClause)
    assert found.where == (("seen", (Comparison(operator, operand),)),)  # type: ignore[arg-type]  # eq or in


def test_amounts_of_orders_are_added_up() -> None:
    assert clause("{sum: order.total, gte: 100, within: 1 year}") == AggregateClause(
        "sum", "order.total", (Comparison("gte", Decimal(100)),), timedelta(days=365), PLACE
    )


def test_the_last_time_is_compared_with_a_time_ago() -> None:
    before = Comparison("before", Ago(timedelta(days=14)))

    assert clause("{last: order, before: 14 days ago}") == MomentClause("last", "order", (before,), PLACE)


def test_a_sample_has_a_share_and_a_salt() -> None:
    assert clause("{sample: 50%, salt: newsletter-q4}") == SampleClause(Decimal("0.5"), "newsletter-q4", PLACE)


def test_clauses_nest() -> None:
    found = clause("{all: [{not: {segment: lapsed}}, {any: [{event: order}]}]}")

    assert found == All(
        (
            Not(SegmentClause("lapsed", (2, 21)), (2, 15)),
            AnyOf((EventClause("order", AT_LEAST_ONCE, None, (), (2, 48)),), (2, 41)),
        ),
        PLACE,
    )


def test_every_clause_has_its_place() -> None:
    segment = read("name: New\nwhere:\n  all:\n    - event: order\n    - not:\n        segment: lapsed\n")

    assert [each.place for each in clauses_of(segment.where)] == [(3, 3), (4, 7), (5, 7), (6, 9)]


def test_a_segment_knows_the_segments_that_it_names() -> None:
    segment = read("name: New\nwhere: {any: [{segment: a}, {not: {segment: b}}, {event: order}]}\n")

    assert [each.segment for each in named_segments(segment)] == ["a", "b"]


def test_a_segment_keeps_its_name_description_and_file() -> None:
    segment = read("name: New\ndescription: Came lately\nwhere: {event: order}\n")

    assert (segment.slug, segment.name, segment.description, segment.file) == (
        "new", "New", "Came lately", "segments/new.yaml",
    )  # fmt: skip


def test_a_window_of_two_days_holds_both_of_them_whole() -> None:
    found = clause("{event: order, within: [2026-03-01, 2026-03-31]}")

    assert isinstance(found, EventClause)
    # Summer time begins on 29 March 2026 in London.
    last = datetime(2026, 3, 31, 22, 59, 59, 999_999, tzinfo=UTC)
    assert found.within == Dates(datetime(2026, 3, 1, tzinfo=UTC), last)


def test_a_window_may_lie_between_two_times_ago() -> None:
    found = clause("{event: order, within: [60 days ago, 30 days ago]}")

    assert isinstance(found, EventClause)
    assert found.within == Dates(Ago(timedelta(days=60)), Ago(timedelta(days=30)))


def test_a_field_within_two_dates_lies_between_them() -> None:
    found = clause("{field: birthday, within: [1990-01-01, 1990-12-31]}")

    assert isinstance(found, FieldClause)
    assert found.comparisons == (
        Comparison("between", (datetime(1990, 1, 1, tzinfo=UTC), datetime(1990, 12, 31, tzinfo=UTC))),
    )


def test_a_response_is_asked_for_by_campaign_arm_and_link() -> None:
    found = clause("{event: email.clicked, campaign: sale, arm: [plain, discount], link: {contains: /shoes}}")

    assert isinstance(found, EventClause)
    assert found.where == (
        ("campaign", (Comparison("eq", "sale"),)),
        ("arm", (Comparison("in", ("plain", "discount")),)),
        ("link", (Comparison("contains", "/shoes"),)),
    )


def test_any_campaign_is_no_condition() -> None:
    assert clause("{event: email.clicked, campaign: any}") == clause("{event: email.clicked}")


def test_orders_are_asked_for_by_their_lines_and_products() -> None:
    found = clause("{event: order, where: {product.category: {eq: shoes}, line.quantity: {gte: 2}}}")

    assert isinstance(found, EventClause)
    assert found.where == (
        ("product.category", (Comparison("eq", "shoes"),)),
        ("line.quantity", (Comparison("gte", 2),)),
    )


def test_different_values_are_counted() -> None:
    found = clause("{event: order, distinct: product.category, count: {gte: 3}}")

    assert isinstance(found, EventClause)
    assert (found.distinct, found.count) == ("product.category", (Comparison("gte", 3),))


def test_numbers_of_own_events_are_added_up() -> None:
    found = clause("{average: page_view.seconds, lt: 30, where: {path: /sale}, missing: include}")

    assert found == AggregateClause(
        "average", "page_view.seconds", (Comparison("lt", Decimal(30)),), None, PLACE,
        (("path", (Comparison("eq", "/sale"),)),), "include",
    )  # fmt: skip


def test_a_field_may_have_been_something() -> None:
    assert clause("{field: tier, has_been: [gold], for: 30 days}") == HistoryClause(
        "tier", ("gold",), timedelta(days=30), PLACE
    )


def test_consent_is_granted_unless_another_state_is_said() -> None:
    assert clause("{consent: email, topic: offers}") == ConsentClause("email", "offers", "granted", PLACE)
    assert clause("{consent: email, topic: offers, state: unknown}") == ConsentClause(
        "email", "offers", "unknown", PLACE
    )


def test_reach_is_asked_by_channel() -> None:
    assert clause("{mailable: direct_mail}") == MailableClause("direct_mail", PLACE)


@pytest.mark.parametrize(
    "written",
    [
        "field: points, gte: 100, lt: 200, missing: include",
        "field: birthday, between: [1990-01-01, 1990-12-31]",
        "field: created_at, within: 30 days",
        "field: email, exists: true",
        "field: tier, in: [basic, gold]",
        'field: country, eq: ""',
        "field: tier, has_been: gold, for: 30 days",
        "event: order, count: {gte: 2}, within: 90 days, where: {total: {gte: 20}}",
        "event: order, distinct: product.category, count: {gte: 3}",
        'event: email.clicked, within: [2026-03-01, 2026-03-31], campaign: sale, link: {contains: "/shoes?a=b"}',
        "sum: order.total, gte: 100.5, within: 1 day",
        "max: page_view.seconds, lt: 30, where: {new: true}, missing: include",
        "last: order, before: 14 days ago, missing: include",
        "first: order, after: 2026-07-01 09:00",
        "consent: email, topic: offers, state: unknown",
        "mailable: email",
        "segment: lapsed",
        "sample: 12.5%, salt: q4",
    ],
)
def test_a_clause_reads_as_it_was_written(written: str) -> None:
    assert clause_text(clause(f"{{{written}}}"), ZoneInfo("Europe/London")) == written


def test_a_list_may_be_long_but_not_endless() -> None:
    def listed(count: int) -> list[str]:
        values = ", ".join(f"c{number}" for number in range(count))
        tree, _ = read_yaml(f"name: New\nwhere: {{field: country, in: [{values}]}}\n".encode(), "segments/new.yaml")
        assert tree is not None
        _, mistakes = read_segment(tree, "new", "segments/new.yaml", Reading(FIELDS, ZoneInfo("Europe/London")))
        return [str(each) for each in mistakes]

    assert listed(10_000) == []
    (mistake,) = listed(10_001)
    assert mistake == (
        "segments/new.yaml:2:29: in lists 10,001 values, and 10,000 are the most. "
        "Import them as a field of your own, and ask for that."
    )
