"""What of campaigns.yaml could be read: its parts that are right in themselves, and the campaigns as drafts."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from handbill.definitions.checks.draft import Draft, read_draft
from handbill.definitions.definition import Definition
from handbill.definitions.fields import FieldDeclaration
from handbill.definitions.findings import Path
from handbill.definitions.languages import Languages
from handbill.definitions.metrics import METRICS, Metric, OwnMetric
from handbill.definitions.policy import (
    Brand,
    Channels,
    DirectMailChannel,
    Durability,
    EmailChannel,
    GlobalHoldout,
    Layer,
    Policies,
    Retention,
    Webhook,
)
from handbill.definitions.secret import SecretText
from handbill.definitions.shape import alternatives, fields_of
from handbill.definitions.validation import part
from handbill.definitions.values import parse_currency, parse_timezone
from handbill.definitions.yaml import Keys, Text, Tree, at


@dataclass(frozen=True)
class Frame:
    """Those parts of campaigns.yaml that are right in themselves. `metrics` are all that an experiment may name."""

    brand: Brand | None
    timezone: str | None
    currency: str | None
    fields: Mapping[str, FieldDeclaration]
    unreadable_fields: frozenset[str]
    topics: Mapping[str, str]
    languages: Languages
    channels: Channels
    channel_names: tuple[str, ...]
    webhooks: Mapping[str, Webhook]
    policies: Policies
    retention: Retention
    durability: Durability
    holdout: GlobalHoldout | None
    layers: Mapping[str, Layer]
    own_metrics: Mapping[str, OwnMetric]
    metrics: Mapping[str, Metric]
    drafts: Mapping[str, Draft]


def read_frame(tree: Keys) -> Frame:
    """Every part by itself, so that one mistake does not hide the others."""
    fields = {name: part(FieldDeclaration, each) for name, each in entries(tree, "fields")}
    channels = at(tree, "channels")
    own_metrics = {name: read for name, each in entries(tree, "metrics") if (read := part(OwnMetric, each))}
    return Frame(
        brand=part(Brand, at(tree, "brand")),
        timezone=_value_or_none(at(tree, "timezone"), "timezone"),
        currency=_value_or_none(at(tree, "currency"), "currency"),
        fields={name: field for name, field in fields.items() if field is not None},
        unreadable_fields=frozenset(name for name, field in fields.items() if field is None),
        topics={name: each.text for name, each in entries(tree, "topics") if isinstance(each, Text)},
        languages=part(Languages, at(tree, "languages")) or Languages(),
        channels=Channels(
            email=part(EmailChannel, at(channels, "email")),
            direct_mail=part(DirectMailChannel, at(channels, "direct_mail")),
        ),
        channel_names=tuple(channels.places) if isinstance(channels, Keys) else (),
        webhooks={name: hook for name, each in entries(tree, "webhooks") if (hook := part(Webhook, each))},
        policies=part(Policies, at(tree, "policies")) or Policies(),
        retention=part(Retention, at(tree, "retention")) or Retention(),
        durability=_durability(at(tree, "durability")),
        holdout=part(GlobalHoldout, at(tree, "policies", "global_holdout")),
        layers={name: layer for name, each in entries(tree, "layers") if (layer := part(Layer, each))},
        own_metrics=own_metrics,
        metrics={**{name: each.as_metric(name) for name, each in own_metrics.items()}, **METRICS},
        drafts={name: read_draft(name, each) for name, each in entries(tree, "campaigns")},
    )


def entries(tree: Keys, section: str) -> list[tuple[str, Tree]]:
    """The names in a section of the file, each with what stands under it."""
    found = at(tree, section)
    return list(found.values.items()) if isinstance(found, Keys) else []


def secret_paths(tree: Keys) -> frozenset[Path]:
    """Where secrets stand in campaigns.yaml, and the name that one signs in with."""
    of_webhooks = (path for name, _ in entries(tree, "webhooks") for path in _secrets(Webhook, ("webhooks", name)))
    return frozenset((*_secrets(Channels, ("channels",)), *of_webhooks))


def _secrets(model: type[Definition], path: Path) -> Iterator[Path]:
    for key, declared in fields_of(model).items():
        for each in alternatives(declared):
            if each is SecretText:
                yield (*path, key)
            elif isinstance(each, type) and issubclass(each, Definition):
                yield from _secrets(each, (*path, key))


def _durability(written: Tree | None) -> Durability:
    return "power" if isinstance(written, Text) and written.text == "power" else "process"


def _value_or_none(written: Tree | None, key: str) -> str | None:
    try:
        parse = parse_timezone if key == "timezone" else parse_currency
        return parse(written.text) if isinstance(written, Text) else None
    except ValueError:
        return None  # reported by the validation of the whole file
