"""Everything that a project declares, read and checked as a whole."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from pydantic import Field

from handbill.definitions.campaign import Campaign, Channel
from handbill.definitions.definition import Definition
from handbill.definitions.fields import ContactField, FieldDeclaration
from handbill.definitions.languages import Languages
from handbill.definitions.metrics import OwnMetric
from handbill.definitions.policy import Brand, Channels, Durability, Layer, Policies, Retention, Webhook
from handbill.definitions.segment import Segment
from handbill.definitions.values import Currency, Line, TimezoneName


class ProjectFile(Definition):
    """What stands in campaigns.yaml."""

    brand: Brand = Field(description="Who is writing.")
    timezone: TimezoneName = Field(description="The time zone of schedules and of dates in segments.")
    currency: Currency = Field(description="The currency of costs and orders, such as GBP.")
    fields: dict[str, FieldDeclaration] = Field(default_factory=dict, description="Contact fields of your own.")
    topics: dict[str, Line] = Field(default_factory=dict, description="What people consent to, in their words.")
    languages: Languages = Field(default=Languages(), description="The languages of texts and templates.")
    channels: Channels = Field(default=Channels(), description="The ways out.")
    webhooks: dict[str, Webhook] = Field(
        default_factory=dict, description="Other systems that report what became of messages, by name."
    )
    policies: Policies = Field(default=Policies(), description="Rules over all campaigns.")
    layers: dict[str, Layer] = Field(
        default_factory=dict, description="Splits of the people among experiments, by name."
    )
    metrics: dict[str, OwnMetric] = Field(default_factory=dict, description="Metrics of your own, by name.")
    retention: Retention | None = Field(None, description="How long what is known about people is kept.")
    durability: Durability | None = Field(
        None,
        description="What SQLite survives: the end of the process, or of the power too. Default: process. "
        "PostgreSQL always survives both.",
    )
    campaigns: dict[str, Campaign] = Field(default_factory=dict, description="The campaigns by name.")


@dataclass(frozen=True)
class Project:
    """A project's declarations. `fields` holds the built-in and the declared contact fields by name."""

    root: Path
    brand: Brand
    timezone: str
    currency: str
    fields: Mapping[str, ContactField]
    topics: Mapping[str, str]
    channels: Channels
    policies: Policies
    campaigns: Mapping[str, Campaign]
    segments: Mapping[str, Segment]
    layers: Mapping[str, Layer] = field(default_factory=dict)
    languages: Languages = field(default_factory=Languages)
    webhooks: Mapping[str, Webhook] = field(default_factory=dict)
    retention: Retention = field(default_factory=Retention)
    durability: Durability = "process"

    @property
    def templates_dir(self) -> Path:
        """Root of all templates; nothing is read from outside it."""
        return self.root / "templates"

    @cached_property
    def given_to(self) -> Mapping[tuple[Channel, str], frozenset[str]]:
        """Names of `with:` values by channel and template: all that the campaigns which use the template give."""
        found: dict[tuple[Channel, str], frozenset[str]] = {}
        for campaign in self.campaigns.values():
            names = campaign.given_names
            for template in campaign.templates:
                found[template] = found.get(template, frozenset()) | names
        return found
