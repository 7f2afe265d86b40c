"""Proofs go to colleagues, are marked as such, and leave nothing behind."""

from collections.abc import Iterator
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from pypdfium2 import PdfDocument
from sqlalchemy import Engine, func, select

from handbill.contacts.identity import email_hash
from handbill.contacts.suppressions import suppress
from handbill.errors import ChannelUnavailable, NotRenderable, RunRefused
from handbill.operations.send_test import Proofs, send_test
from handbill.responses.mailbox import read_mail
from handbill.store.connection import open_store, reading, writing
from handbill.store.migrate import upgrade
from handbill.store.tables import attempt, consent, enrollment, event, outbox, run, suppression
from tests.conftest import NOW
from tests.operations.shop import SECRET, add_people, make_project
from tests.rendering.mail import letter_html
from tests.scenarios.fault_server import RCPT, Fault, FaultServer, serving

CAMPAIGNS = """
  spring:
    topic: offers
    audience: {include: [everybody]}
    schedule: {at: 2026-12-01 09:00}
    email: {template: hello}
    goal: {event: order, within: 60 days}
    experiment:
      hypothesis: It sells.
      unit: household
      salt: spring
      arms:
        nothing: {share: 20%, holdout: true}
        plain: {share: 40%, email: {subject: "Hello {{ contact.first_name | default('friend') }}"}}
        both: {share: 40%, email: {subject: A letter, reply_to: ada@shop.test},
               direct_mail: {template: letter, format: letter}}
      control: nothing
      primary: {metric: conversion, minimum_effect: 1 pp}
"""
POST = "  direct_mail: {cost: 0.5, transit: 3 days}\n"
ADA = "ada@shop.test"


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with serving(FaultServer()) as server:
        yield server


@pytest.fixture
def shop(tmp_path: Path, server: FaultServer, monkeypatch: pytest.MonkeyPatch, database_url: str) -> Path:
    monkeypatch.setenv("HANDBILL_SECRET", SECRET.decode())
    monkeypatch.setenv("HANDBILL_DATABASE_URL", database_url)
    root = tmp_path / "shop"
    (root / "templates/mail").mkdir(parents=True)
    (root / "templates/mail/letter.html").write_text(letter_html("<p>Hello</p>"))
    make_project(root, server.port, campaigns=CAMPAIGNS, channels=POST)
    (root / "templates/email/hello.de.mjml").write_text(
        (root / "templates/email/hello.mjml").read_text().replace("Hello", "Hallo")
    )
    return root


@pytest.fixture
def store(shop: Path, database_url: str) -> Iterator[Engine]:
    engine = open_store(database_url)
    upgrade(engine)
    yield engine
    engine.dispose()


def proofs(root: Path, *to: str, **options: Any) -> Proofs:
    return send_test(root, "spring", to, now=NOW, **options)


def mails(server: FaultServer) -> list[EmailMessage]:
    return [message_from_bytes(each.message, policy=default) for each in server.taken]


def test_every_arm_is_sent_to_everybody_named_and_marked(shop: Path, store: Engine, server: FaultServer) -> None:
    sent = proofs(shop, ADA, "ben@shop.test", channel="email")
    assert [(each.name, each.to) for each in sent.proofs] == [
        ("plain", ADA), ("plain", "ben@shop.test"), ("both", ADA), ("both", "ben@shop.test"),
    ]  # fmt: skip
    assert [(each["To"], each["Subject"], each["X-Handbill-Test"], each["Reply-To"]) for each in mails(server)] == [
        (ADA, "[Test: plain] Hello Alex", "plain", None),
        ("ben@shop.test", "[Test: plain] Hello Alex", "plain", None),
        (ADA, "[Test: both] A letter", "both", ADA),
        ("ben@shop.test", "[Test: both] A letter", "both", ADA),
    ]


def test_nothing_is_kept_of_proofs(shop: Path, store: Engine) -> None:
    add_people(store, 1)
    proofs(shop, "person1@example.org", channel="email")
    with reading(store) as connection:
        for table in (outbox, run, enrollment, attempt, event):
            assert connection.scalar(select(func.count()).select_from(table)) == 0


def test_unsubscribing_from_a_proof_unsubscribes_nobody(
    shop: Path, store: Engine, server: FaultServer, tmp_path: Path
) -> None:
    add_people(store, 1)
    proofs(shop, "person1@example.org", arm="plain")
    address = mails(server)[0]["List-Unsubscribe"]
    subject = address.partition("subject=")[2].rstrip(">").replace("%20", " ")
    (tmp_path / "mail/new").mkdir(parents=True)
    (tmp_path / "mail/new/1").write_text(f"From: person1@example.org\nSubject: {subject}\n\n")
    assert read_mail(store, tmp_path / "mail", SECRET, now=NOW).unsubscribes == 1
    with reading(store) as connection:
        assert connection.scalar(select(func.count()).where(consent.c.state == "withdrawn")) == 0


def test_bounces_of_proofs_suppress_nobody(shop: Path, store: Engine, server: FaultServer, tmp_path: Path) -> None:
    proofs(shop, ADA, arm="plain")
    (tmp_path / "mail/new").mkdir(parents=True)
    (tmp_path / "mail/new/1").write_text(
        f"To: {server.taken[0].sender}\nContent-Type: multipart/report; report-type=delivery-status; boundary=x\n\n"
        f"--x\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx\n\nFinal-Recipient: rfc822; {ADA}\n"
        "Action: failed\nStatus: 5.1.1\n\n--x--\n"
    )
    assert read_mail(store, tmp_path / "mail", SECRET, now=NOW).bounces == 0
    with reading(store) as connection:
        assert connection.scalar(select(func.count()).select_from(suppression)) == 0


def test_printed_pieces_are_written_with_a_watermark(shop: Path, store: Engine, server: FaultServer) -> None:
    sent = proofs(shop, channel="direct_mail")
    path = shop / ".handbill/proofs/spring/both.pdf"
    assert [(each.arm, each.to) for each in sent.proofs] == [("both", str(path))]
    document = PdfDocument(path)
    texts = [page.get_textpage().get_text_bounded() for page in document]
    document.close()
    assert all("TEST" in text for text in texts)
    assert server.taken == []


def test_a_contact_lends_its_values_and_gets_nothing(shop: Path, store: Engine, server: FaultServer) -> None:
    add_people(store, 1)
    proofs(shop, ADA, arm="plain", contact_id="C-00001")
    assert server.counts == {ADA: 1}
    assert mails(server)[0]["Subject"] == "[Test: plain] Hello Person 1"


def test_all_languages_are_sent_where_somebody_asks(shop: Path, store: Engine, server: FaultServer) -> None:
    sent = proofs(shop, ADA, arm="plain", all_languages=True)
    assert sorted(each.language for each in sent.proofs) == ["de", "en"]
    assert sorted("Hallo" in each.message.decode() for each in server.taken) == [False, True]
    assert {each["Subject"].partition("]")[0] for each in mails(server)} == {"[Test: plain, de", "[Test: plain, en"}


def test_a_suppressed_address_gets_its_proof_and_a_remark(shop: Path, store: Engine, server: FaultServer) -> None:
    with writing(store) as connection:
        suppress(connection, "email", email_hash(SECRET, ADA), "complaint", NOW, "test")
    sent = proofs(shop, ADA, arm="plain")
    assert sent.remarks == (f"{ADA} is on the suppression list (complaint): campaigns do not reach it, proofs do.",)
    assert server.counts == {ADA: 1}


def test_one_refused_address_does_not_keep_the_others_from_theirs(
    shop: Path, store: Engine, server: FaultServer
) -> None:
    server.faults = (Fault(RCPT, says="550 5.1.1 no such mailbox", recipient="gone@shop.test"),)
    sent = proofs(shop, "gone@shop.test", ADA, arm="plain")
    assert server.counts == {ADA: 1}
    assert [str(each) for each in sent.problems] == [
        "gone@shop.test did not get the proof of plain: 550 5.1.1 no such mailbox. Try again."
    ]


def test_what_cannot_be_proofed_is_refused_before_anything_leaves(
    shop: Path, store: Engine, server: FaultServer
) -> None:
    for options, said in (
        ({"arm": "plan"}, 'arm "plan" is not known. Use nothing, plain or both. Did you mean "plain"?'),
        ({"arm": "nothing"}, 'arm "nothing" sends nothing. Choose another, or leave --arm out.'),
        ({"arm": "plain", "channel": "direct_mail"}, "spring sends nothing over direct_mail. Leave --channel out."),
    ):
        with pytest.raises(RunRefused) as caught:
            proofs(shop, ADA, **options)
        assert str(caught.value) == said
    with pytest.raises(RunRefused) as caught:
        proofs(shop)
    assert str(caught.value) == (
        "nobody is named who gets the e-mails. "
        "Add --to ADDRESS, or write the printed pieces alone: --channel direct_mail."
    )
    with pytest.raises(RunRefused) as caught:
        proofs(shop, "ada", "@")
    assert str(caught.value) == (
        '"ada" is not an e-mail address. Write it like ann@example.com.\n'
        '"@" is not an e-mail address. Write it like ann@example.com.'
    )
    with pytest.raises(NotRenderable) as unknown:
        proofs(shop, ADA, contact_id="C-1")
    assert str(unknown.value) == 'no contact has the id "C-1". Use an id of your import, or leave --contact out.'
    assert server.taken == []


def test_a_server_that_is_not_there_is_said(shop: Path, store: Engine, server: FaultServer) -> None:
    (shop / "campaigns.yaml").write_text((shop / "campaigns.yaml").read_text().replace(str(server.port), "1"))
    with pytest.raises(ChannelUnavailable) as caught:
        proofs(shop, ADA, arm="plain")
    assert str(caught.value) == (
        "the mail server 127.0.0.1:1 cannot be reached (connection refused). "
        "Start it, or correct channels.email in campaigns.yaml."
    )
