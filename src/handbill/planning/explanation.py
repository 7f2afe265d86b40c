"""Why a contact is in a segment or not: each clause with its verdict, what the contact has, and the dates it means."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Connection, Row, literal, null, select

from handbill.contacts.consent import EVERY_TOPIC
from handbill.contacts.suppressions import hash_column
from handbill.definitions.clauses import CONSENT_STATES
from handbill.definitions.project import Project
from handbill.definitions.segment import (
    AggregateClause,
    Ago,
    Clause,
    Comparison,
    ConsentClause,
    Dates,
    EventClause,
    FieldClause,
    HistoryClause,
    MailableClause,
    MomentClause,
    SampleClause,
    Segment,
)
from handbill.definitions.values import MILLIONTHS
from handbill.planning.clause_tree import Node, Verdicts, holds, leaves_of, tree_of, verdict_columns, verdicts_in
from handbill.planning.comparisons import Present, moment, window_ends
from handbill.planning.conditions import typed_field
from handbill.planning.tallies import tally_of
from handbill.store.draw import Fraction
from handbill.store.tables import attribute_history, consent, contact, suppression
from handbill.store.types import from_micros

NOTHING = "no value"


@dataclass(frozen=True)
class Explanation:
    """A clause, as it is written and where, whether it holds, and why.

    `value` is what the contact has, in words; "" for a clause that holds others, which are `inside`. `notes` say what
    a missing value did, and which moments a relative time means.
    """

    clause: str
    place: str
    holds: bool
    value: str = ""
    notes: tuple[str, ...] = ()
    inside: tuple["Explanation", ...] = ()


def explain_segment(
    connection: Connection, project: Project, segment: Segment, contact_id: int, now: datetime
) -> Explanation:
    """The segment's clauses for one contact, whose rows alone are looked at."""
    tree = tree_of(project, segment)
    present = Present.at(now, project.timezone, contact_id=contact_id)
    columns = verdict_columns(project, tree, present, "v")
    values = [_measure(project, leaf.clause, present).label(f"m{leaf.leaf}") for leaf in leaves_of(tree)]
    own = select(*columns, *values, contact).where(contact.c.id == contact_id)
    row = connection.execute(own).one()
    verdicts = verdicts_in(row[: len(columns)])
    said = _Said(connection, project, present, row, tuple(row[len(columns) : len(columns) + len(values)]))
    return _explained(said, tree, verdicts)


@dataclass(frozen=True)
class _Said:
    """What was found about the contact: their row, and a number or a moment for each leaf that has one."""

    connection: Connection
    project: Project
    present: Present
    row: Row[Any]
    measured: tuple[Any, ...]


def _explained(said: _Said, node: Node, verdicts: Verdicts) -> Explanation:
    verdict = holds(node, verdicts)
    if node.leaf < 0:
        inside = tuple(_explained(said, each, verdicts) for each in node.inside)
        return Explanation(node.text, node.place, verdict, inside=inside)
    value = _value(said, node)
    return Explanation(node.text, node.place, verdict, value, tuple(_notes(said, node, verdict=verdict)))


def _measure(project: Project, clause: Clause, present: Present) -> ColumnElement[Any]:
    match clause:
        case EventClause() | AggregateClause() | MomentClause():
            tally = tally_of(project, clause, present)
            return tally.rows.with_only_columns(tally.value.value).scalar_subquery()
        case FieldClause():
            return typed_field(project, clause.name, present).value
        case SampleClause():
            return Fraction(clause.salt, contact.c.external_id)
        case _:
            return literal(0) + null()


def _value(said: _Said, node: Node) -> str:
    """What the contact has, in words."""
    match node.clause:
        case FieldClause(name):
            return _field_value(said, name, said.measured[node.leaf])
        case HistoryClause(name):
            return _past(said, name)
        case ConsentClause() as clause:
            return _ledger(said, clause)
        case MailableClause(channel):
            return _reach(said, channel)
        case _:
            return _measured(said, node.clause, said.measured[node.leaf])


def _measured(said: _Said, clause: Clause, measured: Any) -> str:
    """A count, an amount, a moment or a draw."""
    match clause:
        case EventClause():
            found = f"{measured:,} different" if clause.distinct else f"{measured:,}"
        case AggregateClause():
            found = NOTHING if measured is None else _amount(said.project, clause.of, measured)
        case SampleClause():
            found = f"drawn at {measured:.4f}"
        case _:
            found = "never" if measured is None else said_at(measured, said.present.zone)
    return found


def _field_value(said: _Said, name: str, typed: Any) -> str:
    raw = getattr(said.row, name) if said.project.fields[name].builtin else said.row.attributes.get(name)
    if raw is None:
        return NOTHING
    if typed is None:
        return f"{_shown(raw)}, which is no {said.project.fields[name].type}"
    if isinstance(raw, datetime) or said.project.fields[name].type == "time":
        return said_at(typed, said.present.zone)
    return _shown(raw)


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f'"{value}"' if value == "" else str(value)


def _amount(project: Project, of: str, measured: Any) -> str:
    if of.startswith(("order.", "line.")) and of != "line.quantity":
        return f"{float(measured) / MILLIONTHS:,.2f} {project.currency}"
    return f"{float(measured):,.10g}"


def said_at(at: Any, zone: ZoneInfo) -> str:
    """`2026-12-01 09:00 Europe/London`: a stored time as people there read it."""
    known: datetime = at if isinstance(at, datetime) else from_micros(int(at))
    return f"{known.astimezone(zone):%Y-%m-%d %H:%M} {zone.key}"


def _past(said: _Said, name: str) -> str:
    """The latest changes of a field, the newest first."""
    past = attribute_history.c
    rows = said.connection.execute(
        select(past.value, past.from_at)
        .where(past.contact_id == said.row.id, past.name == name, past.from_at <= moment(said.present.now))
        .order_by(past.from_at.desc(), past.id.desc())
        .limit(3)
    ).all()
    zone = said.present.zone
    words = [f"{NOTHING if value is None else _shown(value)} since {said_at(at, zone)}" for value, at in rows]
    return ", before that ".join(words) or NOTHING


def _ledger(said: _Said, clause: ConsentClause) -> str:
    entry = said.connection.execute(
        select(consent.c.state, consent.c.at, consent.c.topic, consent.c.source)
        .where(
            consent.c.contact_id == said.row.id,
            consent.c.channel == clause.channel,
            consent.c.topic.in_((clause.topic, EVERY_TOPIC)),
            consent.c.at <= moment(said.present.now),
        )
        .order_by(consent.c.at.desc(), consent.c.state.desc())
        .limit(1)
    ).one_or_none()
    if entry is None:
        return CONSENT_STATES[-1]
    topics = "for all topics, " if entry.topic == EVERY_TOPIC else ""
    return f"{entry.state} {said_at(entry.at, said.present.zone)} ({topics}source {entry.source})"


def _reach(said: _Said, channel: str) -> str:
    row = said.row
    if channel == "email":
        found = row.email or "no e-mail address"
    else:
        found = row.address_problem or row.address_key or "no postal address"
    own = row._mapping[hash_column(channel)]  # noqa: SLF001 - SQLAlchemy's documented way to ask by column
    entry = said.connection.execute(
        select(suppression.c.reason, suppression.c.at).where(
            suppression.c.channel == channel, suppression.c.key_hash == own,
            suppression.c.at <= moment(said.present.now),
        )
    ).one_or_none()  # fmt: skip
    return f"{found}, suppressed {said_at(entry.at, said.present.zone)}: {entry.reason}" if entry else found


def _notes(said: _Said, node: Node, *, verdict: bool) -> Iterator[str]:
    clause, zone = node.clause, said.present.zone
    if isinstance(clause, FieldClause | AggregateClause | MomentClause) and said.measured[node.leaf] is None:
        asked = isinstance(clause, FieldClause) and any(
            each.operator in ("exists", "missing") for each in clause.comparisons
        )
        if clause.missing == "include" and verdict:
            yield "let in by missing: include"
        elif not asked:
            yield "a comparison never matches a missing value"
    window = clause.within if isinstance(clause, EventClause | AggregateClause) else None
    if window is not None:
        yield _window_said(window, said.present)
    comparisons = clause.comparisons if isinstance(clause, FieldClause | MomentClause) else ()
    is_date = isinstance(clause, FieldClause) and said.project.fields[clause.name].type == "date"
    for each in comparisons:
        yield from _meant_moments(each, said.present, is_date=is_date)
    if isinstance(clause, HistoryClause) and clause.held_for:
        yield f"without a break since {said_at(said.present.now - clause.held_for, zone)}"
    if isinstance(clause, SampleClause):
        yield f"in when below {float(clause.share):g}"


def _window_said(window: Any, present: Present) -> str:
    first, last = window_ends(window, present)
    if isinstance(window, Dates):
        return f"from {said_at(first, present.zone)} to {said_at(last, present.zone)}"
    return f"since {said_at(first, present.zone)}"


def _meant_moments(comparison: Comparison, present: Present, *, is_date: bool) -> Iterator[str]:
    """The moments that relative times mean, or the days that they fall on."""

    def at(when: datetime) -> str:
        return (
            f"{when.astimezone(present.zone):%Y-%m-%d} in {present.zone.key}"
            if is_date
            else said_at(when, present.zone)
        )

    match comparison:
        case Comparison("within", timedelta() as operand):
            yield f"since {at(present.now - operand)}"
        case Comparison(operator, Ago(delta)):
            yield f"{operator} {at(present.now - delta)}"
        case Comparison("between", (low, high)) if isinstance(low, Ago) or isinstance(high, Ago):
            ends = [at(present.now - end.delta if isinstance(end, Ago) else end) for end in (low, high)]  # type: ignore[arg-type]  # of times
            yield f"from {ends[0]} to {ends[1]}"
