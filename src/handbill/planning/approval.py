"""A plan as a file, and whether the world is still as the approved plan saw it."""

import json
import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import BigInteger, Column, Connection, MetaData, Table, insert, select

from handbill.definitions.project import Project
from handbill.errors import PlanDrifted, Problem, RunRefused
from handbill.planning.audience import Reason
from handbill.planning.definition import definition_digest, definition_of
from handbill.planning.differences import Differences, Movement, differences_since
from handbill.planning.edits import edits_between
from handbill.planning.fingerprint import BATCH, take_fingerprint
from handbill.planning.learned_shares import learned
from handbill.planning.moves import newcomers_since
from handbill.planning.plan import Plan, occasion_of, sum_up, walk_stages
from handbill.planning.records import of_plan
from handbill.planning.selection import Occasion, leave_out_rows, make_anew

FORMAT = "handbill plan 2"
_PLAN = TypeAdapter(Plan)

newcomer = Table(
    "newcomer",
    MetaData(),
    Column("contact_id", BigInteger, primary_key=True, autoincrement=False),
    prefixes=["TEMPORARY"],
)
"""Contacts that would be planned now and are not in the approved plan; few, or the plan has drifted."""


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
    occasion = learned(connection, occasion_of(project, approved.campaign, now=now, wave=wave))
    _require_same_words(occasion, approved)
    walk_stages(connection, occasion)
    earlier = of_plan(approved)
    present = take_fingerprint(connection, occasion.campaign.unit)
    moved = differences_since(connection, occasion, earlier, approved.definition, present)
    _require_little_drift(occasion, moved)
    if moved.entered:
        _leave_out_newcomers(connection, newcomers_since(earlier.contacts, present.contacts))
    return sum_up(connection, occasion, earlier)


_MEND = "Make a plan with `handbill plan CAMPAIGN --out FILE`."


def _require_same_words(occasion: Occasion, approved: Plan) -> None:
    name, wave = occasion.campaign.name, occasion.wave.name
    if wave != approved.wave:
        raise PlanDrifted(f"{name}: the plan is for the wave {approved.wave}, and {wave} is due now. {_MEND}")
    definition = definition_of(occasion.project, occasion.campaign)
    if definition_digest(definition) != approved.definition_digest:
        edits = edits_between(approved.definition, definition, sealed=False, beside=False)
        parts = "; ".join(map(str, edits)).rstrip(".")
        raise PlanDrifted(f"{name}: something was edited after the plan was made: {parts}. {_MEND}")


def _leave_out_newcomers(connection: Connection, ids: Sequence[int]) -> None:
    make_anew(connection, newcomer)
    for start in range(0, len(ids), BATCH):
        connection.execute(insert(newcomer), [{"contact_id": each} for each in ids[start : start + BATCH]])
    leave_out_rows(connection, Reason.NOT_IN_PLAN, select(newcomer.c.contact_id))


def _require_little_drift(occasion: Occasion, moved: Differences) -> None:
    came, gone = (sum(each.contacts for each in side) for side in (moved.entered, moved.left))
    drift, allowed = (came + gone) / max(moved.before, 1), float(occasion.project.policies.max_drift)
    if drift <= allowed:
        return
    raise PlanDrifted(
        f"{occasion.campaign.name}: the audience has changed by {drift:.1%} since the plan was made, and max_drift "
        f"allows {allowed:.1%}. {came:,} came{_gates(moved.entered, entered=True)}, "
        f"{gone:,} left{_gates(moved.left, entered=False)}. {_MEND}"
    )


def _gates(movements: Sequence[Movement], *, entered: bool) -> str:
    said = "; ".join(f"{each.contacts:,}: {each.sentence(entered=entered)}" for each in movements)
    return f" ({said})" if said else ""
