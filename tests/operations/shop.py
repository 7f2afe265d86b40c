"""A small shop with a project on disk and people in its store, for tests that send."""

from pathlib import Path
from typing import Any

from sqlalchemy import Engine, func, insert, select

from handbill.contacts.addresses import normalise_address
from handbill.contacts.identity import email_hash, email_key, postal_hash
from handbill.definitions.loading import load_project
from handbill.definitions.project import Project
from handbill.settings import Settings
from handbill.store.connection import reading, writing
from handbill.store.tables import consent, contact, outbox, run
from tests.conftest import NOW

SECRET = b"a secret of the tests"
TEMPLATE = """<mjml><mj-body><mj-section><mj-column>
<mj-text>Hello {{ contact.first_name | default("friend") }}, <a href="{{ brand.website }}/new">our news</a>.</mj-text>
<mj-text>{{ brand.postal_address }} <a href="{{ links.unsubscribe }}">Unsubscribe</a></mj-text>
</mj-column></mj-section></mj-body></mjml>
"""
CAMPAIGN = """
  spring:
    topic: offers
    audience: {include: [everybody]}
    schedule: {at: 2026-12-01 09:00, max_lateness: 6 hours}
    email: {template: hello, subject: "Hello {{ contact.first_name | default('friend') }}"}
"""


def make_project(root: Path, port: int, *, campaigns: str = CAMPAIGN, email: str = "", channels: str = "") -> Project:
    """A project that sends to a server on this machine. `email` adds to that channel, `channels` adds others."""
    for name, text in {
        "campaigns.yaml": f"""
brand: {{name: Shop, postal_address: "1 Harbour Street, Whitby YO21 1AA, United Kingdom", website: https://shop.example}}
timezone: UTC
currency: GBP
topics: {{offers: Offers and news}}
channels:
  email:
    provider: smtp
    host: 127.0.0.1
    port: {port}
    security: none
    from: Shop <news@shop.test>
{email}
{channels}
campaigns:{campaigns}""",
        "segments/everybody.yaml": "name: Everybody\nwhere: {field: external_id, exists: true}\n",
        "templates/email/hello.mjml": TEMPLATE,
    }.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return load_project(root)


def make_settings(root: Path, store: Engine) -> Settings:
    """Settings of the project in `root` with the tests' own secret."""
    return Settings(root, store.url.render_as_string(hide_password=False), SECRET)


def add_people(store: Engine, count: int, **changes: Any) -> None:
    """`count` more contacts person1@example.org, person2… with a postal address, who agreed to all news."""
    with writing(store) as connection:
        first = (connection.scalar(select(func.count()).select_from(contact)) or 0) + 1
        people = [_person(number) | changes for number in range(first, first + count)]
        connection.execute(insert(contact), people)
        ids = connection.scalars(
            select(contact.c.id).where(contact.c.external_id.in_([p["external_id"] for p in people]))
        )
        agreed = [
            {"contact_id": id_, "channel": channel, "topic": "offers", "state": "granted", "at": NOW, "source": "test"}
            for id_ in ids.all()
            for channel in ("email", "direct_mail")
        ]
        connection.execute(insert(consent), agreed)


def states_of(store: Engine) -> dict[str, int]:
    """How many messages are in each state, over all runs."""
    with reading(store) as connection:
        counted = connection.execute(select(outbox.c.state, func.count()).group_by(outbox.c.state))
        return dict(counted.tuples().all())


def state_of(store: Engine, run_id: int) -> tuple[str, str | None]:
    """State of a run, and why."""
    with reading(store) as connection:
        return tuple(connection.execute(select(run.c.state, run.c.state_reason).where(run.c.id == run_id)).one())


def _person(number: int) -> dict[str, Any]:
    address = normalise_address(f"{number} Harbour Street", city="Whitby", postcode="YO21 1AA", country="GB")
    key = email_key(f"person{number}@example.org")
    return {
        "external_id": f"C-{number:05}",
        "email": key,
        "email_key": key,
        "email_hash": email_hash(SECRET, key),
        "first_name": f"Person {number}",
        "last_name": "Test",
        "address_line1": address.line1,
        "city": address.city,
        "postcode": address.postcode,
        "country": address.country,
        "address_key": address.address_key,
        "postal_hash": postal_hash(SECRET, address.address_key or ""),
        "household_key": f"H-{number:05}",
        "created_at": NOW,
        "updated_at": NOW,
    }
