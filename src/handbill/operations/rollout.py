"""How the winner of a test is picked: by its numbers when their time has come, or by hand; once, and kept."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, insert

from handbill.clock import Clock, real_clock
from handbill.definitions.campaign import Campaign
from handbill.definitions.project import Project
from handbill.definitions.words import unknown
from handbill.errors import NothingToDo, NotMeasurable, Problem, RunRefused
from handbill.planning.plan import campaign_named
from handbill.planning.registration import require_as_registered
from handbill.planning.rollout import Decision, Standing, decision_of, standing_of
from handbill.reports.measure import measure
from handbill.reports.registered import Registered, read_registered
from handbill.statistics.contrasts import mean_of, total_of
from handbill.statistics.results import Arm
from handbill.store.connection import reading, writing
from handbill.store.tables import rollout_decision

__all__ = ["SCHEDULE", "ByHand", "Decision", "decide", "may_decide", "rollout_wave"]

SCHEDULE = "schedule"
"""Who decides where nobody does it by hand."""


@dataclass(frozen=True)
class ByHand:
    """Somebody's own choice, and why."""

    arm: str
    because: str
    who: str


def decide(
    engine: Engine, project: Project, name: str, *, clock: Clock = real_clock, by_hand: ByHand | None = None
) -> Decision:
    """Picks the winner of a campaign's test and keeps it with its numbers; it cannot be picked twice.

    By the registered metric it is the arm that sends something and does best so far, of equals the first. By hand it
    may be any such arm, and earlier than the metric's time.

    Raises:
        RunRefused: the campaign has no roll-out, or no such arm, or is not the one that was registered.
        NothingToDo: the test was not sent yet, the time has not come, or the winner was picked before.
        NotMeasurable: the metric says nothing about some arm, or nobody did anything.
    """
    campaign = campaign_named(project, name)
    with writing(engine) as connection:
        standing = _require_undecided(connection, campaign)
        require_as_registered(connection, campaign)
        if by_hand is None:
            _require_due(name, standing, clock())
        else:
            _require_sending(campaign, by_hand.arm)
        registered = read_registered(connection, name)
        if registered is None or standing.test_run is None or campaign.experiment is None:
            raise NothingToDo(f"{name}: nobody was in the test, so there is no winner to pick.")
        metric = _metric(campaign)
        arms = _measured(connection, replace(registered, runs=(standing.test_run,)), project.currency)
        values = {arm.name: mean_of(arm.metrics[metric]) for arm in arms if metric in arm.metrics}
        winner = by_hand.arm if by_hand else _best(name, registered, metric, arms, values)
        numbers = {arm.name: _numbers(arm, metric) for arm in arms}
        connection.execute(
            insert(rollout_decision).values(
                experiment_id=registered.experiment_id,
                winner=winner,
                by_metric=metric,
                numbers=numbers,
                decided_at=clock(),
                decided_by=by_hand.who if by_hand else SCHEDULE,
                because=by_hand.because if by_hand else None,
            )
        )
        found = decision_of(connection, name)
    if found is None:
        raise RuntimeError("the decision was not kept")
    return found


def may_decide(standing: Standing, now: datetime) -> bool:
    """Whether the winner may be picked by its numbers now."""
    return standing.stage == "waiting" and standing.due_at is not None and now >= standing.due_at


def rollout_wave(engine: Engine, campaign: Campaign, asked_for: str | None) -> str | None:
    """The wave that a start of this campaign means: that of the winner once it is picked, else what was asked for.

    Raises:
        NothingToDo: the test was sent, and the winner has not been picked.
        RunRefused: another wave was asked for than test and roll-out.
    """
    with reading(engine) as connection:
        standing = standing_of(connection, campaign)
    if standing is None:
        return asked_for
    wave = standing.decision.wave if standing.decision else None
    if asked_for is not None and asked_for != wave:
        said = f"its winner goes out as {wave}" if wave else "it has no other wave before its winner is picked"
        raise RunRefused(f"{campaign.name} is one test and one roll-out: {said}. Leave out --new-wave.")
    if standing.stage == "waiting":
        when = f"after {_moment(standing.due_at)}" if standing.due_at else "by hand"
        raise NothingToDo(
            f"{campaign.name}: the test has been sent, and the others wait for its winner. "
            f"Run `handbill decide {campaign.name}` {when}, or leave it to `handbill up`."
        )
    return wave


def _require_undecided(connection: Connection, campaign: Campaign) -> Standing:
    standing = standing_of(connection, campaign)
    if standing is None:
        what = f"{campaign.name} has no roll-out."
        raise RunRefused(Problem("campaigns.yaml", what=what, mend="Add rollout to its experiment before it is sent."))
    if standing.decision:
        decision, when = standing.decision, _moment(standing.decision.decided_at)
        raise NothingToDo(
            f"{campaign.name}: {decision.winner} was picked on {when}. "
            f"Run `handbill run {campaign.name}` to send it to the others."
        )
    if standing.stage == "test":
        raise NothingToDo(f"{campaign.name}: the test has not been sent yet. Run `handbill run {campaign.name}` first.")
    return standing


def _require_due(name: str, standing: Standing, now: datetime) -> None:
    if standing.due_at is not None and now < standing.due_at:
        raise NothingToDo(
            f"{name}: the winner is picked after {_moment(standing.due_at)}, as registered. "
            "Wait, or pick it by hand with --arm and --because."
        )


def _require_sending(campaign: Campaign, arm: str) -> None:
    sending = [name for name, each in campaign.arms.items() if not each.holdout]
    if arm not in sending:
        what, mend = unknown("arm that sends something", arm, sending)
        raise RunRefused(Problem("--arm", what=what, mend=mend))


def _metric(campaign: Campaign) -> str:
    if campaign.experiment is None or campaign.experiment.rollout is None:
        raise ValueError(f"{campaign.name} has no roll-out")
    return campaign.experiment.rollout.by


def _measured(connection: Connection, registered: Registered, currency: str) -> tuple[Arm, ...]:
    """The arms of the test that send something."""
    sending = {arm.name for arm in registered.arms if arm.channels}
    return tuple(arm for arm in measure(connection, registered, currency).arms if arm.name in sending)


def _best(
    name: str, registered: Registered, metric: str, arms: tuple[Arm, ...], values: Mapping[str, float | None]
) -> str:
    known = {arm: value for arm, value in values.items() if value is not None}
    by_hand = f"Pick a winner by hand: `handbill decide {name} --arm {arms[0].name} --because …`."
    if len(known) < len(arms):
        missing = next(arm.name for arm in arms if known.get(arm.name) is None)
        raise NotMeasurable(f"{name}: nothing is known of the {metric} of arm {missing}. {by_hand}")
    if not any(total_of(arm.metrics[metric]) for arm in arms):
        raise NotMeasurable(f"{name}: no arm has any {metric} yet. {by_hand}")
    sign = 1 if registered.readings[metric].more_is_better else -1
    return max(known, key=lambda arm: sign * known[arm])  # of equals the first, in the order of the registration


def _moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _numbers(arm: Arm, metric: str) -> dict[str, Any]:
    aggregate = arm.metrics.get(metric)
    if aggregate is None:
        return {"units": arm.units}
    return {"units": arm.units, "total": total_of(aggregate), "value": mean_of(aggregate)}
