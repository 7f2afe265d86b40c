"""A message can be read in a browser as it was sent, whatever was edited since, and not once its person was erased."""

from dataclasses import dataclass
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, select, update

from handbill.clock import fixed_clock
from handbill.definitions.loading import load_project
from handbill.definitions.project import Project
from handbill.delivery.links import Bearer, preferences_token, view_token
from handbill.operations.run import drain_run, start_run
from handbill.operations.view_online import Viewed, Viewer
from handbill.store.connection import reading, writing
from handbill.store.tables import contact, event, link, outbox
from tests.conftest import NOW
from tests.operations.shop import CAMPAIGN, SECRET, TEMPLATE, add_people, make_project, make_settings
from tests.scenarios.fault_server import FaultServer, serving

LINKS = "    links: https://go.shop.test\n"
VIEW = TEMPLATE.replace("</mj-text>", ' <a href="{{ links.view_online }}">Online</a></mj-text>', 1)
TWO_ARMS = """
  spring:
    topic: offers
    audience: {include: [everybody]}
    schedule: {at: 2026-12-01 09:00, max_lateness: 6 hours}
    goal: {event: order, within: 14 days}
    email: {template: hello}
    experiment:
      hypothesis: Short words are read more.
      salt: words
      arms:
        nothing: {share: 1%, holdout: true}
        long: {share: 99%, email: {subject: "Hello {{ contact.first_name | default('friend') }}"}}
      control: nothing
      primary: {metric: conversion}
"""


@dataclass(frozen=True)
class Sent:
    """A project whose campaign went out to one person."""

    store: Engine
    project: Project
    bearer: Bearer
    raw: bytes

    def view(self, project: Project | None = None) -> Viewed | None:
        now = project or self.project
        settings = make_settings(self.project.root, self.store)
        return Viewer(self.store, now, settings).view(view_token(SECRET, self.bearer))

    def edit(self, name: str, old: str, new: str) -> Project:
        path = self.project.root / name
        path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
        return load_project(self.project.root)


@pytest.fixture(params=[CAMPAIGN, TWO_ARMS], ids=["plain", "experiment"])
def sent(tmp_path: Path, store: Engine, request: pytest.FixtureRequest) -> Sent:
    add_people(store, 1)
    with serving(FaultServer()) as server:
        make_project(tmp_path, server.port, email=LINKS, campaigns=request.param)
        (tmp_path / "templates/email/hello.mjml").write_text(VIEW, encoding="utf-8")
        project, clock = load_project(tmp_path), fixed_clock(NOW)
        run_id = start_run(store, project, "spring", clock=clock).run_id
        drain_run(store, project, make_settings(tmp_path, store), run_id, clock=clock)
        (raw,) = [each.message for each in server.taken]
    with reading(store) as connection:
        row = connection.execute(select(outbox.c.contact_id, outbox.c.id)).one()
    return Sent(store, project, Bearer(*row), raw)


def test_it_shows_what_was_sent_with_links_that_lead_where_they_lead(sent: Sent) -> None:
    seen = sent.view()
    assert seen is not None
    assert (seen.state, seen.subject, seen.language) == ("shown", "Hello Person 1", "en")
    for text in ("Hello Person 1", "https://shop.example/new", "https://go.shop.test/u/", "https://go.shop.test/v/"):
        assert text in seen.html
    assert "/c/" not in seen.html
    assert "/o/" not in seen.html


def test_the_message_itself_counts_clicks_and_says_where_to_unsubscribe(sent: Sent) -> None:
    message = message_from_bytes(sent.raw, policy=default)
    html = message.get_body(("html",)).get_content()  # type: ignore[union-attr]  # it has one
    assert "https://shop.example/new" not in html
    assert html.count("https://go.shop.test/c/") == 2
    assert html.count("https://go.shop.test/o/") == 1
    unsubscribe, mailto = str(message["List-Unsubscribe"]).split(", ")
    assert unsubscribe.startswith("<https://go.shop.test/u/")
    assert mailto.startswith("<mailto:unsubscribe@shop.test?subject=unsubscribe%20")
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    with reading(sent.store) as connection:
        targets = connection.execute(select(link.c.kind, link.c.target).order_by(link.c.position)).all()
    assert [tuple(each) for each in targets] == [
        ("fixed", "https://shop.example/new"),
        ("trap", "https://shop.example"),
    ]


def test_what_was_edited_since_is_shown_as_it_was(sent: Sent) -> None:
    sent.edit("templates/email/hello.mjml", "our news", "other news")
    seen = sent.view(sent.edit("campaigns.yaml", "Hello {{ contact", "Bye {{ contact"))
    assert seen is not None
    assert ("our news" in seen.html, seen.subject) == (True, "Hello Person 1")


def test_what_is_known_of_the_person_is_shown_as_it_is_today(sent: Sent) -> None:
    with writing(sent.store) as connection:
        connection.execute(update(contact).values(first_name="Ann"))
    seen = sent.view()
    assert seen is not None
    assert seen.subject == "Hello Ann"


def test_nothing_is_shown_of_somebody_who_was_erased(sent: Sent) -> None:
    with writing(sent.store) as connection:
        connection.execute(outbox.delete())
    assert sent.view() == Viewed("gone")


def test_a_campaign_that_is_not_declared_any_more_is_not_known(sent: Sent) -> None:
    seen = sent.view(sent.edit("campaigns.yaml", "  spring:", "  autumn:"))
    assert seen is not None
    assert (seen.state, seen.html) == ("unknown", "")


def test_a_proof_shows_nobody(sent: Sent) -> None:
    viewer = Viewer(sent.store, sent.project, make_settings(sent.project.root, sent.store))
    assert viewer.view(view_token(SECRET, Bearer(0, 0))) == Viewed("proof")


def test_a_token_of_another_purpose_shows_nothing(sent: Sent) -> None:
    viewer = Viewer(sent.store, sent.project, make_settings(sent.project.root, sent.store))
    assert viewer.view(preferences_token(SECRET, sent.bearer)) is None
    assert viewer.view(view_token(SECRET, sent.bearer)[:-1]) is None


def test_looking_changes_nothing(sent: Sent) -> None:
    sent.view()
    with reading(sent.store) as connection:
        assert connection.scalar(select(func.count()).select_from(event)) == 0
