"""`handbill db upgrade`: the store gets this version's tables."""

from pathlib import Path

import typer

from handbill.cli.options import ProjectDir


def register(app: typer.Typer) -> None:
    """Adds the group to the command line."""
    group = typer.Typer(help="The database.", no_args_is_help=True)
    group.command("upgrade")(upgrade)
    app.add_typer(group, name="db")


def upgrade(project_dir: ProjectDir = Path()) -> None:
    """Give the database this version's tables; does nothing when they are there.

    Example: HANDBILL_DATABASE_URL=postgresql://shop@db/handbill handbill db upgrade
    """
    from handbill.operations.opening import upgrade_store
    from handbill.settings import load_settings

    upgrade_store(load_settings(project_dir))
    typer.echo("The database is up to date.", err=True)
