"""What a campaign's test says: who the people are, what time it is, and what each of them gets."""

import re
from datetime import datetime, timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field

from handbill.definitions.campaign import Channel
from handbill.definitions.definition import Definition
from handbill.definitions.languages import Language
from handbill.definitions.values import Boolean, Line, Moment, Money, Share, parse_duration, parse_line, parse_moment
from handbill.definitions.words import quoted

ANY_ARM = "any"
"""Expected as an arm: planned, whichever arm it is."""

_AGO = re.compile(r"(.+?)\s+ago")


def parse_past(text: Any) -> datetime | timedelta:
    """`100 days ago`, seen from the test's `now`, or a local time such as `2026-08-23 10:15`."""
    if isinstance(text, datetime | timedelta):
        return text
    raw = str(text).strip()
    relative = _AGO.fullmatch(raw)
    try:
        return parse_duration(relative[1]) if relative else parse_moment(raw)
    except ValueError:
        raise ValueError(
            f"{quoted(raw)} is no time in the past. Write it like 100 days ago or 2026-08-23 10:15."
        ) from None


def parse_lines(text: Any) -> Any:
    """One text, or a list of texts."""
    return (parse_line(text),) if isinstance(text, str) else text


Past = Annotated[datetime | timedelta, BeforeValidator(parse_past)]
Lines = Annotated[tuple[Line, ...], BeforeValidator(parse_lines)]


class LineFact(Definition):
    """A line of an order."""

    sku: Line = Field(description="The product.")
    quantity: int = Field(1, description="How many.")
    price: Money = Field(description="Of one piece, after discount.")
    cost: Money | None = Field(None, description="What one piece costs you.")


class OrderFact(Definition):
    """Something that the person bought."""

    at: Past = Field(description="When, such as 100 days ago or 2026-08-23 10:15.")
    total: Money | None = Field(None, description="What was paid. Default: the sum of the lines.")
    discount: Money | None = Field(None, description="What was taken off the price.")
    code: Line | None = Field(None, description="The voucher or piece code that came with it.")
    lines: tuple[LineFact, ...] = Field((), description="What was bought.")


class EventFact(Definition):
    """Something else that the person did, or an answer to a message that they received."""

    event: Line = Field(description="Its kind, such as page_view or email.clicked.")
    at: Past = Field(description="When, such as 3 days ago.")
    campaign: Line | None = Field(None, description="For an answer: the campaign of the message under received.")
    properties: dict[str, str] = Field(default_factory=dict, description="What else is known of it, by name.")


class MessageFact(Definition):
    """A message that the person received before; it counts for caps, and answers may follow it."""

    campaign: Line = Field(description="The campaign that it came from.")
    channel: Channel = Field("email", description="email or direct_mail.")
    at: Past = Field(description="When, such as 2 days ago.")
    arm: Line | None = Field(None, description="The arm that the person was in. Default: the first that sends this.")


class ProductFact(Definition):
    """A product that orders name."""

    name: Line = Field(description="What it is called.")
    category: Line | None = Field(None, description="What kind of product it is.")
    price: Money | None = Field(None, description="What it sells for.")
    cost: Money | None = Field(None, description="What it costs you.")


class Persona(Definition):
    """An invented person: contact fields by name, and what they agreed to, bought, did and received."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, str]

    like: Line | None = Field(None, description="Another persona whose fields and facts this one has as well.")
    without: tuple[Line, ...] = Field((), description="Of those, what this one does not have.")
    fields: dict[str, str] = Field(
        default_factory=dict, description="Contact fields whose names mean something else here, such as orders."
    )
    since: dict[str, Past] = Field(
        default_factory=dict, description="Since when a field has its value. Default: for a year."
    )
    consents: dict[Channel, tuple[Line, ...]] = Field(
        default_factory=dict, description="Topics that the person agreed to, by channel: {email: [offers]}."
    )
    suppressed: dict[Channel, Line] = Field(
        default_factory=dict, description="Channels that must not be used, and why: {email: hard bounce}."
    )
    orders: tuple[OrderFact, ...] = Field((), description="What the person bought.")
    events: tuple[EventFact, ...] = Field((), description="What else the person did.")
    received: tuple[MessageFact, ...] = Field((), description="What the person was sent before.")
    arm: Line | None = Field(None, description="Puts the person's unit into this arm; without it, the draw decides.")


class EmailExpectation(Definition):
    """What the person's e-mail is."""

    subject: Line | None = Field(None, description="The subject, word for word.")
    preheader: Line | None = Field(None, description="The preheader, word for word.")
    contains: Lines = Field((), description="Words that stand in the text or the HTML.")
    not_contains: Lines = Field((), description="Words that stand in neither.")
    language: Language | None = Field(None, description="Language of the template that is used.")
    reply_to: Line | None = Field(None, description="Where answers go.")
    leaves_at: Moment | None = Field(None, description="When it leaves, by the recipient's clock.")


class MailExpectation(Definition):
    """What the person's printed piece is; it is laid out only where this is asked."""

    contains: Lines = Field((), description="Words that are printed on it.")
    not_contains: Lines = Field((), description="Words that are not.")
    address: tuple[Line, ...] = Field((), description="The lines of the address, the name first.")
    leaves_at: Moment | None = Field(None, description="When it goes to the printer, by the recipient's clock.")


class Expectation(Definition):
    """What becomes of one persona. Only what is written is compared."""

    selected: Boolean | None = Field(None, description="Whether an included segment holds the person.")
    left_out: Line | None = Field(None, description="The reason why a selected person is left out.")
    detail: Line | None = Field(None, description="Which channel, cap or segment that is about.")
    because: Lines = Field((), description="Words of the explanation: of a reason, or of a clause that refuses.")
    reachable_by: tuple[Channel, ...] | None = Field(
        None, description="Channels over which this campaign may and can reach the person, whatever the arm."
    )
    arm: Line | None = Field(None, description="The arm, or any: planned, whatever the arm.")
    channels: tuple[Channel, ...] | None = Field(None, description="What is sent; [] for nothing.")
    due_at: Moment | None = Field(
        None, description="When their first message leaves, or would have left for a holdout, by their own clock."
    )
    cost: Money | None = Field(None, description="What all messages to the person cost.")
    discount: Share | None = Field(None, description="The discount of the arm's offer.")
    with_: dict[str, str] = Field(
        default_factory=dict, alias="with", description="Values that the template gets from the arm."
    )
    email: EmailExpectation | None = Field(None, description="What the e-mail is; one must be sent.")
    direct_mail: MailExpectation | None = Field(None, description="What the printed piece is; one must be sent.")


class RehearsalFile(Definition):
    """What stands in a campaign test."""

    campaign: Line = Field(description="The campaign that is tested.")
    now: Moment = Field(description="The time at which it is planned, in the project's time zone.")
    products: dict[str, ProductFact] = Field(default_factory=dict, description="Products by their number.")
    personas: dict[str, Persona] = Field(min_length=1, description="The people by name.")
    expect: dict[str, Expectation] = Field(min_length=1, description="What becomes of each of them.")


PARTS: tuple[tuple[str, type[Definition]], ...] = (
    ("the whole file", RehearsalFile),
    ("products.NUMBER", ProductFact),
    ("personas.NAME", Persona),
    ("personas.NAME.orders", OrderFact),
    ("personas.NAME.orders.lines", LineFact),
    ("personas.NAME.events", EventFact),
    ("personas.NAME.received", MessageFact),
    ("expect.NAME", Expectation),
    ("expect.NAME.email", EmailExpectation),
    ("expect.NAME.direct_mail", MailExpectation),
)
"""Every part of the file by its path."""
