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
    language: Annotated[
        str | None, typer.Option("--language", metavar="TAG", help="Read in this language, such as de.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Where to write. Default: .handbill/preview/CAMPAIGN.")
    ] = None,
    pictures: Annotated[
        bool, typer.Option("--pictures/--no-pictures", help="Also PNGs: pages, and e-mails where there is a Chromium.")
    ] = True,
    show: Annotated[bool, typer.Option("--open", help="Open all arms side by side in the browser.")] = False,
    project: ProjectDir = Path(),
    now: Now = None,
    as_json: AsJson = False,
) -> None:
    """Write the messages of a campaign as files: HTML, text, the whole mail, PDF and pictures; index.html shows all.

    Example: handbill preview spring-sale --arm discount --contact C1042
    """
    from handbill.operations import preview as operation
    from handbill.operations.preview_index import write_index

    found = operation.preview(
        project, campaign, contact_id=contact, arm=arm, language=language, out=out, now=clock_at(now)()
    )
    if pictures:
        found, missing = operation.with_pictures(found)
        if missing:
            typer.echo(missing, err=True)
    index = write_index(found[0].files[0].parent, campaign, found) if found else None
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
    else:
        for each in found:
            typer.echo(f"{each.arm}: {each.subject or 'printed piece'}")
            for file in each.files:
                typer.echo(f"  {_shown(file)}")
        if index:
            typer.echo(f"All side by side: {_shown(index)}")
    if show and index:
        typer.launch(index.resolve().as_uri())


def _shown(file: Path) -> Path:
    return file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file
