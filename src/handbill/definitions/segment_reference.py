"""The generated parts of the page about segments: every clause, operator, event and property that can be asked for."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from handbill.definitions.clauses import CONSENT_STATES
from handbill.definitions.event_clauses import (
    LINE_AMOUNTS,
    LINE_PROPERTIES,
    ORDER_AMOUNTS,
    ORDER_PROPERTIES,
    PRODUCT_PROPERTIES,
    RESPONSE_FILTERS,
    RESPONSES,
)
from handbill.definitions.fields import BUILTIN_FIELDS
from handbill.definitions.operands import ALL_OPERATORS, MOMENT_OPERATORS, NUMBER_OPERATORS, OPERATORS
from handbill.definitions.segment import FieldOperator
from handbill.definitions.segment_reader import CLAUSES

MEANINGS: Mapping[FieldOperator, str] = {
    "eq": "is the same; text letter by letter, capitals and all, e-mail addresses without regard to capitals",
    "ne": "is there, and is another one",
    "in": "is one of a list",
    "not_in": "is there, and is none of a list",
    "lt": "is less",
    "lte": "is less or the same",
    "gt": "is more",
    "gte": "is more or the same",
    "between": "lies between two values, both included; a day that ends it belongs to it whole",
    "contains": "has this text in it; `%` and `_` are letters like any other",
    "starts_with": "begins with this text: `{field: postcode, starts_with: YO}`",
    "ends_with": "ends with this text",
    "before": "is earlier than a date, a local time or a time ago",
    "after": "is later than a date, a local time or a time ago",
    "within": "lies in the time up to now (`30 days`), or between two dates (`[2026-01-01, 2026-03-31]`)",
    "exists": "has a value (`true`), or has none (`false`)",
    "missing": "has no value (`true`), or has one (`false`)",
}
"""What each operator asks; none but `exists` and `missing` holds where there is no value."""

CLAUSE_MEANINGS: Mapping[str, tuple[str, str]] = {
    "all": ("", "every clause of the list"),
    "any": ("", "at least one clause of the list"),
    "not": ("", "the clause does not hold, whatever the reason"),
    "field": (
        "an operator, `missing`; or `has_been`, `for`",
        "a field of the contact, now; or what it has been",
    ),
    "event": (
        "`count`, `distinct`, `within`, `where`, `campaign`, `arm`, `link`",
        "how often something happened",
    ),
    "sum": ("an operator, `within`, `where`, `campaign`, `arm`", "a number added up; 0 where there is nothing"),
    "min": ("the same, and `missing`", "the least; missing where there is nothing"),
    "max": ("the same, and `missing`", "the most; missing where there is nothing"),
    "average": ("the same, and `missing`", "the mean; missing where there is nothing"),
    "first": ("an operator, `where`, `campaign`, `arm`, `link`, `missing`", "when it happened first"),
    "last": ("the same", "when it happened last"),
    "consent": (
        f"`topic`, `state`: {', '.join(f'`{each}`' for each in CONSENT_STATES)}",
        "the latest entry of the consent ledger for the topic, or for all topics; `unknown` when there is none",
    ),
    "mailable": ("", "`email` or `direct_mail` can be delivered there, and the address is not on the suppression list"),
    "segment": ("", "membership of another segment; they may not go round in a circle"),
    "sample": ("`salt`", "a share of the contacts, the same ones for the same salt, always"),
}
"""What else each kind of clause takes, and what it asks."""


def _clauses() -> Iterator[str]:
    rows = ((f"`{kind}`", *(each or "–" for each in CLAUSE_MEANINGS[kind])) for kind in CLAUSES)
    yield from table(("clause", "other keys", "who is in it"), rows)


def _meanings() -> Iterator[str]:
    yield from table(("operator", "the value …"), ((f"`{name}`", MEANINGS[name]) for name in ALL_OPERATORS))


def _operators() -> Iterator[str]:
    rows = [(f"a field of type {type_}", listed(operators)) for type_, operators in OPERATORS.items()]
    rows.append(("a count, `sum`, `min`, `max`, `average`", listed(NUMBER_OPERATORS)))
    rows.append(("`first`, `last`", listed(MOMENT_OPERATORS)))
    rows.append(("a property under `where`", "those of its type"))
    rows.append((listed(RESPONSE_FILTERS[:2]), "a name, or a list of names; `campaign: any` is any campaign"))
    yield from table(("what is compared", "operators"), rows)


def _builtin() -> Iterator[str]:
    yield from table(("field", "type"), ((f"`{field.name}`", field.type) for field in BUILTIN_FIELDS.values()))


def _events() -> Iterator[str]:
    rows = [("`order`", "An order that was imported.")]
    rows += [
        (listed(f"{channel}.{each}" for each in answers), f"What became of {_CHANNELS[channel]} that we sent.")
        for channel, answers in RESPONSES.items()
    ]
    rows.append(("any other name", "An event of your own, as it was imported: `page_view`, `cart_add`."))
    yield from table(("event", "what it is"), rows)


_CHANNELS = {"email": "an e-mail", "direct_mail": "a printed piece"}


def _properties() -> Iterator[str]:
    product = listed(PRODUCT_PROPERTIES)
    rows = [
        ("`order`", listed(ORDER_PROPERTIES)),
        ("one line of an `order`", f"{listed(LINE_PROPERTIES)}, {product}"),
        ("an event of your own", f"any that was imported; with `sku` among them also {product}"),
    ]
    yield from table(("of", "properties"), rows)
    amounts = listed([*(f"order.{each}" for each in ORDER_AMOUNTS), *(f"line.{each}" for each in LINE_AMOUNTS)])
    yield ""
    yield f"`sum`, `min`, `max` and `average` take {amounts}."
    yield "They also take a number of an event of your own, such as `page_view.seconds`."


def listed(words: Any) -> str:
    """`a`, `b`, `c`, each as code."""
    return ", ".join(f"`{word}`" for word in words)


def table(header: tuple[str, ...], rows: Any) -> Iterator[str]:
    """A table in Markdown, line by line."""
    yield f"| {' | '.join(header)} |"
    yield f"|{'---|' * len(header)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"


SECTIONS: Mapping[str, Callable[[], Iterator[str]]] = {
    "clauses": _clauses,
    "meanings": _meanings,
    "operators": _operators,
    "builtin": _builtin,
    "events": _events,
    "properties": _properties,
}
"""What stands between each pair of `generated` marks."""
