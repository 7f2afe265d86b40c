"""`handbill doctor`: what is missing before campaigns go out well."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from handbill.cli.options import AsJson, ProjectDir
from handbill.errors import ExitCode

MARKS = {
    "good": ("✓", typer.colors.GREEN),
    "advice": ("!", typer.colors.YELLOW),
    "wrong": ("✗", typer.colors.RED),
    "unknown": ("?", typer.colors.BRIGHT_BLACK),
}


def register(app: typer.Typer) -> None:
    """Adds the command to the command line."""
    app.command("doctor")(doctor)


def doctor(
    project: ProjectDir = Path(),
    name_server: Annotated[
        str | None,
        typer.Option("--dns", metavar="ADDRESS[:PORT]", help="Ask this name server, not this machine's own."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Examine this machine, the mail server, the sender's DNS and a message of each campaign; send nothing.

    Example: handbill doctor
    """
    from handbill.clock import real_clock
    from handbill.operations.doctor import examine

    found = []
    for each in examine(project, now=real_clock(), name_server=name_server):
        found.append(each)
        if not as_json:  # as it is found: some of it has to wait for others' servers
            _show(each.topic, each.mark, each.what, each.mend)
    if as_json:
        typer.echo(json.dumps([asdict(each) for each in found], indent=2, ensure_ascii=False))
    if any(each.mark == "wrong" for each in found):
        raise typer.Exit(ExitCode.MENDABLE)


def _show(topic: str, mark: str, what: str, mend: str) -> None:
    sign, colour = MARKS[mark]
    typer.echo(f"{typer.style(sign, fg=colour, bold=True)} {topic}: {what}")
    if mend:
        typer.echo(f"  {mend}")
