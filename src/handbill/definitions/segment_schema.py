"""The shape of a file in segments/ as a JSON Schema, made from the tables that the reader of segments goes by."""

from collections.abc import Mapping

from handbill.definitions.campaign import CHANNELS
from handbill.definitions.clauses import CONSENT_STATES
from handbill.definitions.event_clauses import LINE_AMOUNTS, ORDER_AMOUNTS, RESPONSE_FILTERS, RESPONSES
from handbill.definitions.fields import BUILTIN_FIELDS
from handbill.definitions.json_schema import DIALECT, words
from handbill.definitions.operands import ALL_OPERATORS, MOMENT_OPERATORS, NUMBER_OPERATORS
from handbill.definitions.scalar_schemas import BOOLEAN, DURATION, LINE, SHARE, Schema
from handbill.definitions.segment import FieldOperator
from handbill.definitions.segment_reader import CLAUSES, SEGMENT_KEYS
from handbill.definitions.segment_reference import CLAUSE_MEANINGS, MEANINGS

_CLAUSE: Schema = {"$ref": "#/definitions/clause"}
_CLAUSE_LIST: Schema = {"type": "array", "items": _CLAUSE, "minItems": 1}
_TWO: Schema = {"type": "array", "items": LINE, "minItems": 2, "maxItems": 2}
_LIST: Schema = {"type": "array", "items": LINE, "minItems": 1}
_WINDOW: Schema = {
    "description": "A time up to now such as 90 days, or two dates.",
    "anyOf": [DURATION, _TWO],
}
_MISSING: Schema = {"description": "Whether who has no value is let in.", **words(("exclude", "include"))}
_COMPARED: Schema = {"anyOf": [LINE, _LIST, {"$ref": "#/definitions/comparison"}]}

_OPERANDS: Mapping[FieldOperator, Schema] = {
    "in": _LIST,
    "not_in": _LIST,
    "between": _TWO,
    "within": {"anyOf": [DURATION, _TWO]},
    "exists": BOOLEAN,
    "missing": BOOLEAN,
}
"""What stands behind an operator; behind all others one value."""

_NAMES = {"name": "What people call this segment.", "description": "What it is for, in a sentence."}


def segment_schema() -> Schema:
    """The JSON Schema of every file in segments/."""
    properties: Schema = {key: {"description": _NAMES.get(key, ""), **LINE} for key in SEGMENT_KEYS}
    properties["where"] = {"description": "The clause that a contact must meet.", "allOf": [_CLAUSE]}
    return {
        "$schema": DIALECT,
        "title": "Handbill: a segment",
        "type": "object",
        "properties": properties,
        "required": ["name", "where"],
        "additionalProperties": False,
        "definitions": {
            "clause": {"anyOf": [_clause(kind) for kind in CLAUSES]},
            "comparison": {
                "description": "What is asked of a number of times, or of a property.",
                "type": "object",
                "properties": _operators(ALL_OPERATORS),
                "additionalProperties": False,
                "minProperties": 1,
            },
        },
    }


def _clause(kind: str) -> Schema:
    main, others = _SHAPES[kind]
    described = {"description": f"{CLAUSE_MEANINGS[kind][1][:1].upper()}{CLAUSE_MEANINGS[kind][1][1:]}."}
    main = {**described, "allOf": [main]} if "$ref" in main else {**described, **main}
    return {
        "type": "object",
        "properties": {kind: main, **others},
        "required": [kind],
        "additionalProperties": False,
    }


def _operators(names: tuple[FieldOperator, ...]) -> Schema:
    return {name: {"description": f"The value {MEANINGS[name]}.", **_OPERANDS.get(name, LINE)} for name in names}


def _suggested(names: list[str]) -> Schema:
    """Any name; these ones are offered."""
    return {"anyOf": [{"enum": names}, LINE]}


_FIELD_KEYS: Schema = {
    **_operators(ALL_OPERATORS),
    "missing": {"description": "The value is missing; or whether who has none is let in.",
                "anyOf": [BOOLEAN, words(("exclude", "include"))]},
    "has_been": {"description": "What the field has been, with for: how long without a break.", **_COMPARED},
    "for": {"description": "How long it has been so, such as 30 days.", **DURATION},
}  # fmt: skip
_EVENTS = _suggested(["order", *(f"{channel}.{each}" for channel, answers in RESPONSES.items() for each in answers)])
_AMOUNTS = _suggested([*(f"order.{each}" for each in ORDER_AMOUNTS), *(f"line.{each}" for each in LINE_AMOUNTS)])
_FILTERS: Schema = {
    "where": {
        "description": "What must be true of each, by property: {total: {gte: 20}}.",
        "type": "object",
        "additionalProperties": _COMPARED,
    },
    **{key: {"description": f"Of our messages: which {key}.", **_COMPARED} for key in RESPONSE_FILTERS},
}
_EVENT_KEYS: Schema = {
    "count": {"description": "How often; at least once, unless it is said.", **_COMPARED},
    "distinct": {"description": "What is counted: different values of a property.", **LINE},
    "within": _WINDOW,
    **_FILTERS,
}
_SUM_KEYS: Schema = {**_operators(NUMBER_OPERATORS), "within": _WINDOW, **_FILTERS}
_AMOUNT_KEYS: Schema = {**_SUM_KEYS, "missing": _MISSING}
_MOMENT_KEYS: Schema = {**_operators(MOMENT_OPERATORS), "missing": _MISSING, **_FILTERS}
_CONSENT_KEYS: Schema = {
    "topic": {"description": "One of the project's topics.", **LINE},
    "state": {"description": "Default: granted.", **words(CONSENT_STATES)},
}

_SHAPES: Mapping[str, tuple[Schema, Schema]] = {
    "all": (_CLAUSE_LIST, {}),
    "any": (_CLAUSE_LIST, {}),
    "not": (_CLAUSE, {}),
    "field": (_suggested(list(BUILTIN_FIELDS)), _FIELD_KEYS),
    "event": (_EVENTS, _EVENT_KEYS),
    "sum": (_AMOUNTS, _SUM_KEYS),
    **dict.fromkeys(("min", "max", "average"), (_AMOUNTS, _AMOUNT_KEYS)),
    **dict.fromkeys(("first", "last"), (_EVENTS, _MOMENT_KEYS)),
    "consent": (words(CHANNELS), _CONSENT_KEYS),
    "mailable": (words(CHANNELS), {}),
    "segment": (LINE, {}),
    "sample": (SHARE, {"salt": {"description": "Text that seeds the draw.", **LINE}}),
}
"""What stands under the key that tells the kind of a clause, and what may stand beside it; a test asks the reader."""
