"""`handbill suppression`: whom nobody may write to, added and lifted by hand."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer

from handbill.cli.options import AsJson, Now, ProjectDir, clock_at

Who = Annotated[str, typer.Argument(metavar="WHO", help="An e-mail address, or the id of a contact.")]
On = Annotated[
    Literal["email", "direct_mail"], typer.Option("--channel", help="The mailbox, or the postal address of a contact.")
]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; it is kept.")]


def register(app: typer.Typer) -> None:
    """Adds the commands to the command line."""
    help_ = "Mailboxes and addresses that nobody may write to. Whole lists come in by `handbill import suppressions`."
    group = typer.Typer(help=help_, no_args_is_help=True)
    group.command("list")(list_)
    group.command("add")(add)
    group.command("remove")(remove)
    app.add_typer(group, name="suppression")


def list_(
    channel: Annotated[str | None, typer.Option("--channel", help="Only email or direct_mail.")] = None,
    reason: Annotated[str | None, typer.Option("--reason", metavar="TEXT", help="Only reasons with this text.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="So many of the latest entries.")] = 20,
    project: ProjectDir = Path(),
    as_json: AsJson = False,
) -> None:
    """Show how many are suppressed and why, and the latest entries; mailboxes are keyed hashes.

    Example: handbill suppression list --reason bounce
    """
    from handbill.operations.opening import opened_store
    from handbill.operations.suppression_list import SHOWN_LETTERS, list_suppressions
    from handbill.settings import load_settings

    with opened_store(load_settings(project)) as engine:
        found = list_suppressions(engine, channel=channel, reason=reason, limit=limit)
    if as_json:
        typer.echo(json.dumps(asdict(found), indent=2, ensure_ascii=False, default=str))
        return
    for its_channel, why, count in found.counts:
        typer.echo(f"{count:>9,}  {its_channel}: {why}")
    if found.by_digest:
        typer.echo(f"{found.by_digest:>9,}  email: known by a hash of another list only")
    if found.entries:
        typer.echo("")
    for each in found.entries:
        whose = f"  {', '.join(each.contacts)}" if each.contacts else ""
        at = f"{each.at:%Y-%m-%d %H:%M} UTC"
        typer.echo(
            f"{at}  {each.channel}  {each.key_hash[:SHOWN_LETTERS]}  {each.reason} (source {each.source}){whose}"
        )
    if not (found.counts or found.by_digest):
        typer.echo("Nobody is suppressed.")


def add(who: Who, reason: Reason, channel: On = "email", project: ProjectDir = Path(), now: Now = None) -> None:
    """Never write to somebody again.

    Example: handbill suppression add ann@example.com --reason "asked by telephone"
    """
    from handbill.operations.audit import operator
    from handbill.operations.opening import opened_store
    from handbill.operations.suppression_list import add_suppression
    from handbill.settings import load_settings

    settings = load_settings(project)
    with opened_store(settings) as engine:
        add_suppression(engine, settings, who, channel, reason, now=clock_at(now)(), doer=operator())
    typer.echo(f"{who} is suppressed on {channel}.")


def remove(who: Who, reason: Reason, channel: On = "email", project: ProjectDir = Path(), now: Now = None) -> None:
    """Lift a suppression; who did it and why is kept. It brings back no consent.

    Example: handbill suppression remove ann@example.com --reason "typed wrong in the shop"
    """
    from handbill.operations.audit import operator
    from handbill.operations.opening import opened_store
    from handbill.operations.suppression_list import remove_suppression
    from handbill.settings import load_settings

    settings = load_settings(project)
    with opened_store(settings) as engine:
        was = remove_suppression(engine, settings, who, channel, reason, now=clock_at(now)(), doer=operator())
    typer.echo(f"{who} may be written to on {channel} again. It was suppressed because: {was}.")
