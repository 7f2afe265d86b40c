"""Addresses whose mail keeps coming back are given up, by what came back and never by the order in which it did."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from sqlalchemy import Engine, delete, insert, select, update

from handbill.channels.contract import EventKind
from handbill.definitions.policy import BouncePolicy
from handbill.operations.audit import Action
from handbill.operations.suppression_list import SHOWN_LETTERS
from handbill.responses.bounce_policy import give_up_addresses
from handbill.responses.events import Event
from handbill.responses.ingest import take_in
from handbill.store.connection import reading, writing
from handbill.store.tables import audit_entry, event, outbox, suppression
from tests.conftest import NOW
from tests.reports.factory import EMAIL, NOTHING, fill

LATER = datetime(2027, 6, 1, tzinfo=UTC)
POLICY = BouncePolicy()
MESSAGES = 6
ANN, BOB = "hash-of-ann", "hash-of-bob"


@pytest.fixture
def messages(store: Engine) -> list[int]:
    """Six messages to Ann, as six campaigns would have sent them."""
    with writing(store) as connection:
        fill(connection, [replace(NOTHING, units=1, buyers=0), replace(EMAIL, units=MESSAGES, buyers=0)])
        connection.execute(update(outbox).values(address_hash=ANN))
        return list(connection.scalars(select(outbox.c.id).order_by(outbox.c.id)))


def bounce(message: int, days: float, kind: str = "soft", name: str = "") -> Event:
    at = NOW + timedelta(days=days)
    words = {"bounce": kind}
    return Event(
        "mailbox", name or f"{message}-{days}-{kind}", EventKind.BOUNCED, at, at, None, message, properties=words
    )


def letter(message: int, days: float) -> Event:
    at = NOW + timedelta(days=days)
    return Event("lob", f"letter-{message}", EventKind.LETTER_RETURNED, at, at, None, message)


def after(store: Engine, events: Sequence[Event], policy: BouncePolicy = POLICY) -> list[tuple[str, str, str]]:
    """Who is suppressed and why, when these have come in."""
    with writing(store) as connection:
        for each in events:
            take_in(connection, each, now=LATER)
        give_up_addresses(connection, policy, now=LATER)
    return suppressed(store)


def suppressed(store: Engine) -> list[tuple[str, str, str]]:
    with reading(store) as connection:
        columns = (suppression.c.channel, suppression.c.key_hash, suppression.c.reason)
        return [tuple(row) for row in connection.execute(select(*columns).order_by(suppression.c.id))]


def test_five_messages_that_came_back_for_now_within_thirty_days_are_enough(store: Engine, messages: list[int]) -> None:
    assert after(store, [bounce(message, days) for message, days in zip(messages, (0, 7, 14, 21), strict=False)]) == []
    assert after(store, [bounce(messages[4], 30)]) == [("email", ANN, "soft bounces")]


def test_five_over_a_longer_time_are_not(store: Engine, messages: list[int]) -> None:
    assert (
        after(store, [bounce(message, days) for message, days in zip(messages, (0, 7, 14, 21, 30.1), strict=False)])
        == []
    )
    # But any five that lie close enough together are, whether or not they are the latest ones.
    assert after(store, [bounce(messages[5], 3)]) == [("email", ANN, "soft bounces")]


def test_many_notices_of_one_message_count_once(store: Engine, messages: list[int]) -> None:
    assert after(store, [bounce(messages[0], 0, name=f"copy-{number}") for number in range(10)]) == []


def test_a_refusal_that_blames_us_never_suppresses(store: Engine, messages: list[int]) -> None:
    assert after(store, [bounce(message, 1, "blocked") for message in messages]) == []


def test_what_nobody_understands_counts_as_passing(store: Engine, messages: list[int]) -> None:
    assert after(store, [bounce(message, 1, "unknown") for message in messages]) == [("email", ANN, "soft bounces")]


def test_a_delay_counts_for_nothing(store: Engine, messages: list[int]) -> None:
    delays = [replace(bounce(message, 1), kind=EventKind.DEFERRED, properties={}) for message in messages]
    assert after(store, delays) == []


def test_the_project_says_how_many(store: Engine, messages: list[int]) -> None:
    policy = BouncePolicy(soft=2, within=timedelta(days=1))
    assert after(store, [bounce(messages[0], 0), bounce(messages[1], 1.1)], policy) == []
    assert after(store, [bounce(messages[2], 1)], policy) == [("email", ANN, "soft bounces")]


def test_one_is_enough_where_the_project_says_so(store: Engine, messages: list[int]) -> None:
    assert after(store, [bounce(messages[0], 0)], BouncePolicy(soft=1)) == [("email", ANN, "soft bounces")]


def test_a_second_letter_that_the_post_brings_back_suppresses_the_address(store: Engine, messages: list[int]) -> None:
    with writing(store) as connection:
        connection.execute(update(outbox).values(channel="direct_mail"))
    assert after(store, [letter(messages[0], 0)]) == []
    assert after(store, [letter(messages[0], 0), letter(messages[1], 100)]) == [
        ("direct_mail", ANN, "letters returned")
    ]


def test_messages_of_erased_people_suppress_nobody(store: Engine, messages: list[int]) -> None:
    with writing(store) as connection:
        connection.execute(update(outbox).values(address_hash=""))
    assert after(store, [bounce(message, 1) for message in messages]) == []


def test_a_mailbox_that_was_called_unknown_while_sending_is_given_up(store: Engine, messages: list[int]) -> None:
    said = {
        "nobody": (550, "5.1.1 no such user"),
        "nobody-in-words": (550, "User unknown"),
        "full": (550, "5.2.2 mailbox full"),
        "unwanted": (554, "5.7.1 spam"),
    }
    with writing(store) as connection:
        for message, (name, (code, text)) in zip(messages, said.items(), strict=False):
            refused = {"state": "failed", "reason": f"refused at rcpt with {code}", "answer_code": code}
            changed = {**refused, "answer_text": text, "address_hash": name}
            connection.execute(update(outbox).where(outbox.c.id == message).values(changed))
        assert give_up_addresses(connection, POLICY, now=NOW) == 2
        assert give_up_addresses(connection, POLICY, now=NOW) == 0
    assert suppressed(store) == [("email", "nobody", "hard bounce"), ("email", "nobody-in-words", "hard bounce")]


def test_what_came_back_before_somebody_lifted_the_suppression_counts_no_more(
    store: Engine, messages: list[int]
) -> None:
    early = [bounce(message, 0) for message in messages[:5]]
    assert after(store, early) == [("email", ANN, "soft bounces")]
    with writing(store) as connection:
        connection.execute(delete(suppression))
        lifted = {"who": "ada", "way": "shell", "action": Action.UNSUPPRESS, "subject": ANN[:SHOWN_LETTERS]}
        connection.execute(insert(audit_entry).values(at=NOW + timedelta(days=1), **lifted))
    assert after(store, early) == []
    assert after(store, [bounce(message, 2, name=f"new-{message}") for message in messages[:4]]) == []
    assert after(store, [bounce(messages[4], 2)]) == [("email", ANN, "soft bounces")]


def test_the_order_in_which_things_come_back_changes_nothing(store: Engine, messages: list[int]) -> None:
    """Any order, and any number of looks at the policy in between, leave the same people suppressed for the same."""
    with writing(store) as connection:
        connection.execute(update(outbox).where(outbox.c.id.in_(messages[:1])).values(address_hash=BOB))
    events = [
        *(bounce(message, day) for day, message in enumerate(messages)),
        bounce(messages[2], 4, "hard"),
        bounce(messages[3], 1, "blocked"),
        replace(bounce(messages[4], 5), kind=EventKind.COMPLAINED, source_event_id="complaint", properties={}),
        replace(bounce(messages[0], 2), kind=EventKind.DEFERRED, source_event_id="delay", properties={}),
    ]
    random = Random(7)
    results: set[tuple[tuple[str, str, str], ...]] = set()
    for chosen in (events, events[:-2], events[: MESSAGES + 1], events[:MESSAGES]):
        results.clear()
        for _ in range(6):
            random.shuffle(shuffled := [*chosen])
            cut = random.randrange(len(shuffled))
            with writing(store) as connection:
                connection.execute(delete(event))
                connection.execute(delete(suppression))
            after(store, shuffled[:cut])
            results.add(tuple(after(store, shuffled[cut:])))
        assert len(results) == 1, results
    assert results == {(("email", ANN, "soft bounces"),)}
