"""`handbill ingest`: takes in what came back, once."""

import json
from pathlib import Path
from typing import Annotated

import typer

from handbill.cli.options import AsJson, Now, ProjectDir, clock_at


def register(app: typer.Typer) -> None:
    """Adds the command to the command line."""
    app.command("ingest")(ingest)


def ingest(
    source: Annotated[
        Path | None,
        typer.Option("--from", metavar="DIR", help="The inbox to read.", show_default=".handbill/inbox"),
    ] = None,
    *,
    list_quarantine: Annotated[
        bool, typer.Option("--list-quarantine", help="Read nothing; list the mails that wait for a person, and why.")
    ] = False,
    settle: Annotated[
        list[str] | None,
        typer.Option("--settle", metavar="NAME", help="Read nothing; put away a mail that you have looked at."),
    ] = None,
    reclassify: Annotated[
        bool, typer.Option("--reclassify", help="Read nothing; say again which opens and clicks were a person's.")
    ] = False,
    project: ProjectDir = Path(),
    now: Now = None,
    as_json: AsJson = False,
) -> None:
    """Read bounces, complaints, unsubscribe requests, vendors' reports, and files of orders and events that wait.

    Example: handbill ingest --from /var/mail/bounces
    """
    if settle:
        _settle(project, source, settle)
    elif list_quarantine:
        _list(project, source, now, as_json=as_json)
    elif reclassify:
        _judge_again(project, now, as_json=as_json)
    else:
        _collect(project, source, now, as_json=as_json)


def _collect(project: Path, source: Path | None, now: str | None, *, as_json: bool) -> None:
    from handbill.errors import ChannelUnavailable, ImportRefused
    from handbill.operations.collect import collect, sentences
    from handbill.operations.opening import opened

    with opened(project) as (opened_project, settings, engine):
        collected = collect(engine, opened_project, settings, clock=clock_at(now), source=source)
    if as_json:
        typer.echo(json.dumps(collected.counts, indent=2))
    else:
        for sentence in sentences(collected):
            typer.echo(sentence)
    if collected.unread:
        raise ChannelUnavailable(*collected.unread, *collected.refused)
    if collected.refused:
        raise ImportRefused(*collected.refused)


def _list(project: Path, source: Path | None, now: str | None, *, as_json: bool) -> None:
    from handbill.operations.opening import opened
    from handbill.operations.quarantine import as_rows, list_quarantine, sentences

    with opened(project) as (opened_project, settings, engine):
        found = list_quarantine(engine, opened_project, settings, clock=clock_at(now), source=source)
    if as_json:
        typer.echo(json.dumps(as_rows(found), indent=2, ensure_ascii=False))
        return
    for sentence in sentences(found):
        typer.echo(sentence)


def _judge_again(project: Path, now: str | None, *, as_json: bool) -> None:
    from handbill.operations.audit import operator
    from handbill.operations.opening import opened
    from handbill.operations.verdicts import judge_again, sentences

    with opened(project) as (_, settings, engine):
        judged = judge_again(engine, settings, now=clock_at(now)(), doer=operator())
    if as_json:
        typer.echo(json.dumps(judged.counts, indent=2))
        return
    for sentence in sentences(judged):
        typer.echo(sentence)


def _settle(project: Path, source: Path | None, names: list[str]) -> None:
    from handbill.operations.opening import opened
    from handbill.operations.quarantine import settle_quarantined

    with opened(project) as (opened_project, settings, _):
        number = settle_quarantined(opened_project, settings, names, source=source)
    typer.echo(f"Put away {number:,} {'mail' if number == 1 else 'mails'}.")
