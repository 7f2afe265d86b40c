"""`handbill segment`: which segments there are, whom they hold and why, and who came and went."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from handbill.cli.options import AsJson, Now, ProjectDir, clock_at
from handbill.cli.waiting import waiting
from handbill.errors import Problem, ProjectInvalid

Name = Annotated[str, typer.Argument(metavar="NAME", help="The segment's file in segments/, without its ending.")]


def register(app: typer.Typer) -> None:
    """Adds the group to the command line."""
    group = typer.Typer(help="See whom segments hold, and why.", no_args_is_help=True)
    group.command("list")(list_)
    group.command("count")(count)
    group.command("show")(show)
    group.command("explain")(explain)
    group.command("diff")(diff)
    app.add_typer(group, name="segment")


def list_(project: ProjectDir = Path(), as_json: AsJson = False) -> None:
    """List the segments of the project.

    Example: handbill segment list
    """
    from handbill.operations.segments import list_segments

    rows = list_segments(project)
    if as_json:
        keys = ("slug", "name", "description", "file")
        _echo_json([{key: getattr(each, key) for key in keys} for each in rows])
        return
    width = max((len(each.slug) for each in rows), default=0)
    for each in rows:
        typer.echo(f"{each.slug:<{width}}  {each.name}{': ' if each.description else ''}{each.description}".rstrip())


def count(name: Name, project: ProjectDir = Path(), now: Now = None, as_json: AsJson = False) -> None:
    """Count the contacts in a segment.

    Example: handbill segment count active-buyers
    """
    from handbill.operations.opening import opened
    from handbill.operations.segment_text import size_line
    from handbill.operations.segments import count_segment

    with opened(project) as (loaded, _, engine), waiting(f"Counting {name}"):
        found = count_segment(engine, loaded, name, now=clock_at(now)())
    if as_json:
        _echo_json(asdict(found))
        return
    typer.echo(size_line(name, found.contacts, found.of))


def show(
    name: Name,
    *,
    sample: Annotated[int, typer.Option("--sample", min=0, max=1000, help="How many contacts to name.")] = 5,
    project: ProjectDir = Path(),
    now: Now = None,
    as_json: AsJson = False,
) -> None:
    """Show a segment's rule, its size, and some of its contacts.

    Example: handbill segment show active-buyers
    """
    from handbill.operations.opening import opened
    from handbill.operations.segment_text import size_line
    from handbill.operations.segments import show_segment

    with opened(project) as (loaded, _, engine), waiting(f"Counting {name}"):
        found = show_segment(engine, loaded, name, now=clock_at(now)(), sample=sample)
    if as_json:
        _echo_json(asdict(found))
        return
    typer.echo(f"{found.file}\n\n{found.rule.rstrip()}\n")
    typer.echo(size_line(name, found.contacts, found.of))
    if found.sample:
        typer.echo(f"The first of them: {', '.join(found.sample)}.")


def explain(
    name: Name,
    contact: Annotated[
        str | None, typer.Argument(metavar="[CONTACT]", help="Somebody's id or e-mail address.", show_default=False)
    ] = None,
    *,
    project: ProjectDir = Path(),
    now: Now = None,
    as_json: AsJson = False,
) -> None:
    """Say why somebody is in a segment or not; without a contact, how many each clause admits and keeps out.

    Example: handbill segment explain active-buyers C1042
    """
    from handbill.operations.opening import opened
    from handbill.operations.segment_text import funnel_lines, size_line, verdict_lines
    from handbill.operations.segments import explain_member, explain_size

    at = clock_at(now)()
    with opened(project) as (loaded, _, engine), waiting(f"Looking at {name}"):
        if contact is None:
            funnel = explain_size(engine, loaded, name, now=at)
        else:
            member = explain_member(engine, loaded, name, contact, now=at)
    if as_json:
        _echo_json(asdict(funnel if contact is None else member))
    elif contact is None:
        typer.echo("\n".join((size_line(name, funnel.contacts, funnel.of), "", *funnel_lines(funnel))))
    else:
        verdict = "is" if member.explanation.holds else "is not"
        typer.echo(f"{member.contact} {verdict} in {name}.\n")
        typer.echo("\n".join(verdict_lines(member.explanation)))


def diff(
    name: Name,
    *,
    since: Annotated[
        str | None, typer.Option("--since", metavar="DATE", help="A day, a local time, or a time ago.")
    ] = None,
    plan: Annotated[
        Path | None, typer.Option("--plan", metavar="FILE", help="A plan that was kept with --out.", dir_okay=False)
    ] = None,
    project: ProjectDir = Path(),
    now: Now = None,
    as_json: AsJson = False,
) -> None:
    """Say who entered and who left a segment since a day or a plan, and which clause moved them.

    Example: handbill segment diff active-buyers --since "14 days ago"
    """
    if (since is None) == (plan is None):
        raise ProjectInvalid(Problem(what="it is not said since when.", mend="Add --since DATE or --plan FILE."))
    from handbill.operations.opening import opened
    from handbill.operations.segment_text import difference_lines
    from handbill.operations.segments import diff_plan, diff_since

    at = clock_at(now)()
    with opened(project) as (loaded, _, engine), waiting(f"Comparing {name}"):
        if plan is not None:
            found = diff_plan(engine, loaded, name, plan, now=at)
        else:
            found = diff_since(engine, loaded, name, since or "", now=at)
    if as_json:
        _echo_json({**asdict(found), "entered": found.entered, "left": found.left})
        return
    since_there = found.since.astimezone(ZoneInfo(loaded.timezone))
    title = f"{name} since {since_there:%Y-%m-%d %H:%M} {loaded.timezone}"
    typer.echo("\n".join((title, *difference_lines(found))))


def _echo_json(found: Any) -> None:
    typer.echo(json.dumps(found, indent=2, ensure_ascii=False, default=str))
