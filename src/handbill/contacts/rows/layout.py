"""Which column of a file is which field: by name, by what people usually call it, or as the command says."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path

from handbill.contacts.identity import without_accents
from handbill.contacts.rows.conversions import ValueType
from handbill.contacts.rows.derive import Derivation, compile_derivation
from handbill.contacts.rows.query import Query
from handbill.definitions.checks.names import is_field_name
from handbill.definitions.words import either, quoted, unknown
from handbill.errors import ImportRefused, Problem


@dataclass(frozen=True)
class FieldSpec:
    """A field that an import can fill. Without a value in a required field a row is rejected."""

    type: ValueType
    required: bool = False
    one_of: tuple[str, ...] = ()


@dataclass(frozen=True)
class Shape:
    """What a kind of import can hold.

    `needs`: of every group at least one field must be filled by the file. `called` gives fields by names that people
    use. `open_ended` tells that columns of other names are kept, as attributes or properties.
    """

    fields: Mapping[str, FieldSpec]
    needs: tuple[tuple[str, ...], ...]
    called: Mapping[str, str]
    open_ended: bool = False


@dataclass(frozen=True)
class Layout:
    """Where every field comes from. `extras` are columns of names that no field has; `left_out` are not read."""

    shape: Shape
    columns: Mapping[str, str]
    derived: Mapping[str, Derivation]
    extras: Mapping[str, str]
    left_out: tuple[str, ...]
    decimal_comma: bool = False

    @property
    def filled(self) -> tuple[str, ...]:
        """The fields that the file fills."""
        return (*self.columns, *self.derived)

    def source_of(self, field: str) -> str:
        """What to name in a reject: the column, or the derived field."""
        return self.columns.get(field, field)

    @property
    def read(self) -> tuple[str, ...]:
        """The columns that must be read."""
        names = [*self.columns.values(), *self.extras.values()]
        names += [column for each in self.derived.values() for column in each.columns]
        return tuple(dict.fromkeys(names))


def lay_out(
    path: Path | Query, columns: Sequence[str], shape: Shape, mapping: Mapping[str, str], derive: Mapping[str, str]
) -> Layout:
    """The layout of a file with these columns.

    `mapping` is field to column, `derive` is field to Jinja. With either of them, columns that fill no field are
    left out; without, an open-ended kind keeps them.

    Raises:
        ImportRefused: a field or column is not known, a column's name looks misspelt, or what is needed is missing.
    """
    problems = list(_wrong_options(columns, shape, mapping, derive))
    derived: dict[str, Derivation] = {}
    for field, template in derive.items():
        compiled = compile_derivation(field, template, columns)
        if isinstance(compiled, Problem):
            problems.append(compiled)
        else:
            derived[field] = compiled
    named, extras, misfits = _by_name(path, columns, shape, mapping, derive)
    problems += misfits
    filled = {**named, **mapping}
    missing = [group for group in shape.needs if not any(field in filled or field in derive for field in group)]
    if not problems and missing:
        problems += [_missing(path, group) for group in missing]
    if problems:
        raise ImportRefused(*problems)
    used = set(filled.values()) | set(extras.values()) | {name for each in derived.values() for name in each.columns}
    left_out = tuple(name for name in columns if name not in used)
    return Layout(shape, filled, derived, extras, left_out)


def _wrong_options(
    columns: Sequence[str], shape: Shape, mapping: Mapping[str, str], derive: Mapping[str, str]
) -> Iterator[Problem]:
    for field, column in mapping.items():
        option = f"--map {field}={column}"
        if field not in shape.fields:
            yield _unknown_field(option, field, shape)
        if column not in columns:
            what, mend = unknown("column", column, columns)
            yield Problem(option, what=what, mend=mend)
    for field in derive:
        if field not in shape.fields:
            yield _unknown_field(f"--derive {field}", field, shape)
        if field in mapping:
            yield Problem(
                f"--derive {field}", what=f"{quoted(field)} is mapped already.", mend="Remove one of the two."
            )


def _by_name(
    path: Path | Query, columns: Sequence[str], shape: Shape, mapping: Mapping[str, str], derive: Mapping[str, str]
) -> tuple[dict[str, str], dict[str, str], list[Problem]]:
    """Fields and extras that columns fill by their names, and the names that fit nothing or too much."""
    fields: dict[str, str] = {}
    extras: dict[str, str] = {}
    problems: list[Problem] = []
    told = bool(mapping or derive)
    for place, column in enumerate(columns, start=1):
        name = plain_name(column)
        field = name if name in shape.fields else shape.called.get(name)
        if column in mapping.values() or (field and (field in mapping or field in derive)):
            continue
        if field in fields:
            what = f'columns "{fields[field]}" and "{column}" both mean {field}.'
            problems.append(Problem(str(path), 1, place, what, f"Say which one: --map {field}={column}."))
        elif field:
            fields[field] = column
        elif meant := _misspelt(name, shape):
            what = f"column {quoted(column)} is not a field. Did you mean {meant}?"
            mend = f"Rename it, or say --map {meant}={column}."
            if shape.open_ended:
                mend += " If it is a field of your own, declare it under fields: in campaigns.yaml."
            problems.append(Problem(str(path), 1, place, what, mend))
        elif shape.open_ended and not told:
            if not is_field_name(name) or name in extras:
                what = f"column {quoted(column)} cannot be the name of a field."
                mend = "Rename it with small letters, digits and _, or say what it is: --map FIELD=COLUMN."
                problems.append(Problem(str(path), 1, place, what, mend))
            extras[name] = column
    return fields, extras, problems


def plain_name(column: str) -> str:
    """A column's name as a field's: `E-Mail Address` → `e_mail_address`, `CustomerID` → `customer_id`."""
    parted = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", column)
    return re.sub(r"\W+", "_", without_accents(parted)).strip("_")


def _misspelt(name: str, shape: Shape) -> str | None:
    """The field that a name misses by about one letter; other names are other things."""
    if len(name) <= 3:
        return None
    near = [field for field in shape.fields if abs(len(field) - len(name)) <= 1]
    alike = {field: SequenceMatcher(None, name, field).ratio() for field in near}
    best = max(alike, key=lambda field: alike[field], default=None)
    return best if best and alike[best] >= 0.8 else None


def _unknown_field(option: str, field: str, shape: Shape) -> Problem:
    what, mend = unknown("field", field, shape.fields)
    if shape.open_ended:
        mend += " Declare a field of your own under fields: in campaigns.yaml."
    return Problem(option, what=what, mend=mend.strip())


def _missing(path: Path | Query, group: tuple[str, ...]) -> Problem:
    what = f"no column fills {either(group)}."
    return Problem(str(path), 1, what=what, mend=f"Say which one does: --map {group[0]}=COLUMN.")
