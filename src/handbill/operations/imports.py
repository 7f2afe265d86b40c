"""What `handbill import` does: a file goes into the project's store, new contact fields into campaigns.yaml."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from handbill.clock import Clock
from handbill.contacts.imports import DEFAULT_SOURCE, KINDS, ImportResult, Infer, Progress, import_file
from handbill.contacts.rows.query import Query
from handbill.definitions.declare import declare_fields
from handbill.operations.audit import Action, Doer, note, operator
from handbill.operations.opening import opened
from handbill.store.connection import writing

__all__ = [
    "DEFAULT_SOURCE",
    "KINDS",
    "ImportResult",
    "Infer",
    "Progress",
    "Query",
    "as_json",
    "import_into_project",
    "note_import",
    "sentences",
]


def import_into_project(  # noqa: PLR0913 - what `import_file` takes, with the folder for the project
    project_dir: Path,
    kind: str,
    origin: Path | Query,
    *,
    clock: Clock,
    mapping: Mapping[str, str],
    derive: Mapping[str, str],
    source: str = DEFAULT_SOURCE,
    match: Sequence[str] = (),
    complete_until: datetime | None = None,
    infer: bool | Infer = True,
    progress: Progress | None = None,
) -> ImportResult:
    """Loads a file, or the answer of a query, into the project in `project_dir`, and declares new contact fields there.

    Raises:
        ImportRefused: see `handbill.contacts.imports.import_file`. Nothing was loaded.
        ProjectInvalid: the project has mistakes, or a new field cannot be written into it. Nothing was loaded.
    """
    with opened(project_dir) as (project, settings, engine):
        result = import_file(
            engine,
            project,
            settings,
            kind,
            origin,
            clock=clock,
            mapping=mapping,
            derive=derive,
            source=source,
            match=match,
            infer=infer,
            complete_until=complete_until,
            declare=lambda fields: declare_fields(project.root, fields),
            progress=progress,
        )
        note_import(engine, result, operator(), at=clock(), source=source)
        return result


def note_import(engine: Engine, result: ImportResult, doer: Doer, *, at: datetime, source: str) -> None:
    """Writes down who loaded how much of what."""
    counts = {"rows": result.rows, "loaded": result.loaded, "rejected": result.rejected}
    with writing(engine) as connection:
        note(connection, doer, Action.IMPORT, result.kind, at=at, source=source, **counts)


def sentences(result: ImportResult) -> Iterator[str]:
    """What an import did, in words."""
    yield f"Loaded {_counted(result.loaded, result.kind)}{_details(result.counts)}."
    if result.rejected:
        yield f"{_counted(result.rejected, 'rows')} rejected: see {_near(result.quarantine)}"
        for reason in result.reasons:
            column = f"{reason.column}: " if reason.column else ""
            yield f"  from row {reason.first_row}: {column}{reason.text} ({_counted(reason.rows, 'rows')})"
        others = result.rejected - sum(reason.rows for reason in result.reasons)
        if others > 0:
            yield f"  and {_counted(others, 'rows')} for other reasons"
    if result.remarks:
        verb = "is" if result.remarks == 1 else "are"
        also = "the same file" if result.rejected else _near(result.quarantine)
        yield f"{_counted(result.remarks, 'rows')} {verb} loaded with a remark: see {also}"
    if result.rejected_rows:
        yield f"Mend the rejected rows in {_near(result.rejected_rows)}, and import that file."
    if result.new_fields:
        fields = ", ".join(f"{name} ({type_})" for name, type_ in result.new_fields.items())
        yield f"New fields in campaigns.yaml: {fields}."
    if result.left_out:
        yield f"Columns left out: {', '.join(result.left_out)}."
    if result.could_be_fields:
        yield "To make fields of them, add --infer, or declare them under fields: in campaigns.yaml."


def as_json(result: ImportResult) -> dict[str, Any]:
    """The same for machines."""
    return {
        **asdict(result),
        "quarantine": str(result.quarantine) if result.quarantine else None,
        "rejected_rows": str(result.rejected_rows) if result.rejected_rows else None,
        "complete_until": result.complete_until.isoformat(),
        "counts": dict(result.counts),
        "new_fields": dict(result.new_fields),
    }


def _details(counts: Mapping[str, int]) -> str:
    if "mailable" in counts:
        merged = f", {counts['merged']:,} merged into known ones" if counts.get("merged") else ""
        return f" ({counts['mailable']:,} mailable{merged})"
    if "lines" in counts:
        refunds = f", {_counted(counts['refunds'], 'refunds')} among them" if counts["refunds"] else ""
        return f" with {_counted(counts['lines'], 'lines')}{refunds}"
    return f" ({counts['new']:,} new)" if "new" in counts else ""


def _counted(number: int, plural: str) -> str:
    return f"{number:,} {plural.removesuffix('s') if number == 1 else plural}"


def _near(path: Path | None) -> str:
    """The path as seen from where the command was given, when it is below."""
    if path is None:
        return ""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
