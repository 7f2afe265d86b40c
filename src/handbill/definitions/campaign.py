"""What a campaign is: whom it goes to, when, what it says, and the experiment that it is."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Literal, TypeVar

from pydantic import Field

from handbill.definitions.deciding import Bandit, Guardrail, Prior, Rollout
from handbill.definitions.definition import Definition
from handbill.definitions.languages import LocalText
from handbill.definitions.metrics import OwnMetric
from handbill.definitions.values import Boolean, Duration, Line, MinimumEffect, Moment, Share, WebAddress, Window

Channel = Literal["email", "direct_mail"]
CHANNELS: tuple[Channel, ...] = ("email", "direct_mail")


class EmailContent(Definition):
    """What one e-mail says. In a campaign: what all arms share. In an arm: what differs."""

    template: Line | None = Field(None, description="Name of the template in templates/email, without its ending.")
    subject: LocalText | None = Field(
        None, description="Subject line, one text or one for each language; may contain Jinja."
    )
    preheader: LocalText | None = Field(
        None, description="The line that inboxes show after the subject, written like it; may contain Jinja."
    )
    reply_to: Line | None = Field(None, description="Where answers go. Default: that of the channel.")
    uses: tuple[Literal["orders", "products"], ...] = Field(
        (), description="Lists that the template reads: the contact's last orders, and the products in them."
    )
    with_: dict[str, str] = Field(
        default_factory=dict, alias="with", description="Values that the template reads by name."
    )


class MailContent(Definition):
    """What one printed piece says."""

    template: Line | None = Field(None, description="Name of the template in templates/mail, without its ending.")
    format: Literal["letter", "letter_us", "a6", "a5", "postcard", "4x6", "6x9", "6x11"] | None = Field(
        None, description="letter (A4), letter_us, postcard (A6), a6 or a5; in inches 4x6, 6x9 or 6x11."
    )
    landing: WebAddress | None = Field(
        None, description="Page of yours to which a scanned code leads, with the code. Default: the website's /r/ page."
    )
    with_: dict[str, str] = Field(
        default_factory=dict, alias="with", description="Values that the template reads by name."
    )


class Offer(Definition):
    """What the arm gives away; counted as cost when margin is measured."""

    discount: Share = Field(Decimal(0), description="Discount on the price, such as 15%.")


class Audience(Definition):
    """Segments that a contact must be in (any of `include`) and must not be in (all of `exclude`)."""

    include: tuple[Line, ...] = Field(min_length=1, description="Segments; a contact in any of them is selected.")
    exclude: tuple[Line, ...] = Field((), description="Segments; a contact in any of them is left out.")


class Schedule(Definition):
    """When a campaign goes out: exactly one of `at`, `cron` or `in_home`."""

    at: Moment | None = Field(None, description="Local date and time of a one-off.")
    every: Window | None = Field(None, description="Again and again after so long, such as 1 day.")
    cron: Line | None = Field(None, description="Five cron fields; each tick is a wave of its own.")
    in_home: Moment | None = Field(None, description="Post: the day on which pieces should arrive.")
    timezone: Line | None = Field(None, description="IANA name, or recipient. Default: the project's time zone.")
    max_lateness: Duration | None = Field(None, description="How late a run may still start or go on.")


class Goal(Definition):
    """What counts as success, and in which window after the planned contact."""

    event: Line = Field("order", description="order, or the kind of an event.")
    value: Literal["revenue", "margin"] = Field("revenue", description="What an order is worth.")
    margin_rate: Share | None = Field(
        None, description="Margin on the price before discount, for orders whose lines carry no cost."
    )
    costs: Literal["imported"] | None = Field(
        None, description="Instead of margin_rate: margin only from costs that were imported with the order lines."
    )
    within: Window = Field(description="Window after the planned contact, such as 14 days; the same for every arm.")


class Arm(Definition):
    """One way of treating a unit. Without a channel it must say `holdout: true`."""

    share: Share = Field(description="Share of the units, such as 45%.")
    holdout: Boolean = Field(False, description="This arm gets nothing, on purpose.")
    email: EmailContent | None = Field(None, description="The e-mail of this arm, over what all arms share.")
    direct_mail: MailContent | None = Field(None, description="The printed piece of this arm.")
    offer: Offer | None = Field(None, description="What the arm gives away.")


class Primary(Definition):
    """The one metric that the experiment is decided by, and the smallest effect worth finding."""

    metric: Line = Field(description="The metric that decides, such as conversion.")
    comparison: Line | None = Field(None, description="Such as discount - plain. Default: each arm against control.")
    minimum_effect: MinimumEffect | None = Field(
        None, description="Smallest effect worth finding: 1 pp for a rate, 0.30 for an amount."
    )
    power: Share = Field(Decimal("0.8"), description="Chance of finding the minimum effect when it is there.")
    confidence: Share = Field(Decimal("0.95"), description="Confidence of the intervals.")


class LayerSlot(Definition):
    """The part of a layer's people that an experiment draws from; another experiment of the layer has other people."""

    name: Line = Field(description="One of the project's layers.")
    from_: Share = Field(alias="from", description="Where the slot begins, such as 0%.")
    to: Share = Field(description="Where the slot ends, such as 50%; it belongs to the next slot.")


class Experiment(Definition):
    """A randomised comparison of arms, registered before the first send."""

    hypothesis: Line = Field(description="What you expect, in one sentence; the report repeats it.")
    unit: Literal["contact", "household"] = Field(
        "contact", description="What is drawn into an arm; household as soon as an arm sends post."
    )
    salt: Line = Field(description="Text that seeds the draw; never reused by another experiment.")
    layer: LayerSlot | None = Field(None, description="Keeps this experiment's people apart from those of others.")
    arms: dict[str, Arm] = Field(min_length=2, description="The ways of treating a unit; their shares add to 100%.")
    control: Line = Field(description="The arm that the others are compared with.")
    compare: tuple[Line, ...] = Field((), description="More pairs to compare, such as discount - plain.")
    primary: Primary = Field(description="The one metric that the experiment is decided by.")
    secondary: tuple[Line, ...] = Field((), description="Metrics that are shown beside, and decide nothing.")
    guardrails: tuple[Guardrail, ...] = Field((), description="What must not get worse.")
    analysis: Literal["fixed", "group_sequential", "always_valid", "bayesian"] = Field(
        "fixed", description="fixed and bayesian: one reading, when every window has closed."
    )
    prior: Prior | None = Field(
        None, description="For bayesian: what was believed before. Default: every value equally probable."
    )
    size: int | None = Field(
        None,
        gt=0,
        description="For group_sequential and always_valid: how many units are planned in all, over all waves.",
    )
    looks: tuple[Share, ...] = Field(
        (), description="For group_sequential: the parts of all closed windows to read at, such as [50%, 100%]."
    )
    rollout: Rollout | None = Field(None, description="A small test first, and the better arm for everybody else.")
    bandit: Bandit | None = Field(None, description="Shares that follow the clicks from wave to wave.")


class Campaign(Definition):
    """One declared campaign."""

    name: str = Field("", description="The key that it stands under; not written again.")
    own_metrics: dict[str, OwnMetric] = Field(default_factory=dict, description="The project's; not written here.")
    kind: Literal["marketing", "service", "transactional"] = Field(
        "marketing", description="marketing needs a topic, for consent."
    )
    priority: int = Field(
        50, ge=0, le=100, description="Of two campaigns that want the same person, the higher goes first."
    )
    topic: Line | None = Field(None, description="The topic that people consented to.")
    audience: Audience = Field(description="Whom it may reach; there is no everybody by omission.")
    schedule: Schedule = Field(description="When it goes out.")
    email: EmailContent | None = Field(None, description="What the e-mails of all arms share.")
    direct_mail: MailContent | None = Field(None, description="What the printed pieces of all arms share.")
    goal: Goal | None = Field(None, description="What counts as success.")
    experiment: Experiment | None = Field(None, description="The arms, and how they are compared.")
    on_uncertain: Literal["hold", "resend", "assume_sent"] = Field(
        "hold", description="What to do when the server took the message and never answered."
    )

    @property
    def arms(self) -> dict[str, Arm]:
        """Arms in their declared order; a campaign without an experiment has one, called `all`."""
        if self.experiment:
            return self.experiment.arms
        return {"all": Arm(share=Decimal(1), email=self.email, direct_mail=self.direct_mail)}

    @property
    def channels(self) -> tuple[Channel, ...]:
        """Channels that any arm uses, e-mail first."""
        return tuple(channel for channel in CHANNELS if any(getattr(arm, channel) for arm in self.arms.values()))

    @property
    def templates(self) -> frozenset[tuple[Channel, str]]:
        """The templates that any arm names, or all arms share, by channel."""
        return frozenset((channel, each.template) for channel, each in self._contents() if each.template)

    @property
    def given_names(self) -> frozenset[str]:
        """Names of the `with:` values that any arm gives, or all arms share."""
        return frozenset(name for _, each in self._contents() for name in each.with_)

    def _contents(self) -> Iterator[tuple[Channel, EmailContent | MailContent]]:
        holders: tuple[Campaign | Arm, ...] = (self, *self.arms.values())
        for holder in holders:
            if holder.email:
                yield "email", holder.email
            if holder.direct_mail:
                yield "direct_mail", holder.direct_mail

    @property
    def unit(self) -> Literal["contact", "household"]:
        """What is randomised, and so what is analysed."""
        return self.experiment.unit if self.experiment else "contact"


Content = TypeVar("Content", EmailContent, MailContent)

SEND_STEP = "send"
"""Id of the one step that a top-level `email:` or `direct_mail:` is short for."""


def email_of(campaign: Campaign, arm: Arm) -> EmailContent | None:
    """What the arm's e-mail says: the arm's own words over those that all arms share; None when it sends none."""
    return merged(campaign.email, arm.email)


def mail_of(campaign: Campaign, arm: Arm) -> MailContent | None:
    """What the arm's printed piece says; None when it sends none."""
    return merged(campaign.direct_mail, arm.direct_mail)


def merged(shared: Content | None, own: Content | None) -> Content | None:
    """An arm's own words over those that all arms share; None when the arm says nothing on that channel."""
    if own is None:
        return None
    if shared is None:
        return own
    words: dict[str, Any] = shared.model_dump(exclude_none=True)
    own_words: dict[str, Any] = own.model_dump(exclude_none=True, exclude={"with_"})
    if "uses" in words:
        own_words["uses"] = tuple(dict.fromkeys((*words["uses"], *own_words["uses"])))
    words.update(own_words)
    words["with_"] = {**shared.with_, **own.with_}
    return type(own)(**words)
