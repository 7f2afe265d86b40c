"""`handbill preview`: a message as one person would get it."""

import json
from pathlib import Path
from typing import Annotated

import typer

from handbill.cli.options import AsJson, Now, ProjectDir, clock_at


def register(app: typer.Typer) -> None:
    """Adds the command to the command line."""
    app.command("preview")(preview)


def preview(
    campaign: Annotated[str, typer.Argument(metavar="CAMPAIGN", help="Its name in campaigns.yaml.")],
    *,
    arm: Annotated[str | None, typer.Option("--arm", metavar="ARM", help="Only this arm.")] = None,
    contact: Annotated[
        str | None, typer.Option("--contact", metavar="ID", help="Somebody's id; without it, an invented person.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Where to write. Default: .handbill/preview/CAMPAIGN.")
    ] = None,
    project: ProjectDir = Path(),
    now: Now = None,
    as_json: AsJson = False,
) -> None:
    """Write the messages of a campaign as files: HTML, text and the whole mail, or the PDF of a printed piece.

    Example: handbill preview spring-sale --arm discount --contact C1042
    """
    from handbill.operations import preview as operation

    found = operation.preview(project, campaign, contact_id=contact, arm=arm, out=out, now=clock_at(now)())
    if as_json:
        plain = [
            {
                "arm": each.arm,
                "channel": each.channel,
                "subject": each.subject,
                "files": [str(file) for file in each.files],
            }
            for each in found
        ]
        typer.echo(json.dumps(plain, indent=2, ensure_ascii=False))
        return
    for each in found:
        typer.echo(f"{each.arm}: {each.subject or 'printed piece'}")
        for file in each.files:
            typer.echo(f"  {file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file}")
