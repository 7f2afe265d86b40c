"""`handbill plan`: what a campaign would do, before anything is sent or paid."""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from handbill.cli.options import AsJson, Now, ProjectDir, clock_at
from handbill.errors import ExitCode

if TYPE_CHECKING:
    from handbill.operations.plan import Line, Progress

PATIENCE = 1.0
"""Seconds after which a bar is worth looking at."""
WIDEST = 120
STYLES = {
    "title": "bold", "summary": "bold green", "heading": "bold cyan", "columns": "dim", "total": "bold",
    "warning": "yellow", "faint": "dim",
}  # fmt: skip


def register(app: typer.Typer) -> None:
    """Adds the command to the command line."""
    app.command("plan")(plan)


def plan(
    campaign: Annotated[
        str | None, typer.Argument(metavar="[CAMPAIGN]", help="Its name in campaigns.yaml. Without it: all of them.")
    ] = None,
    *,
    project: ProjectDir = Path(),
    now: Now = None,
    new_wave: Annotated[
        str | None, typer.Option("--new-wave", metavar="NAME", help="Plan an extra wave of this name.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Keep the plan for `handbill run --plan FILE`.")
    ] = None,
    since: Annotated[
        Path | None, typer.Option("--since", metavar="FILE", help="Compare with the plan in this file.")
    ] = None,
    no_render: Annotated[
        bool, typer.Option("--no-render", help="Leave out rendering every message; quicker, and less is found.")
    ] = False,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Print Markdown, for the comment of a pull request.")
    ] = False,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="End with exit code 1 when messages would be sent.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show who would get a campaign, when, what it costs, what it can show, and what has moved; nothing is sent.

    Example: handbill plan spring-sale --out spring.plan.json
    """
    from handbill.operations import plan as operation
    from handbill.operations.opening import opened

    with opened(project) as (loaded, settings, engine):
        with progress_bar() as progress:
            moment = clock_at(now)()
            if campaign is None:
                return
            asked = operation.Asked(campaign, moment, new_wave, since, render=not no_render)
            found, rendered = operation.plan_and_render(engine, loaded, settings, asked, progress=progress)
        not_kept = operation.remember(engine, found)
    if out:
        operation.keep(found, out)
    if as_json:
        typer.echo(json.dumps(operation.as_json(found, rendered), indent=2, ensure_ascii=False))
    elif markdown:
        typer.echo(operation.as_markdown(found, rendered), nl=False)
    elif width := terminal_width():
        print_lines(operation.as_lines(found, rendered, width))
    else:
        typer.echo(operation.as_text(found, rendered), nl=False)
    if not_kept:
        typer.echo(not_kept, err=True)
    if exit_code and found.sends:
        raise typer.Exit(ExitCode.NOTHING_TO_DO)


def terminal_width() -> int | None:
    """How wide a line may be on the terminal; None when nobody looks at one."""
    from rich.console import Console

    console = Console()
    return min(console.width, WIDEST) if console.is_terminal else None


def print_lines(lines: "Iterable[Line]") -> None:
    """Lines in the colours of what they are."""
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False)
    for role, text in lines:
        console.print(Text(text, style=STYLES.get(role, "")), no_wrap=True, overflow="ignore", crop=False)


@contextmanager
def progress_bar() -> "Iterator[Progress | None]":
    """On a terminal, after a second, a bar with what is being done, and with rate and time left where it is counted."""
    from threading import Timer

    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        yield None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[counted]}"),
               TimeElapsedColumn(), TimeRemainingColumn())  # fmt: skip
    bar = Progress(*columns, console=console, transient=True)
    task = bar.add_task("open the project", total=None, counted="")

    def show(what: str, done: int | None, total: int | None) -> None:
        speed = bar.tasks[task].speed if done else None
        counted = f"{done:,} of {total:,}{f', {speed:,.0f}/s' if speed else ''}" if done and total else ""
        if bar.tasks[task].description != what:
            bar.reset(task, description=what, total=total, counted=counted)
        bar.update(task, completed=done or 0, total=total, counted=counted)

    patience = Timer(PATIENCE, bar.start)
    patience.start()
    try:
        yield show
    finally:
        patience.cancel()
        patience.join()
        bar.stop()
