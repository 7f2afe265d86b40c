"""`handbill import`: contacts, orders, products, events, consents and suppressions from files."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from handbill.cli.options import AsJson, Now, ProjectDir, clock_at
from handbill.errors import ExitCode

if TYPE_CHECKING:
    from handbill.operations.imports import Progress


def register(app: typer.Typer) -> None:
    """Adds the command to the command line."""
    app.command("import")(import_)


def import_(
    kind: Annotated[
        str, typer.Argument(metavar="KIND", help="contacts, orders, products, events, consents or suppressions.")
    ],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV, JSON Lines or Parquet.")],
    *,
    project: ProjectDir = Path(),
    map_: Annotated[
        list[str] | None, typer.Option("--map", metavar="FIELD=COLUMN", help="Which column fills a field.")
    ] = None,
    derive: Annotated[
        list[str] | None,
        typer.Option("--derive", metavar="FIELD=JINJA", help="Make a field of the row's columns, by Jinja."),
    ] = None,
    source: Annotated[
        str, typer.Option("--source", metavar="NAME", help="The system that the file comes from.")
    ] = "import",
    complete_until: Annotated[
        str | None,
        typer.Option(
            "--complete-until", metavar="TIME", help="Until when the file is complete (UTC).  [default: its last time]"
        ),
    ] = None,
    now: Now = None,
    as_json: AsJson = False,
) -> None:
    """Load a file into the store; rows that cannot be loaded are listed with their reasons, the rest is loaded.

    Example: handbill import orders shop.csv --map order_id=Invoice --map contact=Customer --map ordered_at=Date
    """
    from handbill.operations import imports as operation

    mapping, derived = _pairs("--map", map_ or ()), _pairs("--derive", derive or ())
    with _progress_bar(f"Reading {file.name}") as progress:
        result = operation.import_into_project(
            project,
            kind,
            file,
            clock=clock_at(now),
            mapping=mapping,
            derive=derived,
            source=source,
            complete_until=_moment("--complete-until", complete_until),
            progress=progress,
        )
    nothing_loaded = bool(result.rejected and not result.loaded)
    if as_json:
        typer.echo(json.dumps(operation.as_json(result), indent=2, ensure_ascii=False))
    else:
        for sentence in operation.sentences(result):
            typer.echo(sentence, err=nothing_loaded)
    if nothing_loaded:
        raise typer.Exit(ExitCode.MENDABLE)


def _pairs(option: str, texts: Sequence[str]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not (name.strip() and equals and value):
            form = "FIELD=COLUMN" if option == "--map" else "FIELD=JINJA"
            raise typer.BadParameter(f'"{text}" has no field or no value. Write it like {form}.', param_hint=option)
        if name.strip() in pairs:
            raise typer.BadParameter(f"{name.strip()} is given twice. Remove one.", param_hint=option)
        pairs[name.strip()] = value
    return pairs


def _moment(option: str, text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        message = f'"{text}" is not a time. Write it like 2026-12-01T09:00.'
        raise typer.BadParameter(message, param_hint=option) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


@contextmanager
def _progress_bar(title: str) -> "Iterator[Progress | None]":
    """A bar with rows, rate and time left on a terminal; nothing elsewhere."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        yield None
        return
    rate = TextColumn("{task.fields[rows]:,} rows, {task.fields[rate]:,}/s")
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), rate, TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(title, total=1.0, rows=0, rate=0)

        def show(rows: int, share: float) -> None:
            seconds = bar.tasks[task].elapsed or 0.001
            bar.update(task, completed=share, rows=rows, rate=int(rows / seconds))

        yield show
