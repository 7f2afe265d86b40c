"""`handbill keys`: the keys with which links are signed, and how they are renewed."""

from pathlib import Path
from typing import Annotated

import typer

from handbill.cli.options import ProjectDir


def register(app: typer.Typer) -> None:
    """Adds the group to the command line."""
    group = typer.Typer(help="The keys with which links in messages are signed.", no_args_is_help=True)
    group.command("list")(list_)
    group.command("rotate")(rotate)
    group.command("retire")(retire)
    app.add_typer(group, name="keys")


def list_(project: ProjectDir = Path()) -> None:
    """List the keys by their marks, the one that signs first; never the keys themselves.

    Example: handbill keys list
    """
    from handbill.operations.keys import marks_of
    from handbill.settings import load_settings

    for place, mark in enumerate(marks_of(load_settings(project))):
        typer.echo(f"{mark}  {'reads' if place else 'signs and reads'}")


def rotate(project: ProjectDir = Path()) -> None:
    """Sign with a new key from now on; links that were signed before go on working.

    Example: handbill keys rotate
    """
    from handbill.clock import real_clock
    from handbill.operations.audit import operator
    from handbill.operations.keys import rotate
    from handbill.operations.opening import opened_store
    from handbill.settings import load_settings

    settings = load_settings(project)
    with opened_store(settings) as engine:
        mark = rotate(engine, settings, now=real_clock(), doer=operator())
    typer.echo(f"{mark} signs from now on.")


def retire(
    mark: Annotated[str, typer.Argument(help="The key's mark, as `handbill keys list` shows it.")],
    project: ProjectDir = Path(),
) -> None:
    """Forget a key that others may have seen: every link that it signed stops working, also those to unsubscribe.

    Example: handbill keys retire 3f9a1c20
    """
    from handbill.clock import real_clock
    from handbill.operations.audit import operator
    from handbill.operations.keys import retire
    from handbill.operations.opening import opened_store
    from handbill.settings import load_settings

    settings = load_settings(project)
    with opened_store(settings) as engine:
        retire(engine, settings, mark, now=real_clock(), doer=operator())
    typer.echo(f"{mark} is forgotten. Links that it signed lead nowhere any more.")
