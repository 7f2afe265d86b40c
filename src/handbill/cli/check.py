"""`handbill check`: everything that can be wrong in the files, all at once."""

import json
from dataclasses import asdict
from pathlib import Path

import typer

from handbill.cli.options import AsJson, ProjectDir


def register(app: typer.Typer) -> None:
    """Adds the command to the command line."""
    app.command("check")(check)


def check(project: ProjectDir = Path(), as_json: AsJson = False) -> None:
    """Check all files of the project, and say where and how to mend what is wrong.

    Example: handbill check --project shop
    """
    from handbill.errors import ProjectInvalid
    from handbill.operations.check import all_good, check_project, inventory

    try:
        checked = check_project(project)
    except ProjectInvalid as error:
        if as_json:
            typer.echo(
                json.dumps(
                    {"ok": False, "problems": [asdict(problem) for problem in error.problems]},
                    indent=2,
                    ensure_ascii=False,
                )
            )
        raise
    if as_json:
        typer.echo(json.dumps({"ok": True, **asdict(inventory(checked)), "problems": []}, indent=2, ensure_ascii=False))
    else:
        typer.echo(all_good(checked))
