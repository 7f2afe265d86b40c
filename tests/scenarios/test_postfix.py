"""A campaign goes through a real Postfix, and what Postfix writes back is read as exactly what happened."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from handbill.clock import fixed_clock
from handbill.definitions.project import Project
from handbill.delivery.deliver import drain
from handbill.delivery.worker import Worker
from handbill.operations.collect import collect
from handbill.operations.run import start_run
from handbill.responses.mailbox import MailRead
from handbill.settings import Settings
from handbill.store.connection import reading
from handbill.store.tables import contact, event, outbox, suppression
from tests.conftest import NOW
from tests.operations.shop import add_people, make_project, make_settings, states_of
from tests.scenarios.fault_server import RCPT, Fault, FaultServer, serving
from tests.scenarios.postfix import Postfix, running_postfix

HERE = "person1@example.org"
NOBODY, UNWANTED, FULL, BUSY, THERE = (f"person{number}@example.org" for number in range(2, 7))
PEOPLE = 6


@pytest.fixture
def others() -> Iterator[FaultServer]:
    """The mail server of other people: it wants no mail for one, has no room for one, and takes one's later."""
    answers = {UNWANTED: "550 5.7.1 this looks like spam", FULL: "550 5.2.2 mailbox full", BUSY: "450 4.2.0 greylisted"}
    faults = [Fault(RCPT, says=says, recipient=recipient) for recipient, says in answers.items()]
    with serving(FaultServer(faults, features=("8BITMIME",))) as server:
        yield server


def campaign_through(postfix: Postfix, store: Engine, root: Path) -> tuple[Project, Settings]:
    """Sends a campaign to everybody over the server, in the usual way."""
    project, settings = make_project(root, postfix.port), make_settings(root, store)
    add_people(store, PEOPLE)
    started = start_run(store, project, "spring", clock=fixed_clock(NOW))
    drain(store, project, settings, started.run_id, Worker("worker-1", clock=fixed_clock(NOW), random=lambda: 0.0))
    return project, settings


def told(store: Engine) -> set[tuple[str, str, str, str]]:
    """Who has which event, of which kind of bounce and which status."""
    found = select(outbox.c.address, event.c.kind, event.c.properties).join(outbox, outbox.c.id == event.c.outbox_id)
    with reading(store) as connection:
        return {
            (row.address, row.kind, row.properties.get("bounce", ""), row.properties.get("status", ""))
            for row in connection.execute(found)
        }


def suppressed(store: Engine) -> set[tuple[str, str]]:
    found = select(contact.c.email, suppression.c.reason).join(
        suppression, suppression.c.key_hash == contact.c.email_hash
    )
    with reading(store) as connection:
        return {(row.email, row.reason) for row in connection.execute(found)}


def test_delivered_delayed_and_bounced_mail_is_known_as_such(
    store: Engine, tmp_path: Path, others: FaultServer
) -> None:
    mailboxes = {HERE: "ann", "bounces@shop.test": "bounces"}
    elsewhere = dict.fromkeys((UNWANTED, FULL, BUSY, THERE), others.port)
    with running_postfix(mailboxes, elsewhere, rejects_strangers=False) as postfix:
        project, settings = campaign_through(postfix, store, tmp_path)
        postfix.await_mails({"ann": 1, "bounces": 4})
        arrived = postfix.mails("ann")[0]
        collected = collect(store, project, settings, clock=fixed_clock(NOW), source=postfix.maildir("bounces"))
        others.faults = []  # and the busy one has time now
        postfix.await_taken(others, 2)
    assert collected.mail == MailRead(bounces=3, others=1)
    assert states_of(store) == {"accepted": PEOPLE}
    assert told(store) == {
        (NOBODY, "email.bounced", "hard", "5.1.1"),
        (UNWANTED, "email.bounced", "blocked", "5.7.1"),
        (FULL, "email.bounced", "soft", "5.2.2"),
        (BUSY, "email.deferred", "", "4.2.0"),
    }
    assert suppressed(store) == {(NOBODY, "hard bounce")}
    assert sorted(taken.recipient for taken in others.taken) == [BUSY, THERE]
    assert b"Return-Path: <bounces+" in arrived
    assert b"\nSubject: Hello Person 1\n" in arrived


def test_a_mailbox_that_postfix_refuses_at_once_is_given_up_as_well(store: Engine, tmp_path: Path) -> None:
    mailboxes = {address: address[:7] for address in (HERE, UNWANTED, FULL, BUSY, THERE)}
    with running_postfix(mailboxes, {}) as postfix:
        project, settings = campaign_through(postfix, store, tmp_path)
        postfix.await_mails({"person1": 1})
        collected = collect(store, project, settings, clock=fixed_clock(NOW))
    assert collected.given_up == 1
    assert states_of(store) == {"accepted": PEOPLE - 1, "failed": 1}
    assert suppressed(store) == {(NOBODY, "hard bounce")}
