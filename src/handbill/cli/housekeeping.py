"""`handbill housekeeping`: what is otherwise tidied up every few minutes, done now."""

import json
from pathlib import Path

import typer

from handbill.cli.options import AsJson, Now, ProjectDir, clock_at
from handbill.cli.waiting import waiting


def register(app: typer.Typer) -> None:
    """Adds the command to the command line."""
    app.command("housekeeping")(housekeeping)


def housekeeping(project: ProjectDir = Path(), now: Now = None, as_json: AsJson = False) -> None:
    """Tidy up now: take messages back from dead processes, and forget what `retention:` says to forget.

    Example: handbill housekeeping
    """
    from handbill.operations.housekeeping import keep_house, sentences
    from handbill.operations.opening import opened

    with opened(project) as (loaded, settings, engine), waiting("Tidying up"):
        counted = keep_house(engine, loaded, settings, clock=clock_at(now))
    if as_json:
        typer.echo(json.dumps(dict(counted), indent=2))
        return
    for sentence in sentences(counted):
        typer.echo(sentence)
