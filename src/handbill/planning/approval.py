"""A plan as a file, and whether the world is still as the approved plan saw it."""

import json
import os
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import Connection, select

from handbill.definitions.project import Project
from handbill.errors import PlanDrifted, Problem, RunRefused
from handbill.planning.audience import Reason
from handbill.planning.definition import changed_parts, definition_of, digest_of
from handbill.planning.fingerprint import approved as approved_contacts
from handbill.planning.fingerprint import came_and_went, load_approved
from handbill.planning.plan import Plan, occasion_of, sum_up, walk_stages
from handbill.planning.selection import Occasion, leave_out_rows, selection

FORMAT = "handbill plan 1"
_PLAN = TypeAdapter(Plan)


def write_plan(plan: Plan, path: Path) -> None:
    """Keeps a plan in a file, whole, so that exactly this plan can be run. The file holds ids, no personal data.

    Raises:
        RunRefused: the file cannot be written.
    """
    content: dict[str, Any] = {"format": FORMAT, **_PLAN.dump_python(plan, mode="json")}
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        draft.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        draft.replace(path)  # the name appears when everything is written
    except OSError as error:
        what = f"the plan cannot be written there ({error.strerror})."
        raise RunRefused(Problem(str(path), what=what, mend="Name a file in a folder that exists.")) from None


def read_plan(path: Path) -> Plan:
    """The plan in a file that `write_plan` wrote.

    Raises:
        RunRefused: the file is not there, or is no plan of this version.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RunRefused(Problem(str(path), what="there is no such file.", mend=_MEND)) from None
    except (OSError, ValueError):
        raise RunRefused(Problem(str(path), what="the file cannot be read as a plan.", mend=_MEND)) from None
    if not isinstance(content, dict) or content.pop("format", None) != FORMAT:
        raise RunRefused(Problem(str(path), what="the file is no plan of this version.", mend=_MEND))
    try:
        return _PLAN.validate_python(content)
    except ValidationError:
        raise RunRefused(Problem(str(path), what="the file was changed by hand.", mend=_MEND)) from None


def plan_as_approved(connection: Connection, project: Project, approved: Plan, *, now: datetime) -> Plan:
    """The approved plan as it can be run now: only its contacts, less those whom a reason leaves out by now.

    Walks the same stages as every plan, and leaves the selection on the connection for `seal_run`.

    Raises:
        PlanDrifted: the definitions or the wave are others than in the plan, or more of the audience has changed than
            `max_drift` allows; the message says what moved.
    """
    wave = approved.wave if approved.is_extra_wave else None
    occasion = occasion_of(project, approved.campaign, now=now, wave=wave)
    _require_same_words(occasion, approved)
    walk_stages(connection, occasion)
    load_approved(connection, approved.fingerprint)
    came, gone = came_and_went(connection)
    _require_little_drift(occasion, approved, came, gone)
    newcomers = select(selection.c.contact_id).where(
        selection.c.reason.is_(None), selection.c.contact_id.not_in(select(approved_contacts.c.contact_id))
    )
    leave_out_rows(connection, Reason.NOT_IN_PLAN, newcomers)
    return sum_up(connection, occasion)


_MEND = "Make a plan with `handbill plan CAMPAIGN --out FILE`."


def _require_same_words(occasion: Occasion, approved: Plan) -> None:
    name, wave = occasion.campaign.name, occasion.wave.name
    if wave != approved.wave:
        raise PlanDrifted(f"{name}: the plan is for the wave {approved.wave}, and {wave} is due now. {_MEND}")
    definition = definition_of(occasion.project, occasion.campaign)
    if digest_of(definition) != approved.definition_digest:
        parts = ", ".join(changed_parts(approved.definition, definition))
        raise PlanDrifted(f"{name}: something was edited after the plan was made: {parts}. {_MEND}")


def _require_little_drift(occasion: Occasion, approved: Plan, came: int, gone: dict[str, int]) -> None:
    left = sum(gone.values())
    moved, allowed = (came + left) / max(approved.planned, 1), float(occasion.project.policies.max_drift)
    if moved <= allowed:
        return
    reasons = "; ".join(f"{number:,}: {_why(reason)}" for reason, number in sorted(gone.items()))
    raise PlanDrifted(
        f"{occasion.campaign.name}: the audience has changed by {moved:.1%} since the plan was made, and max_drift "
        f"allows {allowed:.1%}. {came:,} came, {left:,} left{f' ({reasons})' if reasons else ''}. {_MEND}"
    )


def _why(reason: str) -> str:
    return "no longer in the segments" if reason == "not_selected" else Reason(reason).sentence
