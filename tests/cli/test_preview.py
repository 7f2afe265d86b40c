"""`handbill preview` writes a message as one person would get it."""

import json
import sys
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pypdfium2
import pytest
from PIL import Image
from sqlalchemy import Engine, insert

from handbill.cli import invoke
from handbill.operations.preview_pictures import page_pictures
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
    return invoke(["preview", "spring", "--now", "2026-12-01T09:00", "--no-pictures", *arguments])


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
        "All side by side: .handbill/preview/spring/index.html\n"
    )


def test_the_files_are_the_message_as_it_would_leave(shop: Path) -> None:
    assert preview("--arm", "plain", "--out", str(shop / "out")) == 0
    assert sorted(path.name for path in (shop / "out").iterdir()) == [
        "index.html", "plain.eml", "plain.html", "plain.txt"
    ]  # fmt: skip
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


def test_one_page_shows_all_arms(shop: Path) -> None:
    assert preview() == 0
    page = (shop / ".handbill/preview/spring/index.html").read_text(encoding="utf-8")
    assert "<title>Preview of spring</title>" in page
    assert "<h2>plain</h2><p>Grüße, Alex</p>" in page
    assert '<iframe src="other.html" title="other" sandbox></iframe>' in page


def test_a_message_is_shown_in_another_language(shop: Path) -> None:
    template = shop / "templates/email/hello.mjml"
    german = template.read_text().replace("Hello", "Hallo")
    template.with_name("hello.de.mjml").write_text(german)
    assert preview("--arm", "plain", "--language", "de") == 0
    assert (shop / ".handbill/preview/spring/plain.txt").read_text().startswith("Hallo Alex.")


def test_a_machine_without_a_browser_is_told_so(
    shop: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(shop))
    assert preview("--pictures") == 0
    assert capsys.readouterr().err == (
        "There are no pictures of the e-mails, because this machine has no Chromium. "
        "Install it, such as by `apt-get install chromium`.\n"
    )


def test_e_mails_are_pictured_as_three_inboxes_show_them(
    shop: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    browser = shop / "chromium"
    browser.write_text(f"#!{sys.executable}\n{BROWSER}")
    browser.chmod(0o755)
    monkeypatch.setenv("PATH", str(shop))
    assert preview("--arm", "plain", "--pictures", "--json") == 0
    (answer,) = json.loads(capsys.readouterr().out)
    pictures = [Path(file) for file in answer["files"][3:]]
    assert [picture.name for picture in pictures] == ["plain-desk.png", "plain-phone.png", "plain-dark.png"]
    sizes = []
    for picture in pictures:
        with Image.open(picture) as opened:
            sizes.append(opened.size)
    assert sizes == [(700, 124), (390, 124), (700, 124)]  # what is empty below is cut off


BROWSER = """
import sys
from PIL import Image
given = dict(word.removeprefix("--").split("=", 1) for word in sys.argv[1:] if "=" in word)
width, height = map(int, given["window-size"].split(","))
picture = Image.new("RGB", (width, height), "white")
picture.paste("black", (10, 50, 60, 100))
picture.save(given["screenshot"])
"""


def test_each_page_of_a_piece_is_pictured(tmp_path: Path) -> None:
    pdf = tmp_path / "card.pdf"
    document = pypdfium2.PdfDocument.new()
    for _ in range(2):
        document.new_page(144, 72)
    document.save(pdf)
    document.close()
    assert [path.name for path in page_pictures(pdf)] == ["card-1.png", "card-2.png"]
    with Image.open(tmp_path / "card-2.png") as picture:
        assert picture.size == (288, 144)
