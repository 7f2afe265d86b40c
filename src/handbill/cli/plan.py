"""`handbill plan`: what a campaign would do, before anything is sent or paid."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from handbill.cli.options import AsJson, Now, ProjectDir, clock_at
from handbill.errors import ExitCode

if TYPE_CHECKING:
    from datetime import datetime

    from handbill.operations.pages import Page
    from handbill.operations.plan import Progress

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

    moment = clock_at(now)()
    if campaign is None:
        _all_campaigns(project, moment, markdown=markdown, as_json=as_json)
        return
    with opened(project) as (loaded, settings, engine):
        with progress_bar() as progress:
            asked = operation.Asked(campaign, moment, new_wave, since, render=not no_render)
            found, rendered = operation.plan_and_render(engine, loaded, settings, asked, progress=progress)
        not_kept = operation.remember(engine, found)
    if out:
        operation.keep(found, out)
    if as_json:
        typer.echo(json.dumps(operation.as_json(found, rendered), indent=2, ensure_ascii=False))
    else:
        print_page(operation.page_of(found, rendered), markdown=markdown)
    if not_kept:
        typer.echo(not_kept, err=True)
    if exit_code and found.sends:
        raise typer.Exit(ExitCode.NOTHING_TO_DO)


def _all_campaigns(project_dir: Path, now: "datetime", *, markdown: bool, as_json: bool) -> None:
    """A row for each campaign."""
    from handbill.operations import overview
    from handbill.operations.opening import opened

    with opened(project_dir) as (project, _, engine), progress_bar() as progress:
        told = (lambda what: progress(what, None, None)) if progress else (lambda _: None)
        outlooks = overview.all_outlooks(engine, project, now=now, told=told)
    if as_json:
        typer.echo(json.dumps(overview.as_json(outlooks), indent=2, ensure_ascii=False))
    else:
        print_page(overview.page_of(outlooks, project, now=now), markdown=markdown)


def print_page(page: "Page", *, markdown: bool = False) -> None:
    """On a terminal in its width and in colours; as plain text elsewhere, or as Markdown."""
    from rich.console import Console
    from rich.text import Text

    from handbill.operations import pages

    console = Console(highlight=False)
    if markdown:
        typer.echo(pages.as_markdown(page), nl=False)
    elif console.is_terminal:
        for role, text in pages.lines_of(page, min(console.width, WIDEST)):
            console.print(Text(text, style=STYLES.get(role, "")), no_wrap=True, overflow="ignore", crop=False)
    else:
        typer.echo(pages.as_text(page), nl=False)


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
