"""The project's standing facts and rules: brand, channels, and the policies that hold over all campaigns."""

from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field

from handbill.definitions.campaign import Channel
from handbill.definitions.definition import Definition
from handbill.definitions.secret import Secret
from handbill.definitions.sending import Dkim, Mailbox, ReturnAddress, Utm, WarmUp
from handbill.definitions.values import (
    CapSize,
    Colour,
    Domain,
    Duration,
    Line,
    Money,
    RateLimit,
    Share,
    TimeOfDay,
    TimezoneOrRecipient,
    WebAddress,
    Window,
)


class Brand(Definition):
    """Who is writing."""

    name: Line = Field(description="Who is writing, as people know you.")
    postal_address: Line = Field(description="Printed in every marketing message; the law in most countries.")
    website: WebAddress = Field(description="Address of the shop, with https://.")
    colour: Colour | None = Field(
        None,
        description='Of buttons and marks on your pages, such as "#0a5599"; darker or lighter to be readable.',
    )
    logo: Line | None = Field(
        None, description="At the head of your pages: a PNG, JPEG or SVG file in the project, up to 64 kB."
    )


class EmailChannel(Definition):
    """How e-mail leaves."""

    provider: Literal["smtp", "file", "ses", "sendgrid", "mailgun", "postmark", "resend"] = Field(
        "smtp", description="smtp, file (a maildir, for development), or a vendor."
    )
    host: Line | None = Field(None, description="The mail server; needed for smtp.")
    port: int = Field(587, ge=1, le=65535, description="The server's port.")
    security: Literal["starttls", "none"] = Field("starttls", description="none only for a server on this machine.")
    user: Secret | None = Field(None, description="Name to sign in with, or ${SMTP_USER}.")
    password: Secret | None = Field(None, description="Only by reference: ${SMTP_PASSWORD}.")
    directory: Line | None = Field(None, description="For provider file: the maildir, under the project.")
    api_key: Secret | None = Field(None, description="Of a vendor, only by reference: ${MAIL_API_KEY}.")
    key_id: Secret | None = Field(None, description="For ses: the id that belongs to the key, or ${SES_KEY_ID}.")
    region: Line | None = Field(None, description="For ses, such as eu-west-1; for mailgun us or eu.")
    domain: Domain | None = Field(None, description="For mailgun: the sending domain.")
    endpoint: WebAddress | None = Field(
        None, description="Of a vendor: another address of its interface, such as a gateway of your own."
    )
    stream: Line | None = Field(None, description="For postmark: the message stream; for ses: the configuration set.")
    signing_key: Secret | None = Field(
        None, description="What the vendor signs its reports with, only by reference: ${MAIL_SIGNING_KEY}."
    )
    sns_topic: Line | None = Field(
        None, description="For ses: the topic that brings its reports, such as arn:aws:sns:eu-west-1:123456789012:mail."
    )
    sns_signatures: Literal["sha256", "sha1"] | None = Field(
        None, description="For ses: sha1 also believes the topic's older signatures. Default: sha256."
    )
    from_: Line = Field(alias="from", description="Sender, such as Northwind <news@northwind.example>.")
    reply_to: Line | None = Field(None, description="Where answers go.")
    dkim: Dkim | None = Field(None, description="The signature under every e-mail.")
    mailbox: Mailbox | None = Field(None, description="Where bounces, complaints and unsubscribe mails come to.")
    links: WebAddress | None = Field(
        None, description="Public address of your web service (`handbill serve`), for links and opt-outs."
    )
    utm: Utm | None = Field(None, description="Added to links; utm_campaign and utm_content are campaign and arm.")
    tracking: Literal["individual", "aggregate", "off"] = Field(
        "individual",
        description="What is kept of opens and clicks, where `links` is set: by person, as numbers only, or nothing. "
        "A contact's own refusal always wins.",
    )
    cost: Money = Field(0, description="Cost of one e-mail.")
    budget: Money | None = Field(None, description="Hard limit of what e-mail may cost, over all runs and workers.")
    rate: RateLimit | None = Field(None, description="At most so many messages, such as 3000/minute.")
    per_domain: dict[Domain, RateLimit] = Field(
        default_factory=dict, description="The same for the domain of the recipient, such as {gmail.com: 600/minute}."
    )
    warm_up: WarmUp | None = Field(None, description="A slow start for a new sender.")
    seeds: tuple[Line, ...] = Field((), description="Mailboxes that get every message too, and count nowhere.")
    connections: int = Field(4, ge=1, le=50, description="Connections held open to the server at once.")


class DirectMailChannel(Definition):
    """How post leaves."""

    provider: Literal["print_house", "lob", "postgrid"] = Field(
        "print_house", description="print_house (a batch for your printer: PDF and manifest), or a vendor."
    )
    directory: Line | None = Field(None, description="Where batches are handed over. Default: .handbill/print.")
    api_key: Secret | None = Field(None, description="Of a vendor, only by reference: ${LOB_API_KEY}.")
    signing_key: Secret | None = Field(
        None, description="What the vendor signs its reports with, only by reference: ${LOB_SIGNING_KEY}."
    )
    return_address: ReturnAddress | None = Field(None, description="Where pieces go that cannot be delivered.")
    cost: Money = Field(0, description="Print and postage of one piece.")
    budget: Money | None = Field(None, description="Hard limit of what post may cost, over all runs and workers.")
    transit: Duration | None = Field(None, description="Days from hand-over to the letter box.")
    links: WebAddress | None = Field(
        None, description="Public address of your web service, to which printed codes lead; without it, your website."
    )
    tracking: Literal["individual", "aggregate", "off"] = Field(
        "individual", description="What is kept of scans, where `links` is set; a contact's own refusal always wins."
    )


class Channels(Definition):
    """The ways out that this project has."""

    email: EmailChannel | None = Field(None, description="How e-mail leaves.")
    direct_mail: DirectMailChannel | None = Field(None, description="How post leaves.")


class Webhook(Definition):
    """Another system that reports, in our words, what became of messages."""

    signing_key: Secret = Field(description="What it signs with, only by reference: ${PRINT_HOUSE_KEY}.")


class Cap(Definition):
    """At most `max` messages, or points of attention, in any period of length `per`."""

    max: CapSize = Field(ge=1, description="So many messages, or so many points such as 10 points.")
    per: Window = Field(description="In any period of this length, such as 7 days.")
    channel: Channel | None = Field(None, description="Default: all channels together.")
    unit: Literal["contact", "household"] = Field("contact", description="Counted by contact or by household.")
    points: dict[Channel, Annotated[int, Field(ge=1)]] = Field(
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


class BouncePolicy(Definition):
    """When an address is given up whose mail keeps coming back; one that does not exist is given up at once."""

    soft: int = Field(5, ge=1, le=100, description="After so many messages that came back for now, such as full ones.")
    within: Window = Field(timedelta(days=30), description="In any period of this length.")
    returned_letters: int = Field(2, ge=1, le=100, description="After so many letters that the post brought back.")


class Policies(Definition):
    """Rules that hold over all campaigns."""

    caps: tuple[Cap, ...] = Field((), description="How many messages anybody may get.")
    quiet_hours: QuietHours | None = Field(None, description="When no marketing or service e-mail leaves.")
    global_holdout: GlobalHoldout | None = Field(None, description="Households that no marketing ever reaches.")
    bounces: BouncePolicy = Field(
        default=BouncePolicy(), description="When an address is given up whose mail keeps coming back."
    )
    max_drift: Share = Field(Decimal("0.005"), description="How far the audience may move from a plan that is run.")


Durability = Literal["process", "power"]
"""What the store survives: kill -9 of a process, or the end of the power too."""


class Retention(Definition):
    """How long what is known about people is kept; without a period it is kept until somebody erases it."""

    events: Window | None = Field(None, description="Opens, clicks and events of your own, such as 2 years.")
    messages: Window | None = Field(
        None, description="Addresses of messages and what servers answered, such as 1 year; what became of each stays."
    )
    contacts: Window | None = Field(
        None, description="Contacts of whom nothing was heard, such as 3 years; then they are erased."
    )
    files: Window | None = Field(
        None, description="Mail and files that were taken in, rejected rows, previews and proofs, such as 90 days."
    )
