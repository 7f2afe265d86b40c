"""What a campaign says, whole: every declaration and template that decides what is sent to whom, with a digest."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from datetime import date, time, timedelta
from decimal import Decimal
from pathlib import PurePath
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import BaseModel

from handbill.definitions.campaign import Campaign, email_of, mail_of
from handbill.definitions.clause_text import clause_text
from handbill.definitions.languages import LocalText
from handbill.definitions.project import Project
from handbill.definitions.segment import All, AnyOf, Clause, Not, SegmentClause
from handbill.definitions.values import Effect, Rate, zone

Plain = Any
"""What JSON can hold."""

TEMPLATE_ENDINGS = frozenset({".mjml", ".html", ".txt"})

BESIDE = "beside"
"""The part of a definition that decides nothing about who gets what: words for ourselves, speed, templates' texts."""

LONGEST_TEMPLATE = 200_000
"""Letters of a template that are kept to show what was edited in it; of longer ones only the digest is kept."""

_DECIDING_CHANNEL_KEYS = frozenset({"provider", "from_", "reply_to", "utm", "cost", "budget", "transit"})
"""How fast messages leave may change at any time; sign-in words never leave the file."""
_BRAND_KEYS = ("name", "postal_address", "website")
"""What messages say of the brand; its colour and its logo are on pages only."""
_SPEED_KEYS = frozenset({"rate", "per_domain"})


def definition_of(project: Project, campaign: Campaign) -> dict[str, Plain]:
    """Everything declared that a run of the campaign depends on, as plain values for JSON.

    Of templates it holds digests. The part `beside` is kept for people, and counts for no digest of the definition.
    """
    segments = {slug: project.segments[slug] for slug in sorted(_segments(project, campaign))}
    templates = _templates(project, campaign)
    layer, here = campaign.experiment.layer if campaign.experiment else None, zone(project.timezone)
    return {
        "campaign": _plain(campaign),
        "arms": list(campaign.arms),  # their order decides who is drawn into which
        "segments": {slug: _plain(each.where) for slug, each in segments.items()},
        "brand": {name: getattr(project.brand, name) for name in _BRAND_KEYS},
        "timezone": project.timezone,
        "currency": project.currency,
        "languages": _plain(project.languages),
        "channels": _of_channels(project, campaign, _DECIDING_CHANNEL_KEYS),
        "policies": {
            "caps": _plain(project.policies.caps),
            "quiet_hours": _plain(project.policies.quiet_hours),
            "global_holdout": _plain(project.policies.global_holdout),
        },
        "layers": {layer.name: _plain(project.layers[layer.name])} if layer else {},
        "templates": {name: hashlib.sha256(content).hexdigest() for name, content in templates.items()},
        BESIDE: {
            "segments": {slug: {"name": each.name, "description": each.description,
                                "rule": [line for line, _ in rule_lines(each.where, here)]}
                         for slug, each in segments.items()},
            "channels": _of_channels(project, campaign, _SPEED_KEYS),
            "max_drift": _plain(project.policies.max_drift),
            "templates": dict(_texts(templates)),
        },
    }  # fmt: skip


def definition_digest(definition: Mapping[str, Plain]) -> str:
    """What identifies a definition: all of it but the part beside."""
    return digest_of({part: content for part, content in definition.items() if part != BESIDE})


def digest_of(content: Plain) -> str:
    """64 hexadecimal digits that identify plain values, whatever the order of their keys."""
    written = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(written.encode()).hexdigest()


def rule_lines(clause: Clause, here: ZoneInfo, group: str = "") -> Iterator[tuple[str, Clause]]:
    """The clauses of a rule that hold no others, each as it reads: `any: not: field: country, eq: GB`."""
    match clause:
        case All():
            for each in clause.clauses:
                yield from rule_lines(each, here, f"{group}all: " if group else "")
        case AnyOf():
            for each in clause.clauses:
                yield from rule_lines(each, here, f"{group}any: ")
        case Not():
            yield from rule_lines(clause.clause, here, f"{group}not: ")
        case _:
            yield f"{group}{clause_text(clause, here)}", clause


def _of_channels(project: Project, campaign: Campaign, keys: frozenset[str]) -> Plain:
    channels = {channel: getattr(project.channels, channel) for channel in campaign.channels}
    return {
        name: {key.rstrip("_"): _plain(getattr(each, key)) for key in sorted(keys) if hasattr(each, key)}
        for name, each in channels.items()
    }


def _segments(project: Project, campaign: Campaign) -> set[str]:
    """The segments that the campaign names, and those that they name."""
    found: set[str] = set()
    waiting = [*campaign.audience.include, *campaign.audience.exclude]
    while waiting:
        slug = waiting.pop()
        if slug not in found:
            found.add(slug)
            lines = rule_lines(project.segments[slug].where, zone(project.timezone))
            waiting += [clause.segment for _, clause in lines if isinstance(clause, SegmentClause)]
    return found


def _templates(project: Project, campaign: Campaign) -> dict[str, bytes]:
    """The campaign's templates, those that they mention, and all pictures, fonts and style sheets, by name."""
    root, stems = project.templates_dir, _template_stems(campaign)
    files = [path for path in root.rglob("[!.]*") if path.is_file()]  # hidden ones belong to editors
    contents: dict[PurePath, bytes] = {path.relative_to(root): path.read_bytes() for path in files}
    waiting = [path for path in contents if path.suffix not in TEMPLATE_ENDINGS or _stem(path) in stems]
    used: set[PurePath] = set()
    while waiting:
        path = waiting.pop()
        if path not in used:
            used.add(path)
            waiting += [other for other in contents if other.name.encode() in contents[path]]
    return {name.as_posix(): contents[name] for name in sorted(used)}


def _texts(templates: Mapping[str, bytes]) -> Iterator[tuple[str, str]]:
    """What people wrote in the templates; pictures and fonts are left out."""
    for name, content in templates.items():
        if PurePath(name).suffix in TEMPLATE_ENDINGS and len(content) <= LONGEST_TEMPLATE:
            yield name, content.decode(errors="replace")


def _stem(path: PurePath) -> str:
    return f"{path.parent.as_posix()}/{path.name.partition('.')[0]}"


def _template_stems(campaign: Campaign) -> set[str]:
    """`email/spring` for the template `spring` of an e-mail; its locales and its .txt have the same stem."""
    stems = set()
    for arm in campaign.arms.values():
        for folder, content in (("email", email_of(campaign, arm)), ("mail", mail_of(campaign, arm))):
            if content and content.template:
                stems.add(f"{folder}/{content.template}")
    return stems


def _plain(value: Any) -> Plain:
    """A declaration as JSON can hold it. Places in files are left out: moving a line changes nothing."""
    if isinstance(value, LocalText):
        return _plain(value.root) if value.by_language else value.default
    if isinstance(value, BaseModel):
        return {name: _plain(getattr(value, name)) for name in type(value).model_fields}
    if is_dataclass(value) and not isinstance(value, (type, Rate, Effect)):
        parts = {each.name: _plain(getattr(value, each.name)) for each in fields(value) if each.name != "place"}
        return {type(value).__name__: parts}
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, (tuple, list)):
        return [_plain(each) for each in value]
    return _plain_scalar(value)


def _plain_scalar(value: Any) -> Plain:
    if isinstance(value, (Rate, Effect)):
        return str(value)
    if isinstance(value, Decimal):
        return format(value.normalize(), "f")  # 0.10 and 0.1 are one share
    if isinstance(value, timedelta):
        return f"{value.total_seconds():.15g} seconds"
    if isinstance(value, time):
        return value.isoformat(timespec="minutes")
    return value.isoformat() if isinstance(value, date) else value
