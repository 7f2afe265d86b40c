"""`handbill preview` writes a message as one person would get it."""

import json
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, insert

from handbill.cli import invoke
from handbill.store.connection import writing
from handbill.store.tables import contact
from tests.conftest import NOW

FILES = {
    "campaigns.yaml": """\
brand: {name: Shop, postal_address: 1 Harbour Street, website: https://shop.example}
timezone: Europe/London
currency: GBP
fields: {tier: text}
topics: {offers: Offers}
channels:
  email: {host: localhost, port: 1025, security: none, from: Shop <news@shop.example>}
campaigns:
  spring:
    topic: offers
    audience: {include: [everybody]}
    schedule: {at: 2026-12-01 09:00}
    email: {template: hello}
    goal: {event: order, within: 14 days}
    experiment:
      hypothesis: It sells.
      salt: spring
      arms:
        nothing: {share: 20%, holdout: true}
        plain: {share: 40%, email: {subject: "Grüße, {{ contact.first_name | default('friend') }}"}}
        other: {share: 40%, email: {subject: "{{ contact.tier | upper }}"}}
      control: nothing
      primary: {metric: conversion, minimum_effect: 1 pp}
""",
    "segments/everybody.yaml": "name: Everybody\nwhere: {field: tier, exists: true}\n",
    "templates/email/hello.mjml": """\
<mjml><mj-body><mj-section><mj-column><mj-text>Hello {{ contact.first_name | default('friend') }}.</mj-text>
<mj-text>{{ brand.postal_address }} <a href="{{ links.unsubscribe }}">Unsubscribe</a></mj-text>
</mj-column></mj-section></mj-body></mjml>
""",
}


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, text in FILES.items():
        path = tmp_path / "shop" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    monkeypatch.setenv("HANDBILL_SECRET", "a secret of the tests")
    monkeypatch.chdir(tmp_path / "shop")
    return tmp_path / "shop"


def preview(*arguments: str) -> int:
    return invoke(["preview", "spring", "--now", "2026-12-01T09:00", *arguments])


def add_contact(store: Engine, external_id: str, **values: Any) -> None:
    with writing(store) as connection:
        row = {"external_id": external_id, "household_key": external_id, "created_at": NOW, "updated_at": NOW}
        connection.execute(insert(contact).values(**row, **values))


def test_every_arm_that_sends_something_is_written(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert preview() == 0
    assert capsys.readouterr().out == (
        "plain: Grüße, Alex\n"
        "  .handbill/preview/spring/plain.html\n"
        "  .handbill/preview/spring/plain.txt\n"
        "  .handbill/preview/spring/plain.eml\n"
        "other: SAMPLE\n"
        "  .handbill/preview/spring/other.html\n"
        "  .handbill/preview/spring/other.txt\n"
        "  .handbill/preview/spring/other.eml\n"
    )


def test_the_files_are_the_message_as_it_would_leave(shop: Path) -> None:
    assert preview("--arm", "plain", "--out", str(shop / "out")) == 0
    assert sorted(path.name for path in (shop / "out").iterdir()) == ["plain.eml", "plain.html", "plain.txt"]
    message = message_from_bytes((shop / "out" / "plain.eml").read_bytes())
    assert message["From"] == "Shop <news@shop.example>"
    assert message["Date"] == "Tue, 01 Dec 2026 09:00:00 +0000"
    assert message["List-Unsubscribe"].startswith("<mailto:unsubscribe@shop.example?subject=unsubscribe%20")
    assert "Hello Alex." in (shop / "out" / "plain.html").read_text()
    assert (shop / "out" / "plain.txt").read_text().startswith("Hello Alex.\n\n1 Harbour Street Unsubscribe <mailto:")


def test_a_contact_of_the_store_is_taken_by_its_id(
    shop: Path, store: Engine, store_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HANDBILL_DATABASE_URL", store_url)
    add_contact(store, "C17", email="zoë@bücher.example", first_name="Zoë", attributes={"tier": "gold"})
    assert preview("--contact", "C17", "--json") == 0
    answer = json.loads(capsys.readouterr().out)
    assert [(each["arm"], each["channel"], each["subject"]) for each in answer] == [
        ("plain", "email", "Grüße, Zoë"),
        ("other", "email", "GOLD"),
    ]
    assert "\r\nTo: zoë@xn--bcher-kva.example\r\n".encode() in Path(answer[0]["files"][2]).read_bytes()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--arm", "plian"], 'arm "plian" is not known. Use nothing, plain or other. Did you mean "plain"?'),
        (["--arm", "nothing"], 'arm "nothing" sends nothing. Choose another, or leave --arm out.'),
        (["--contact", "C99"], 'no contact has the id "C99". Use an id of your import, or leave --contact out.'),
    ],
)
def test_what_cannot_be_shown_is_said_and_nothing_is_written(
    shop: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert preview(*arguments) == 2
    assert capsys.readouterr().err == f"{message}\n"
    assert not (shop / ".handbill" / "preview").exists()


def test_a_contact_without_an_address_or_a_field_gets_the_reason(
    shop: Path, store: Engine, store_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HANDBILL_DATABASE_URL", store_url)
    add_contact(store, "C1", attributes={"tier": "gold"})
    add_contact(store, "C2", email="c2@shop.example")
    assert [preview("--contact", "C1"), preview("--contact", "C2", "--arm", "other")] == [2, 2]
    assert capsys.readouterr().err == (
        "this contact has no e-mail address. Choose another contact, or leave --contact out.\n"
        "campaigns.yaml:21:47: contact.tier has no value for this recipient. "
        'Write {{ contact.tier | default("…") }}, or leave it out with {% if %}.\n'
    )


def test_a_mistake_in_a_template_is_said_with_its_place(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    template = shop / "templates/email/hello.mjml"
    template.write_text(template.read_text().replace("contact.first_name", "contact.frist_name"))
    assert preview() == 2
    assert capsys.readouterr().err == (
        "templates/email/hello.mjml:1:57: contact.frist_name is not a contact field. Did you mean first_name?\n"
    )
