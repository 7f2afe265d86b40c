"""`handbill calendar`: what goes out in the coming days."""

import json
from pathlib import Path
from typing import Annotated

import typer

from handbill.cli.options import AsJson, Now, ProjectDir, clock_at
from handbill.cli.plan import print_page

Days = Annotated[int, typer.Option("--days", min=1, max=366, help="How many days to look ahead.")]


def register(app: typer.Typer) -> None:
    """Adds the command to the command line."""
    app.command("calendar")(calendar)


def calendar(project: ProjectDir = Path(), days: Days = 30, now: Now = None, as_json: AsJson = False) -> None:
    """Show what goes out in the next 30 days, and what is due or under way.

    Example: handbill calendar --days 7
    """
    from handbill.operations import calendar as operation
    from handbill.operations.opening import opened

    moment = clock_at(now)()
    with opened(project) as (loaded, _, engine):
        entries = operation.coming(engine, loaded, now=moment, days=days)
    if as_json:
        typer.echo(json.dumps(operation.as_json(entries), indent=2, ensure_ascii=False))
    else:
        print_page(operation.page_of(entries, loaded, now=moment, days=days))
