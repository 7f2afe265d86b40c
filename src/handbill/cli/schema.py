"""`handbill schema`: what editors need to complete and check YAML while it is written."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from handbill.cli.options import ProjectDir


class Kind(StrEnum):
    """The schemas that there are."""

    CAMPAIGNS = "campaigns"
    SEGMENT = "segment"
    CAMPAIGN_TEST = "campaign-test"


def register(app: typer.Typer) -> None:
    """Adds the command to the command line."""
    app.command("schema")(schema)


def schema(
    kind: Annotated[Kind | None, typer.Argument(help="Print this one, and write nothing.")] = None,
    project: ProjectDir = Path(),
) -> None:
    """Write the schemas for editors into the project's folder schema/, after an upgrade for example.

    Example: handbill schema --project shop
    """
    from handbill.operations.schema import schema_text, write_schemas

    if kind is not None:
        typer.echo(schema_text(kind.value), nl=False)
        return
    for path in write_schemas(project):
        typer.echo(str(path))
