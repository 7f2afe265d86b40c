"""The project's standing facts and rules: brand, channels, and the policies that hold over all campaigns."""

from decimal import Decimal
from typing import Literal

from pydantic import Field

from handbill.definitions.campaign import Channel
from handbill.definitions.definition import Definition
from handbill.definitions.values import (
    CapSize,
    Duration,
    Line,
    Money,
    RateLimit,
    Share,
    TimeOfDay,
    TimezoneOrRecipient,
    Window,
)


class Brand(Definition):
    """Who is writing."""

    name: Line = Field(description="Who is writing, as people know you.")
    postal_address: Line = Field(description="Printed in every marketing message; the law in most countries.")
    website: Line = Field(description="Address of the shop, with https://.")


class Utm(Definition):
    """What is added to links, so that the shop's own analytics tell campaigns apart."""

    source: Line = Field(description="utm_source of every link, such as handbill.")
    medium: Line = Field(description="utm_medium of every link, such as email.")


class EmailChannel(Definition):
    """How e-mail leaves."""

    provider: Literal["smtp", "file"] = Field("smtp", description="smtp, or file (a maildir, for development).")
    host: Line | None = Field(None, description="The mail server; needed for smtp.")
    port: int = Field(587, ge=1, le=65535, description="The server's port.")
    security: Literal["starttls", "none"] = Field("starttls", description="none only for a server on this machine.")
    user: Line | None = Field(None, description="Name to sign in with, or ${SMTP_USER}.")
    password: Line | None = Field(None, repr=False, description="Only by reference: ${SMTP_PASSWORD}.")
    directory: Line | None = Field(None, description="For provider file: the maildir, under the project.")
    from_: Line = Field(alias="from", description="Sender, such as Northwind <news@northwind.example>.")
    reply_to: Line | None = Field(None, description="Where answers go.")
    cost: Money = Field(0, description="Cost of one e-mail.")
    budget: Money | None = Field(None, description="Hard limit of what e-mail may cost, over all runs and workers.")
    rate: RateLimit | None = Field(None, description="At most so many messages, such as 3000/minute.")
    per_domain: dict[str, RateLimit] = Field(
        default_factory=dict, description="The same for the domain of the recipient, such as {gmail.com: 600/minute}."
    )
    utm: Utm | None = Field(None, description="Added to links; utm_campaign and utm_content are campaign and arm.")
    seeds: tuple[Line, ...] = Field((), description="Mailboxes that get every message too, and count nowhere.")
    connections: int = Field(4, ge=1, le=50, description="Connections held open to the server at once.")


class DirectMailChannel(Definition):
    """How post leaves."""

    provider: Literal["print_house"] = Field("print_house", description="A batch for your printer: PDF and manifest.")
    directory: Line | None = Field(None, description="Where batches are handed over. Default: .handbill/print.")
    cost: Money = Field(0, description="Print and postage of one piece.")
    budget: Money | None = Field(None, description="Hard limit of what post may cost, over all runs and workers.")
    transit: Duration | None = Field(None, description="Days from hand-over to the letter box.")


class Channels(Definition):
    """The ways out that this project has."""

    email: EmailChannel | None = Field(None, description="How e-mail leaves.")
    direct_mail: DirectMailChannel | None = Field(None, description="How post leaves.")


class Cap(Definition):
    """At most `max` messages, or points of attention, in any period of length `per`."""

    max: CapSize = Field(ge=1, description="So many messages, or so many points such as 10 points.")
    per: Window = Field(description="In any period of this length, such as 7 days.")
    channel: Channel | None = Field(None, description="Default: all channels together.")
    unit: Literal["contact", "household"] = Field("contact", description="Counted by contact or by household.")
    points: dict[Channel, int] = Field(
        default_factory=dict, description="What a message of each channel counts: {email: 1, direct_mail: 5}."
    )

    @property
    def in_points(self) -> bool:
        """Whether `max` counts points of attention, and not messages."""
        return bool(self.points)


class QuietHours(Definition):
    """When no marketing or service e-mail leaves; what falls into this time waits until it ends."""

    from_: TimeOfDay = Field(alias="from", description="When the quiet begins, such as 21:00.")
    to: TimeOfDay = Field(description="When it ends, such as 08:00; earlier than `from` means the next day.")
    timezone: TimezoneOrRecipient = Field("recipient", description="recipient, or an IANA name.")


class Layer(Definition):
    """People split once among experiments that must not share any."""

    salt: Line = Field(description="Text that seeds the split; not used by any draw.")


class GlobalHoldout(Definition):
    """Households that no marketing campaign ever reaches, to measure all campaigns together."""

    share: Share = Field(description="Share of the households, such as 2%.")
    salt: Line = Field(description="Text that seeds the draw; not used by any experiment.")


class Policies(Definition):
    """Rules that hold over all campaigns."""

    caps: tuple[Cap, ...] = Field((), description="How many messages anybody may get.")
    quiet_hours: QuietHours | None = Field(None, description="When no marketing or service e-mail leaves.")
    global_holdout: GlobalHoldout | None = Field(None, description="Households that no marketing ever reaches.")
    max_drift: Share = Field(Decimal("0.005"), description="How far the audience may move from a plan that is run.")
