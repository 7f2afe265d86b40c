"""How a file of contacts, orders, products, events, consents or suppressions gets into the store.

Rows are read in batches, converted and staged without locking anybody out; then one short transaction merges them.
Killed or refused before its end, an import leaves nothing behind; repeated, it changes nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from types import MappingProxyType

from sqlalchemy import Connection, Engine

from handbill.clock import Clock
from handbill.contacts.merging.consents import CONSENTS
from handbill.contacts.merging.contacts import CONTACTS
from handbill.contacts.merging.events import EVENTS
from handbill.contacts.merging.first_load import first_load
from handbill.contacts.merging.kinds import KEYS, Import, Kind, Merged
from handbill.contacts.merging.orders import ORDERS
from handbill.contacts.merging.products import PRODUCTS
from handbill.contacts.merging.staging import fill, merging, staging
from handbill.contacts.merging.suppressions import SUPPRESSIONS
from handbill.contacts.rows.batches import Source, collapsed
from handbill.contacts.rows.converted import convert
from handbill.contacts.rows.files import opened_source
from handbill.contacts.rows.inference import Inference
from handbill.contacts.rows.layout import FieldSpec, Layout, lay_out
from handbill.contacts.rows.quarantine import Quarantine, Reason
from handbill.contacts.rows.quarantine_file import QuarantineFile
from handbill.contacts.rows.query import Query
from handbill.contacts.watermarks import move_watermark
from handbill.definitions.fields import FieldType
from handbill.definitions.project import Project
from handbill.definitions.values import zone
from handbill.definitions.words import unknown
from handbill.errors import ImportRefused, Problem
from handbill.settings import Settings

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

Infer = Callable[[Mapping[str, FieldType]], bool]
"""Asked once whether the columns that are no field yet, with their types, become fields."""

_NOTHING: Mapping[str, str] = MappingProxyType({})
_REPEATING = 0.9
_PROPERTY_TYPES = {"integer", "number", "boolean"}


@dataclass(frozen=True)
class ImportResult:
    """What an import did. `rows`, `rejected` and `remarks` count rows of the file, `loaded` contacts, orders, products…

    `counts` are further numbers by name: `mailable` contacts, order `lines` and `refunds`, `new` events.
    `quarantine` is the file with the rejects and remarks, `rejected_rows` the one with the rejected rows as they came;
    each is absent when there are none. `reasons` are the first few different reasons of rejects.
    `left_out` are the columns that fill nothing, and `could_be_fields` tells that nobody wanted them as fields.
    """

    kind: str
    rows: int
    loaded: int
    rejected: int
    remarks: int
    quarantine: Path | None
    rejected_rows: Path | None
    complete_until: datetime
    counts: Mapping[str, int] = field(default_factory=dict)
    new_fields: Mapping[str, FieldType] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()
    could_be_fields: bool = False
    reasons: tuple[Reason, ...] = ()


def import_file(  # noqa: PLR0913 - what to read, into what, as what; the rest has defaults
    engine: Engine,
    project: Project,
    settings: Settings,
    kind: str,
    origin: Path | Query,
    *,
    clock: Clock,
    mapping: Mapping[str, str] = _NOTHING,
    derive: Mapping[str, str] = _NOTHING,
    source: str = DEFAULT_SOURCE,
    match: Sequence[str] = (),
    complete_until: datetime | None = None,
    infer: bool | Infer = True,
    declare: Declare | None = None,
    progress: Progress | None = None,
) -> ImportResult:
    """Loads a file of one of `KINDS`, or the answer of a query; rows that cannot be loaded go to a quarantine file.

    `mapping` is field to column, `derive` is field to a Jinja template over the row's columns. `source` names the
    system that the rows come from, `complete_until` until when it is complete (default: its newest time). `match` are
    the `KEYS` by which a contact with a new external id may be one that is known. `infer` tells whether columns that
    are no field of a contact become fields.

    Raises:
        ImportRefused: the kind, a field or a column is not known, or the file cannot be read. Nothing is loaded then.
    """
    _require_known(kind, match)
    now = clock()
    rejects = settings.work_dir / REJECTS_DIR
    with opened_source(origin, settings.work_dir) as file:
        report = _Reporter(progress)
        found = lay_out(origin, file.columns, KINDS[kind].shape(project), mapping, derive)
        found = replace(found, decimal_comma=file.decimal_comma)
        types = {} if kind == "contacts" and infer is False else _inferred(file, found, report)
        unwanted = kind == "contacts" and bool(found.extras) and not _wanted(infer, types)
        types = {} if unwanted else types
        layout = _keeping(found, types)
        new_fields = types if kind == "contacts" else {}
        specs = _specs(kind, layout, types)
        run = Import(project, settings.secret, now, source, tuple(match), layout, specs)
        with QuarantineFile(rejects, origin, kind, now) as quarantine, staging(engine) as connection:
            rows = _stage(connection, KINDS[kind], file, run, quarantine, report)
            with merging(connection), first_load(connection, KINDS[kind].fills, rows):
                merged = KINDS[kind].merge(connection, run, quarantine)
                complete = complete_until or _newest(merged, now)
                move_watermark(connection, kind, source, complete, now)
                if declare and new_fields and merged.loaded:
                    declare(new_fields)
            quarantine.keep_rows(file)
    return ImportResult(
        kind=kind,
        rows=rows,
        loaded=merged.loaded,
        rejected=quarantine.rejected,
        remarks=quarantine.remarks,
        quarantine=quarantine.path,
        rejected_rows=quarantine.rows_path,
        complete_until=complete,
        counts=merged.counts,
        new_fields=new_fields if merged.loaded else {},
        left_out=layout.left_out,
        could_be_fields=unwanted,
        reasons=quarantine.reasons,
    )


class _Reporter:
    """Tells how far reading has come; a file is read twice when its columns must be learnt first."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self._begun = 0.0
        self._left = 1.0
        self.rows = 0

    def begin(self, share: float) -> None:
        """A pass over the file begins that is this share of all that is still to do."""
        self._begun = 1 - self._left
        self._left *= 1 - share
        self.rows = 0

    def read(self, rows: int, share: float) -> None:
        self.rows += rows
        if self._progress:
            self._progress(self.rows, self._begun + share * (1 - self._left - self._begun))


def _require_known(kind: str, match: Sequence[str]) -> None:
    if kind not in KINDS:
        what, mend = unknown("kind of import", kind, KINDS)
        raise ImportRefused(Problem(what=what, mend=mend))
    for key in match:
        if key not in KEYS:
            what, mend = unknown("key", key, KEYS)
            raise ImportRefused(Problem("--match", what=what, mend=mend))
    if match and kind != "contacts":
        raise ImportRefused(Problem("--match", what=f"{kind} are no contacts.", mend="Leave it out."))


def _wanted(infer: bool | Infer, types: Mapping[str, FieldType]) -> bool:
    return infer if isinstance(infer, bool) else not types or infer(types)


def _inferred(file: Source, layout: Layout, report: _Reporter) -> dict[str, FieldType]:
    """The types of the columns that are no field yet; the whole file is read for them."""
    if not layout.extras:
        return {}
    report.begin(share=0.5)
    inference = Inference(layout.extras, decimal_comma=layout.decimal_comma)
    for batch in file.batches(tuple(layout.extras.values()), lambda *_: None):
        inference.see(batch)
        report.read(len(batch), batch.share)
    return inference.types()


def _keeping(layout: Layout, types: Mapping[str, FieldType]) -> Layout:
    """Only the further columns with a type: those without a value in any row are not worth a field."""
    extras = {name: column for name, column in layout.extras.items() if name in types}
    others = tuple(column for name, column in layout.extras.items() if name not in types)
    return replace(layout, extras=extras, left_out=(*layout.left_out, *others))


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
    report.begin(share=1.0)
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
