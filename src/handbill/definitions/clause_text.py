"""How a clause of a segment reads in one line: as it is written in its file."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

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
    SegmentClause,
)

_UNITS = (("day", timedelta(days=1)), ("hour", timedelta(hours=1)), ("minute", timedelta(minutes=1)))
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.+/@% ")


def clause_text(clause: Clause, zone: ZoneInfo) -> str:
    """`event: order, count: {gte: 2}, within: 90 days`; of `all`, `any` and `not` the word alone."""
    return ", ".join(f"{key}: {value}" for key, value in _parts(clause, zone))


def duration_text(duration: timedelta) -> str:
    """`90 days`, `6 hours`: in the largest unit up to days that divides it."""
    for unit, length in _UNITS:
        if not duration % length:
            number = duration // length
            return f"{number} {unit}" if number == 1 else f"{number} {unit}s"
    return f"{duration.total_seconds():g} seconds"


def comparisons_text(comparisons: tuple[Comparison, ...], zone: ZoneInfo) -> str:
    """`gte: 0, lt: 100`."""
    return ", ".join(f"{key}: {value}" for key, value in _compared(comparisons, zone))


def _parts(clause: Clause, zone: ZoneInfo) -> Iterator[tuple[str, str]]:
    match clause:
        case All() | AnyOf() | Not():
            yield {All: "all", AnyOf: "any", Not: "not"}[type(clause)], ""
        case FieldClause() | HistoryClause():
            yield from _field(clause, zone)
        case EventClause() | AggregateClause() | MomentClause():
            yield from _counted(clause, zone)
        case ConsentClause():
            yield from (("consent", clause.channel), ("topic", clause.topic), ("state", clause.state))
        case MailableClause():
            yield "mailable", clause.channel
        case SegmentClause():
            yield "segment", clause.segment
        case SampleClause():
            yield from (("sample", f"{(clause.share * 100).normalize():f}%"), ("salt", clause.salt))


def _field(clause: FieldClause | HistoryClause, zone: ZoneInfo) -> Iterator[tuple[str, str]]:
    yield "field", clause.name
    if isinstance(clause, FieldClause):
        yield from _compared(clause.comparisons, zone)
        if clause.missing == "include":
            yield "missing", "include"
        return
    yield "has_been", _value(clause.values if len(clause.values) > 1 else clause.values[0], zone)
    if clause.held_for:
        yield "for", duration_text(clause.held_for)


def _counted(clause: EventClause | AggregateClause | MomentClause, zone: ZoneInfo) -> Iterator[tuple[str, str]]:
    match clause:
        case EventClause():
            yield "event", clause.event
            if clause.distinct:
                yield "distinct", clause.distinct
            if clause.distinct or clause.count != (Comparison("gte", 1),):
                yield "count", f"{{{comparisons_text(clause.count, zone)}}}"
        case AggregateClause():
            yield clause.function, clause.of
            yield from _compared(clause.comparisons, zone)
        case MomentClause():
            yield clause.which, clause.event
            yield from _compared(clause.comparisons, zone)
    if not isinstance(clause, MomentClause) and clause.within is not None:
        yield "within", _window(clause.within, zone)
    filters = [(name, compared) for name, compared in clause.where if name in ("campaign", "arm", "link")]
    for name, compared in filters:
        yield name, _short(compared, zone)
    others = [f"{name}: {_short(compared, zone)}" for name, compared in clause.where if (name, compared) not in filters]
    if others:
        yield "where", f"{{{', '.join(others)}}}"
    if not isinstance(clause, EventClause) and clause.missing == "include":
        yield "missing", "include"


def _window(window: timedelta | Dates, zone: ZoneInfo) -> str:
    if isinstance(window, timedelta):
        return duration_text(window)
    return f"[{_value(window.first, zone)}, {_value(window.last, zone)}]"


def _compared(comparisons: tuple[Comparison, ...], zone: ZoneInfo) -> Iterator[tuple[str, str]]:
    for each in comparisons:
        yield each.operator, "true" if each.operator in ("exists", "missing") else _value(each.operand, zone)


def _short(comparisons: tuple[Comparison, ...], zone: ZoneInfo) -> str:
    """`GB` for `{eq: GB}`."""
    if [each.operator for each in comparisons] == ["eq"]:
        return _value(comparisons[0].operand, zone)
    return f"{{{comparisons_text(comparisons, zone)}}}"


def _value(value: Any, zone: ZoneInfo) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(_value(each, zone) for each in value)}]"
    match value:
        case bool():
            written = "true" if value else "false"
        case Ago():
            written = f"{duration_text(value.delta)} ago"
        case timedelta():
            written = duration_text(value)
        case datetime():
            written = _moment(value, zone)
        case Decimal():
            written = f"{value:f}"
        case _:
            text = str(value)
            plain = text and text == text.strip() and set(text) <= _PLAIN
            written = text if plain else f'"{text}"'
    return written


def _moment(moment: datetime, zone: ZoneInfo) -> str:
    """A local time; the last moment of a day is the day."""
    local = moment.astimezone(zone)
    at_midnight = local.time().isoformat() in ("00:00:00", "23:59:59.999999")
    return f"{local:%Y-%m-%d}" if at_midnight else f"{local:%Y-%m-%d %H:%M}"
