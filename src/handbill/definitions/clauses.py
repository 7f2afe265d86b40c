"""What one clause of a segment says: a field, an event, a sum, a first or last time, a sample, another segment."""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from handbill.definitions.fields import ContactField, FieldType
from handbill.definitions.findings import Mistake
from handbill.definitions.operands import (
    MOMENT_OPERATORS,
    NUMBER,
    NUMBER_OPERATORS,
    OPERATORS,
    Subject,
    read_comparison,
    read_duration,
)
from handbill.definitions.planned import PLANNED_CLAUSE_KEYS, PLANNED_EVENTS, planned
from handbill.definitions.segment import (
    AggregateClause,
    Comparison,
    EventClause,
    FieldClause,
    FieldOperator,
    MomentClause,
    SampleClause,
    SegmentClause,
)
from handbill.definitions.values import parse_share
from handbill.definitions.words import quoted, unknown
from handbill.definitions.yaml import Items, Keys, Text, Tree

ORDER_AMOUNTS = ("total", "discount", "refund", "cost")
"""Amounts that an order has, in the project's currency."""

ORDER_PROPERTIES: Mapping[str, FieldType] = {**dict.fromkeys(ORDER_AMOUNTS, "number"), "code": "text"}
"""What can be asked of one order."""

RESPONSES: Mapping[str, tuple[str, ...]] = {
    "email": ("sent", "delivered", "opened", "clicked", "bounced", "complained", "unsubscribed"),
    "direct_mail": ("sent",),
}
"""What may follow `email.` and `direct_mail.`; all other event names are the project's own."""

AT_LEAST_ONCE = (Comparison("gte", 1),)
"""What an event without a count means."""

_EVENT_NAME = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*")


@dataclass(frozen=True)
class Reading:
    """Reads the clauses of one file by its project's words, and collects the mistakes that it meets.

    `unreadable` are fields whose declaration has mistakes of its own: nothing is said about them here.
    """

    fields: Mapping[str, ContactField]
    zone: ZoneInfo
    unreadable: frozenset[str] = frozenset()
    mistakes: list[Mistake] = field(default_factory=list)

    def add(self, mistake: Mistake) -> None:
        """Notes a mistake and goes on, so that all of them are found at once."""
        self.mistakes.append(mistake)

    def subject(self, name: str, type_: FieldType, operators: tuple[FieldOperator, ...]) -> Subject:
        """Something to compare, with its dates in the project's time zone."""
        return Subject(name, type_, operators, self.zone)


def read_field(clause: Keys, reading: Reading) -> FieldClause | None:
    """`{field: loyalty_points, gte: 100, missing: exclude}`."""
    name = text_of(clause, "field", reading)
    if name is None or name in reading.unreadable:
        return None
    known = reading.fields.get(name)
    if known is None:
        reading.add(Mistake(clause.values["field"].place, *unknown("field", name, sorted(reading.fields))))
        return None
    missing = _missing(clause, reading)
    operators = [key for key in clause.places if key != "field" and not (key == "missing" and missing)]
    subject = reading.subject(name, known.type, OPERATORS[known.type])
    comparisons = _comparisons(clause, operators, subject, reading)
    if not operators:
        mend = (
            "Add a comparison, such as eq: GB." if known.type == "text" else "Add a comparison, such as exists: true."
        )
        reading.add(Mistake(clause.place, f"nothing is said about field {quoted(name)}.", mend))
    read = FieldClause(name, comparisons, missing or "exclude", clause.place)
    _check_one_of(read, known, clause, reading)
    return read


def read_event(clause: Keys, reading: Reading) -> EventClause | None:
    """`{event: order, count: {gte: 2}, within: 90 days, where: {total: {gte: 20}}}`."""
    event = _event_name(clause, "event", reading)
    allow(clause, ("event", "count", "within", "where"), reading)
    count = clause.values.get("count")
    times = reading.subject("count", "integer", NUMBER_OPERATORS)
    counted = _written_comparisons(count, times, reading) if count is not None else AT_LEAST_ONCE
    where = tuple(_properties(clause, event, reading))
    return EventClause(event, counted, _window(clause, reading), where, clause.place) if event else None


def read_aggregate(
    function: Literal["sum", "min", "max", "average"],
) -> Callable[[Keys, Reading], AggregateClause | None]:
    """`{sum: order.total, gte: 100, within: 1 year}`, and the same for min, max and average."""

    def read(clause: Keys, reading: Reading) -> AggregateClause | None:
        of = text_of(clause, function, reading)
        known = [f"order.{name}" for name in ORDER_AMOUNTS]
        if of is not None and of not in known:
            reading.add(Mistake(clause.values[function].place, *unknown("amount", of, known)))
        operators = [key for key in clause.places if key not in (function, "within")]
        subject = reading.subject(f"the {function}", "number", NUMBER_OPERATORS)
        comparisons = _comparisons(clause, operators, subject, reading)
        if not operators:
            reading.add(Mistake(clause.place, f"nothing is said about the {function}.", "Add one, such as gte: 100."))
        return AggregateClause(function, of, comparisons, _window(clause, reading), clause.place) if of else None

    return read


def read_moment(which: Literal["first", "last"]) -> Callable[[Keys, Reading], MomentClause | None]:
    """`{last: order, before: 14 days ago}`, and the same for first."""

    def read(clause: Keys, reading: Reading) -> MomentClause | None:
        event = _event_name(clause, which, reading)
        operators = [key for key in clause.places if key != which]
        subject = reading.subject(f"the {which} {event or 'event'}", "time", MOMENT_OPERATORS)
        comparisons = _comparisons(clause, operators, subject, reading)
        if not operators:
            mend = "Add one, such as before: 14 days ago."
            reading.add(Mistake(clause.place, f"nothing is said about {subject.name}.", mend))
        return MomentClause(which, event, comparisons, clause.place) if event else None

    return read


def read_segment_clause(clause: Keys, reading: Reading) -> SegmentClause | None:
    """`{segment: newsletter}`; whether that segment exists is known when all files are read."""
    allow(clause, ("segment",), reading)
    name = text_of(clause, "segment", reading)
    return SegmentClause(name, clause.place) if name else None


def read_sample(clause: Keys, reading: Reading) -> SampleClause | None:
    """`{sample: 50%, salt: newsletter-q4}`."""
    allow(clause, ("sample", "salt"), reading)
    share, salt = text_of(clause, "sample", reading), text_of(clause, "salt", reading)
    if "salt" not in clause.places:
        mend = "Add salt, a text that seeds the draw, such as newsletter-q4."
        reading.add(Mistake(clause.place, "the sample has no salt.", mend))
    if share is None or salt is None:
        return None
    try:
        return SampleClause(parse_share(share), salt, clause.place)
    except ValueError as error:
        what, _, mend = str(error).partition(". ")
        reading.add(Mistake(clause.values["sample"].place, f"{what}.", mend))
        return None


def allow(clause: Keys, known: Collection[str], reading: Reading) -> None:
    """Notes every key that the clause does not know."""
    for key, place in clause.places.items():
        if key not in known:
            reading.add(Mistake(place, *_unknown_key(key, known)))


def text_of(clause: Keys, key: str, reading: Reading) -> str | None:
    """The single value under a key; None when there is none (and, when it is something else, that is noted)."""
    written = clause.values.get(key)
    if isinstance(written, Text):
        return written.text.strip()
    if written is not None:
        reading.add(Mistake(written.place, f"{key} must be a single value.", "Write one text or number."))
    return None


def _missing(clause: Keys, reading: Reading) -> Literal["include", "exclude"] | None:
    """What a missing value means; None where nothing is said, or where `missing: true` asks for missing ones."""
    option = clause.values.get("missing")
    if not isinstance(option, Text) or option.text in ("true", "false"):
        return None
    if option.text not in ("include", "exclude"):
        known = ("include", "exclude", "true", "false")
        reading.add(Mistake(option.place, *unknown("missing", option.text, known)))
    return "include" if option.text == "include" else "exclude"


def _unknown_key(key: str, known: Collection[str]) -> tuple[str, str]:
    if key in PLANNED_CLAUSE_KEYS:
        return planned(key)
    if len(known) == 1:
        return (
            f"{quoted(key)} cannot stand beside {next(iter(known))}.",
            "Remove it, or write it as a clause of its own.",
        )
    return unknown("key", key, known)


def _event_name(clause: Keys, key: str, reading: Reading) -> str | None:
    name = text_of(clause, key, reading)
    if name is None:
        return None
    channel, _, response = name.partition(".")
    mistake: tuple[str, str] | None = None
    if name in PLANNED_EVENTS:
        mistake = planned(name)
    elif channel in RESPONSES and response not in RESPONSES[channel]:
        mistake = unknown("event", name, [f"{channel}.{each}" for each in RESPONSES[channel]])
    elif name in ("orders", "purchase", "purchases"):
        mistake = f"event {quoted(name)} is not known.", "Write order."
    elif not _EVENT_NAME.fullmatch(name):
        mistake = f"{quoted(name)} cannot name an event.", 'Use small letters, digits, "_" and dots, such as page_view.'
    if mistake:
        reading.add(Mistake(clause.values[key].place, *mistake))
    return None if mistake else name


def _properties(clause: Keys, event: str | None, reading: Reading) -> Iterator[tuple[str, tuple[Comparison, ...]]]:
    where = clause.values.get("where")
    if where is None:
        return
    if not isinstance(where, Keys):
        reading.add(Mistake(where.place, "where must hold properties.", "Write it like {total: {gte: 20}}."))
        return
    for name, written in where.values.items():
        type_ = ORDER_PROPERTIES.get(name) if event == "order" else _guessed_type(written)
        if type_ is None:
            known = unknown("property of an order", name, ORDER_PROPERTIES)
            reading.add(Mistake(where.places[name], *known))
        else:
            operators = tuple(each for each in OPERATORS[type_] if each not in ("exists", "missing"))
            yield name, _written_comparisons(written, reading.subject(name, type_, operators), reading)


def _guessed_type(written: Tree) -> FieldType:
    """Events declare no types, so that what a property is compared with says what it is; quotation marks make text."""
    while isinstance(written, (Keys, Items)):
        inner = list(written.values.values()) if isinstance(written, Keys) else list(written.items)
        if not inner:
            return "text"
        written = inner[0]
    if written.quoted:
        return "text"
    return "boolean" if written.text in ("true", "false") else "number" if NUMBER.fullmatch(written.text) else "text"


def _comparisons(clause: Keys, operators: Iterable[str], subject: Subject, reading: Reading) -> tuple[Comparison, ...]:
    found = []
    for operator in operators:
        try:
            if operator in PLANNED_CLAUSE_KEYS:
                raise Mistake(clause.places[operator], *planned(operator))
            if operator in clause.values:
                found.append(read_comparison(operator, clause.values[operator], subject, clause.places[operator]))
        except Mistake as mistake:
            reading.add(mistake)
    return tuple(found)


def _written_comparisons(written: Tree, subject: Subject, reading: Reading) -> tuple[Comparison, ...]:
    """`{gte: 2}`, or `2`, which is short for `{eq: 2}`."""
    if not isinstance(written, Keys):
        written = Keys({"eq": written}, {"eq": written.place}, written.place)
    elif not written.places:
        reading.add(Mistake(written.place, f"nothing is said about {subject.name}.", "Write it like {gte: 2}."))
    return _comparisons(written, list(written.places), subject, reading)


def _window(clause: Keys, reading: Reading) -> timedelta | None:
    written = clause.values.get("within")
    if written is None:
        return None
    try:
        return read_duration(written)
    except Mistake as mistake:
        reading.add(mistake)
        return None


def _check_one_of(clause: FieldClause, known: ContactField, written: Keys, reading: Reading) -> None:
    """A text that the field cannot have would silently match nobody."""
    for each in clause.comparisons:
        operands = each.operand if isinstance(each.operand, tuple) else (each.operand,)
        for operand in operands if known.one_of and each.operator in ("eq", "ne", "in", "not_in") else ():
            if operand not in known.one_of:
                place = written.values[each.operator].place
                reading.add(Mistake(place, *unknown(known.name, str(operand), known.one_of)))
