"""`handbill import`: contacts, orders, products, events, consents and suppressions from files and databases."""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from handbill.cli.options import AsJson, Now, ProjectDir, clock_at
from handbill.errors import ExitCode

if TYPE_CHECKING:
    from rich.progress import Progress

    from handbill.operations.imports import Infer, Query


def register(app: typer.Typer) -> None:
    """Adds the command to the command line."""
    app.command("import")(import_)


def import_(
    kind: Annotated[
        str, typer.Argument(metavar="KIND", help="contacts, orders, products, events, consents or suppressions.")
    ],
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="CSV, JSON Lines or Parquet; also packed: .gz, .zst.")
    ] = None,
    *,
    from_: Annotated[
        str | None,
        typer.Option("--from", metavar="URL", help="Ask this database instead; ${NAME} stands for a variable."),
    ] = None,
    query: Annotated[str | None, typer.Option("--query", metavar="SQL", help="What to ask it.")] = None,
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
    match: Annotated[
        list[str] | None,
        typer.Option(
            "--match", metavar="KEY", help="A new external id may be a known contact by email, phone or address."
        ),
    ] = None,
    infer: Annotated[
        bool | None,
        typer.Option(
            "--infer/--no-infer", help="Make fields of columns that are none; without it, a terminal is asked."
        ),
    ] = None,
    complete_until: Annotated[
        str | None,
        typer.Option(
            "--complete-until", metavar="TIME", help="Until when the file is complete (UTC), if not its last time."
        ),
    ] = None,
    now: Now = None,
    as_json: AsJson = False,
) -> None:
    """Load rows into the store; those that cannot be loaded are listed with their reasons, the rest is loaded.

    Example: handbill import orders shop.csv --map order_id=Invoice --map contact=Customer --map ordered_at=Date
    """
    from handbill.operations import imports as operation

    mapping, derived = _pairs("--map", map_ or ()), _pairs("--derive", derive or ())
    origin = _origin(file, from_, query)
    with _progress_bar(f"Reading {file.name if file else 'the answer'}") as bar:
        result = operation.import_into_project(
            project,
            kind,
            origin,
            clock=clock_at(now),
            mapping=mapping,
            derive=derived,
            source=source,
            match=match or (),
            complete_until=_moment("--complete-until", complete_until),
            infer=_infer(infer, bar),
            progress=bar.show if bar else None,
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


def _origin(file: Path | None, url: str | None, sql: str | None) -> "Path | Query":
    from handbill.operations.imports import Query

    if file is not None and url is None and sql is None:
        return file
    if file is None and url is not None and sql is not None:
        return Query(url, sql)
    if file is None and url is None and sql is None:
        raise typer.BadParameter("Name a file, or a database and a query: --from URL --query SQL.", param_hint="FILE")
    raise typer.BadParameter("Give a file, or both --from and --query, not one and a half.", param_hint="--from")


def _infer(wanted: bool | None, bar: "_Bar | None") -> "bool | Infer":
    """What to do with columns that are no field: as told, or as answered; nothing without a terminal to ask on."""
    if wanted is not None:
        return wanted
    return bar.ask if bar and sys.stdin.isatty() else False


class _Bar:
    """A bar with rows, rate and time left, which makes way for a question."""

    def __init__(self, bar: "Progress", title: str) -> None:
        self._bar = bar
        self._task = bar.add_task(title, total=1.0, rows=0, rate=0)

    def show(self, rows: int, share: float) -> None:
        """Moves on."""
        seconds = self._bar.tasks[self._task].elapsed or 0.001
        self._bar.update(self._task, completed=share, rows=rows, rate=int(rows / seconds))

    def ask(self, fields: Mapping[str, str]) -> bool:
        """Whether columns that are no field yet become fields."""
        self._bar.stop()
        named = ", ".join(f"{name} ({type_})" for name, type_ in fields.items())
        answer = typer.confirm(f"These columns are no fields yet: {named}. Add them to campaigns.yaml?", err=True)
        self._bar.start()
        return answer


@contextmanager
def _progress_bar(title: str) -> "Iterator[_Bar | None]":
    """A bar on a terminal; nothing elsewhere."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        yield None
        return
    rate = TextColumn("{task.fields[rows]:,} rows, {task.fields[rate]:,}/s")
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), rate, TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        yield _Bar(bar, title)
