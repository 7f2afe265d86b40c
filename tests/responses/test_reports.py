"""Whatever vendors report in whichever order and however often, the same is known in the end."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest
from sqlalchemy import Engine, func, select

from handbill.channels.contract import BounceKind, EventKind
from handbill.channels.hooks import nonce_of
from handbill.contacts.consent import granted, record_consent
from handbill.delivery.labels import labels_of
from handbill.responses.reports import Drained, drain_batch
from handbill.responses.standing import standings
from handbill.responses.tidying import place_strays, settle_by_kept_events, tidy
from handbill.responses.webhooks import (
    RAW_KEPT,
    Arrived,
    Stored,
    counts_of,
    forget_about,
    forget_old,
    store_webhooks,
    waiting,
)
from handbill.store.connection import reading, writing
from handbill.store.tables import contact, event, outbox, stray_event, suppression, webhook
from tests.conftest import NOW
from tests.delivery.queues import change, make_run, rows_of, states

KEYS = b"secret"
EARLIER = NOW - timedelta(days=1)
LETTERS = {"letter.created", "letter.mailed", "letter.in_transit", "letter.delivered", "letter.returned_to_sender"}


def report(outbox_id: int, kind: str, *, id_: str = "", **said: Any) -> dict[str, Any]:
    """An event in our own words about a message."""
    label = labels_of(KEYS, outbox_id)["outbox"]
    return {"id": id_ or f"{outbox_id}-{kind}", "kind": kind, "at": "2026-12-01T08:00:00Z", "outbox": label, **said}


def arrive(store: Engine, *events: Any, format_: str = "signed", body: bytes | None = None) -> list[Stored]:
    """A request with these events is kept."""
    content = body if body is not None else json.dumps({"events": list(events)}).encode()
    with writing(store) as connection:
        return store_webhooks(connection, [Arrived("press", format_, nonce_of(content), {}, content, NOW)])


def drain(store: Engine) -> Drained:
    """Reads all that waits."""
    total = Drained()
    while (drained := drain_batch(store, KEYS, now=NOW)).requests:
        total += drained
    return total


def kinds(store: Engine) -> list[str]:
    with reading(store) as connection:
        return list(connection.scalars(select(event.c.kind).order_by(event.c.kind)))


def suppressed(store: Engine) -> list[tuple[str, str, str]]:
    columns = (suppression.c.channel, suppression.c.key_hash, suppression.c.reason)
    with reading(store) as connection:
        return [tuple(row) for row in connection.execute(select(*columns).order_by(suppression.c.key_hash))]


# ---------------------------------------------------------------- any order


STORY = (
    report(0, EventKind.ACCEPTED),
    report(0, EventKind.DEFERRED),
    report(0, EventKind.DELIVERED),
    report(0, EventKind.BOUNCED, bounce="hard"),
    report(0, EventKind.UNSUBSCRIBED),
    report(0, EventKind.COMPLAINED),
)


def test_every_order_of_a_messages_events_leads_to_the_same_state(store: Engine) -> None:
    orders = list(permutations(STORY))
    run_id = make_run(store, len(orders), state="uncertain")
    messages = rows_of(store, run_id)
    with writing(store) as connection:
        for message in messages:
            record_consent(connection, message.contact_id, "email", "offers", "granted", EARLIER, "form")
    # Each message hears its story in another order, one event a request; all of them are told at the same time.
    for turn in range(len(STORY)):
        told = [_about(each, order[turn]) for each, order in zip(messages, orders, strict=True)]
        arrive(store, *told)
        drain(store)
    assert states(store, run_id) == ["accepted"] * len(orders)
    assert suppressed(store) == sorted(("email", each.address_hash, "complaint") for each in messages)
    with reading(store) as connection:
        assert set(standings(connection, [each.id for each in messages]).values()) == {"email.complained"}
        assert connection.scalars(select(contact.c.id).where(granted("email", "offers"))).all() == []
        assert connection.scalar(select(func.count()).select_from(event)) == len(STORY) * len(orders)


@pytest.mark.parametrize("length", [2, 3])
def test_every_order_within_one_request_leads_to_the_same_state(store: Engine, length: int) -> None:
    orders = list(permutations(STORY, length))
    run_id = make_run(store, len(orders), state="accepted")
    messages = rows_of(store, run_id)
    arrive(store, *(_about(each, one) for each, order in zip(messages, orders, strict=True) for one in order))
    drain(store)
    with reading(store) as connection:
        found = standings(connection, [each.id for each in messages])
    reasons = {key_hash: reason for _, key_hash, reason in suppressed(store)}
    for message, order in zip(messages, orders, strict=True):
        happened = {one["kind"] for one in order}
        assert found[message.id] == next(kind for kind in _BY_STRENGTH if kind in happened)
        expected = "complaint" if EventKind.COMPLAINED in happened else "hard bounce"
        is_bad = happened & {EventKind.COMPLAINED, EventKind.BOUNCED}
        assert reasons.get(message.address_hash) == (expected if is_bad else None)


def test_a_letter_that_was_delivered_stays_delivered_in_every_order(store: Engine) -> None:
    story = sorted(LETTERS - {"letter.returned_to_sender"})
    orders = list(permutations(story))
    run_id = make_run(store, len(orders), state="accepted", channel="direct_mail")
    messages = rows_of(store, run_id)
    for turn in range(len(story)):
        arrive(store, *(report(each.id, order[turn]) for each, order in zip(messages, orders, strict=True)))
    drain(store)
    with reading(store) as connection:
        assert set(standings(connection, [each.id for each in messages]).values()) == {"letter.delivered"}
    arrive(store, report(messages[0].id, "letter.returned_to_sender"))
    drain(store)
    with reading(store) as connection:
        assert standings(connection, [messages[0].id]) == {messages[0].id: "letter.returned_to_sender"}


_BY_STRENGTH = (
    EventKind.COMPLAINED, EventKind.UNSUBSCRIBED, EventKind.BOUNCED, EventKind.DELIVERED, EventKind.DEFERRED,
    EventKind.ACCEPTED,
)  # fmt: skip


def _about(message: Any, told: dict[str, Any]) -> dict[str, Any]:
    return told | report(message.id, told["kind"])


# ---------------------------------------------------------------- what follows


def test_what_the_vendor_has_on_its_own_list_is_not_written_to_again(store: Engine) -> None:
    run_id = make_run(store, 2, state="accepted")
    first, second = rows_of(store, run_id)
    for message, reason in ((first, "Bounced Address"), (second, "Spam Reporting Address")):
        told = {"event": "dropped", "reason": reason, "sg_event_id": reason, "timestamp": 1796117400}
        label = labels_of(KEYS, message.id)
        arrive(store, format_="sendgrid", body=json.dumps([{**told, **label}]).encode())
    drain(store)
    reasons = {key_hash: reason for _, key_hash, reason in suppressed(store)}
    assert reasons == {first.address_hash: "hard bounce", second.address_hash: "complaint"}
    assert kinds(store) == ["email.rejected", "email.rejected"]


@pytest.mark.parametrize("bounce", [BounceKind.SOFT, BounceKind.BLOCKED, BounceKind.UNKNOWN])
def test_a_bounce_that_is_not_the_addresss_fault_suppresses_nobody(store: Engine, bounce: BounceKind) -> None:
    (message,) = rows_of(store, make_run(store, 1, state="accepted"))
    arrive(store, report(message.id, EventKind.BOUNCED, bounce=str(bounce)))
    drain(store)
    assert (kinds(store), suppressed(store)) == (["email.bounced"], [])


def test_an_event_of_the_future_happened_when_we_heard_of_it(store: Engine) -> None:
    (message,) = rows_of(store, make_run(store, 1, state="accepted"))
    arrive(store, report(message.id, EventKind.DELIVERED) | {"at": "2031-01-01T00:00:00Z"})
    drain(store)
    with reading(store) as connection:
        assert connection.scalar(select(event.c.occurred_at)) == NOW


# ---------------------------------------------------------------- doubts


@pytest.mark.parametrize("state", ["uncertain", "closed_unknown"])
def test_any_report_about_a_message_in_doubt_shows_that_it_was_sent(store: Engine, state: str) -> None:
    run_id = make_run(store, 2, state=state)
    arrive(store, report(rows_of(store, run_id)[0].id, EventKind.ACCEPTED))
    drain(store)
    first, second = rows_of(store, run_id)
    assert (first.state, first.evidence) == ("accepted", "email.accepted from press")
    assert second.state == state


def test_a_report_that_comes_before_the_doubt_settles_it(store: Engine) -> None:
    run_id = make_run(store, 2, state="committing")
    arrive(store, report(rows_of(store, run_id)[0].id, EventKind.DELIVERED))
    drain(store)
    change(store, run_id, state="uncertain")  # the answer got lost, and the lease is over
    with writing(store) as connection:
        assert settle_by_kept_events(connection, now=NOW) == 1
    first, second = rows_of(store, run_id)
    assert (first.state, first.evidence, second.state) == ("accepted", "an event that came earlier", "uncertain")


# ---------------------------------------------------------------- strays


def test_a_stray_is_placed_once_its_message_is_known(store: Engine) -> None:
    (message,) = rows_of(store, make_run(store, 1, state="accepted"))
    arrive(store, {"id": "1", "kind": "email.complained", "at": "2026-12-01T08:00:00Z", "provider_id": "theirs"})
    assert drain(store) == Drained(requests=1, strays=1)
    assert tidy(store, now=NOW) == 0
    with store.begin() as connection:
        connection.execute(outbox.update().values(provider_id="theirs"))
    assert tidy(store, now=NOW) == 1
    assert kinds(store) == ["email.complained"]
    assert suppressed(store) == [("email", message.address_hash, "complaint")]
    with reading(store) as connection:
        assert connection.scalar(select(func.count()).select_from(stray_event)) == 0
    with writing(store) as connection:
        assert place_strays(connection, now=NOW) == 0


# ---------------------------------------------------------------- what cannot be read


def test_a_request_that_cannot_be_read_is_kept_and_keeps_nobody_waiting(store: Engine) -> None:
    (message,) = rows_of(store, make_run(store, 1, state="accepted"))
    arrive(store, body=b"[" * 1000)
    arrive(store, report(message.id, EventKind.DELIVERED))
    assert drain(store) == Drained(requests=2, events=1, broken=1)
    with reading(store) as connection:
        broken = connection.execute(select(webhook).where(webhook.c.state == "broken")).one()
        assert (broken.body, broken.error) == (b"[" * 1000, "this is not what the vendor sends")
        assert counts_of(connection)["press", "broken", "this is not what the vendor sends"] == 1


def test_texts_that_no_database_takes_are_cleaned(store: Engine) -> None:
    (message,) = rows_of(store, make_run(store, 1, state="accepted"))
    said = "a\0b\ud800c" + "x" * 10_000
    arrive(store, report(message.id, EventKind.BOUNCED, said=said, id_="\0id"))
    assert drain(store).events == 1
    with reading(store) as connection:
        kept = connection.scalars(select(event.c.properties)).one()
    assert kept["said"].startswith("a b?cxxx")
    assert len(kept["said"]) == 500


# ---------------------------------------------------------------- once


def test_several_readers_side_by_side_read_everything_once(store: Engine) -> None:
    messages = rows_of(store, make_run(store, 20, state="accepted"))
    for number in range(60):
        message = messages[number % 20]
        arrive(
            store, report(message.id, EventKind.COMPLAINED, id_=f"{number}"), report(message.id, EventKind.DELIVERED)
        )
    with ThreadPoolExecutor(4) as threads:
        total = sum(threads.map(lambda _: drain(store), range(4)), Drained())
    assert (total.requests, total.events, total.known) == (60, 80, 40)
    assert len(suppressed(store)) == 20


def test_the_same_nonce_with_another_body_is_a_replay(store: Engine) -> None:
    (message,) = rows_of(store, make_run(store, 1, state="accepted"))
    first = Arrived("mailgun", "mailgun", "token", {}, b"{}", NOW)
    second = Arrived("mailgun", "mailgun", "token", {}, b'{"other": 1}', NOW)
    with writing(store) as connection:
        assert store_webhooks(connection, [first, first, second]) == [Stored.NEW, Stored.KNOWN, Stored.REPLAYED]
        assert store_webhooks(connection, [second, first]) == [Stored.REPLAYED, Stored.KNOWN]
        assert waiting(connection) == 1
    assert message.state == "accepted"


# ---------------------------------------------------------------- forgetting


def test_bodies_are_forgotten_in_time_and_a_request_stays_known_for_as_long_again(store: Engine) -> None:
    (message,) = rows_of(store, make_run(store, 1, state="accepted"))
    arrive(store, report(message.id, EventKind.DELIVERED))
    arrive(store, {"id": "1", "kind": "email.delivered", "provider_id": "theirs"})
    drain(store)
    with writing(store) as connection:
        assert forget_old(connection, now=NOW + RAW_KEPT) == 0
        assert forget_old(connection, now=NOW + RAW_KEPT + timedelta(seconds=1)) == 2
        assert connection.scalar(select(func.count()).select_from(stray_event)) == 0
        assert connection.scalars(select(webhook.c.body)).all() == [None, None]
    assert arrive(store, report(message.id, EventKind.DELIVERED)) == [Stored.KNOWN]
    with writing(store) as connection:
        forget_old(connection, now=NOW + 2 * RAW_KEPT + timedelta(seconds=1))
        assert connection.scalar(select(func.count()).select_from(webhook)) == 0
    assert kinds(store) == ["email.delivered"]


def test_the_bodies_that_speak_of_somebody_are_forgotten_with_them(store: Engine) -> None:
    first, second = rows_of(store, make_run(store, 2, state="accepted"))
    arrive(store, report(first.id, EventKind.DELIVERED))
    arrive(store, report(second.id, EventKind.DELIVERED))
    drain(store)
    with writing(store) as connection:
        assert forget_about(connection, [first.contact_id]) == 1
        assert [body is None for body in connection.scalars(select(webhook.c.body).order_by(webhook.c.id))] == [
            True,
            False,
        ]
