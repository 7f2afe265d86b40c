"""`handbill send-test`: a proof of every arm for colleagues, counted nowhere."""

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

from handbill.cli.options import AsJson, ProjectDir
from handbill.cli.waiting import waiting


def register(app: typer.Typer) -> None:
    """Adds the command to the command line."""
    app.command("send-test")(send)


def send(
    campaign: Annotated[str, typer.Argument(metavar="CAMPAIGN", help="Its name in campaigns.yaml.")],
    *,
    to: Annotated[
        list[str] | None, typer.Option("--to", metavar="ADDRESS", help="Who gets the e-mails; may be given again.")
    ] = None,
    arm: Annotated[str | None, typer.Option("--arm", metavar="ARM", help="Only this arm.")] = None,
    channel: Annotated[
        Literal["email", "direct_mail"] | None, typer.Option("--channel", help="Only e-mails, or only printed pieces.")
    ] = None,
    contact: Annotated[
        str | None, typer.Option("--contact", metavar="ID", help="Somebody's id; without it, an invented person.")
    ] = None,
    all_languages: Annotated[
        bool, typer.Option("--all-languages", help="A proof of each language that the template is written in.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Where printed pieces go. Default: .handbill/proofs/CAMPAIGN."),
    ] = None,
    project: ProjectDir = Path(),
    as_json: AsJson = False,
) -> None:
    """Send a proof of every arm, marked as a test: no contact gets it, and nothing counts it.

    Example: handbill send-test spring-sale --to ada@northwind.example
    """
    from handbill.clock import real_clock
    from handbill.errors import ChannelUnavailable
    from handbill.operations.send_test import send_test

    with waiting("Making and sending proofs"):
        sent = send_test(
            project, campaign, to or [], now=real_clock(), arm=arm, channel=channel, contact_id=contact,
            all_languages=all_languages, out=out,
        )  # fmt: skip
    for remark in sent.remarks:
        typer.echo(remark, err=True)
    if as_json:
        typer.echo(json.dumps(sent.as_json(), indent=2, ensure_ascii=False))
    else:
        for proof in sent.proofs:
            if not proof.problem:
                typer.echo(f"{proof.name}: {proof.to}")
    if sent.problems:
        raise ChannelUnavailable(*sent.problems)
