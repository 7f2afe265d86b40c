"""What a campaign would do now, seen before money is spent: planned, and rendered for the people it would reach."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from handbill.definitions.project import Project
from handbill.operations.dry_render import DryRender, Progress, render_planned
from handbill.planning import approval, wording
from handbill.planning.cost import ChannelCost
from handbill.planning.phrases import CHANNEL_WORDS
from handbill.planning.plan import Plan, make_plan
from handbill.planning.wording import Part
from handbill.settings import Settings
from handbill.store.connection import reading


def plan_campaign(
    engine: Engine,
    project: Project,
    settings: Settings,  # noqa: ARG001 - every operation takes what `opened` gives
    name: str,
    *,
    now: datetime,
    wave: str | None = None,
) -> Plan:
    """The plan of a campaign at `now`; nothing is kept and nobody is written to. `wave` names an extra wave.

    Raises:
        RunRefused: there is no such campaign, or its schedule never comes round.
    """
    with reading(engine) as connection:
        return make_plan(connection, project, name, now=now, wave=wave)


def plan_and_render(
    engine: Engine,
    project: Project,
    settings: Settings,
    name: str,
    *,
    now: datetime,
    wave: str | None = None,
    progress: Progress | None = None,
) -> tuple[Plan, DryRender]:
    """The plan, and what came of rendering its messages for the planned contacts; nothing is kept.

    Raises:
        RunRefused: there is no such campaign, or its schedule never comes round.
        ProjectInvalid: a template has mistakes.
    """
    with reading(engine) as connection:
        plan = make_plan(connection, project, name, now=now, wave=wave)
        return plan, render_planned(connection, project, settings, plan, progress=progress)


def keep(plan: Plan, path: Path) -> None:
    """Writes the plan to a file that `handbill run --plan` takes."""
    approval.write_plan(plan, path)


def as_json(plan: Plan, rendered: DryRender) -> dict[str, Any]:
    """The plan and its dry rendering as plain values."""
    return {**plan.as_json(), "rendering": rendered.as_json()}


def as_text(plan: Plan, rendered: DryRender) -> str:
    """The plan as plain text."""
    return wording.as_text(wording.title_of(plan), _parts(plan, rendered), plan.digest)


def as_markdown(plan: Plan, rendered: DryRender) -> str:
    """The plan as Markdown, short enough for the comment of a pull request."""
    return wording.as_markdown(wording.title_of(plan), _parts(plan, rendered), plan.digest)


def in_one_line(plan: Plan) -> str:
    """How many are planned, how many messages that is, and what they cost."""
    messages = " and ".join(
        f"{each.messages:,} {_noun(each)} for {each.cost:,.2f} {plan.currency}" for each in plan.costs
    )
    return f"{plan.campaign}: {plan.planned:,} of {plan.selected:,} selected contacts are planned, {messages}."


def _noun(cost: ChannelCost) -> str:
    one, many = ("e-mail", "e-mails") if cost.channel == "email" else ("piece of post", "pieces of post")
    return one if cost.messages == 1 else many


def _parts(plan: Plan, rendered: DryRender) -> list[Part]:
    """The plan's parts, with what came of rendering before what can be learned."""
    parts = wording.parts_of(plan)
    place = next((number for number, part in enumerate(parts) if part.title == wording.LEARNED), len(parts))
    what = Part("What", _rendering_rows(rendered), tuple(_problems(rendered)))
    return [*parts[:place], *([what] if rendered.arms else []), *parts[place:]]


def _rendering_rows(rendered: DryRender) -> wording.Table:
    rows = [("Arm", "Channel", "Rendered", "Cannot be", "Longest subject", "Biggest", "Subject for a sample")]
    for each in rendered.arms:
        is_email = each.channel == "email"
        rows.append((
            each.arm, CHANNEL_WORDS[each.channel], f"{each.checked:,} of {each.recipients:,}",
            f"{each.failed:,}", f"{each.longest_subject} letters" if is_email else "",
            f"{each.biggest / 1000:.1f} kB" if is_email else "", each.subject,
        ))  # fmt: skip
    return tuple(rows)


def _problems(rendered: DryRender) -> Iterator[str]:
    for each in rendered.problems:
        others = f" and {each.recipients - 1:,} others" if each.recipients > 1 else ""
        yield f"{each.problem} (contact {each.example}{others})"
    if any(each.channel == "direct_mail" for each in rendered.arms):
        yield "Of printed pieces, those with the longest and the shortest names and addresses were laid out."
