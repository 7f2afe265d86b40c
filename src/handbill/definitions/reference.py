"""The generated parts of the reference: every key, metric and operator, read from the models that check the files.

`python -m handbill.definitions.reference docs/reference` brings the pages up to date; a test finds them out of date.
"""

import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from handbill.definitions import campaign, deciding, languages, metrics, policy, rehearsal, secret, sending, values
from handbill.definitions.fields import FieldDeclaration
from handbill.definitions.languages import Languages, LocalText
from handbill.definitions.metrics import METRICS
from handbill.definitions.planned import PLANNED_KEYS, PLANNED_VALUES
from handbill.definitions.project import ProjectFile
from handbill.definitions.reference_examples import example_of
from handbill.definitions.segment_reference import SECTIONS, table
from handbill.definitions.shape import alternatives

PARTS: tuple[tuple[str, type[BaseModel]], ...] = (
    ("the whole file", ProjectFile),
    ("brand", policy.Brand),
    ("fields.NAME", FieldDeclaration),
    ("languages", Languages),
    ("channels.email", policy.EmailChannel),
    ("channels.email.dkim", sending.Dkim),
    ("channels.email.mailbox", sending.Mailbox),
    ("channels.email.utm", sending.Utm),
    ("channels.email.warm_up", sending.WarmUp),
    ("channels.direct_mail", policy.DirectMailChannel),
    ("channels.direct_mail.return_address", sending.ReturnAddress),
    ("policies", policy.Policies),
    ("policies.caps", policy.Cap),
    ("policies.quiet_hours", policy.QuietHours),
    ("policies.bounces", policy.BouncePolicy),
    ("policies.global_holdout", policy.GlobalHoldout),
    ("layers.NAME", policy.Layer),
    ("metrics.NAME", metrics.OwnMetric),
    ("retention", policy.Retention),
    ("campaigns.NAME", campaign.Campaign),
    ("audience", campaign.Audience),
    ("schedule", campaign.Schedule),
    ("email", campaign.EmailContent),
    ("direct_mail", campaign.MailContent),
    ("goal", campaign.Goal),
    ("experiment", campaign.Experiment),
    ("experiment.layer", campaign.LayerSlot),
    ("experiment.arms.NAME", campaign.Arm),
    ("experiment.arms.NAME.offer", campaign.Offer),
    ("experiment.primary", campaign.Primary),
    ("experiment.guardrails", deciding.Guardrail),
    ("experiment.prior", deciding.Prior),
    ("experiment.rollout", deciding.Rollout),
    ("experiment.bandit", deciding.Bandit),
)
"""Every part of campaigns.yaml by its path; those of a campaign are named from the campaign on."""

_WRITTEN: Mapping[Callable[[Any], Any], str] = {
    values.parse_share: "share, `45%`",
    values.parse_duration: "duration, `14 days`",
    values.parse_window: "duration, `14 days`",
    values.parse_rate: "rate, `3000/minute`",
    values.parse_money: "money, `0.78`",
    values.parse_effect: "effect, `1 pp` or `0.30`",
    values.parse_moment: "local time, `2026-12-01 09:00`",
    values.parse_timezone: "time zone, `Europe/London`",
    values.parse_currency: "currency, `GBP`",
    values.parse_boolean: "`true` or `false`",
    values.parse_line: "text",
    values.parse_cap_size: "number, `2` or `10 points`",
    values.parse_time_of_day: "time of day, `21:00`",
    values.parse_timezone_or_recipient: "`recipient`, or a time zone, `Europe/London`",
    values.parse_colour: 'colour, `"#0a5599"`',
    values.parse_country: "country, `GB`",
    values.parse_domain: "domain, `northwind.example`",
    values.parse_web_address: "address, `https://shop.example`",
    secret.parse_secret: "reference, `${NAME}` or `file:PATH`",
    languages.parse_language: "language, `de` or `de-AT`",
    rehearsal.parse_past: "`100 days ago`, or a local time, `2026-08-23 10:15`",
    rehearsal.parse_lines: "text, or a list of texts",
}
_MARK = re.compile(r"(<!-- generated: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def refreshed(page: str) -> str:
    """The page with what stands between its `generated` marks made anew."""
    return _MARK.sub(lambda mark: "\n".join((mark[1], *_SECTIONS[mark[2]](), "", mark[3])), page)


def main(folder: Path) -> None:
    """Brings the pages of a folder up to date."""
    for path in sorted(folder.glob("*.md")):
        page = path.read_text(encoding="utf-8")
        path.write_text(refreshed(page), encoding="utf-8")


def _keys(parts: Sequence[tuple[str, type[BaseModel]]] = PARTS) -> Iterator[str]:
    for position, (path, model) in enumerate(parts):
        yield from ([""] if position else [])
        yield f"### {path}"
        yield ""
        yield (model.__doc__ or "").split("\n\n")[0]
        yield ""
        rows = [(name, field) for name, field in model.model_fields.items() if (model, name) not in _HIDDEN]
        yield from table(("key", "value", "default", "meaning"), (_row(model, name, field) for name, field in rows))
        if parts is PARTS and (example := example_of(path)):
            yield from ("", "```yaml", *example, "```")


_HIDDEN = {(campaign.Campaign, "name"), (campaign.Campaign, "own_metrics")}
"""A campaign's name is the key that it stands under."""


def _row(model: type[BaseModel], name: str, field: FieldInfo) -> tuple[str, ...]:
    key, required = field.alias or name, field.is_required()
    planned = any(model is part and key in keys for part, keys in PLANNED_KEYS.items())
    return (
        f"`{key}`",
        _value(field),
        "**required**" if required else _default(field),
        f"{field.description or ''}{' *Planned, not available yet.*' if planned else ''}",
    )


def _default(field: FieldInfo) -> str:
    default = field.get_default(call_default_factory=True)
    if default is None or default in ((), {}) or isinstance(default, BaseModel):
        return "–"
    if isinstance(default, Decimal):
        return f"`{(default * 100).normalize():f}%`"
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


def _value(field: FieldInfo) -> str:
    return _by_validator(field.metadata) or _words(field.annotation)


def _words(annotation: Any) -> str:
    known = next(each for each in alternatives(annotation, bare=False) if each is not type(None))
    written = _by_validator(getattr(known, "__metadata__", ()))
    origin, arguments = get_origin(known), get_args(known)
    if written:
        return written
    if origin is Literal:
        return ", ".join(f"`{word}`" for word in arguments)
    if origin is tuple:
        return f"list: {_words(arguments[0])}"
    if origin is dict:
        return f"names, each with: {_words(arguments[1])}"
    return {int: "whole number", LocalText: "text, or one for each language", str: "text"}.get(known, "keys, see below")


def _by_validator(metadata: Any) -> str:
    return next((_WRITTEN[each.func] for each in metadata if getattr(each, "func", None) in _WRITTEN), "")


def _planned() -> Iterator[str]:
    titles = {model: path for path, model in PARTS}
    rows = [(titles[model], ", ".join(f"`{key}`" for key in sorted(keys))) for model, keys in PLANNED_KEYS.items()]
    rows += [
        (f"{titles[model]}: `{key}`", ", ".join(f"`{word}`" for word in sorted(words)))
        for (model, key), words in PLANNED_VALUES.items()
    ]
    yield from table(("part", "planned"), rows)


def _metrics() -> Iterator[str]:
    kinds = {"rate": "rate: effects in `pp`", "amount": "amount: effects in its own unit", "ratio": "ratio of sums"}
    rows = ((f"`{metric.name}`", kinds[metric.kind], metric.meaning) for metric in METRICS.values())
    yield from table(("metric", "kind", "what it is"), rows)


_SECTIONS: Mapping[str, Callable[[], Iterator[str]]] = {
    "keys": _keys,
    "campaign_tests": lambda: _keys(rehearsal.PARTS),
    "planned": _planned,
    "metrics": _metrics,
    **SECTIONS,
}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
