"""Every clause selects the same contacts on both databases."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine, insert, not_, or_

from handbill.definitions.clauses import Reading
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
    FieldOperator,
    HistoryClause,
    MailableClause,
    MomentClause,
    Not,
    SampleClause,
    Segment,
    SegmentClause,
)
from handbill.definitions.segment_reader import read_segment
from handbill.definitions.yaml import read_yaml
from handbill.planning.conditions import compile_segment
from handbill.store.connection import writing
from handbill.store.draw import unit_fraction
from handbill.store.tables import attribute_history, consent, product
from tests.conftest import NOW
from tests.planning.shop import (
    add_contact,
    add_event,
    add_message,
    add_order,
    add_suppression,
    make_project,
    millionths,
    selected,
)

DAY = timedelta(days=1)
ONCE = (Comparison("gte", 1),)
LONDON_DAY = datetime(1990, 4, 30, 23, tzinfo=UTC)
"""The first of May 1990, when clocks in London were an hour ahead."""


def field(name: str, operator: FieldOperator, operand: object = None) -> FieldClause:
    return FieldClause(name, (Comparison(operator, operand),))  # type: ignore[arg-type]  # the table is read by eye


def orders(operator: FieldOperator, count: int | tuple[int, int], within: timedelta | None = None) -> EventClause:
    return EventClause("order", (Comparison(operator, count),), within)


def spent(function: str, operator: FieldOperator, operand: object, of: str = "order.total") -> AggregateClause:
    return AggregateClause(function, of, (Comparison(operator, operand),))  # type: ignore[arg-type]


def viewed(name: str, operator: FieldOperator, operand: object) -> EventClause:
    return EventClause("page_view", ONCE, where=((name, (Comparison(operator, operand),)),))  # type: ignore[arg-type]


def about_orders(operator: FieldOperator, count: int, **properties: Comparison) -> EventClause:
    """`product__category` stands for `product.category`."""
    where = tuple((name.replace("__", "."), (each,)) for name, each in properties.items())
    return EventClause("order", (Comparison(operator, count),), where=where)


def response(event: str, **words: str) -> EventClause:
    return EventClause(event, ONCE, where=tuple((name, (Comparison("eq", word),)) for name, word in words.items()))


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
    add_contact(
        connection, "cid", country=None, city=None, email=None, email_key=None, first_name="100%_\\", consents=(),
        address_key=None, address_problem="the city is missing.",
    )  # fmt: skip
    dee = add_contact(
        connection, "dee", country="gb", city="zürich", first_name="100 percent",
        attributes={"loyalty_points": "120", "score": None, "tier": "", "vip": "true", "birthday": "2026-12-01"},
    )  # fmt: skip
    for total, days_ago, lines in (
        ("20", 5, [("boots", 2, 10)]), ("40", 30, [("hat", 1, 10), ("sandals", 3, 10)]),
        ("-10", 2, [("boots", -1, 10)]), ("100", 500, [("mystery", 1, 100)]),
    ):  # fmt: skip
        code = "SPRING" if days_ago == 30 else None
        add_order(connection, ann, total, days_ago=days_ago, discount=millionths("1.5"), lines=lines, code=code)
    add_order(connection, dee, "-5", days_ago=3, lines=[("hat", -1, 5)])
    add_order(connection, bob, "30", days_ago=-2)  # in the future: a replay does not see it
    for sku, category in (("boots", "shoes"), ("sandals", "shoes"), ("hat", "hats")):
        connection.execute(insert(product).values(sku=sku, name=sku.title(), category=category, price=millionths(10)))
    add_event(connection, ann, "email.clicked", days_ago=3)
    add_event(connection, bob, "page_view", properties={"path": "/sale", "seconds": 12.5, "new": True})
    add_event(connection, bob, "page_view", properties={"path": "/", "seconds": 3})
    add_event(connection, dee, "page_view", properties={"seconds": "12.5", "new": "true"})
    fill_mail(connection, ann, bob, dee)
    fill_books(connection, ann, bob, dee)


def fill_mail(connection: Connection, ann: int, bob: int, dee: int) -> None:
    """ann got the spring sale before her last order and clicked; bob got both; dee's letter came back."""
    sale = add_message(connection, ann, campaign="spring-sale", arm="plain", days_ago=10)
    other = add_message(connection, bob, campaign="spring-sale", arm="discount", days_ago=10)
    add_message(connection, bob, campaign="winback", channel="direct_mail", arm="letter", days_ago=50)
    letter = add_message(connection, dee, campaign="winback", channel="direct_mail", arm="both", days_ago=50)
    add_message(connection, dee, campaign="spring-sale", arm="plain", state="failed")
    add_event(
        connection, ann, "email.clicked", days_ago=9, outbox_id=sale, properties={"link": "https://s.example/shoes"}
    )
    add_event(connection, bob, "email.opened", days_ago=9, outbox_id=other, verdict="machine")
    add_event(connection, bob, "email.bounced", days_ago=9, outbox_id=other)
    add_event(connection, bob, "letter.delivered", days_ago=45)
    add_event(connection, dee, "letter.returned_to_sender", days_ago=40, outbox_id=letter)


def fill_books(connection: Connection, ann: int, bob: int, dee: int) -> None:
    """ann rose to gold 40 days ago, bob fell from it; cid's consents are unknown; dee is suppressed and withdrew."""
    for who, value, days_ago in (
        (ann, "silver", 300), (ann, "gold", 40), (bob, "gold", 300), (bob, "silver", 10), (dee, "gold", 5),
    ):  # fmt: skip
        connection.execute(insert(attribute_history).values(
            contact_id=who, name="tier", value=value, from_at=NOW - days_ago * DAY))  # fmt: skip
    for who, state, topic, days_ago in ((dee, "withdrawn", "*", 3), (bob, "granted", "offers", -1)):
        connection.execute(insert(consent).values(
            contact_id=who, channel="email", topic=topic, state=state, at=NOW - days_ago * DAY,
            source="test"))  # fmt: skip
    add_suppression(connection, "email-dee", "complained")
    add_suppression(connection, "postal-bob", "returned", channel="direct_mail")


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
    "a day is that day in the project's time zone": (field("birthday", "eq", LONDON_DAY), "ann"),
    "a range of days has both ends": (field("birthday", "between", (LONDON_DAY, Ago(DAY))), "ann bob"),
    "postcode prefix": (field("postcode", "starts_with", "YO21"), "ann bob cid dee"),
    "not exists is missing": (Not(field("country", "exists")), "cid"),
    "never: less than once": (orders("lt", 1), "bob cid dee"),
    "at most once, those included who never did": (orders("lte", 1), "bob cid dee"),
    "any number but two": (orders("ne", 2), "ann bob cid dee"),
    "never in a window": (orders("eq", 0, 4 * DAY), "ann bob cid dee"),
    "not at least once": (Not(EventClause("order", ONCE)), "bob cid dee"),
    "between two dates, both ends in": (
        EventClause("order", (Comparison("eq", 2),), Dates(NOW - 30 * DAY, NOW - 5 * DAY)), "ann"),
    "between two times ago": (EventClause("order", ONCE, Dates(Ago(40 * DAY), Ago(20 * DAY))), "ann"),
    "a window that ends later ends now": (EventClause("order", ONCE, Dates(NOW - DAY, NOW + 9 * DAY)), ""),
    "an order with a code": (about_orders("gte", 1, code=Comparison("exists", None)), "ann"),
    "an order without a code": (about_orders("eq", 2, code=Comparison("missing", None)), "ann"),
    "an order of a category": (about_orders("eq", 2, product__category=Comparison("eq", "shoes")), "ann"),
    "an order's product is not known": (
        about_orders("eq", 1, product__category=Comparison("missing", None)), "ann"),
    "conditions on lines are about one line": (
        about_orders("eq", 1, product__category=Comparison("eq", "shoes"), line__quantity=Comparison("gte", 3)), "ann"),
    "no line is both": (
        about_orders("gte", 1, product__sku=Comparison("eq", "hat"), line__quantity=Comparison("gte", 2)), ""),
    "different categories": (EventClause("order", (Comparison("eq", 2),), distinct="product.category"), "ann"),
    "different products of a category": (
        EventClause("order", (Comparison("eq", 2),), distinct="product.sku",
                    where=(("product.category", (Comparison("eq", "shoes"),)),)), "ann"),
    "no different codes": (EventClause("order", (Comparison("eq", 0),), distinct="code"), "bob cid dee"),
    "a sum over lines takes returns off": (
        AggregateClause("sum", "line.amount", (Comparison("eq", 40),), None,
                        where=(("product.category", (Comparison("eq", "shoes"),)),)), "ann"),
    "pieces": (spent("sum", "gte", 5, "line.quantity"), "ann"),
    "the biggest line": (spent("max", "eq", 100, "line.amount"), "ann"),
    "a sum of an event's numbers": (spent("sum", "eq", Decimal("15.5"), "page_view.seconds"), "bob"),
    "an average of an event's numbers, where another fits": (
        AggregateClause("average", "page_view.seconds", (Comparison("gt", 10),), None,
                        where=(("path", (Comparison("eq", "/sale"),)),)), "bob"),
    "an average with missing: include": (
        AggregateClause("average", "page_view.seconds", (Comparison("gt", 10),), missing="include"), "ann cid dee"),
    "a last order with missing: include": (
        MomentClause("last", "order", (Comparison("before", Ago(100 * DAY)),), missing="include"), "bob cid dee"),
    "a last order of a category": (
        MomentClause("last", "order", (Comparison("within", 20 * DAY),),
                     where=(("product.category", (Comparison("eq", "hats"),)),)), ""),
    "a property that is there at all": (viewed("seconds", "exists", None), "bob dee"),
    "a property that is not there": (viewed("path", "missing", None), "dee"),
    "different values of a property": (EventClause("page_view", (Comparison("eq", 2),), distinct="path"), "bob"),
    "sent": (EventClause("email.sent", ONCE), "ann bob"),
    "sent by an arm": (response("email.sent", campaign="spring-sale", arm="discount"), "bob"),
    "clicked in any campaign": (EventClause("email.clicked", ONCE, 20 * DAY), "ann"),
    "clicked in a campaign": (response("email.clicked", campaign="spring-sale"), "ann"),
    "clicked in another campaign": (response("email.clicked", campaign="winback"), ""),
    "clicked a link": (
        EventClause("email.clicked", ONCE, where=(("link", (Comparison("contains", "/shoes"),)),)), "ann"),
    "opens of machines are not counted": (EventClause("email.opened", ONCE), ""),
    "bounced": (response("email.bounced", campaign="spring-sale"), "bob"),
    "post was delivered": (EventClause("direct_mail.delivered", ONCE), "bob"),
    "post of a campaign came back": (response("direct_mail.returned", campaign="winback"), "dee"),
    "converted within the goal's window": (response("email.converted", campaign="spring-sale"), "ann"),
    "not converted": (Not(EventClause("email.converted", ONCE)), "bob cid dee"),
    "converted by post": (EventClause("direct_mail.converted", ONCE), ""),
    "different campaigns": (EventClause("email.sent", (Comparison("eq", 1),), distinct="campaign"), "ann bob"),
    "consent granted; the future does not count": (ConsentClause("email", "offers"), "ann bob"),
    "consent withdrawn for all topics": (ConsentClause("email", "offers", "withdrawn"), "dee"),
    "consent unknown": (ConsentClause("email", "offers", "unknown"), "cid"),
    "consent to another topic is unknown": (Not(ConsentClause("email", "events", "unknown")), "dee"),
    "reachable by e-mail": (MailableClause("email"), "ann bob"),
    "reachable by post": (MailableClause("direct_mail"), "ann dee"),
    "not reachable by post": (Not(MailableClause("direct_mail")), "bob cid"),
    "has ever been": (HistoryClause("tier", ("gold",)), "ann bob dee"),
    "has been for a month": (HistoryClause("tier", ("gold",), 30 * DAY), "ann"),
    "has been one of two for longer than either": (HistoryClause("tier", ("gold", "silver"), 200 * DAY), "ann bob"),
    "has not been for a month": (Not(HistoryClause("tier", ("gold",), 30 * DAY)), "bob cid dee"),
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


def test_a_day_in_a_window_is_that_day_in_the_project_time_zone_also_when_clocks_change(
    store: Engine, tmp_path: Path
) -> None:
    """The 29th of March 2026 has 23 hours in London: it ends at 23:00 UTC."""
    project = make_project(tmp_path)
    where = b"name: That day\nwhere: {event: order, within: [2026-03-29, 2026-03-29]}\n"
    tree, _ = read_yaml(where, "segments/that-day.yaml")
    assert tree is not None
    that_day, _ = read_segment(tree, "that-day", "segments/that-day.yaml", Reading({}, ZoneInfo("Europe/London")))
    assert that_day is not None
    moments = {
        "before": datetime(2026, 3, 28, 23, 59, 59, tzinfo=UTC),
        "first": datetime(2026, 3, 29, tzinfo=UTC),
        "last": datetime(2026, 3, 29, 22, 59, 59, 999_999, tzinfo=UTC),
        "after": datetime(2026, 3, 29, 23, tzinfo=UTC),
    }
    with writing(store) as connection:
        for name, at in moments.items():
            add_order(connection, add_contact(connection, name), "20", ordered_at=at)
        assert selected(connection, compile_segment(project, that_day, NOW)) == ["first", "last"]
