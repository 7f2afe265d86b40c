"""The slow, obvious reading of a segment's clause for one person, by which the SQL is judged."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from handbill.definitions.segment import (
    AggregateClause,
    Ago,
    All,
    AnyOf,
    Comparison,
    ConsentClause,
    Dates,
    EventClause,
    FieldClause,
    HistoryClause,
    MomentClause,
    Not,
)
from tests.planning.world import PRODUCTS, Line, Message, Order, Person

LONDON = ZoneInfo("Europe/London")
TYPES = {"country": "text", "loyalty_points": "integer", "score": "number", "tier": "text", "vip": "boolean",
         "birthday": "date", "created_at": "time", "email": "text"}  # fmt: skip
GOALS = {"spring-sale": (("email",), timedelta(days=14)), "winback": (("email", "direct_mail"), timedelta(days=60))}
"""Channels and windows of the campaigns whose goal is an order."""

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
    "before": lambda value, operand: value < operand,
    "after": lambda value, operand: value > operand,
}


@dataclass(frozen=True)
class Row:
    """One order, line, message or event: when it was, whether it counts, and what it says."""

    at: datetime
    counts: bool
    said: dict[str, Any]
    lines: tuple[dict[str, Any], ...] = ()


def reads(clause: Any, person: Person, now: datetime) -> bool:
    """Whether the person is in, seen at `now`; attributes as the history tells them."""
    match clause:
        case All():
            return all(reads(each, person, now) for each in clause.clauses)
        case AnyOf():
            return any(reads(each, person, now) for each in clause.clauses)
        case Not():
            return not reads(clause.clause, person, now)
        case EventClause() | AggregateClause() | MomentClause():
            return _counted(clause, person, now)
        case _:
            return _stands(clause, person, now)


def _stands(clause: Any, person: Person, now: datetime) -> bool:
    """A clause about what somebody is."""
    match clause:
        case FieldClause():
            value = field_at(person, clause.name, now)
            lets_in = value is None and clause.missing == "include"
            return lets_in or all(passes(value, each, TYPES[clause.name], now) for each in clause.comparisons)
        case HistoryClause():
            return _has_been(clause, person, now)
        case ConsentClause():
            return _state(clause, person, now) == clause.state
        case _:
            free = person.suppressed.get(clause.channel, now + timedelta(1)) > now
            there = person.email if clause.channel == "email" else person.address
            return there is not None and (clause.channel == "email" or person.address_problem is None) and free


def field_at(person: Person, name: str, now: datetime) -> Any:
    """What a field was: by the history where it has changed since, else what it is."""
    if name in ("country", "email", "created_at"):
        return getattr(person, name)
    changes = [(at, value) for each, value, at in person.history if each == name]
    value = person.attributes.get(name)
    if any(at > now for at, _ in changes):
        value = next((value for at, value in reversed(changes) if at <= now), None)
    return typed(value, TYPES[name])


def typed(value: Any, type_: str) -> Any:
    """The value if it is of the type; missing otherwise."""
    if type_ == "boolean":
        return value if isinstance(value, bool) else None
    if type_ in ("integer", "number"):
        return value if isinstance(value, (int, float, Decimal)) and not isinstance(value, bool) else None
    if type_ == "date":
        return date.fromisoformat(value) if isinstance(value, str) else None
    return value if isinstance(value, (str, datetime)) else None


def passes(value: Any, comparison: Comparison, type_: str, now: datetime) -> bool:
    """A comparison never matches a missing value, unless it asks for one."""
    operator, operand = comparison.operator, comparison.operand
    if operator in ("exists", "missing") or value is None:
        return (value is None) == (operator == "missing") and operator in ("exists", "missing")
    if operator == "within" and isinstance(operand, timedelta):
        since, until = _moment(Ago(operand), type_, now), _moment(Ago(timedelta(0)), type_, now)
        return bool(since < value <= until)
    if isinstance(operand, tuple):
        return COMPARE[operator](value, tuple(_moment(each, type_, now) for each in operand))
    return COMPARE[operator](value, _moment(operand, type_, now))


def _moment(operand: Any, type_: str, now: datetime) -> Any:
    moment = now - operand.delta if isinstance(operand, Ago) else operand
    return moment.astimezone(LONDON).date() if type_ == "date" and isinstance(moment, datetime) else moment


def _has_been(clause: HistoryClause, person: Person, now: datetime) -> bool:
    changes = [(at, value) for name, value, at in person.history if name == clause.name and at <= now]
    fits = [typed(value, TYPES[clause.name]) in clause.values and value is not None for _, value in changes]
    if clause.held_for is None:
        return any(fits)
    before = [fit for (at, _), fit in zip(changes, fits, strict=True) if at <= now - clause.held_for]
    since = [fit for (at, _), fit in zip(changes, fits, strict=True) if at > now - clause.held_for]
    return bool(before) and before[-1] and all(since)


def _state(clause: ConsentClause, person: Person, now: datetime) -> str:
    entries = [(at, state) for channel, topic, state, at in person.consents
               if channel == clause.channel and topic in (clause.topic, "*") and at <= now]  # fmt: skip
    return max(entries)[1] if entries else "unknown"  # "withdrawn" sorts after "granted"


def _counted(clause: EventClause | AggregateClause | MomentClause, person: Person, now: datetime) -> bool:
    kind = clause.of.rpartition(".")[0] if isinstance(clause, AggregateClause) else clause.event
    asked = clause.distinct if isinstance(clause, EventClause) else None
    seen = [row for row in _rows(person, kind, asked) if _in_window(row.at, clause, now) and _fits(row, clause, now)]
    if isinstance(clause, EventClause):
        rows = [row for row in seen if row.counts]
        value: Any = len({row.said.get(asked) for row in rows} - {None}) if asked else len(rows)
        return all(passes(value, each, "integer", now) for each in clause.count)
    if isinstance(clause, MomentClause):
        times = [row.at for row in seen if row.counts]
        value = (min(times) if clause.which == "first" else max(times)) if times else None
        type_ = "time"
    else:
        value, type_ = _folded(clause, kind, seen), "number"
    if value is None:
        return clause.missing == "include"
    return all(passes(value, each, type_, now) for each in clause.comparisons)


def _folded(clause: AggregateClause, kind: str, seen: list[Row]) -> Any:
    name = clause.of.rpartition(".")[2]
    is_sum = clause.function == "sum"
    rows = [row for row in seen if row.counts or (is_sum and kind in ("order", "line"))]
    said = [row.said.get(f"line.{name}" if kind == "line" else name) for row in rows]
    numbers = [each for each in (typed(value, "number") for value in said) if each is not None]
    if is_sum:
        return sum(numbers)
    if not numbers:
        return None
    if clause.function == "average":
        return float(sum(numbers)) / len(numbers)
    return min(numbers) if clause.function == "min" else max(numbers)


def _in_window(at: datetime, clause: Any, now: datetime) -> bool:
    within = getattr(clause, "within", None)
    if isinstance(within, Dates):
        return bool(_moment(within.first, "time", now) <= at <= min(_moment(within.last, "time", now), now))
    return at <= now and (within is None or at > now - within)


def _fits(row: Row, clause: Any, now: datetime) -> bool:
    """Conditions on lines are about one line, unless the rows are lines."""
    own = [(name, compared) for name, compared in clause.where if name in row.said or not row.lines]
    of_line = [each for each in clause.where if each not in own]
    fits = all(_property_fits(row.said.get(name), compared, now) for name, compared in own)
    return fits and (not of_line or any(
        all(_property_fits(line.get(name), compared, now) for name, compared in of_line) for line in row.lines
    ))  # fmt: skip


def _property_fits(value: Any, compared: tuple[Comparison, ...], now: datetime) -> bool:
    operand = compared[0].operand
    sample = operand[0] if isinstance(operand, tuple) else operand
    type_ = "boolean" if isinstance(sample, bool) else "text" if isinstance(sample, str) else "number"
    known = value if sample is None else typed(value, type_)
    return all(passes(known, each, type_, now) for each in compared)


def _rows(person: Person, kind: str, asked: str | None) -> Iterator[Row]:
    channel, _, answer = kind.partition(".")
    if kind in ("order", "line"):
        yield from _order_rows(person, of_lines=kind == "line" or (asked or "").startswith(("line.", "product.")))
    elif answer == "sent":
        for each in person.messages:
            if each.channel == channel and each.accepted_at:
                yield Row(each.accepted_at, True, {"campaign": each.campaign, "arm": each.arm})
    elif answer == "converted":
        yield from _conversions(person, channel)
    else:
        kept_as = {"direct_mail.delivered": "letter.delivered"}.get(kind, kind)
        for happened in (each for each in person.events if each.kind == kept_as):
            message = None if happened.answers is None else person.messages[happened.answers]
            counts = not (kind in ("email.opened", "email.clicked") and happened.verdict == "machine")
            beside = {"campaign": message.campaign, "arm": message.arm} if message else {}
            yield Row(
                happened.at, counts, {**happened.properties, **_product(happened.properties.get("sku")), **beside}
            )


def _order_rows(person: Person, *, of_lines: bool) -> Iterator[Row]:
    for order in person.orders:
        lines = tuple(_line(each) for each in order.lines)
        said = {"total": order.total, "code": order.code}
        if of_lines:
            yield from (Row(order.at, order.total > 0, {**said, **line}) for line in lines)
        else:
            none = (dict.fromkeys(_line(Line("", 1, 1))),)
            yield Row(order.at, order.total > 0, said, lines or none)


def _line(line: Line) -> dict[str, Any]:
    return {"line.quantity": line.quantity, "line.price": line.price, "line.amount": line.quantity * line.price,
            **_product(line.sku)}  # fmt: skip


def _product(sku: Any) -> dict[str, Any]:
    name, category, price = PRODUCTS.get(sku, (None, None, None)) if isinstance(sku, str) else (None, None, None)
    return {"product.sku": sku if isinstance(sku, str) else None, "product.name": name, "product.category": category,
            "product.price": price}  # fmt: skip


def _conversions(person: Person, channel: str) -> Iterator[Row]:
    sent: list[Message] = [each for each in person.messages if each.channel == channel and each.accepted_at]
    for message in sent:
        channels, within = GOALS[message.campaign]
        bought: list[Order] = [each for each in person.orders if each.total > 0]
        for order in bought:
            left_at = message.accepted_at
            if channel in channels and left_at is not None and left_at <= order.at < left_at + within:
                yield Row(order.at, True, {"campaign": message.campaign, "arm": message.arm})
