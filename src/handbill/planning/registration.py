"""What an experiment promises before its first send, and whether it still promises the same.

The registration is sealed with the first run. Reports analyse what was sealed, whatever the files say later.
"""

from datetime import UTC
from typing import Any

from sqlalchemy import Connection, Row, select

from handbill.definitions.campaign import Arm, Campaign, Experiment, mail_of
from handbill.definitions.deciding import Bandit, Prior, Rollout
from handbill.definitions.metrics import OwnMetric
from handbill.definitions.values import MILLIONTHS
from handbill.errors import Problem, RunRefused
from handbill.planning.definition import digest_of
from handbill.store.tables import experiment

Registration = dict[str, Any]


def registration_of(campaign: Campaign) -> Registration | None:
    """Hypothesis, arms in their order, comparisons, metrics, windows and exclusions; None without an experiment.

    Plain values for JSON: shares and rates as fractions, effects in the metric's own unit, durations in seconds.
    """
    if campaign.experiment is None:
        return None
    declared = campaign.experiment
    return {
        "hypothesis": declared.hypothesis,
        "unit": declared.unit,
        "salt": declared.salt,
        "arms": [_arm(campaign, name, arm) for name, arm in declared.arms.items()],
        "control": declared.control,
        "compare": list(declared.compare),
        "primary": _primary(declared),
        "secondary": list(declared.secondary),
        "analysis": declared.analysis,
        "goal": _goal(campaign),
        "audience": {"include": list(campaign.audience.include), "exclude": list(campaign.audience.exclude)},
        **_beside(campaign, declared),
    }


def deviations(connection: Connection, campaign: Campaign) -> list[str]:
    """What stands differently in the files than in the sealed registration; empty while nothing is sealed."""
    declared, sealed = registration_of(campaign), _sealed(connection, campaign.name)
    if sealed is None:
        return []
    if declared is None:
        return [f"the experiment was removed, which was registered on {sealed.sealed_at.astimezone(UTC):%d %B %Y}"]
    return [
        f"{key} was {_said(sealed.registration.get(key))} and is {_said(declared.get(key))}"
        for key in dict.fromkeys([*declared, *sealed.registration])
        if sealed.registration.get(key) != declared.get(key)
    ]


def require_as_registered(connection: Connection, campaign: Campaign) -> None:
    """Refuses an experiment that is not the one that was sealed, or that has another one's salt.

    Raises:
        RunRefused: what changed, and how to mend it.
    """
    changes = deviations(connection, campaign)
    if changes:
        raise RunRefused(*(
            Problem(
                what=f"{campaign.name}: the experiment is not the one that was registered: {change}.",
                mend="Restore it, or make it a new campaign with a salt of its own.",
            )
            for change in changes
        ))  # fmt: skip
    if campaign.experiment is None:
        return
    salt = campaign.experiment.salt
    others = select(experiment.c.campaign).where(experiment.c.salt == salt, experiment.c.campaign != campaign.name)
    other = connection.scalar(others)
    if other is not None:
        raise RunRefused(
            f'{campaign.name}: the salt "{salt}" drew the arms of {other}, so the same people would meet in the same '
            "arms. Choose another salt."
        )


def registration_digest(registration: Registration) -> str:
    """What identifies a registration."""
    return digest_of(registration)


def _sealed(connection: Connection, name: str) -> Row[Any] | None:
    return connection.execute(select(experiment).where(experiment.c.campaign == name)).one_or_none()


def _arm(campaign: Campaign, name: str, arm: Arm) -> Registration:
    piece = mail_of(campaign, arm)
    return {
        "name": name,
        "share": float(arm.share),
        "holdout": arm.holdout,
        "channels": [channel for channel in campaign.channels if getattr(arm, channel)],
        "format": piece.format if piece else None,
        "discount": float(arm.offer.discount) if arm.offer else 0.0,
    }


def _primary(declared: Experiment) -> Registration:
    primary = declared.primary
    return {
        "metric": primary.metric,
        "comparison": primary.comparison,
        "minimum_effect": primary.minimum_effect.difference if primary.minimum_effect else None,
        "power": float(primary.power),
        "confidence": float(primary.confidence),
    }


def _goal(campaign: Campaign) -> Registration | None:
    goal = campaign.goal
    if goal is None:
        return None
    return {
        "event": goal.event,
        "value": goal.value,
        "margin_rate": None if goal.margin_rate is None else float(goal.margin_rate),
        "costs": goal.costs,
        "within_seconds": int(goal.within.total_seconds()),
    }


def _beside(campaign: Campaign, declared: Experiment) -> Registration:
    """What not every experiment has: only where it is declared, so that older seals stay as they are."""
    rails = [
        {
            "metric": rail.metric,
            "against": rail.against,
            "margin": rail.margin.difference if rail.margin else None,
            "below": None if rail.below is None else float(rail.below),
        }
        for rail in declared.guardrails
    ]
    named = [*declared.secondary, *(rail.metric for rail in declared.guardrails)]
    own = {name: _own(campaign.own_metrics[name]) for name in named if name in campaign.own_metrics}
    beside: Registration = {
        "guardrails": rails,
        "metrics": own,
        "size": declared.size,
        "looks": [float(look) for look in declared.looks],
        "prior": _prior(declared.prior) if declared.prior else None,
        "rollout": _rollout(declared.rollout) if declared.rollout else None,
        "bandit": _bandit(declared.bandit) if declared.bandit else None,
    }
    return {name: value for name, value in beside.items() if value}


def _prior(declared: Prior) -> Registration:
    return {
        "effect": declared.effect.difference if declared.effect else 0.0,
        "spread": declared.spread.difference,
    }


def _rollout(declared: Rollout) -> Registration:
    seconds = int(declared.decide_after.total_seconds())
    return {"test": float(declared.test), "decide_after_seconds": seconds, "by": declared.by}


def _bandit(declared: Bandit) -> Registration:
    return {"by": declared.by, "floor": float(declared.floor), "uniform": float(declared.uniform)}


def _own(metric: OwnMetric) -> Registration:
    return {
        "event": metric.event,
        "property": metric.property,
        "aggregation": metric.aggregation,
        "within_seconds": None if metric.window is None else int(metric.window.total_seconds()),
        "cap": None if metric.cap is None else metric.cap / MILLIONTHS,
        "direction": metric.direction,
        "margin": metric.margin.difference if metric.margin else None,
    }


def _said(value: Any) -> str:
    """A part of a registration in a sentence."""
    match value:
        case dict():
            # PostgreSQL gives keys back in an order of its own.
            return ", ".join(
                f"{key} {_said(each)}" for key, each in sorted(value.items()) if each not in (None, [], False)
            )
        case list():
            return " / ".join(_said(each) for each in value) or "empty"
        case None:
            return "not set"
        case float():
            return f"{value:g}"
        case _:
            return f'"{value}"' if isinstance(value, str) else str(value)
