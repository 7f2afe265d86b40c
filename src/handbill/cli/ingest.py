"""`handbill ingest`: takes in what came back, once."""

import json
from pathlib import Path
from typing import Annotated

import typer

from handbill.cli.options import AsJson, Now, ProjectDir, clock_at


def register(app: typer.Typer) -> None:
    """Adds the command to the command line."""
    app.command("ingest")(ingest)


def ingest(
    source: Annotated[
        Path | None,
        typer.Option("--from", metavar="DIR", help="The inbox to read.", show_default=".handbill/inbox"),
    ] = None,
    *,
    project: ProjectDir = Path(),
    now: Now = None,
    as_json: AsJson = False,
) -> None:
    """Read bounces, unsubscribe requests, and files of orders and events that wait in the inbox.

    Example: handbill ingest --from /var/mail/bounces
    """
    from handbill.errors import ImportRefused
    from handbill.operations.collect import collect, sentences
    from handbill.operations.opening import opened

    with opened(project) as (opened_project, settings, engine):
        collected = collect(engine, opened_project, settings, clock=clock_at(now), source=source)
    if as_json:
        typer.echo(json.dumps(collected.counts, indent=2))
    else:
        for sentence in sentences(collected):
            typer.echo(sentence)
    if collected.refused:
        raise ImportRefused(*collected.refused)
