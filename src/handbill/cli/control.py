"""`handbill status`, `pause`, `resume`, `cancel`, `retry` and `uncertain`: how sending is looked at and steered."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from handbill.cli.options import AsJson, Now, ProjectDir, clock_at

if TYPE_CHECKING:
    from sqlalchemy import Engine

Campaign = Annotated[str | None, typer.Argument(help="Name of the campaign.", show_default="every campaign")]

_GO_ON = "Run `handbill run {name}` to go on, or leave it to `handbill up`."


def register(app: typer.Typer) -> None:
    """Adds the commands to the command line."""
    for command in (status, pause, resume, cancel, retry):
        app.command(command.__name__)(command)
    group = typer.Typer(help="Messages that the server took without an answer.", no_args_is_help=True)
    group.command("list")(list_uncertain)
    group.command("resend")(resend)
    group.command("leave")(leave)
    app.add_typer(group, name="uncertain")


def status(campaign: Campaign = None, project: ProjectDir = Path(), as_json: AsJson = False) -> None:
    """Say where each run stands: sent, not sent and why, uncertain, waiting.

    Example: handbill status spring-sale
    """
    from handbill.operations import control

    with _store(project) as engine:
        standings = control.status(engine, campaign)
    if as_json:
        _print_json([standing.as_json() for standing in standings])
        return
    for standing in standings:
        why = f" ({standing.state_reason})" if standing.state_reason else ""
        typer.echo(f"{standing.campaign}, wave {standing.wave}: {standing.state}{why}")
        typer.echo(f"  {standing.sentence}")


def pause(campaign: Campaign = None, project: ProjectDir = Path(), as_json: AsJson = False) -> None:
    """Stop sending at once, from any machine on the same database; nothing is lost.

    Example: handbill pause spring-sale
    """
    from handbill.operations import control

    with _store(project) as engine:
        names = control.pause(engine, campaign)
    _say(names, "is paused. Run `handbill resume {name}` to let it go on.", as_json)


def resume(campaign: Campaign = None, project: ProjectDir = Path(), now: Now = None, as_json: AsJson = False) -> None:
    """Let a paused campaign go on where it was.

    Example: handbill resume spring-sale
    """
    from handbill.operations import control

    with _store(project) as engine:
        names = control.resume(engine, campaign, clock=clock_at(now))
    _say(names, f"may go on. {_GO_ON}", as_json)


def cancel(
    campaign: Campaign = None,
    project: ProjectDir = Path(),
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    now: Now = None,
    as_json: AsJson = False,
) -> None:
    """End a run for good: whatever has not left stays here.

    Example: handbill cancel spring-sale --yes
    """
    from handbill.operations import control

    if not yes:
        typer.confirm(f"Cancel {campaign or 'every open run'} for good?", abort=True, err=True)
    with _store(project) as engine:
        names = control.cancel(engine, campaign, clock=clock_at(now))
    _say(names, "is cancelled.", as_json)


def retry(
    campaign: Campaign = None,
    failed: Annotated[
        bool, typer.Option("--failed", help="Also those that were refused or could not be made.")
    ] = False,
    project: ProjectDir = Path(),
    now: Now = None,
    as_json: AsJson = False,
) -> None:
    """Make messages that wait for another try due now.

    Example: handbill retry spring-sale --failed
    """
    from handbill.operations import control

    with _store(project) as engine:
        count = control.retry(engine, campaign, failed=failed, clock=clock_at(now))
    _say_count(count, "due now", campaign, as_json)


def list_uncertain(campaign: Campaign = None, project: ProjectDir = Path(), as_json: AsJson = False) -> None:
    """List messages of which nobody knows whether they arrived.

    Example: handbill uncertain list spring-sale
    """
    from handbill.operations import control

    with _store(project) as engine:
        found = control.uncertain(engine, campaign)
    if as_json:
        _print_json([{**asdict(each), "since": each.since.isoformat()} for each in found])
        return
    if not found:
        raise control.no_message(campaign, "is uncertain")
    for each in found:
        address = each.address.replace("\n", ", ")
        typer.echo(f"{each.since:%Y-%m-%d %H:%M} UTC  {each.campaign}  {each.contact}  {address}  {each.said}")


def resend(campaign: Campaign = None, project: ProjectDir = Path(), now: Now = None, as_json: AsJson = False) -> None:
    """Send uncertain messages again. Whoever did get the first copy may get a second one.

    Example: handbill uncertain resend spring-sale
    """
    from handbill.operations import control

    with _store(project) as engine:
        count = control.resend(engine, campaign, clock=clock_at(now))
    _say_count(count, "queued again", campaign, as_json)


def leave(campaign: Campaign = None, project: ProjectDir = Path(), now: Now = None, as_json: AsJson = False) -> None:
    """Close uncertain messages: nobody will know, and nothing more happens.

    Example: handbill uncertain leave spring-sale
    """
    from handbill.operations import control

    with _store(project) as engine:
        count = control.leave(engine, campaign, clock=clock_at(now))
    if as_json:
        _print_json({"messages": count})
    else:
        typer.echo(f"{_messages(count)} closed.")


@contextmanager
def _store(project: Path) -> "Iterator[Engine]":
    """The store alone: a campaign must be stoppable while campaigns.yaml has mistakes."""
    from handbill.operations.opening import opened_store
    from handbill.settings import load_settings

    with opened_store(load_settings(project)) as engine:
        yield engine


def _say(names: Sequence[str], what: str, as_json: bool) -> None:
    if as_json:
        _print_json({"runs": names})
        return
    for name in names:
        typer.echo(f"{name} {what.format(name=name.partition(' ')[0])}")


def _say_count(count: int, what: str, campaign: str | None, as_json: bool) -> None:
    if as_json:
        _print_json({"messages": count})
    else:
        typer.echo(f"{_messages(count)} {what}. {_GO_ON.format(name=campaign or 'CAMPAIGN')}")


def _messages(count: int) -> str:
    return "1 message is" if count == 1 else f"{count:,} messages are"


def _print_json(value: object) -> None:
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))
