"""A test on a part of the audience first, and the winner for everybody else: who is in which, and what comes next."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from sqlalchemy import Connection, func, or_, select

from handbill.definitions.campaign import Arm, Campaign
from handbill.planning.audience import Reason
from handbill.planning.schedule import ONCE
from handbill.planning.selection import Occasion, leave_out_rows, selection
from handbill.store.draw import Fraction
from handbill.store.tables import assignment, assignment_member, enrollment, experiment, rollout_decision, run

WAVE = "rollout-"
"""The name of the wave that sends the winner begins so and ends with the arm."""

Stage = Literal["test", "waiting", "rollout"]


@dataclass(frozen=True)
class Decision:
    """Which arm won the test: by which metric, with what numbers (by arm), when and who decided."""

    winner: str
    by_metric: str
    numbers: Mapping[str, Mapping[str, Any]]
    decided_at: datetime
    decided_by: str
    because: str | None

    @property
    def wave(self) -> str:
        """The wave that sends the winner."""
        return f"{WAVE}{self.winner}"


@dataclass(frozen=True)
class Standing:
    """Where a campaign with a roll-out is: before or in its test, waiting for the decision, or at the roll-out.

    `due_at` is when the winner may be picked, while that waits.
    """

    stage: Stage
    test_run: int | None = None
    due_at: datetime | None = None
    decision: Decision | None = None


def standing_of(connection: Connection, campaign: Campaign) -> Standing | None:
    """Where the campaign is; None where it has no roll-out."""
    rollout = campaign.experiment.rollout if campaign.experiment else None
    if rollout is None:
        return None
    test = connection.execute(
        select(run.c.id, run.c.state).where(run.c.campaign == campaign.name, run.c.wave == ONCE)
    ).one_or_none()
    if test is None:
        return Standing("test")
    decision = decision_of(connection, campaign.name)
    if decision is not None:
        return Standing("rollout", test.id, decision=decision)
    if test.state != "finished":
        return Standing("test", test.id)
    last = connection.scalar(select(func.max(enrollment.c.due_at)).where(enrollment.c.run_id == test.id))
    return Standing("waiting", test.id, due_at=None if last is None else last + rollout.decide_after)


def decision_of(connection: Connection, campaign: str) -> Decision | None:
    """The decision that is stored; None while there is none."""
    row = connection.execute(
        select(rollout_decision).join(experiment).where(experiment.c.campaign == campaign)
    ).one_or_none()
    if row is None:
        return None
    return Decision(row.winner, row.by_metric, row.numbers, row.decided_at, row.decided_by, row.because)


def decided_wave(connection: Connection, campaign: Campaign) -> str | None:
    """The wave that sends the winner, once it is picked; None else."""
    standing = standing_of(connection, campaign)
    return standing.decision.wave if standing and standing.decision else None


def winner_of(campaign: Campaign, wave: str) -> str | None:
    """The arm that a wave sends to everybody who was not in the test; None for any other wave."""
    if campaign.experiment is None or campaign.experiment.rollout is None or not wave.startswith(WAVE):
        return None
    arm = wave.removeprefix(WAVE)
    return arm if arm in campaign.arms else None


def rolled_out(campaign: Campaign, winner: str) -> Campaign:
    """The campaign as it goes to the others: holdouts keep their share, and the winner has the rest."""
    declared = campaign.experiment
    if declared is None:
        raise ValueError(f"{campaign.name} is no experiment")
    shares = rolled_out_shares({name: (arm.share, arm.holdout) for name, arm in declared.arms.items()}, winner)
    arms: dict[str, Arm] = {name: arm.model_copy(update={"share": shares[name]}) for name, arm in declared.arms.items()}
    return campaign.model_copy(update={"experiment": declared.model_copy(update={"arms": arms})})


def rolled_out_shares(arms: Mapping[str, tuple[Decimal, bool]], winner: str) -> dict[str, Decimal]:
    """Shares among those who were not in the test, from each arm's share and whether it is a holdout.

    >>> shares = {"a": (Decimal("0.1"), True), "b": (Decimal("0.4"), False), "c": (Decimal("0.5"), False)}
    >>> rolled_out_shares(shares, "b")
    {'a': Decimal('0.1'), 'b': Decimal('0.9'), 'c': Decimal('0')}
    """
    held = sum((share for share, holdout in arms.values() if holdout), Decimal(0))
    return {
        name: share if holdout else 1 - held if name == winner else Decimal(0)
        for name, (share, holdout) in arms.items()
    }


def leave_out_other_stage(connection: Connection, occasion: Occasion) -> None:
    """In the test, leaves out those who wait for the winner; in the roll-out, those who were in the test.

    The test is drawn by a salt of its own, so that it says nothing about the arms. A unit stays where it was once.
    """
    declared = occasion.campaign.experiment
    if declared is None or declared.rollout is None:
        return
    planned = selection.c.reason.is_(None)
    drawn = Fraction(salt_of_test(declared.salt), selection.c.unit_id)
    if winner_of(occasion.campaign, occasion.wave.name) is None:
        others = select(selection.c.contact_id).where(planned, drawn >= float(declared.rollout.test))
        leave_out_rows(connection, Reason.WAITS_FOR_WINNER, others)
        return
    tested = (
        select(assignment_member.c.contact_id)
        .join(assignment, assignment.c.id == assignment_member.c.assignment_id)
        .join(experiment, experiment.c.id == assignment.c.experiment_id)
        .where(experiment.c.campaign == occasion.campaign.name)
    )
    in_test = or_(drawn < float(declared.rollout.test), selection.c.contact_id.in_(tested))
    leave_out_rows(connection, Reason.WAS_IN_TEST, select(selection.c.contact_id).where(planned, in_test))


def salt_of_test(salt: str) -> str:
    """By which the part of the audience is drawn that the test is made on."""
    return f"{salt}/test"
