"""What a campaign would do now, seen before money is spent: planned, compared with the last plan, and rendered."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DatabaseError

from handbill.definitions.project import Project
from handbill.errors import Problem, RunRefused, StoreUnavailable
from handbill.operations.dry_render import DryRender, render_planned
from handbill.planning import approval, layout, wording
from handbill.planning.layout import Page, Part
from handbill.planning.moves import Earlier
from handbill.planning.plan import Plan, make_plan
from handbill.planning.records import PLAN, keep_record, last_record, of_plan
from handbill.planning.rollout import decided_wave
from handbill.settings import Settings
from handbill.store.connection import reading, writing

Progress = Callable[[str, int | None, int | None], None]
"""Told what is being done, and how much of it is done where that can be counted."""


@dataclass(frozen=True)
class Asked:
    """Which plan is asked for: of a campaign at a time, `wave` names an extra one.

    It is compared with the plan in the file `since`, else with the last one that `remember` or a run kept. Without
    `render` no message is rendered.
    """

    campaign: str
    now: datetime
    wave: str | None = None
    since: Path | None = None
    render: bool = True


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
        return make_plan(connection, project, name, now=now, wave=wave or _decided(connection, project, name))


def plan_and_render(
    engine: Engine, project: Project, settings: Settings, asked: Asked, *, progress: Progress | None = None
) -> tuple[Plan, DryRender]:
    """The plan beside the last one, and what came of rendering its messages for the planned contacts.

    Nobody is written to and nothing is kept.

    Raises:
        RunRefused: there is no such campaign, its schedule never comes round, or `since` is no plan of it.
        ProjectInvalid: a template has mistakes.
    """
    tell: Progress = progress or (lambda *_: None)
    with reading(engine) as connection:
        plan = make_plan(
            connection,
            project,
            asked.campaign,
            now=asked.now,
            wave=asked.wave or _decided(connection, project, asked.campaign),
            earlier=_earlier(connection, asked),
            told=lambda what: tell(what, None, None),
        )
        if not asked.render:
            return plan, DryRender()
        counted = (lambda done, total: tell("render", done, total)) if progress else None
        return plan, render_planned(connection, project, settings, plan, progress=counted)


def remember(engine: Engine, plan: Plan) -> str:
    """Keeps what the next plan is compared with; answers why it could not, or nothing.

    A plan must be possible where nothing may be written, such as on a copy of the database.
    """
    try:
        with writing(engine) as connection:
            keep_record(connection, plan, PLAN)
    except (StoreUnavailable, DatabaseError) as error:
        cause = error if isinstance(error, DatabaseError) else error.__cause__
        said = str(getattr(cause, "orig", error)).strip().splitlines()[0].rstrip(".")
        return f"This plan could not be kept, so the next one cannot say what has moved since: {said}."
    return ""


def keep(plan: Plan, path: Path) -> None:
    """Writes the plan to a file that `handbill run --plan` takes."""
    approval.write_plan(plan, path)


def as_json(plan: Plan, rendered: DryRender) -> dict[str, Any]:
    """The plan and its dry rendering as plain values."""
    return {**plan.as_json(), "rendering": rendered.as_json()}


def page_of(plan: Plan, rendered: DryRender) -> Page:
    """The plan with what came of rendering, to be laid out."""
    what = Part("What", rendered.rows(), tuple(rendered.sentences(wording.MOST)))
    return wording.page_of(plan, *([what] if rendered.arms else []))


def as_text(plan: Plan, rendered: DryRender) -> str:
    """The plan as plain text."""
    return layout.as_text(page_of(plan, rendered))


def as_markdown(plan: Plan, rendered: DryRender) -> str:
    """The plan as Markdown, short enough for the comment of a pull request."""
    return layout.as_markdown(page_of(plan, rendered))


def in_one_line(plan: Plan) -> str:
    """How many are planned, how many messages that is, what they cost, and when they leave."""
    return f"{plan.campaign}: {wording.in_one_line(plan)}"


def _decided(connection: Connection, project: Project, name: str) -> str | None:
    """After the winner of a test is picked, what is planned next is its roll-out."""
    campaign = project.campaigns.get(name)
    return decided_wave(connection, campaign) if campaign else None


def _earlier(connection: Connection, asked: Asked) -> Earlier | None:
    if asked.since is None:
        return last_record(connection, asked.campaign)
    plan = approval.read_plan(asked.since)
    if plan.campaign != asked.campaign:
        what = f"this is a plan of {plan.campaign}, not of {asked.campaign}."
        raise RunRefused(Problem(str(asked.since), what=what, mend=f"Name a plan of {asked.campaign}."))
    return of_plan(plan)
