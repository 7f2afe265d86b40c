"""How a file of contacts, orders, products, events, consents or suppressions gets into the store.

Rows are read in batches, converted and staged without locking anybody out; then one short transaction merges them.
Killed or refused before its end, an import leaves nothing behind; repeated, it changes nothing.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import MappingProxyType

from sqlalchemy import Connection, Engine, case

from handbill.clock import Clock
from handbill.contacts.merging.consents import CONSENTS
from handbill.contacts.merging.contacts import CONTACTS
from handbill.contacts.merging.events import EVENTS
from handbill.contacts.merging.kinds import Import, Kind, Merged
from handbill.contacts.merging.orders import ORDERS
from handbill.contacts.merging.products import PRODUCTS
from handbill.contacts.merging.staging import fill, merging, staging
from handbill.contacts.merging.suppressions import SUPPRESSIONS
from handbill.contacts.rows.batches import Source, collapsed
from handbill.contacts.rows.converted import convert
from handbill.contacts.rows.files import open_source
from handbill.contacts.rows.inference import Inference
from handbill.contacts.rows.layout import FieldSpec, Layout, lay_out
from handbill.contacts.rows.quarantine import Quarantine, Reason
from handbill.definitions.fields import FieldType
from handbill.definitions.project import Project
from handbill.definitions.values import zone
from handbill.definitions.words import unknown
from handbill.errors import ImportRefused, Problem
from handbill.settings import Settings
from handbill.store.inserts import insert_into
from handbill.store.tables import source_watermark

KINDS: Mapping[str, Kind] = {
    "contacts": CONTACTS,
    "orders": ORDERS,
    "products": PRODUCTS,
    "events": EVENTS,
    "consents": CONSENTS,
    "suppressions": SUPPRESSIONS,
}
DEFAULT_SOURCE = "import"
REJECTS_DIR = "rejects"

Progress = Callable[[int, float], None]
"""`progress(rows read so far, share of the work of reading that is done)`."""
Declare = Callable[[Mapping[str, FieldType]], object]
"""Writes new contact fields into the project; what it raises undoes the import."""

_NOTHING: Mapping[str, str] = MappingProxyType({})
_REPEATING = 0.9
_PROPERTY_TYPES = {"integer", "number", "boolean"}


@dataclass(frozen=True)
class ImportResult:
    """What an import did. `rows`, `rejected` and `remarks` count rows of the file, `loaded` contacts, orders, products…

    `counts` are further numbers by name: `mailable` contacts, order `lines` and `refunds`, `new` events.
    `quarantine` is the file with the rejects and warnings, absent when there are none; `reasons` are the first few
    different reasons of rejects.
    """

    kind: str
    rows: int
    loaded: int
    rejected: int
    remarks: int
    quarantine: Path | None
    complete_until: datetime
    counts: Mapping[str, int] = field(default_factory=dict)
    new_fields: Mapping[str, FieldType] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()
    reasons: tuple[Reason, ...] = ()


def import_file(  # noqa: PLR0913 - what to read, into what, as what; the rest has defaults
    engine: Engine,
    project: Project,
    settings: Settings,
    kind: str,
    path: Path,
    *,
    clock: Clock,
    mapping: Mapping[str, str] = _NOTHING,
    derive: Mapping[str, str] = _NOTHING,
    source: str = DEFAULT_SOURCE,
    complete_until: datetime | None = None,
    declare: Declare | None = None,
    progress: Progress | None = None,
) -> ImportResult:
    """Loads a file of one of `KINDS`; rows that cannot be loaded go to a quarantine file, the others are loaded.

    `mapping` is field to column, `derive` is field to a Jinja template over the row's columns. `source` names the
    system that the file comes from, `complete_until` until when it is complete (default: its newest time).

    Raises:
        ImportRefused: the kind, a field or a column is not known, or the file cannot be read. Nothing is loaded then.
    """
    if kind not in KINDS:
        what, mend = unknown("kind of import", kind, KINDS)
        raise ImportRefused(Problem(what=what, mend=mend))
    file, now = open_source(path), clock()
    layout = lay_out(path, file.columns, KINDS[kind].shape(project), mapping, derive)
    report = _Reporter(progress, passes=2 if layout.extras else 1)
    types = _inferred(file, layout, report)
    layout = _without_empty(layout, types)
    new_fields = types if kind == "contacts" else {}
    run = Import(path, project, settings.secret, now, source, layout, _specs(kind, layout, types), new_fields)
    with Quarantine(settings.work_dir / REJECTS_DIR, path, kind, now) as quarantine, staging(engine) as connection:
        rows = _stage(connection, KINDS[kind], file, run, quarantine, report)
        with merging(connection):
            merged = KINDS[kind].merge(connection, run, quarantine)
            complete = complete_until or _newest(merged, now)
            _move_watermark(connection, run, kind, complete)
            if declare and new_fields and merged.loaded:
                declare(new_fields)
    return ImportResult(
        kind=kind,
        rows=rows,
        loaded=merged.loaded,
        rejected=quarantine.rejected,
        remarks=quarantine.remarks,
        quarantine=quarantine.path,
        complete_until=complete,
        counts=merged.counts,
        new_fields=new_fields if merged.loaded else {},
        left_out=layout.left_out,
        reasons=quarantine.reasons,
    )


class _Reporter:
    """Tells how far reading has come; a file is read twice when its columns must be learnt first."""

    def __init__(self, progress: Progress | None, passes: int) -> None:
        self._progress = progress
        self._passes = passes
        self._pass = -1
        self.rows = 0

    def begin(self) -> None:
        self._pass += 1
        self.rows = 0

    def read(self, rows: int, share: float) -> None:
        self.rows += rows
        if self._progress:
            self._progress(self.rows, (self._pass + share) / self._passes)


def _inferred(file: Source, layout: Layout, report: _Reporter) -> dict[str, FieldType]:
    """The types of the columns that are no field yet; the whole file is read for them."""
    if not layout.extras:
        return {}
    report.begin()
    inference = Inference(layout.extras)
    for batch in file.batches(tuple(layout.extras.values()), lambda *_: None):
        inference.see(batch)
        report.read(len(batch), batch.share)
    return inference.types()


def _without_empty(layout: Layout, types: Mapping[str, FieldType]) -> Layout:
    """Columns that have a name and no value in any row are not worth a field."""
    extras = {name: column for name, column in layout.extras.items() if name in types}
    empty = tuple(column for name, column in layout.extras.items() if name not in types)
    return Layout(layout.shape, layout.columns, layout.derived, extras, (*layout.left_out, *empty))


def _specs(kind: str, layout: Layout, types: Mapping[str, FieldType]) -> dict[str, FieldSpec]:
    if kind == "contacts":
        return {**layout.shape.fields, **{name: FieldSpec(type_) for name, type_ in types.items()}}
    properties = {name: FieldSpec(type_ if type_ in _PROPERTY_TYPES else "json") for name, type_ in types.items()}
    return {**layout.shape.fields, **properties}


def _stage(
    connection: Connection, kind: Kind, file: Source, run: Import, quarantine: Quarantine, report: _Reporter
) -> int:
    """Fills the kind's staging table; answers how many rows the file has."""
    kind.table.create(connection)
    here = zone(run.project.timezone)
    report.begin()
    repeats = kind.collapses
    for batch in file.batches(run.layout.read, quarantine.reject):
        read = len(batch)
        smaller = collapsed(batch) if repeats else batch
        # A file whose first thousands of rows are all different is not looked at again for equal ones.
        repeats = repeats and len(smaller) < read * _REPEATING
        converted = convert(smaller, run.layout, run.specs, here, quarantine)
        fill(connection, kind.table, kind.stage(run, converted, quarantine))
        report.read(read, batch.share)
    return report.rows


def _newest(merged: Merged, now: datetime) -> datetime:
    """A file is complete up to its newest row; times in the future are somebody's wrong clock."""
    return min(merged.latest, now) if merged.latest else now


def _move_watermark(connection: Connection, run: Import, kind: str, complete_until: datetime) -> None:
    """Notes until when the source is complete; an older file does not turn it back."""
    values = {"kind": kind, "source": run.source, "complete_until": complete_until, "imported_at": run.now}
    statement = insert_into(connection, source_watermark).values(values)
    new, old = statement.excluded.complete_until, source_watermark.c.complete_until
    latest = case((new > old, new), else_=old)
    changes = {"complete_until": latest, "imported_at": statement.excluded.imported_at}
    connection.execute(statement.on_conflict_do_update(index_elements=["kind", "source"], set_=changes))
