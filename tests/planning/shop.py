"""A small shop for tests: a project made by hand, contacts with addresses and consent, orders and events."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, func, insert, select

from handbill.contacts.suppressions import suppress
from handbill.definitions.campaign import Campaign
from handbill.definitions.fields import FieldDeclaration, contact_fields
from handbill.definitions.policy import Brand, Channels, Policies
from handbill.definitions.project import Project
from handbill.definitions.segment import All, Clause, Segment
from handbill.definitions.values import MILLIONTHS
from handbill.store.tables import consent, contact, definition, enrollment, event, order_line, orders, outbox, run
from tests.conftest import NOW

FIELDS = {
    "loyalty_points": {"type": "integer"},
    "score": {"type": "number"},
    "tier": {"type": "text", "one_of": ["basic", "silver", "gold"]},
    "vip": {"type": "boolean"},
    "birthday": {"type": "date"},
    "last_visit": {"type": "time"},
}

EXPERIMENT: Mapping[str, Any] = {
    "hypothesis": "The discount brings more buyers.",
    "salt": "spring-2026",
    "arms": {
        "nothing": {"share": "10%", "holdout": True},
        "plain": {"share": "45%", "email": {"subject": "Spring is here"}},
        "discount": {"share": "45%", "email": {"subject": "15% off"}, "offer": {"discount": "15%"}},
    },
    "control": "nothing",
    "compare": ["discount - plain"],
    "primary": {"metric": "conversion", "minimum_effect": "5 pp"},
}

SPRING: Mapping[str, Any] = {
    "topic": "offers",
    "audience": {"include": ["everybody"]},
    "schedule": {"at": "2026-12-01 10:00"},
    "email": {"template": "spring"},
    "goal": {"event": "order", "value": "margin", "margin_rate": "40%", "within": "14 days"},
    "experiment": EXPERIMENT,
}

WINBACK: Mapping[str, Any] = {
    "topic": "offers",
    "audience": {"include": ["everybody"]},
    "schedule": {"in_home": "2026-12-10"},
    "goal": {"event": "order", "value": "revenue", "within": "60 days"},
    "experiment": {
        "hypothesis": "A letter brings lapsed households back.",
        "unit": "household",
        "salt": "winback-2026",
        "arms": {
            "nothing": {"share": "25%", "holdout": True},
            "email": {"share": "25%", "email": {"template": "winback", "subject": "We miss you"}},
            "letter": {"share": "25%", "direct_mail": {"template": "winback-letter", "format": "letter"}},
            "both": {
                "share": "25%",
                "email": {"template": "winback", "subject": "We miss you"},
                "direct_mail": {"template": "winback-letter", "format": "letter"},
            },
        },
        "control": "nothing",
        "primary": {"metric": "conversion", "minimum_effect": "1 pp"},
    },
}

EVERYBODY = Segment("everybody", "Everybody", All(()))


def make_project(
    root: Path,
    *,
    campaigns: Mapping[str, Mapping[str, Any]] | None = None,
    segments: Mapping[str, Clause] | None = None,
    policies: Mapping[str, Any] | None = None,
    channels: Mapping[str, Any] | None = None,
) -> Project:
    """A shop in London with the campaigns spring-sale and winback, unless others are given."""
    written = {"spring-sale": SPRING, "winback": WINBACK} if campaigns is None else campaigns
    _lay_down_templates(root)
    return Project(
        root=root,
        brand=Brand(name="Northwind", postal_address="1 Harbour Street, Whitby", website="https://shop.example"),
        timezone="Europe/London",
        currency="GBP",
        fields=contact_fields({name: FieldDeclaration.model_validate(each) for name, each in FIELDS.items()}),
        topics={"offers": "Offers and news"},
        channels=Channels.model_validate(channels or default_channels()),
        policies=Policies.model_validate(policies or {}),
        campaigns={name: Campaign.model_validate({**each, "name": name}) for name, each in written.items()},
        segments={"everybody": EVERYBODY, **{slug: Segment(slug, slug, c) for slug, c in (segments or {}).items()}},
    )


def default_channels() -> dict[str, Any]:
    """E-mail at 0.001 and 3,000 a minute; post at 0.78 a piece, three days under way, 2,500 to spend."""
    return {
        "email": {"host": "localhost", "from": "Northwind <news@northwind.example>", "cost": "0.001",
                  "rate": "3000/minute"},
        "direct_mail": {"cost": "0.78", "transit": "3 days", "budget": "2500"},
    }  # fmt: skip


def make_contacts(connection: Connection, count: int, **given: Any) -> list[int]:
    """Contacts c-00000, c-00001… of one household each, with e-mail, post and consent to both; answers their ids."""
    return [add_contact(connection, f"c-{number:05}", **given) for number in range(count)]


def add_contact(connection: Connection, external_id: str, **given: Any) -> int:
    """One contact. `consents` names the channels that they agreed to (default both), for topic offers."""
    values = dict(given)
    consents: Iterable[str] = values.pop("consents", ("email", "direct_mail"))
    row = _reachable(external_id) | values
    connection.execute(insert(contact).values(**row))
    id_ = connection.scalar(select(contact.c.id).where(contact.c.external_id == external_id))
    assert isinstance(id_, int)
    for channel in consents:
        connection.execute(insert(consent).values(
            contact_id=id_, channel=channel, topic="offers", state="granted", at=NOW - timedelta(days=400),
            source="test"))  # fmt: skip
    return id_


def add_order(
    connection: Connection,
    contact_id: int,
    total: str | int,
    *,
    days_ago: float = 1,
    lines: Iterable[tuple[str, int, int]] = (),
    **given: Any,
) -> None:
    """An order of so much in usual units, so many days before NOW. `lines` are sku, quantity and price of a piece."""
    ordered_at = NOW - timedelta(days=days_ago)
    number = len(connection.execute(select(orders.c.id)).all())
    row = {"external_id": f"o-{number}", "contact_id": contact_id, "ordered_at": ordered_at, "received_at": ordered_at,
           "total": millionths(total), "currency": "GBP", "source": "test"}  # fmt: skip
    order_id = connection.execute(insert(orders).values(**row | given).returning(orders.c.id)).scalar_one()
    for sku, quantity, price in lines:
        connection.execute(insert(order_line).values(
            order_id=order_id, sku=sku, quantity=quantity, price=millionths(price)))  # fmt: skip


def add_event(
    connection: Connection, contact_id: int, kind: str, *, days_ago: float = 1, properties: Any = None, **given: Any
) -> None:
    """An event so many days before NOW."""
    at = NOW - timedelta(days=days_ago)
    number = len(connection.execute(select(event.c.id)).all())
    connection.execute(insert(event).values(
        source="test", source_event_id=str(number), kind=kind, contact_id=contact_id, occurred_at=at, received_at=at,
        properties=properties or {}, **given))  # fmt: skip


def add_message(
    connection: Connection,
    contact_id: int,
    *,
    campaign: str = "autumn",
    wave: str = "once",
    channel: str = "email",
    state: str = "accepted",
    days_ago: float = 1,
    arm: str = "all",
) -> int:
    """A message of another run, accepted (or, when not sent yet, due) so many days before NOW; answers its id."""
    at = NOW - timedelta(days=days_ago)
    key = {"campaign": campaign, "wave": wave}
    run_id = connection.scalar(select(run.c.id).filter_by(**key))
    if run_id is None:
        connection.execute(insert(definition).values(
            digest=f"{campaign}/{wave}", campaign=campaign, content={}, first_seen_at=at))  # fmt: skip
        connection.execute(insert(run).values(
            **key, state="finished", definition_digest=f"{campaign}/{wave}", plan_digest="", plan={},
            scheduled_at=at, started_at=at))  # fmt: skip
        run_id = connection.scalar(select(run.c.id).filter_by(**key))
    connection.execute(insert(enrollment).values(
        campaign=campaign, contact_id=contact_id, key=wave, run_id=run_id, definition_digest=f"{campaign}/{wave}",
        entered_at=at))  # fmt: skip
    enrolled = select(enrollment.c.id).filter_by(campaign=campaign, contact_id=contact_id, key=wave)
    connection.execute(insert(outbox).values(
        run_id=run_id, enrollment_id=enrolled.scalar_subquery(), contact_id=contact_id, channel=channel, step="send",
        arm=arm, address="a", address_key=f"{contact_id}", address_hash="", state=state, not_before=at,
        message_id=f"{campaign}/{wave}/{channel}/{contact_id}", message_at=at, idempotency_key="",
        cost=millionths("0.5"), accepted_at=at if state == "accepted" else None))  # fmt: skip
    return int(connection.execute(select(func.max(outbox.c.id))).scalar_one())


def add_suppression(connection: Connection, key_hash: str, reason: str, *, channel: str = "email") -> None:
    """A mailbox or address that must not be written to."""
    suppress(connection, channel, key_hash, reason, NOW - timedelta(days=1), "test")


def millionths(amount: str | int) -> int:
    """Money as the store keeps it."""
    return int(Decimal(amount) * MILLIONTHS)


def selected(connection: Connection, condition: Any) -> list[str]:
    """External ids of the contacts that fit a condition."""
    rows = connection.scalars(select(contact.c.external_id).where(condition).order_by(contact.c.id))
    return list(rows)


def _reachable(external_id: str) -> dict[str, Any]:
    mailbox = f"{external_id}@example.org"
    return {
        "external_id": external_id, "email": mailbox, "email_key": mailbox, "first_name": "Ann",
        "household_key": f"h-{external_id}", "email_hash": f"email-{external_id}",
        "address_line1": f"{external_id} High Street", "city": "Whitby", "postcode": "YO21 1AA", "country": "GB",
        "address_key": f"{external_id} HIGH STREET|YO21 1AA|GB", "postal_hash": f"postal-{external_id}",
        "attributes": {}, "created_at": NOW - timedelta(days=500), "updated_at": NOW,
    }  # fmt: skip


def _lay_down_templates(root: Path) -> None:
    for name in ("email/spring.mjml", "email/winback.mjml", "mail/winback-letter.html"):
        path = root / "templates" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{name}\n")
