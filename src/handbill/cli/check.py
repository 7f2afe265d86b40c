"""`handbill check`: everything that can be wrong in the files, all at once."""

import json
from dataclasses import asdict, replace
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
    from handbill.operations.check import all_good, inventory, look_over
    from handbill.rehearsal.files import campaign_tests

    looked = look_over(project)
    if looked.project is not None and not looked.problems and campaign_tests(project):
        from handbill.rehearsal.reading import mistakes_of_tests

        looked = replace(looked, problems=tuple(mistakes_of_tests(looked.project)))
    is_right = looked.project is not None and not looked.problems
    if as_json:
        counts = asdict(inventory(looked.project)) if is_right and looked.project else {}
        found = {name: [asdict(each) for each in getattr(looked, name)] for name in ("problems", "warnings")}
        typer.echo(json.dumps({"ok": is_right, **counts, **found}, indent=2, ensure_ascii=False))
    else:
        for each in looked.warnings:
            typer.echo(f"warning: {each}", err=True)
    if not is_right or looked.project is None:
        raise ProjectInvalid(*looked.problems)
    if not as_json:
        typer.echo(all_good(looked.project))
