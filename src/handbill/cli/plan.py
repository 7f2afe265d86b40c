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
    from handbill.operations.dry_render import Progress


def register(app: typer.Typer) -> None:
    """Adds the command to the command line."""
    app.command("plan")(plan)


def plan(
    campaign: Annotated[str, typer.Argument(metavar="CAMPAIGN", help="Its name in campaigns.yaml.")],
    *,
    project: ProjectDir = Path(),
    now: Now = None,
    new_wave: Annotated[
        str | None, typer.Option("--new-wave", metavar="NAME", help="Plan an extra wave of this name.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Keep the plan for `handbill run --plan FILE`.")
    ] = None,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Print Markdown, for the comment of a pull request.")
    ] = False,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="End with exit code 1 when messages would be sent.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show who would get a campaign, when, what it costs and what it can show; nothing is sent.

    Example: handbill plan spring-sale --out spring.plan.json
    """
    from handbill.operations import plan as operation
    from handbill.operations.opening import opened

    with opened(project) as (loaded, settings, engine), _progress_bar() as progress:
        moment = clock_at(now)()
        found, rendered = operation.plan_and_render(
            engine, loaded, settings, campaign, now=moment, wave=new_wave, progress=progress
        )
    if out:
        operation.keep(found, out)
    if as_json:
        typer.echo(json.dumps(operation.as_json(found, rendered), indent=2, ensure_ascii=False))
    else:
        typer.echo(operation.as_markdown(found, rendered) if markdown else operation.as_text(found, rendered), nl=False)
    if exit_code and found.sends:
        raise typer.Exit(ExitCode.NOTHING_TO_DO)


@contextmanager
def _progress_bar() -> "Iterator[Progress | None]":
    """A bar with messages, rate and time left on a terminal; nothing elsewhere."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        yield None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"),
               TimeRemainingColumn())  # fmt: skip
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("Planning", total=None, rate="")

        def show(done: int, total: int) -> None:
            speed = bar.tasks[task].speed
            bar.update(task, description="Rendering", completed=done, total=total, rate=f"{speed or 0:,.0f}/s")

        yield show
