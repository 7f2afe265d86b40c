"""How rows that another system sends come into the store: by the same rules as a file's, each with its own answer.

A row holds exactly the fields of its kind: nothing is guessed from names, and what a row leaves out stays as it is.
"""

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from handbill.contacts.imports import KINDS
from handbill.contacts.merging.kinds import Import, Kind, Merged
from handbill.contacts.merging.staging import SQLITE, fill, merging, staging
from handbill.contacts.rows.batches import Batch
from handbill.contacts.rows.converted import convert
from handbill.contacts.rows.layout import Layout
from handbill.contacts.rows.quarantine import REJECTED, Note, Quarantine
from handbill.contacts.watermarks import move_watermark
from handbill.definitions.project import Project
from handbill.definitions.values import zone
from handbill.definitions.words import either, unknown
from handbill.settings import Settings
from handbill.store.connection import writing

LINES = "lines"
"""Under this name an order holds its lines, with the fields of `LINE_FIELDS`."""
LINE_FIELDS: Mapping[str, str] = {"sku": "sku", "quantity": "quantity", "price": "price", "cost": "line_cost"}
"""What a line's field is called in a file, where order and lines share a row."""
MOST_LINES = 1_000
"""Of one order."""
MOST_TRIES = 4
DEADLOCK = "40P01"  # PostgreSQL's SQLSTATE
CLEARS = frozenset({"contacts"})
"""Kinds in which null empties a field; elsewhere null says nothing."""

_LONGEST_NAME = 60


@dataclass(frozen=True)
class Finding:
    """What is wrong with one row. `row` counts from 0; `field` is empty where the row as a whole is meant."""

    row: int
    field: str
    reason: str


@dataclass(frozen=True)
class Posted:
    """What came of a batch: how many rows were accepted, and how many of those the store had not known (events)."""

    received: int
    accepted: int
    new: int | None
    rejected: tuple[Finding, ...]
    remarks: tuple[Finding, ...]


@dataclass(frozen=True)
class _Line:
    """A row as a file would have it: `row` of the batch that it comes from, `prefix` of its line."""

    row: int
    prefix: str
    values: Mapping[str, Any]


@dataclass
class _Answer:
    rejected: dict[int, Finding] = field(default_factory=dict)
    remarks: list[Finding] = field(default_factory=list)
    new: int = 0

    def reject(self, row: int, name: str, reason: str) -> None:
        """Keeps the first reason for a row."""
        self.rejected.setdefault(row, Finding(row, name, reason))


def load_rows(  # noqa: PLR0913 - what to load into what, as whose; the rest has defaults
    engine: Engine,
    project: Project,
    settings: Settings,
    kind: str,
    rows: Sequence[Any],
    *,
    now: datetime,
    source: str,
    complete_until: datetime | None = None,
) -> Posted:
    """Loads rows of one of `KINDS`; those that cannot be loaded are answered with their reasons, the rest is loaded.

    The same rows again change nothing. `complete_until` moves the source's watermark; without it the watermark stays,
    because one batch says nothing about what is still on its way.
    """
    answer = _Answer()
    for group in _alike(_lines(project, kind, rows, answer)):
        _load(engine, project, settings, kind, group, answer, now=now, source=source)
    if complete_until is not None:
        with writing(engine) as connection:
            move_watermark(connection, kind, source, complete_until, now)
    rejected = tuple(answer.rejected[row] for row in sorted(answer.rejected))
    return Posted(
        received=len(rows),
        accepted=len(rows) - len(rejected),
        new=answer.new if kind == "events" else None,
        rejected=rejected,
        remarks=tuple(sorted(answer.remarks, key=lambda remark: remark.row)),
    )


def _lines(project: Project, kind: str, rows: Sequence[Any], answer: _Answer) -> Iterator[_Line]:
    """The rows as a file would have them; those of the wrong shape are rejected."""
    fields = KINDS[kind].shape(project).fields
    known = [name for name in fields if kind != "orders" or name not in LINE_FIELDS.values()]
    orders: set[Any] = set()
    for number, row in enumerate(rows):
        if not isinstance(row, dict):
            answer.reject(number, "", "a row is an object with named fields.")
            continue
        values = {name: _present(value) for name, value in row.items()}
        lines = values.pop(LINES, None) if kind == "orders" else None
        if (strange := next((name for name in values if name not in known), None)) is not None:
            answer.reject(number, *_unknown(strange, known))
            continue
        if kind == "orders" and (order_id := str(values.get("order_id"))) in orders:
            answer.reject(number, "order_id", "the order is twice in this batch. Send it once.")
            continue
        elif kind == "orders":
            orders.add(order_id)
        if kind not in CLEARS:
            values = {name: value for name, value in values.items() if value is not None}
        yield from _with_lines(number, values, lines, answer) if lines else [_Line(number, "", values)]


def _with_lines(number: int, values: Mapping[str, Any], lines: Any, answer: _Answer) -> Iterator[_Line]:
    """One row a line of an order."""
    if not isinstance(lines, list) or len(lines) > MOST_LINES:
        answer.reject(number, LINES, f"this is no list of at most {MOST_LINES:,} lines.")
        return
    made = []
    for place, line in enumerate(lines):
        prefix = f"{LINES}[{place}]"
        if not isinstance(line, dict):
            answer.reject(number, prefix, "a line is an object with named fields.")
            return
        if (strange := next((name for name in line if name not in LINE_FIELDS), None)) is not None:
            name, reason = _unknown(strange, LINE_FIELDS)
            answer.reject(number, f"{prefix}.{name}", reason)
            return
        made.append(_Line(number, prefix, {LINE_FIELDS[name]: _present(value) for name, value in line.items()}))
    # All lines of an order have the same fields, so that they stay together.
    names = {name for line in made for name, value in line.values.items() if value is not None}
    for line in made:
        yield replace(line, values={**values, **{name: line.values.get(name) for name in names}})


def _unknown(name: str, known: Iterable[str]) -> tuple[str, str]:
    """The field and the reason; a name may be as long as the whole request."""
    short = name[:_LONGEST_NAME]
    return short, " ".join(unknown("field", short, known)).strip()


def _alike(lines: Iterator[_Line]) -> list[list[_Line]]:
    """Rows that fill the same fields, together, in the order in which they came."""
    groups: dict[frozenset[str], list[_Line]] = {}
    for line in lines:
        groups.setdefault(frozenset(line.values), []).append(line)
    return list(groups.values())


def _load(  # noqa: PLR0913 - see `load_rows`
    engine: Engine,
    project: Project,
    settings: Settings,
    kind: str,
    lines: Sequence[_Line],
    answer: _Answer,
    *,
    now: datetime,
    source: str,
) -> None:
    """Loads rows that fill the same fields, in one transaction."""
    shape = KINDS[kind].shape(project)
    names = tuple(lines[0].values)
    missing = next((group for group in shape.needs if not set(group) & set(names)), None)
    if missing:
        for line in lines:
            answer.reject(line.row, "" if len(missing) > 1 else missing[0], f"{either(missing)} is missing.")
        return
    layout = Layout(shape, {name: name for name in names}, {}, {}, ())
    run = Import(project, settings.secret, now, source, (), layout, shape.fields)
    columns = {name: [line.values[name] for line in lines] for name in names}
    batch = Batch([(place,) for place in range(len(lines))], columns)
    merged, notes = _merged(engine, KINDS[kind], batch, run)
    answer.new += merged.counts.get("new", 0)
    for note in notes:
        _note(lines[note.row], note, answer)


def _merged(engine: Engine, loader: Kind, batch: Batch, run: Import) -> tuple[Merged, list[Note]]:
    """Merges a batch; again, where PostgreSQL ended it in favour of another that changes the same contacts."""
    for tries_left in reversed(range(MOST_TRIES)):
        quarantine = Quarantine()
        converted = convert(batch, run.layout, run.specs, zone(run.project.timezone), quarantine)
        try:
            with staging(engine) as connection:
                loader.table.create(connection)
                fill(connection, loader.table, loader.stage(run, converted, quarantine))
                with _turn(engine), merging(connection):
                    merged = loader.merge(connection, run, quarantine)
        except OperationalError as error:
            if not tries_left or getattr(error.orig, "sqlstate", None) != DEADLOCK:
                raise
        else:
            break
    return merged, quarantine.notes


def _turn(engine: Engine) -> AbstractContextManager[object]:
    """SQLite has one writer, for whom the others look again and again after ever longer rests; here they queue up."""
    return _ONE_WRITER if engine.dialect.name == SQLITE else nullcontext()


_ONE_WRITER = threading.Lock()


def _note(line: _Line, note: Note, answer: _Answer) -> None:
    theirs = {theirs: ours for ours, theirs in LINE_FIELDS.items()}
    in_line = bool(line.prefix) and note.column in theirs
    name = f"{line.prefix}.{theirs[note.column]}" if in_line else note.column
    if note.outcome == REJECTED:
        answer.reject(line.row, name, note.reason)
    else:
        answer.remarks.append(Finding(line.row, name, note.reason))


def _present(value: Any) -> Any:
    return (value.strip() or None) if isinstance(value, str) else value
