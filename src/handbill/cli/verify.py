"""`handbill verify-assignment`: is everybody in the arm that the salt draws, and how can an outsider tell?"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from handbill.cli.options import AsJson, ProjectDir
from handbill.cli.waiting import waiting
from handbill.errors import ExitCode


def register(app: typer.Typer) -> None:
    """Adds the command to the command line."""
    app.command("verify-assignment")(verify_assignment)


def verify_assignment(
    campaign: Annotated[str, typer.Argument(metavar="CAMPAIGN", help="Its name in campaigns.yaml.")],
    *,
    unit: Annotated[
        str | None, typer.Option("--unit", metavar="ID", help="Only this contact or household, with its draw.")
    ] = None,
    sql: Annotated[bool, typer.Option("--sql", help="Print a statement that PostgreSQL checks it with.")] = False,
    project: ProjectDir = Path(),
    as_json: AsJson = False,
) -> None:
    """Draw everybody's arm anew from the salt, and compare with what is stored; exit code 2 when anything differs.

    Example: handbill verify-assignment spring-sale --unit C1042
    """
    from handbill.operations.opening import opened
    from handbill.operations.verify import verification_lines
    from handbill.operations.verify import verify_assignment as verified

    with opened(project) as (loaded, _, engine), waiting(f"Drawing the units of {campaign}"):
        found = verified(engine, loaded, campaign, unit=unit)
    if as_json:
        plain = {**asdict(found), "python": found.python, "sql": found.sql}
        typer.echo(json.dumps(plain, indent=2, ensure_ascii=False))
    else:
        typer.echo("\n".join(verification_lines(found, sql=sql)))
    if found.mismatches:
        raise typer.Exit(ExitCode.MENDABLE)
