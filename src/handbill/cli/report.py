"""`handbill report`: did it work, how sure is that, what did it earn, what now."""

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from handbill.cli.options import AsJson, Now, ProjectDir, clock_at


def register(app: typer.Typer) -> None:
    """Adds the command to the command line."""
    app.command("report")(report)


def report(
    campaigns: Annotated[
        list[str] | None,
        typer.Argument(metavar="CAMPAIGN…", help="As campaigns.yaml calls it; several are put side by side."),
    ] = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="Put all campaigns that have been run side by side.")] = False,
    format_: Annotated[
        Literal["html", "json", "md"] | None,
        typer.Option("--format", help="A page, the numbers, or text.  [default: the file's ending, else md]"),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write it to this file instead of printing it.")
    ] = None,
    open_: Annotated[bool, typer.Option("--open", help="Write the page to .handbill/reports and open it.")] = False,
    as_json: AsJson = False,
    project: ProjectDir = Path(),
    now: Now = None,
) -> None:
    """Report what a campaign brought: in words first, then with every number and where it comes from.

    Example: handbill report spring-sale --out report.html
    """
    names = campaigns or []
    if bool(names) == every:
        what = "Name a campaign, or use --all." if not names else "Name campaigns or use --all, not both."
        raise typer.BadParameter(what, param_hint="CAMPAIGN")
    if open_ and len(names) != 1:
        raise typer.BadParameter("--open shows the page of one campaign.", param_hint="--open")
    from handbill.operations.report import compare_campaigns, report_project, write_report

    clock = clock_at(now)
    if open_:
        written = write_report(project, names[0], clock)
        typer.echo(written.path, err=True)
        typer.launch(written.path.as_uri())
        return
    chosen = "json" if as_json else format_ or _by_ending(out)
    if len(names) == 1:
        text = report_project(project, names[0], clock=clock, format=chosen)
    else:
        text = compare_campaigns(project, names, clock=clock, format=chosen)
    if out is None:
        _print(text, readable=chosen == "md")
    else:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text, encoding="utf-8")
        typer.echo(out, err=True)


def _print(text: str, *, readable: bool) -> None:
    """As it is for programs and files; at a terminal, Markdown is set as text."""
    if readable and sys.stdout.isatty():
        from rich.console import Console
        from rich.markdown import Markdown

        Console().print(Markdown(text))
    else:
        typer.echo(text, nl=False)


def _by_ending(out: Path | None) -> Literal["html", "json", "md"]:
    match out.suffix if out else "":
        case ".html" | ".htm":
            return "html"
        case ".json":
            return "json"
        case _:
            return "md"
