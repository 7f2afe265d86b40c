"""What was registered before the send, which is what a report analyses, and what the files say differently today."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Connection, select

from handbill.definitions.metrics import compared_arms
from handbill.reports.metrics import Own, Reading, readings
from handbill.responses.attribution import Units
from handbill.statistics.posteriors import Prior
from handbill.store.tables import experiment


@dataclass(frozen=True)
class RegisteredArm:
    """One arm as sealed; `channels` are the ways in which it reaches people, none for a holdout."""

    name: str
    share: float
    holdout: bool
    channels: tuple[str, ...]
    piece: str | None = None


@dataclass(frozen=True)
class Rail:
    """What must not get worse: by more than `margin` than in the arm `against`, or beyond the ceiling `below`."""

    metric: str
    against: str | None
    margin: float | None
    below: float | None


@dataclass(frozen=True)
class RegisteredRollout:
    """A test on a share of the audience, by whose metric the winner is picked that goes to everybody else."""

    test: float
    decide_after: timedelta
    by: str


@dataclass(frozen=True)
class Registered:
    """An experiment as it was sealed. Times and money in the goal's own words, shares and rates as fractions.

    `pairs` are all comparisons, (arm, control) each; `deciding` is the one that the registration names, else all.
    `size` is how many units are planned in all and `looks` at which parts of them it is read, where units arrive over
    time. `prior` is what a Bayesian analysis believed before. With a bandit the arms' shares follow the clicks from
    wave to wave. `runs` and `until` narrow what is measured to some of the units; see `Units`.
    """

    experiment_id: int
    campaign: str
    hypothesis: str
    unit: Literal["contact", "household"]
    arms: tuple[RegisteredArm, ...]
    control: str
    pairs: tuple[tuple[str, str], ...]
    deciding: tuple[tuple[str, str], ...]
    primary: str
    minimum_effect: float | None
    power: float
    confidence: float
    secondary: tuple[str, ...]
    goal_event: str
    within: timedelta
    margin_rate: float | None
    sealed_at: datetime
    digest: str
    guardrails: tuple[Rail, ...] = ()
    own: tuple[Own, ...] = ()
    analysis: str = "fixed"
    size: int = 0
    looks: tuple[float, ...] = ()
    prior: Prior | None = None
    rollout: RegisteredRollout | None = None
    has_bandit: bool = False
    runs: tuple[int, ...] | None = None
    until: datetime | None = None

    def arm(self, name: str) -> RegisteredArm:
        """The arm of this name."""
        return next(arm for arm in self.arms if arm.name == name)

    @property
    def units(self) -> Units:
        """The units that figures are about."""
        return Units(self.experiment_id, self.runs, self.until)

    @property
    def readings(self) -> Mapping[str, Reading]:
        """How every metric of this experiment reads, by name, in the order of a report."""
        return readings(self.own)


def read_registered(connection: Connection, campaign: str) -> Registered | None:
    """The experiment of a campaign as it was sealed; None when it was never sealed."""
    row = connection.execute(select(experiment).where(experiment.c.campaign == campaign)).one_or_none()
    if row is None:
        return None
    sealed: Mapping[str, Any] = row.registration
    goal, primary = sealed["goal"], sealed["primary"]
    control = sealed["control"]
    arms = tuple(_arm(each) for each in sealed["arms"])
    pairs = [(arm.name, control) for arm in arms if arm.name != control and arm.share > 0]
    pairs += [pair for text in sealed["compare"] if (pair := compared_arms(text)) and pair not in pairs]
    deciding = compared_arms(primary["comparison"]) if primary["comparison"] else None
    if deciding and deciding not in pairs:
        pairs.append(deciding)
    return Registered(
        experiment_id=row.id,
        campaign=campaign,
        hypothesis=sealed["hypothesis"],
        unit=row.unit,
        arms=arms,
        control=control,
        pairs=tuple(pairs),
        deciding=(deciding,) if deciding else tuple(pairs),
        primary=primary["metric"],
        minimum_effect=primary["minimum_effect"],
        power=primary["power"],
        confidence=primary["confidence"],
        secondary=tuple(sealed["secondary"]),
        goal_event=goal["event"],
        within=timedelta(seconds=goal["within_seconds"]),
        margin_rate=goal["margin_rate"],
        sealed_at=row.sealed_at,
        digest=row.registration_digest,
        guardrails=tuple(Rail(**each) for each in sealed.get("guardrails", ())),
        own=tuple(_own(name, each) for name, each in sealed.get("metrics", {}).items()),
        analysis=sealed.get("analysis", "fixed"),
        size=sealed.get("size", 0),
        looks=tuple(sealed.get("looks", ())),
        prior=Prior(**sealed["prior"]) if sealed.get("prior") else None,
        rollout=_rollout(sealed["rollout"]) if sealed.get("rollout") else None,
        has_bandit="bandit" in sealed,
    )


def _rollout(sealed: Mapping[str, Any]) -> RegisteredRollout:
    return RegisteredRollout(sealed["test"], timedelta(seconds=sealed["decide_after_seconds"]), sealed["by"])


def _arm(sealed: Mapping[str, Any]) -> RegisteredArm:
    return RegisteredArm(
        sealed["name"], sealed["share"], sealed["holdout"], tuple(sealed["channels"]), sealed.get("format")
    )


def _own(name: str, sealed: Mapping[str, Any]) -> Own:
    seconds = sealed["within_seconds"]
    return Own(
        name,
        sealed["event"],
        sealed["property"],
        sealed["aggregation"],
        None if seconds is None else timedelta(seconds=seconds),
        sealed["cap"],
        sealed["direction"] == "up",
        sealed["margin"],
    )
