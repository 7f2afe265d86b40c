"""What every campaign would do next, in one table: its wave, its people, its messages and what they cost."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Engine

from handbill.definitions.project import Project
from handbill.errors import RunRefused
from handbill.planning.layout import Page, Part
from handbill.planning.phrases import moment
from handbill.planning.plan import Plan, make_plan
from handbill.store.connection import reading


@dataclass(frozen=True)
class Outlook:
    """A campaign's next wave in short; money is in the currency. Where there is no wave, `remarks` says why."""

    campaign: str
    wave: str
    scheduled_at: datetime | None
    selected: int
    planned: int
    messages: int
    cost: float
    remarks: tuple[str, ...]


def all_outlooks(
    engine: Engine, project: Project, *, now: datetime, told: Callable[[str], None] = lambda _: None
) -> list[Outlook]:
    """Every campaign, the next one to go out first; nothing is rendered, nothing is kept."""
    found = []
    with reading(engine) as connection:
        for name in project.campaigns:
            told(name)
            try:
                found.append(_outlook(make_plan(connection, project, name, now=now)))
            except RunRefused as error:
                found.append(Outlook(name, "", None, 0, 0, 0, 0.0, (str(error),)))
    return sorted(found, key=lambda each: (each.scheduled_at or now + timedelta(days=36_500), each.campaign))


def page_of(outlooks: list[Outlook], project: Project, *, now: datetime) -> Page:
    """The table, and the first thing that is doubtful about each campaign."""
    rows = [("Campaign", "Wave", "Goes out (UTC)", "Planned", "Messages", f"Cost ({project.currency})")]
    for each in outlooks:
        at = moment(each.scheduled_at) if each.scheduled_at else "never"
        rows.append((each.campaign, each.wave, at, f"{each.planned:,}", f"{each.messages:,}", f"{each.cost:,.2f}"))
    if len(outlooks) > 1:
        messages, cost = sum(each.messages for each in outlooks), sum(each.cost for each in outlooks)
        rows.append(("together", "", "", "", f"{messages:,}", f"{cost:,.2f}"))
    doubts = tuple(_doubt(each) for each in outlooks if each.remarks)
    parts = [Part("Campaigns", tuple(rows), totals=(len(outlooks),) if len(outlooks) > 1 else ())]
    parts += [Part("Before you run them", sentences=doubts, tone="warning")] if doubts else []
    return Page(f"Plans of all campaigns, made {moment(now)} UTC", "", tuple(parts))


def as_json(outlooks: list[Outlook]) -> list[dict[str, Any]]:
    """The same as plain values."""
    found: list[dict[str, Any]] = TypeAdapter(list[Outlook]).dump_python(outlooks, mode="json")
    return found


def _outlook(plan: Plan) -> Outlook:
    cost = sum(each.cost for each in plan.costs)
    return Outlook(
        plan.campaign, plan.wave, plan.scheduled_at, plan.selected, plan.planned, plan.sends, cost, plan.remarks
    )


def _doubt(outlook: Outlook) -> str:
    more = len(outlook.remarks) - 1
    others = f" And {more} more: `handbill plan {outlook.campaign}`." if more else ""
    return f"{outlook.campaign}: {outlook.remarks[0]}{others}"
