"""Any segment selects whom a plain reading of it selects, on both databases, now and as of an earlier moment."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, select

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
)
from handbill.planning.comparisons import Present
from handbill.planning.conditions import compile_clause
from handbill.store.connection import reading, writing
from handbill.store.tables import contact
from tests.conftest import NOW
from tests.planning.plain_reading import reads
from tests.planning.shop import make_project
from tests.planning.world import DAY, put, random_people

EARLIER = NOW - 15 * DAY
AT_ONCE = 4
"""Clauses that one statement decides: most of the time goes into compiling."""

texts = st.sampled_from(["GB", "gb", "Å", "land", "G", ""])
tiers = st.sampled_from(["basic", "silver", "gold"])
numbers = st.sampled_from([-1, 0, 1, 3, 5, 20, 30])
amounts = st.one_of(numbers, st.sampled_from([Decimal("2.5"), Decimal("12.5")]))
days = st.sampled_from([datetime(1990, 5, 1, tzinfo=UTC), datetime(2026, 11, 30, tzinfo=UTC), NOW - 3 * DAY])
ages = st.sampled_from([DAY, 3 * DAY, 10 * DAY, 100 * DAY])
agos = ages.map(Ago)
moments = st.one_of(days, agos)


def compared(operators: list[str], operand: st.SearchStrategy[object]) -> st.SearchStrategy[Comparison]:
    return st.builds(Comparison, st.sampled_from(operators), operand)


def ranges(values: st.SearchStrategy[object]) -> st.SearchStrategy[Comparison]:
    ordered = st.tuples(values, values).map(lambda pair: tuple(sorted(pair)))  # type: ignore[type-var]
    return st.builds(Comparison, st.just("between"), ordered)


presence = compared(["exists", "missing"], st.none())
text_comparisons = compared(["eq", "ne", "contains", "starts_with", "ends_with"], texts) | compared(
    ["in", "not_in"], st.tuples(texts, texts)
)
tier_comparisons = compared(["eq", "ne"], tiers) | compared(["in", "not_in"], st.tuples(tiers, tiers))
number_comparisons = compared(["eq", "ne", "lt", "lte", "gt", "gte"], numbers) | ranges(numbers)
amount_comparisons = compared(["eq", "ne", "lt", "lte", "gt", "gte"], amounts) | ranges(amounts)
date_comparisons = st.one_of(
    compared(["before", "after"], moments), compared(["within"], ages), compared(["eq", "ne"], days), ranges(days)
)
time_comparisons = st.one_of(compared(["before", "after"], moments), compared(["within"], ages), ranges(days))

missing = st.sampled_from(["include", "exclude"])
windows = st.one_of(
    st.none(),
    ages,
    st.builds(Dates, st.just(NOW - 30 * DAY), st.sampled_from([NOW - 10 * DAY, NOW - 3 * DAY, NOW + 9 * DAY])),
    st.builds(Dates, st.just(Ago(30 * DAY)), st.just(Ago(3 * DAY))),
)


def where(*properties: st.SearchStrategy[tuple[str, Comparison]]) -> st.SearchStrategy[object]:
    """None, one or two of these conditions, each name once."""
    picked = st.lists(st.one_of(*properties), max_size=2, unique_by=lambda each: each[0])
    return picked.map(lambda some: tuple((name, (comparison,)) for name, comparison in some))


def about(name: str, comparisons: st.SearchStrategy[Comparison]) -> st.SearchStrategy[tuple[str, Comparison]]:
    return st.tuples(st.just(name), comparisons)


of_product = (
    about("product.category", compared(["eq", "ne"], st.sampled_from(["shoes", "hats"])) | presence),
    about("product.sku", compared(["in", "not_in"], st.just(("boots", "mystery")))),
    about("product.price", compared(["gte", "lt"], st.just(30))),
)
of_line = (about("line.quantity", compared(["gte", "lt"], st.just(2))), about("line.amount", amount_comparisons))
of_order = (about("total", amount_comparisons), about("code", compared(["eq"], st.just("SPRING")) | presence))
of_message = (
    about("campaign", compared(["eq"], st.sampled_from(["spring-sale", "winback"]))),
    about("arm", compared(["in"], st.just(("plain", "both")))),
)
of_view = (
    about("seconds", amount_comparisons),
    about("path", compared(["eq", "starts_with"], st.just("/"))),
    about("new", compared(["eq", "ne"], st.booleans())),
    about("new", presence),
)
HAPPENINGS: dict[str, st.SearchStrategy[object]] = {
    "order": where(*of_order, *of_line, *of_product),
    "page_view": where(*of_view, *of_product),
    "email.sent": where(*of_message),
    "direct_mail.sent": where(*of_message),
    "email.converted": where(*of_message),
    "direct_mail.converted": where(*of_message),
    "email.clicked": where(*of_message, about("link", compared(["contains"], st.just("shoes")))),
    "email.opened": where(*of_message),
    "direct_mail.delivered": where(*of_message),
}
DISTINCT = {"order": ["product.category", "product.sku", "code"], "page_view": ["path", "product.category"],
            "email.clicked": ["campaign", "link"]}  # fmt: skip
AMOUNTS = {"order.total": "order", "line.amount": "line", "line.quantity": "line", "page_view.seconds": "page_view"}


def counts(kind: str) -> st.SearchStrategy[Clause]:
    distinct = st.sampled_from([None, *DISTINCT.get(kind, [])])
    place = st.just((0, 0))
    return st.builds(
        EventClause, st.just(kind), st.tuples(number_comparisons), windows, HAPPENINGS[kind], place, distinct
    )


def sums(of: str) -> st.SearchStrategy[Clause]:
    conditions = where(*of_line, *of_product) if AMOUNTS[of] == "line" else HAPPENINGS[AMOUNTS[of]]
    plain = st.builds(AggregateClause, st.just("sum"), st.just(of), st.tuples(amount_comparisons), windows,
                      st.just((0, 0)), conditions)  # fmt: skip
    others = st.builds(AggregateClause, st.sampled_from(["min", "max", "average"]), st.just(of),
                       st.tuples(amount_comparisons), windows, st.just((0, 0)), conditions, missing)  # fmt: skip
    return plain | others


def outermost(kind: str) -> st.SearchStrategy[Clause]:
    return st.builds(MomentClause, st.sampled_from(["first", "last"]), st.just(kind), st.tuples(time_comparisons),
                     st.just((0, 0)), HAPPENINGS[kind], missing)  # fmt: skip


def fields(name: str, comparisons: st.SearchStrategy[Comparison]) -> st.SearchStrategy[Clause]:
    return st.builds(FieldClause, st.just(name), st.tuples(comparisons | presence), missing)


leaves: st.SearchStrategy[Clause] = st.one_of(
    fields("country", text_comparisons),
    fields("loyalty_points", number_comparisons),
    fields("score", amount_comparisons),
    fields("tier", tier_comparisons),
    fields("vip", compared(["eq", "ne"], st.booleans())),
    fields("birthday", date_comparisons),
    fields("created_at", time_comparisons),
    st.builds(HistoryClause, st.just("tier"), st.lists(tiers, min_size=1, max_size=2).map(tuple), st.none() | ages),
    st.builds(HistoryClause, st.just("loyalty_points"), st.tuples(numbers), st.none() | ages),
    *map(counts, HAPPENINGS),
    *map(sums, AMOUNTS),
    *map(outermost, HAPPENINGS),
    st.builds(ConsentClause, st.sampled_from(["email", "direct_mail"]), st.just("offers"),
              st.sampled_from(["granted", "withdrawn", "unknown"])),
    st.builds(MailableClause, st.sampled_from(["email", "direct_mail"])),
)  # fmt: skip
clauses = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.builds(All, st.lists(inner, min_size=1, max_size=3).map(tuple)),
        st.builds(AnyOf, st.lists(inner, min_size=1, max_size=3).map(tuple)),
    ),
    max_leaves=5,
)


@pytest.mark.parametrize("seed", [1, 2])
def test_any_segment_selects_whom_a_plain_reading_selects(store: Engine, tmp_path: Path, seed: int) -> None:
    project, people = make_project(tmp_path), random_people(seed)
    with writing(store) as connection:
        put(connection, people)

    @settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(drawn=st.lists(clauses, min_size=AT_ONCE, max_size=AT_ONCE), now=st.sampled_from([NOW, EARLIER]))
    def same(drawn: list[Clause], now: datetime) -> None:
        present = Present.at(now, project.timezone, rebuilt=now != NOW)
        conditions = [compile_clause(project, clause, present).label(f"c{n}") for n, clause in enumerate(drawn)]
        with reading(store) as connection:
            rows = connection.execute(select(*conditions).order_by(contact.c.id)).all()
            first = list(connection.scalars(select(contact.c.external_id).where(conditions[0].element)))
        for place, clause in enumerate(drawn):
            found = [person.external_id for person, row in zip(people, rows, strict=True) if row[place]]
            assert found == [each.external_id for each in people if reads(clause, each, now)], clause
        assert sorted(first) == [each.external_id for each in people if reads(drawn[0], each, now)], drawn[0]

    same()
