"""What a contact's field, or a property of an event, is as a typed SQL value: null wherever it is missing.

A value of another type than the one expected counts as missing, on both databases: PostgreSQL would stop at the
cast, and SQLite would read a number into any text.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import BigInteger, ColumnElement, Float, Text, case, literal, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from handbill.definitions.fields import ContactField, FieldType
from handbill.definitions.segment import Value
from handbill.store.tables import Json, attribute_history, contact
from handbill.store.types import UtcTime

ValueType = FieldType | Literal["money"]
"""`money` is integer millionths of the currency in the store and usual units in a segment."""


HISTORIED = frozenset({"email"})
"""Fields that every contact has and of which a history is kept; it is kept of all declared ones."""


@dataclass(frozen=True)
class Typed:
    """A SQL value and what it means. Booleans are the texts `true` and `false`, dates the text 2026-12-01."""

    value: ColumnElement[Any]
    type: ValueType


def field_value(field: ContactField) -> Typed:
    """A contact's field. `email` is the key of the mailbox, so that its case and spelling do not matter."""
    if field.name == "email":
        return Typed(contact.c.email_key, "text")
    if field.builtin:
        return Typed(contact.c[field.name], field.type)
    return json_value(contact.c.attributes, field.name, field.type)


def past_field_value(field: ContactField, at: datetime) -> Typed:
    """A contact's field as it was at a moment, by the history; as it is, where none is kept.

    Only those whose field has changed since are looked up one by one.
    """
    now = field_value(field)
    if field.builtin and field.name not in HISTORIED:
        return now
    past = attribute_history
    own = (past.c.contact_id == contact.c.id, past.c.name == literal(field.name, Text))
    said = (
        select(AsDocument(literal(field.name, Text), past.c.value))
        .where(*own, past.c.from_at <= literal(at, UtcTime))
        .order_by(past.c.from_at.desc(), past.c.id.desc())
        .limit(1)
        .correlate(contact)
        .scalar_subquery()
    )
    changed = select(past.c.contact_id).where(own[1], past.c.from_at > literal(at, UtcTime))
    then = json_value(said, field.name, field.type)
    return Typed(case((contact.c.id.in_(changed), then.value), else_=now.value), now.type)


def property_value(properties: ColumnElement[Any], name: str, compared_with: Value | None) -> Typed:
    """A property of an event, of the type of what it is compared with: events declare no types.

    Compared with nothing, it is a text of whatever is there.
    """
    if compared_with is None:
        return Typed(JsonAny(properties, literal(f'$."{name}"', Text), literal(name, Text)), "text")
    if isinstance(compared_with, bool):
        return json_value(properties, name, "boolean")
    return json_value(properties, name, "text" if isinstance(compared_with, str) else "number")


def json_value(document: ColumnElement[Any], name: str, type_: FieldType) -> Typed:
    """The value under `name` in a JSON document, when it has that type."""
    path, key = literal(f'$."{name}"', Text), literal(name, Text)
    return Typed(_CONSTRUCTS.get(type_, JsonText)(document, path, key), type_)


class JsonText(FunctionElement[str]):
    """A text or a date in a JSON document; null for anything else."""

    name = "json_text"
    type = Text()
    inherit_cache = True


class JsonInteger(FunctionElement[int]):
    """A whole number or a time in a JSON document, exact; null for anything else."""

    name = "json_integer"
    type = BigInteger()
    inherit_cache = True


class JsonNumber(FunctionElement[float]):
    """A number in a JSON document, to 15 digits; null for anything else."""

    name = "json_number"
    type = Float()
    inherit_cache = True


class JsonBoolean(FunctionElement[str]):
    """The text `true` or `false` for a boolean in a JSON document; null for anything else."""

    name = "json_boolean"
    type = Text()
    inherit_cache = True


class JsonAny(FunctionElement[str]):
    """Whatever stands in a JSON document, as a text; null for null."""

    name = "json_any"
    type = Text()
    inherit_cache = True


class AsDocument(FunctionElement[Any]):
    """`AsDocument(name, value)`: a JSON document that has one value in it; null where the value is."""

    name = "as_document"
    type = Json
    inherit_cache = True


_CONSTRUCTS: Mapping[FieldType, type[FunctionElement[Any]]] = {
    "integer": JsonInteger,
    "time": JsonInteger,  # microseconds since 1970, like every time in the store
    "number": JsonNumber,
    "boolean": JsonBoolean,
}

_SQLITE = {
    JsonText: "CASE WHEN json_type({0}, {1}) = 'text' THEN json_extract({0}, {1}) END",
    JsonInteger: "CASE WHEN json_type({0}, {1}) IN ('integer', 'real') THEN json_extract({0}, {1}) END",
    JsonNumber: "CASE WHEN json_type({0}, {1}) IN ('integer', 'real') THEN CAST(json_extract({0}, {1}) AS REAL) END",
    JsonBoolean: "CASE WHEN json_type({0}, {1}) IN ('true', 'false') THEN json_type({0}, {1}) END",
    JsonAny: "CAST(json_extract({0}, {1}) AS TEXT)",
    AsDocument: "json_object({0}, json({1}))",
}
_POSTGRESQL = {
    JsonText: "CASE WHEN jsonb_typeof({0} -> {2}) = 'string' THEN {0} ->> {2} END",
    JsonInteger: "CASE WHEN jsonb_typeof({0} -> {2}) = 'number' THEN ({0} ->> {2})::numeric END",
    JsonNumber: "CASE WHEN jsonb_typeof({0} -> {2}) = 'number' THEN ({0} ->> {2})::double precision END",
    JsonBoolean: "CASE WHEN jsonb_typeof({0} -> {2}) = 'boolean' THEN {0} ->> {2} END",
    JsonAny: "({0} ->> {2})",
    AsDocument: "jsonb_build_object({0}::text, {1})",
}


def _on_sqlite(element: FunctionElement[Any], compiler: SQLCompiler, **keywords: Any) -> str:
    return _filled(_SQLITE[type(element)], element, compiler, **keywords)


def _on_postgresql(element: FunctionElement[Any], compiler: SQLCompiler, **keywords: Any) -> str:
    return _filled(_POSTGRESQL[type(element)], element, compiler, **keywords)


def _filled(sql: str, element: FunctionElement[Any], compiler: SQLCompiler, **keywords: Any) -> str:
    """The SQL with the document, the path and the key in it; only those that stand in it become parameters."""
    parts = {
        str(number): compiler.process(clause, **keywords)
        for number, clause in enumerate(element.clauses)
        if f"{{{number}}}" in sql
    }
    for number, part in parts.items():
        sql = sql.replace(f"{{{number}}}", part)
    return f"({sql})"


for _construct in _SQLITE:
    compiles(_construct, "sqlite")(_on_sqlite)
    compiles(_construct, "postgresql")(_on_postgresql)
