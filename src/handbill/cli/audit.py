"""`handbill audit`: who did what, and when."""

import json
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from handbill.cli.options import AsJson, ProjectDir, clock_at


def register(app: typer.Typer) -> None:
    """Adds the command to the command line."""
    app.command("audit")(audit)


def audit(
    action: Annotated[
        str | None, typer.Option("--action", metavar="WORD", help="Only this deed, such as send or erase.")
    ] = None,
    who: Annotated[str | None, typer.Option("--who", metavar="NAME", help="Only what this one did.")] = None,
    since: Annotated[str | None, typer.Option("--since", metavar="TIME", help="Only from then on (UTC).")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="So many of the latest lines.")] = 50,
    project: ProjectDir = Path(),
    as_json: AsJson = False,
) -> None:
    """List who sent, paused, imported, erased, signed in…; the newest first. Nothing is ever removed from it.

    Example: handbill audit --action erase
    """
    from handbill.operations.audit import entries
    from handbill.operations.opening import opened_store
    from handbill.settings import load_settings

    start: datetime | None = clock_at(since)() if since else None
    with opened_store(load_settings(project)) as engine:
        found = entries(engine, action=action, who=who, since=start, limit=limit)
    if as_json:
        plain = [{**asdict(each), "at": each.at.isoformat()} for each in found]
        typer.echo(json.dumps(plain, indent=2, ensure_ascii=False))
        return
    if not found:
        typer.echo("Nothing is written down." if action or who or since else "Nobody has done anything yet.")
    for each in found:
        about = f"  {each.subject}" if each.subject else ""
        details = ", ".join(f"{name} {value}" for name, value in each.details.items())
        said = f" ({details})" if details else ""
        typer.echo(f"{each.at:%Y-%m-%d %H:%M:%S} UTC  {each.who} ({each.way})  {each.action}{about}{said}")
