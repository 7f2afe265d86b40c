"""What exactly was declared: a campaign in canonical form, its digest, and what an experiment registers before sending.

Two files that mean the same have the same digest: order of keys, spelling of numbers (45% and 0.45), comments and
places do not count. The order of arms does, because the draw depends on it.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from typing import Any

from pydantic import BaseModel

from handbill.definitions.campaign import Campaign, Experiment
from handbill.definitions.project import Project
from handbill.definitions.segment import Segment
from handbill.definitions.segment_reader import named_segments
from handbill.definitions.values import Effect, Rate

SECRETS = frozenset({"user", "password", "key_file"})
"""Keys of channels that are left out: they are nobody's business, and change nothing that a person gets."""


def definition_digest(project: Project, campaign_name: str) -> str:
    """SHA-256 (hex) over all that decides who gets what: `definition` in canonical JSON."""
    return digest_of(definition(project, campaign_name))


def definition(project: Project, campaign_name: str) -> dict[str, Any]:
    """The campaign and all that bears on it: segments, policies, channels without secrets, brand, zone, fields."""
    campaign = project.campaigns[campaign_name]
    channels = {name: getattr(project.channels, name) for name in campaign.channels}
    return {
        "campaign": _campaign(campaign),
        "segments": {segment.slug: _canonical(segment.where) for segment in _reached(project, campaign)},
        "policies": _canonical(project.policies),
        "channels": {name: _canonical(channel) for name, channel in channels.items()},
        "brand": _canonical(project.brand),
        "timezone": project.timezone,
        "currency": project.currency,
        "fields": {field.name: [field.type, *field.one_of] for field in project.fields.values() if not field.builtin},
    }


def registration(project: Project, campaign_name: str) -> dict[str, Any]:
    """What an experiment promises before its first send; sealed when the run starts, and what the report goes by.

    Shares, rates and the minimum effect are fractions, windows are seconds. Arms stand in the order of the draw.

    Raises:
        ValueError: the campaign is no experiment.
    """
    campaign = project.campaigns[campaign_name]
    experiment = campaign.experiment
    if experiment is None:
        raise ValueError(f"{campaign_name} is no experiment")
    return {
        "campaign": campaign.name,
        "hypothesis": experiment.hypothesis,
        "audience": _canonical(campaign.audience),
        "unit": experiment.unit,
        "salt": experiment.salt,
        "arms": list(_arms(campaign, experiment)),
        "control": experiment.control,
        "compare": list(experiment.compare),
        "primary": _primary(experiment),
        "secondary": list(experiment.secondary),
        "goal": _goal(campaign),
        "analysis": experiment.analysis,
    }


def registration_digest(project: Project, campaign_name: str) -> str:
    """SHA-256 (hex) over `registration` in canonical JSON."""
    return digest_of(registration(project, campaign_name))


def digest_of(content: Mapping[str, Any]) -> str:
    """SHA-256 (hex) over canonical JSON."""
    return sha256(canonical_json(content).encode()).hexdigest()


def canonical_json(content: Mapping[str, Any]) -> str:
    """The one spelling of a JSON value: keys sorted, no blanks, UTF-8, no NaN."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _arms(campaign: Campaign, experiment: Experiment) -> Iterator[dict[str, Any]]:
    for name, arm in experiment.arms.items():
        mail = arm.direct_mail
        shared = campaign.direct_mail
        yield {
            "name": name,
            "share": float(arm.share),
            "holdout": arm.holdout,
            "channels": [channel for channel in campaign.channels if getattr(arm, channel)],
            "format": (mail.format or (shared.format if shared else None)) if mail else None,
            "discount": float(arm.offer.discount) if arm.offer else 0.0,
        }


def _primary(experiment: Experiment) -> dict[str, Any]:
    primary = experiment.primary
    return {
        "metric": primary.metric,
        "comparison": primary.comparison,
        "minimum_effect": primary.minimum_effect.difference if primary.minimum_effect else None,
        "power": float(primary.power),
        "confidence": float(primary.confidence),
    }


def _goal(campaign: Campaign) -> dict[str, Any] | None:
    goal = campaign.goal
    if goal is None:
        return None
    return {
        "event": goal.event,
        "value": goal.value,
        "within_seconds": int(goal.within.total_seconds()),
        "margin_rate": None if goal.margin_rate is None else float(goal.margin_rate),
        "costs": goal.costs,
    }


def _campaign(campaign: Campaign) -> dict[str, Any]:
    content: dict[str, Any] = _canonical(campaign)
    if campaign.experiment:
        # JSON sorts keys, and the order of arms is part of the draw.
        content["experiment"]["arms"] = [
            {"name": name, **_canonical(arm)} for name, arm in campaign.experiment.arms.items()
        ]
    return content


def _reached(project: Project, campaign: Campaign) -> list[Segment]:
    """The segments of the audience and those that they name, each once."""
    open_names = [*campaign.audience.include, *campaign.audience.exclude]
    reached: dict[str, Segment] = {}
    while open_names:
        name = open_names.pop()
        if name not in reached:
            reached[name] = project.segments[name]
            open_names += [clause.segment for clause in named_segments(project.segments[name])]
    return list(reached.values())


def _canonical(value: Any) -> Any:
    """JSON values only. Nothing stands for what is not said, so that a new optional key changes no old digest."""
    if isinstance(value, BaseModel):
        return _canonical_model(value)
    if isinstance(value, dict):
        return {key: _canonical(each) for key, each in value.items()}
    if isinstance(value, tuple):
        return [_canonical(each) for each in value]
    spelling = _SPELLINGS.get(type(value))
    if spelling is None and is_dataclass(value):
        parts = {field.name: _canonical(getattr(value, field.name)) for field in fields(value) if field.name != "place"}
        return {"is": type(value).__name__, **parts}
    return spelling(value) if spelling else value


def _canonical_model(model: BaseModel) -> dict[str, Any]:
    parts = {field.alias or name: getattr(model, name) for name, field in type(model).model_fields.items()}
    return {key: _canonical(each) for key, each in parts.items() if each is not None and key not in SECRETS}


_SPELLINGS: Mapping[type, Callable[[Any], str | int]] = {
    Rate: str,
    Effect: str,
    Decimal: lambda number: f"{number.normalize():f}",
    timedelta: lambda duration: int(duration.total_seconds()),
    datetime: lambda moment: str(moment.isoformat()),
}
"""How values that JSON does not know are written."""
