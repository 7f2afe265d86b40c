"""The properties of an event or a product, and the attributes of a contact, as JSON."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from handbill.contacts.merging.kinds import Import
from handbill.contacts.rows.converted import Converted

_PLAIN = json.JSONEncoder(sort_keys=True)
_UNICODE = json.JSONEncoder(sort_keys=True, ensure_ascii=False)


def properties_of(run: Import, converted: Converted) -> list[str]:
    """The properties of every row, as JSON with sorted names; those without a value are left out."""
    columns = {name: converted.values[name] for name in sorted(run.layout.extras)}
    if "properties" not in converted.values:
        return json_objects(columns, len(converted.rows))
    rows = zip(*columns.values(), strict=True) if columns else iter([()] * len(converted.rows))
    return [
        _PLAIN.encode(
            {**_object(inner), **{name: value for name, value in zip(columns, row, strict=True) if value is not None}}
        )
        for inner, row in zip(converted.column("properties"), rows, strict=True)
    ]


def json_objects(
    columns: Mapping[str, Sequence[Any]], rows: int, *, keep_missing: bool = False, unicode: bool = False
) -> list[str]:
    """One JSON object a row, made column by column. Missing values are null, or left out."""
    if not columns:
        return ["{}"] * rows
    encoder = _UNICODE if unicode else _PLAIN
    members = [_members(name, column, encoder, keep_missing=keep_missing) for name, column in columns.items()]
    if keep_missing or not any("" in column for column in members):
        return [f"{{{row}}}" for row in map(", ".join, zip(*members, strict=True))]
    return [f"{{{', '.join(filter(None, row))}}}" for row in zip(*members, strict=True)]


def _members(name: str, column: Sequence[Any], encoder: json.JSONEncoder, *, keep_missing: bool) -> list[str]:
    start, missing = f"{encoder.encode(name)}: ", "null" if keep_missing else None
    texts: Iterable[str | None]
    try:
        texts = map({value: _text(value, encoder, missing) for value in _alike(column)}.__getitem__, column)
    except TypeError:  # lists, objects, or values of several types: 1 equals True
        texts = (_text(value, encoder, missing) for value in column)
    return ["" if text is None else start + text for text in texts]


def _alike(column: Sequence[Any]) -> Iterator[Any]:
    """The different values of a column of one type."""
    if len(set(map(type, column)) - {type(None)}) > 1:
        raise TypeError
    yield from set(column)


def _text(value: Any, encoder: json.JSONEncoder, missing: str | None) -> str | None:
    if value is None:
        return missing
    return str(value) if type(value) is int else encoder.encode(value)


def _object(value: Any) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    return {} if value is None else {"properties": value}
