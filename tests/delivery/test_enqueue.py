"""Every planned contact has its messages in the outbox, and each message is complete."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, select, update

from handbill.clock import fixed_clock
from handbill.operations.run import start_run
from handbill.store.connection import reading, writing
from handbill.store.tables import contact, outbox
from handbill.tokens import read_code
from tests.conftest import NOW
from tests.operations.shop import add_people, make_project
from tests.scenarios.fault_server import FaultServer, serving

ON_TIME = fixed_clock(NOW)
HOUR = timedelta(hours=1)
CHANNELS = "  direct_mail: {provider: print_house, cost: 0.78, transit: 3 days}\n"
TEMPLATE = """<!doctype html><html lang="en"><head><meta name="handbill-pages" content="1"></head><body>
<p>{% for line in piece.address_lines %}{{ line }}<br>{% endfor %}</p>
<p>{{ brand.postal_address }} {{ piece.code }}</p></body></html>
"""
BOTH = """
  winback:
    topic: offers
    audience: {include: [everybody]}
    schedule: {SCHEDULE}
    goal: {event: order, value: revenue, within: 60 days}
    experiment:
      hypothesis: A letter brings them back.
      unit: household
      salt: winback
      arms:
        nothing: {share: 25%, holdout: true}
        email: {share: 25%, email: {template: hello, subject: We miss you}}
        letter: {share: 25%, direct_mail: {template: note, format: letter}}
        both:
          share: 25%
          email: {template: hello, subject: We miss you}
          direct_mail: {template: note, format: letter}
      control: nothing
      primary: {metric: conversion, minimum_effect: 1 pp}
"""


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with serving(FaultServer()) as server:
        yield server


def messages(store: Engine, root: Path, server: FaultServer, schedule: str) -> dict[str, list[str]]:
    """Starts the campaign; its channels by arm."""
    (root / "templates/mail").mkdir(parents=True)
    (root / "templates/mail/note.html").write_text(TEMPLATE)
    campaigns = BOTH.replace("SCHEDULE", schedule)
    project = make_project(root, server.port, campaigns=campaigns, channels=CHANNELS)
    start_run(store, project, "winback", clock=ON_TIME)
    found: dict[str, list[str]] = {}
    with reading(store) as connection:
        for row in connection.execute(select(outbox.c.arm, outbox.c.channel).order_by(outbox.c.channel)):
            found.setdefault(row.arm, []).append(row.channel)
    return found


def test_each_arm_gets_its_channels_and_a_holdout_nothing(store: Engine, tmp_path: Path, server: FaultServer) -> None:
    add_people(store, 40)
    found = messages(store, tmp_path, server, "at: 2026-12-01 09:00")
    assert {arm: set(channels) for arm, channels in found.items()} == {
        "email": {"email"}, "letter": {"direct_mail"}, "both": {"email", "direct_mail"},
    }  # fmt: skip
    assert found["both"].count("email") == found["both"].count("direct_mail") > 0


def test_a_piece_has_its_address_and_a_code_of_its_own(store: Engine, tmp_path: Path, server: FaultServer) -> None:
    add_people(store, 40)
    messages(store, tmp_path, server, "at: 2026-12-01 09:00")
    pieces = select(outbox.c.address, outbox.c.code, outbox.c.cost, contact.c.external_id, contact.c.address_line1)
    with reading(store) as connection:
        rows = connection.execute(pieces.join(contact).where(outbox.c.channel == "direct_mail")).all()
    number = int(rows[0].external_id.removeprefix("C-"))
    assert rows[0].address == f"Person {number} Test\n{number} Harbour Street\nWHITBY\nYO21 1AA\nUNITED KINGDOM"
    assert {row.cost for row in rows} == {780_000}
    assert len({row.code for row in rows}) == len(rows)
    assert all(read_code(row.code) == row.code for row in rows)


def test_post_leaves_earlier_than_e_mail_by_its_time_under_way(
    store: Engine, tmp_path: Path, server: FaultServer
) -> None:
    add_people(store, 40)
    messages(store, tmp_path, server, "in_home: 2026-12-04")
    with reading(store) as connection:
        due = set(connection.execute(select(outbox.c.channel, outbox.c.not_before)).tuples())
    day = NOW.replace(hour=0)
    # Three days before 4 December is past by nine hours, so the post leaves now.
    assert due == {("email", day + timedelta(days=3)), ("direct_mail", NOW)}


def test_everybody_is_due_at_the_time_of_their_own_zone(store: Engine, tmp_path: Path, server: FaultServer) -> None:
    add_people(store, 1)
    add_people(store, 1, timezone="Europe/Sofia")
    add_people(store, 1, timezone="America/New_York")
    schedule = "{at: 2026-12-01 09:00, timezone: recipient}"
    campaign = "\n  spring:\n    topic: offers\n    audience: {include: [everybody]}\n"
    campaign += f"    schedule: {schedule}\n    email: {{template: hello, subject: Hello}}\n"
    project = make_project(tmp_path, server.port, campaigns=campaign)
    start_run(store, project, "spring", clock=fixed_clock(NOW - 3 * HOUR))
    with reading(store) as connection:
        due = connection.scalars(select(outbox.c.not_before).order_by(outbox.c.contact_id)).all()
    assert due == [NOW, NOW - 2 * HOUR, NOW + 5 * HOUR]


def test_an_international_domain_is_limited_by_its_ascii_form(
    store: Engine, tmp_path: Path, server: FaultServer
) -> None:
    add_people(store, 1)
    with writing(store) as connection:
        both = {"email": "Zoë@Bücher.example", "email_key": "zoë@xn--bcher-kva.example"}
        connection.execute(update(contact).values(both))
    start_run(store, make_project(tmp_path, server.port), "spring", clock=ON_TIME)
    with reading(store) as connection:
        row = connection.execute(select(outbox.c.address, outbox.c.address_key, outbox.c.domain)).one()
    assert tuple(row) == ("Zoë@Bücher.example", "zoë@xn--bcher-kva.example", "xn--bcher-kva.example")
