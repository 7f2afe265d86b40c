"""`handbill contact`: what is known of a person, all of it for them to have, and how they are erased."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from handbill.cli.options import AsJson, Now, ProjectDir, clock_at

Name = Annotated[str, typer.Argument(metavar="CONTACT", help="Somebody's id or e-mail address.")]


def register(app: typer.Typer) -> None:
    """Adds the commands to the command line."""
    group = typer.Typer(help="What people may ask for: to see what is held about them, and to be erased.",
                        no_args_is_help=True)  # fmt: skip
    group.command("show")(show)
    group.command("export")(export)
    group.command("erase")(erase)
    app.add_typer(group, name="contact")


def show(name: Name, project: ProjectDir = Path(), now: Now = None, as_json: AsJson = False) -> None:
    """Show all that is known of somebody, in the order in which it happened; `handbill explain` says the same.

    Example: handbill contact show C1042
    """
    from handbill.cli.explain import explain

    explain(name, None, project=project, now=now, as_json=as_json)


def export(
    name: Name,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write there, for its owner only; else to stdout.")
    ] = None,
    project: ProjectDir = Path(),
    now: Now = None,
) -> None:
    """Give a person everything that is held about them, as JSON.

    Example: handbill contact export C1042 --out c1042.json
    """
    from handbill.operations.audit import operator
    from handbill.operations.opening import opened
    from handbill.operations.people import contact_number_of
    from handbill.operations.privacy import export_contact

    with opened(project) as (loaded, settings, engine):
        held = export_contact(
            engine, loaded, settings, contact_number_of(engine, name), now=clock_at(now)(), doer=operator()
        )
    text = json.dumps(held, indent=2, ensure_ascii=False) + "\n"
    if out is None:
        sys.stdout.write(text)
        return
    out.touch(mode=0o600)
    out.write_text(text, encoding="utf-8")
    typer.echo(f"Everything that is held about {name} is in {out}. Hand it over on a safe way, and delete it.")


def erase(
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    project: ProjectDir = Path(),
    now: Now = None,
    as_json: AsJson = False,
) -> None:
    """Erase a person everywhere; only keyed hashes on the suppression list and their place in the books stay.

    Example: handbill contact erase C1042
    """
    from handbill.operations.audit import operator
    from handbill.operations.opening import opened
    from handbill.operations.people import contact_number_of
    from handbill.operations.privacy import erase_contact

    with opened(project) as (_, settings, engine):
        contact_id = contact_number_of(engine, name)
        if not yes:
            typer.confirm(f"Erase {name} for good? Nothing brings them back.", abort=True, err=True)
        erased = erase_contact(engine, settings, contact_id, now=clock_at(now)(), doer=operator())
    if as_json:
        typer.echo(json.dumps({"erased": True, "by_hand": erased.by_hand}, indent=2, ensure_ascii=False))
        return
    typer.echo("Erased. Their mailbox stays on the suppression list as a keyed hash, so that nobody writes to it.")
    for sentence in erased.by_hand:
        typer.echo(f"  {sentence}")
