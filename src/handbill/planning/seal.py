"""How a plan becomes a run: everything that was decided is written down, once, before anything is sent."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Connection, Table, Text, func, insert, literal, select

from handbill.definitions.campaign import Campaign
from handbill.definitions.project import Project
from handbill.errors import RunRefused
from handbill.planning.plan import Plan, campaign_named, occasion_of
from handbill.planning.registration import registration_digest, registration_of, require_as_registered
from handbill.planning.selection import Occasion, selection
from handbill.planning.timing import message_at
from handbill.store.inserts import insert_into
from handbill.store.tables import (
    assignment,
    assignment_member,
    contact,
    definition,
    enrollment,
    exclusion,
    experiment,
    run,
)
from handbill.store.types import UtcTime


def seal_run(connection: Connection, project: Project, plan: Plan, *, now: datetime) -> int:
    """Writes the run of a plan and answers its id: registration, people, arms, and the reasons of the others.

    Call it in the transaction in which the plan was made: it reads the same selection. Holdouts are enrolled and
    assigned like everybody else; only the outbox, which is filled next, knows the difference.

    Raises:
        RunRefused: the wave has a run already, it is too late, or the experiment is not the one that was registered.
    """
    campaign = campaign_named(project, plan.campaign)
    if plan.latest_at is not None and now > plan.latest_at:
        raise RunRefused(
            f"{plan.campaign}: it is too late, nothing was to leave after {plan.latest_at:%Y-%m-%d %H:%M} UTC. "
            "Change schedule or max_lateness, or make an extra wave with --new-wave."
        )
    run_id = _insert_run(connection, plan, now)
    wave = plan.wave if plan.is_extra_wave else None
    _enroll(connection, occasion_of(project, plan.campaign, now=now, wave=wave), plan, run_id)
    _keep_reasons(connection, run_id)
    experiment_id = _seal_experiment(connection, campaign, now)
    if experiment_id is not None:
        _assign(connection, campaign, experiment_id, run_id, now)
    return run_id


def run_of_wave(connection: Connection, campaign: str, wave: str) -> int | None:
    """The run of a wave; None while there is none."""
    return connection.scalar(select(run.c.id).where(run.c.campaign == campaign, run.c.wave == wave))


def _insert_run(connection: Connection, plan: Plan, now: datetime) -> int:
    """The unique campaign and wave let exactly one of two schedulers through."""
    content = {"digest": plan.definition_digest, "campaign": plan.campaign, "content": plan.definition}
    connection.execute(_insert_or_keep(connection, definition).values(**content, first_seen_at=now))
    row = {
        "campaign": plan.campaign,
        "wave": plan.wave,
        "state": "running",
        "definition_digest": plan.definition_digest,
        "plan_digest": plan.digest,
        "plan": plan.as_json(),
        "scheduled_at": plan.scheduled_at,
        "latest_at": plan.latest_at,
        "started_at": now,
    }
    inserted = _insert_or_keep(connection, run).values(**row).returning(run.c.id)
    run_id: int | None = connection.execute(inserted).scalar_one_or_none()
    if run_id is None:
        raise RunRefused(
            f"{plan.campaign}: the wave {plan.wave} has been started by another program. "
            "Run the command again to follow it."
        )
    return run_id


def _enroll(connection: Connection, occasion: Occasion, plan: Plan, run_id: int) -> None:
    """Enrols the planned contacts with the moment at which their message leaves, or would have left for a holdout."""
    constants: dict[str, ColumnElement[Any]] = {
        "campaign": literal(plan.campaign, Text),
        "key": literal(plan.wave, Text),
        "run_id": literal(run_id, BigInteger),
        "definition_digest": literal(plan.definition_digest, Text),
        "entered_at": literal(occasion.now, UtcTime),
    }
    columns = (selection.c.contact_id, message_at(occasion), *constants.values())
    ordered = select(*columns).where(selection.c.reason.is_(None)).order_by(selection.c.contact_id)
    connection.execute(insert(enrollment).from_select(["contact_id", "due_at", *constants], ordered))


def _keep_reasons(connection: Connection, run_id: int) -> None:
    columns = (selection.c.contact_id, selection.c.reason, selection.c.detail)
    others = select(literal(run_id, BigInteger), *columns).where(selection.c.reason.is_not(None))
    connection.execute(insert(exclusion).from_select(["run_id", "contact_id", "reason", "detail"], others))


def _seal_experiment(connection: Connection, campaign: Campaign, now: datetime) -> int | None:
    """The experiment's id, if it is one. The first run seals the registration; later ones must have the same."""
    registration = registration_of(campaign)
    if registration is not None:
        row = {"campaign": campaign.name, "salt": registration["salt"], "unit": registration["unit"]}
        digest = registration_digest(registration)
        connection.execute(
            _insert_or_keep(connection, experiment).values(
                **row, registration=registration, registration_digest=digest, sealed_at=now
            )
        )
    require_as_registered(connection, campaign)
    return connection.scalar(select(experiment.c.id).where(experiment.c.campaign == campaign.name))


def _assign(connection: Connection, campaign: Campaign, experiment_id: int, run_id: int, now: datetime) -> None:
    """Assigns the units that are new, with everybody who belongs to them now; the others keep what they have.

    The origin of a unit is the planned contact of the first of its members.
    """
    constants: dict[str, ColumnElement[Any]] = {
        "experiment_id": literal(experiment_id, BigInteger),
        "run_id": literal(run_id, BigInteger),
        "eligible_at": literal(now, UtcTime),
    }
    unit = (selection.c.unit_id, selection.c.arm, selection.c.propensity)
    units = select(*unit, func.min(selection.c.origin_at), *constants.values()).where(selection.c.reason.is_(None))
    names = ["unit_id", "arm", "propensity", "origin_at", *constants]
    connection.execute(_insert_or_keep(connection, assignment).from_select(names, units.group_by(*unit)))
    belongs = contact.c.household_key if campaign.unit == "household" else contact.c.external_id
    members = (
        select(assignment.c.id, contact.c.id)
        .join_from(assignment, contact, belongs == assignment.c.unit_id)
        .where(assignment.c.run_id == run_id)
    )
    connection.execute(insert(assignment_member).from_select(["assignment_id", "contact_id"], members))


def _insert_or_keep(connection: Connection, table: Table) -> Any:
    """An insert that leaves a row alone that is there already."""
    return insert_into(connection, table).on_conflict_do_nothing()
