"""`handbill explain`: why somebody gets a campaign or does not, and all that is known of somebody."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from handbill.cli.options import AsJson, Now, ProjectDir, clock_at
from handbill.cli.waiting import waiting

if TYPE_CHECKING:  # nothing heavy is imported before it is needed
    from handbill.operations.explain import CampaignExplanation
    from handbill.operations.timeline import Timeline

_MARKS = {"passes": "✓", "refuses": "✗", "not asked": "·"}


def register(app: typer.Typer) -> None:
    """Adds the command to the command line."""
    app.command("explain")(explain)


def explain(
    contact: Annotated[str, typer.Argument(metavar="CONTACT", help="Somebody's id or e-mail address.")],
    campaign: Annotated[
        str | None, typer.Argument(metavar="[CAMPAIGN]", help="Its name in campaigns.yaml.", show_default=False)
    ] = None,
    *,
    project: ProjectDir = Path(),
    now: Now = None,
    as_json: AsJson = False,
) -> None:
    """Say why somebody gets a campaign or not, gate by gate; without a campaign, all that is known of them.

    Example: handbill explain C1042 spring-sale
    """
    from handbill.operations.explain import explain_campaign, explain_contact
    from handbill.operations.opening import opened

    at = clock_at(now)()
    with opened(project) as (loaded, _, engine), waiting(f"Looking at {contact}"):
        if campaign is None:
            timeline = explain_contact(engine, loaded, contact, now=at)
        else:
            found = explain_campaign(engine, loaded, contact, campaign, now=at)
    if as_json:
        plain = asdict(timeline if campaign is None else found)
        typer.echo(json.dumps(plain, indent=2, ensure_ascii=False, default=str))
    else:
        typer.echo("\n".join(_timeline(timeline) if campaign is None else _campaign(found)))


def _campaign(found: "CampaignExplanation") -> Iterator[str]:
    from handbill.operations.segment_text import verdict_lines

    standing = found.standing
    verdict = "is planned" if standing.selected and standing.reason is None else "gets nothing"
    why = standing.reason or ("" if standing.selected else "in none of the segments")
    yield f"{found.contact} {verdict} in {found.campaign}, wave {found.wave}{': ' if why else ''}{why}."
    for segment in found.segments:
        yield ""
        yield f"{'Excluded' if segment.excludes else 'Included'} segment {segment.slug}"
        yield from verdict_lines(segment.explanation, 1)
    yield ""
    yield "Gates"
    width = max(len(each.gate) for each in standing.gates)
    for each in standing.gates:
        yield f"  {_MARKS[each.verdict]} {each.gate:<{width}}  {each.value}"
    yield ""
    yield "Arm"
    draw = "" if standing.fraction is None else f", drawn at {standing.fraction:.6f}"
    would = "" if standing.selected and standing.reason is None else "would be "
    yield f"  {standing.unit} {standing.unit_id}{draw}: {would}{standing.arm}"
    if standing.sealed_arm is not None:
        yield f"  assigned to {standing.sealed_arm} by an earlier run"
    if found.messages:
        yield ""
        yield "Messages"
    for message in found.messages:
        reason = f", {message.reason}" if message.reason else ""
        head = f"{message.at:%Y-%m-%d %H:%M} UTC  {message.channel}, wave {message.wave}, arm {message.arm}"
        yield f"  {head}: {message.state}{reason} ({message.message_id})"


def _timeline(found: "Timeline") -> Iterator[str]:
    yield found.contact
    width = max(map(len, found.profile), default=0)
    for name, value in found.profile.items():
        yield f"  {name:<{width}}  {value}"
    others = [each for each in found.members if each != found.contact]
    yield f"  household of {len(found.members)}{': with ' if others else ''}{', '.join(others)}"
    yield ""
    kinds = max((len(each.kind) for each in found.moments), default=0)
    for each in found.moments:
        yield f"{each.at:%Y-%m-%d %H:%M} UTC  {each.kind:<{kinds}}  {each.what}"
