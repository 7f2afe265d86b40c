"""What one clause of a segment says about what a contact did or got: how often, how much, first and last."""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Literal

from handbill.definitions.clauses import (
    Reading,
    allow,
    comparisons,
    missing_option,
    text_of,
    written_comparisons,
)
from handbill.definitions.fields import FieldType
from handbill.definitions.findings import Mistake
from handbill.definitions.operands import (
    MOMENT_OPERATORS,
    NUMBER,
    NUMBER_OPERATORS,
    OPERATORS,
    read_window,
)
from handbill.definitions.segment import AggregateClause, Comparison, EventClause, MomentClause, Where, Window
from handbill.definitions.words import quoted, unknown
from handbill.definitions.yaml import Items, Keys, Text, Tree

ORDER_AMOUNTS = ("total", "discount", "refund", "cost")
"""Amounts that an order has, in the project's currency."""

ORDER_PROPERTIES: Mapping[str, FieldType] = {
    **dict.fromkeys(ORDER_AMOUNTS, "number"), "code": "text", "source": "text",
}  # fmt: skip
"""What can be asked of one order."""

LINE_AMOUNTS = ("quantity", "amount", "cost")
"""What can be added up over order lines; `amount` is price × quantity, `cost` that of all its pieces."""

LINE_PROPERTIES: Mapping[str, FieldType] = {"line.quantity": "integer", "line.price": "number", "line.amount": "number"}
"""What can be asked of one line of an order."""

PRODUCT_PROPERTIES: Mapping[str, FieldType] = {
    "product.sku": "text", "product.name": "text", "product.category": "text", "product.price": "number",
}  # fmt: skip
"""What can be asked of the product of an order line, or of an event with the property `sku`."""

RESPONSES: Mapping[str, tuple[str, ...]] = {
    "email": ("sent", "delivered", "opened", "clicked", "bounced", "complained", "unsubscribed", "converted"),
    "direct_mail": ("sent", "delivered", "returned", "converted"),
}
"""What may follow `email.` and `direct_mail.`; all other event names are the project's own."""

RESPONSE_FILTERS = ("campaign", "arm", "link")
"""Keys that say which messages a response belongs to; `link` is for clicks alone."""

AT_LEAST_ONCE = (Comparison("gte", 1),)
"""What an event without a count means."""

ANY_CAMPAIGN = "any"

_EVENT_NAME = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*")
_PROPERTY_NAME = re.compile(r"[^\"\\\s.][^\"\\]*")


def read_event(clause: Keys, reading: Reading) -> EventClause | None:
    """`{event: order, count: {gte: 2}, within: 90 days, where: {total: {gte: 20}}}`."""
    event = _event_name(clause, "event", reading)
    allow(clause, ("event", "count", "distinct", "within", "where", *RESPONSE_FILTERS), reading)
    count = clause.values.get("count")
    times = reading.subject("count", "integer", NUMBER_OPERATORS)
    counted = written_comparisons(count, times, reading) if count is not None else AT_LEAST_ONCE
    distinct = _distinct(clause, event, reading)
    where, window = _where(clause, event, reading), _window(clause, reading)
    return EventClause(event, counted, window, where, clause.place, distinct) if event else None


def read_aggregate(
    function: Literal["sum", "min", "max", "average"],
) -> Callable[[Keys, Reading], AggregateClause | None]:
    """`{sum: order.total, gte: 100, within: 1 year}`, and the same for min, max and average."""

    def read(clause: Keys, reading: Reading) -> AggregateClause | None:
        of = _amount(clause, function, reading)
        event = of.rpartition(".")[0] if of else None
        missing = None if function == "sum" else missing_option(clause, reading)
        others = (function, "within", "where", *RESPONSE_FILTERS, *(("missing",) if missing else ()))
        operators = [key for key in clause.places if key not in others]
        subject = reading.subject(f"the {function}", "number", NUMBER_OPERATORS)
        read = comparisons(clause, operators, subject, reading)
        if not operators:
            reading.add(Mistake(clause.place, f"nothing is said about the {function}.", "Add one, such as gte: 100."))
        where, window = _where(clause, event, reading), _window(clause, reading)
        return AggregateClause(function, of, read, window, clause.place, where, missing or "exclude") if of else None

    return read


def read_moment(which: Literal["first", "last"]) -> Callable[[Keys, Reading], MomentClause | None]:
    """`{last: order, before: 14 days ago}`, and the same for first."""

    def read(clause: Keys, reading: Reading) -> MomentClause | None:
        event = _event_name(clause, which, reading)
        missing = missing_option(clause, reading)
        others = (which, "where", *RESPONSE_FILTERS, *(("missing",) if missing else ()))
        operators = [key for key in clause.places if key not in others]
        subject = reading.subject(f"the {which} {event or 'event'}", "time", MOMENT_OPERATORS)
        read = comparisons(clause, operators, subject, reading)
        if not operators:
            mend = "Add one, such as before: 14 days ago."
            reading.add(Mistake(clause.place, f"nothing is said about {subject.name}.", mend))
        where = _where(clause, event, reading)
        return MomentClause(which, event, read, clause.place, where, missing or "exclude") if event else None

    return read


def is_response(event: str | None) -> bool:
    """Whether it is something that became of a message of ours."""
    return (event or "").partition(".")[0] in RESPONSES


def known_properties(event: str) -> Mapping[str, FieldType] | None:
    """What can be asked of one of these, by name; None for events of the project's own, which may have any."""
    if event == "order":
        return {**ORDER_PROPERTIES, **LINE_PROPERTIES, **PRODUCT_PROPERTIES}
    if event == "line":
        return {**LINE_PROPERTIES, **PRODUCT_PROPERTIES}
    if event.endswith((".sent", ".converted")) and is_response(event):
        return {}
    return None


def _filters(event: str | None) -> tuple[str, ...]:
    """Keys that may stand beside the event; all of them where its name could not be read."""
    if event is None or event == "email.clicked":
        return RESPONSE_FILTERS
    return RESPONSE_FILTERS[:2] if is_response(event) else ()


def _event_name(clause: Keys, key: str, reading: Reading) -> str | None:
    name = text_of(clause, key, reading)
    mistake = _wrong_name(name) if name is not None else None
    if mistake:
        reading.add(Mistake(clause.values[key].place, *mistake))
    return None if mistake else name


def _wrong_name(name: str) -> tuple[str, str] | None:
    channel, _, response = name.partition(".")
    if channel in RESPONSES and response not in RESPONSES[channel]:
        return unknown("event", name, [f"{channel}.{each}" for each in RESPONSES[channel]])
    if name in ("orders", "purchase", "purchases"):
        return f"event {quoted(name)} is not known.", "Write order."
    if name == "line":
        return 'event "line" is not known.', "Write order, and ask for its lines under where."
    if not _EVENT_NAME.fullmatch(name):
        return f"{quoted(name)} cannot name an event.", 'Use small letters, digits, "_" and dots, such as page_view.'
    return None


def _amount(clause: Keys, function: str, reading: Reading) -> str | None:
    """`order.total`, `line.amount`, or a property of an event of the project's own."""
    of = text_of(clause, function, reading)
    if of is None:
        return None
    event, _, name = of.rpartition(".")
    known = [*(f"order.{each}" for each in ORDER_AMOUNTS), *(f"line.{each}" for each in LINE_AMOUNTS)]
    if event in ("order", "line", "") and of not in known:
        mistake = unknown("amount", of, known)
    elif event in ("order", "line"):
        return of
    else:
        wrong = _wrong_name(event) or (None if _PROPERTY_NAME.fullmatch(name) else unknown("amount", of, known))
        if wrong is None and known_properties(event) is None:
            return of
        mistake = wrong or unknown("amount", of, known)
    reading.add(Mistake(clause.values[function].place, *mistake))
    return None


def _distinct(clause: Keys, event: str | None, reading: Reading) -> str | None:
    name = text_of(clause, "distinct", reading)
    if name is None or event is None:
        return None
    if "count" not in clause.places:
        mend = "Add count, such as count: {gte: 3}."
        reading.add(Mistake(clause.places["distinct"], "distinct says what to count, and there is no count.", mend))
    properties = known_properties(event)
    texts = [each for each, type_ in (properties or PRODUCT_PROPERTIES).items() if type_ == "text"]
    known = [*_filters(event), *texts] if properties is not None else None
    if known is not None and name not in known:
        reading.add(Mistake(clause.values["distinct"].place, *unknown("property", name, known)))
    elif not _PROPERTY_NAME.fullmatch(name):
        reading.add(Mistake(clause.values["distinct"].place, *_unnameable(name)))
    return name


def _where(clause: Keys, event: str | None, reading: Reading) -> Where:
    return (*_response_filters(clause, event, reading), *_properties(clause, event, reading))


def _response_filters(
    clause: Keys, event: str | None, reading: Reading
) -> Iterator[tuple[str, tuple[Comparison, ...]]]:
    for key in (key for key in RESPONSE_FILTERS if key in clause.values):
        written = clause.values[key]
        if event is not None and key not in _filters(event):
            events = "email.clicked" if key == "link" else "what became of our messages, such as email.clicked"
            reading.add(Mistake(clause.places[key], f"{key} cannot be asked of {event}.", f"Use it with {events}."))
            continue
        if key == "campaign" and isinstance(written, Text) and written.text.strip() == ANY_CAMPAIGN:
            continue
        operators: tuple[Literal["eq", "in", "contains", "starts_with", "ends_with"], ...] = ("eq", "in")
        if key == "link":
            operators = (*operators, "contains", "starts_with", "ends_with")
        read = written_comparisons(written, reading.subject(key, "text", operators), reading)
        _check_names(key, written, read, _known_names(key, clause, reading), reading)
        yield key, read


def _known_names(key: str, clause: Keys, reading: Reading) -> Collection[str] | None:
    """The campaigns; the arms of the campaign that the clause names, or of all of them."""
    if reading.campaigns is None or key == "link":
        return None
    if key == "campaign":
        return reading.campaigns
    named = clause.values.get("campaign")
    listed = named.items if isinstance(named, Items) else (named,)
    names = [each.text.strip() for each in listed if isinstance(each, Text)]
    arms = [reading.campaigns[name] for name in names if name in reading.campaigns] or reading.campaigns.values()
    return sorted({arm for each in arms for arm in each})


def _check_names(
    key: str, written: Tree, read: tuple[Comparison, ...], known: Collection[str] | None, reading: Reading
) -> None:
    for comparison in read if known is not None else ():
        operands = comparison.operand if isinstance(comparison.operand, tuple) else (comparison.operand,)
        for operand in operands:
            if operand not in (known or ()):
                reading.add(Mistake(written.place, *unknown(key, str(operand), sorted(known or ()))))


def _properties(clause: Keys, event: str | None, reading: Reading) -> Iterator[tuple[str, tuple[Comparison, ...]]]:
    where = clause.values.get("where")
    if where is None:
        return
    if not isinstance(where, Keys):
        reading.add(Mistake(where.place, "where must hold properties.", "Write it like {total: {gte: 20}}."))
        return
    known = known_properties(event) if event else None
    for name, written in where.values.items():
        type_ = _type_of(name, written, known)
        if name in RESPONSE_FILTERS and is_response(event):
            mend = f"Write it beside {event}."
            reading.add(Mistake(where.places[name], f"{name} is no property of the message.", mend))
        elif known is None and not _PROPERTY_NAME.fullmatch(name):
            reading.add(Mistake(where.places[name], *_unnameable(name)))
        elif type_ is None:
            noun = "property of an order" if event in ("order", "line") else "property of a message"
            reading.add(Mistake(where.places[name], *unknown(noun, name, known or ())))
        else:
            yield name, written_comparisons(written, reading.subject(name, type_, OPERATORS[type_]), reading)


def _unnameable(name: str) -> tuple[str, str]:
    return f"{quoted(name)} cannot name a property.", "Leave quotation marks and backslashes out of it."


def _type_of(name: str, written: Tree, known: Mapping[str, FieldType] | None) -> FieldType | None:
    if known is not None:
        return known.get(name)
    return PRODUCT_PROPERTIES.get(name) or _guessed_type(written)


def _guessed_type(written: Tree) -> FieldType:
    """Events declare no types, so that what a property is compared with says what it is; quotation marks make text."""
    while isinstance(written, (Keys, Items)):
        values = list(written.values.items()) if isinstance(written, Keys) else [("", each) for each in written.items]
        inner = [each for key, each in values if key not in ("exists", "missing")]
        if not inner:
            return "text"
        written = inner[0]
    if written.quoted:
        return "text"
    return "boolean" if written.text in ("true", "false") else "number" if NUMBER.fullmatch(written.text) else "text"


def _window(clause: Keys, reading: Reading) -> Window:
    written = clause.values.get("within")
    return reading.kept(lambda: read_window(written, reading.zone)) if written is not None else None
