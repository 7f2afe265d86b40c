"""`handbill segment`: which segments there are, how many contacts they hold, and how they read."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from handbill.cli.options import AsJson, Now, ProjectDir, clock_at

Name = Annotated[str, typer.Argument(metavar="NAME", help="The segment's file in segments/, without its ending.")]


def register(app: typer.Typer) -> None:
    """Adds the group to the command line."""
    group = typer.Typer(help="See whom segments hold.", no_args_is_help=True)
    group.command("list")(list_)
    group.command("count")(count)
    group.command("show")(show)
    app.add_typer(group, name="segment")


def list_(project: ProjectDir = Path(), as_json: AsJson = False) -> None:
    """List the segments of the project.

    Example: handbill segment list
    """
    from handbill.operations.segments import list_segments

    rows = list_segments(project)
    if as_json:
        plain = [{"slug": each.slug, "name": each.name, "description": each.description} for each in rows]
        typer.echo(json.dumps(plain, indent=2, ensure_ascii=False))
        return
    width = max((len(each.slug) for each in rows), default=0)
    for each in rows:
        typer.echo(f"{each.slug:<{width}}  {each.name}{': ' if each.description else ''}{each.description}".rstrip())


def count(name: Name, project: ProjectDir = Path(), now: Now = None, as_json: AsJson = False) -> None:
    """Count the contacts in a segment.

    Example: handbill segment count active-buyers
    """
    from handbill.operations.opening import opened
    from handbill.operations.segments import count_segment

    with opened(project) as (loaded, _, engine):
        found = count_segment(engine, loaded, name, now=clock_at(now)())
    if as_json:
        typer.echo(json.dumps(asdict(found), indent=2, ensure_ascii=False))
    else:
        typer.echo(f"{found.contacts:,} of {found.of:,} contacts are in {found.slug}.")


def show(name: Name, project: ProjectDir = Path(), now: Now = None, as_json: AsJson = False) -> None:
    """Show a segment's rule, its size, and some of its contacts.

    Example: handbill segment show active-buyers
    """
    from handbill.operations.opening import opened
    from handbill.operations.segments import show_segment

    with opened(project) as (loaded, _, engine):
        found = show_segment(engine, loaded, name, now=clock_at(now)())
    if as_json:
        typer.echo(json.dumps(asdict(found), indent=2, ensure_ascii=False))
        return
    typer.echo(f"{found.file}\n\n{found.rule.rstrip()}\n")
    typer.echo(f"{found.contacts:,} of {found.of:,} contacts are in {found.slug}.")
    if found.sample:
        typer.echo(f"The first of them: {', '.join(found.sample)}.")
