"""`handbill init`: a new project that works from its first minute."""

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Adds the command to the command line."""
    app.command("init")(init)


def init(directory: Annotated[Path, typer.Argument(metavar="DIR", help="The new folder.")]) -> None:
    """Make a new project: worked campaigns, segments, templates, flows and tests.

    Example: handbill init shop
    """
    from handbill.operations.starter import lay_down

    for part in lay_down(directory):
        typer.echo(f"  {directory / part}", err=True)
    typer.echo(f"Next: cd {directory} && handbill check", err=True)
