"""Better rules judge old hits, in any order, and what is judged twice is judged alike."""

import random
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, func, insert, select, update
from sqlalchemy.event import listens_for

from handbill.delivery.published import Listed, publish
from handbill.responses import reclassify as reclassifying
from handbill.responses.classify import RULES, Hit, judge
from handbill.responses.hits import Arrived, store_hits
from handbill.responses.reclassify import Reclassified, reclassify
from handbill.store.connection import reading, writing
from handbill.store.tables import event, outbox
from tests.conftest import NOW
from tests.delivery.queues import make_run
from tests.responses.hit_log import BROWSERS, TRAP, Message, messages

NOBODY: frozenset[str] = frozenset()
CLICK = Hit("email.clicked", NOW, "GET", BROWSERS[0], "net-1", link_id=1)


def stored(store: Engine, log: list[Message], *, shuffled: bool) -> dict[str, str]:
    """Keeps a log by small batches; answers the verdict that each hit should have, by its name."""
    run_id = make_run(store, len(log), state="accepted", accepted_at=NOW)
    listed = [Listed("all", "en", link, "fixed", f"https://shop.example/{link}") for link in range(6)]
    listed.append(Listed("all", "en", 6, "trap", "https://shop.example"))
    with writing(store) as connection:
        numbers = publish(connection, "spring", listed, now=NOW)
        ids = connection.scalars(select(outbox.c.id).where(outbox.c.run_id == run_id).order_by(outbox.c.id)).all()
        for outbox_id, message in zip(ids, log, strict=True):
            accepted = update(outbox).where(outbox.c.id == outbox_id)
            connection.execute(accepted.values(accepted_at=message.sent.accepted_at))
    by_link = {each.position: numbers[each] for each in listed} | {TRAP: numbers[listed[-1]]}
    arrived: list[Arrived] = []
    expected: dict[str, str] = {}
    for outbox_id, message in zip(ids, log, strict=True):
        hits = [each.hit for each in message.hits]
        hits = [
            replace(hit, link_id=by_link.get(hit.link_id or 0) if hit.link_id is not None else None) for hit in hits
        ]
        names = [f"{outbox_id}-{place}" for place in range(len(hits))]
        arrived += [Arrived(name, hit, outbox_id) for name, hit in zip(names, hits, strict=True)]
        expected |= zip(names, judge(hits, message.sent, NOBODY), strict=True)
    arrived.sort(key=lambda each: each.hit.at)
    if shuffled:
        random.Random(7).shuffle(arrived)
    for start in range(0, len(arrived), 40):
        with writing(store) as connection:
            store_hits(connection, arrived[start : start + 40], NOBODY, now=NOW)
    return expected


def verdicts(store: Engine) -> dict[str, str | None]:
    with reading(store) as connection:
        rows = connection.execute(select(event.c.source_event_id, event.c.verdict))
        return dict(rows.tuples().all())


def test_hits_in_the_order_of_time_are_judged_at_once_as_they_are_later(store: Engine) -> None:
    expected = stored(store, list(messages(600, seed=3)), shuffled=False)
    assert verdicts(store) == expected
    assert reclassify(store, NOBODY) == Reclassified(len(expected), 0)


def test_hits_in_any_order_have_the_same_verdicts_once_they_are_judged_again(store: Engine) -> None:
    expected = stored(store, list(messages(600, seed=4)), shuffled=True)
    again = reclassify(store, NOBODY)
    assert verdicts(store) == expected
    assert again.hits == len(expected)
    assert reclassify(store, NOBODY).changed == 0


def test_verdicts_of_older_rules_are_given_anew_and_say_by_which(store: Engine) -> None:
    stored(store, list(messages(50, seed=5)), shuffled=False)
    before = verdicts(store)
    with writing(store) as connection:
        connection.execute(update(event).values(verdict="unknown", properties={"rules": 0, "agent": BROWSERS[0]}))
    reclassify(store, NOBODY)
    with reading(store) as connection:
        rules = set(
            connection.scalars(select(event.c.properties["rules"].as_integer()).where(event.c.verdict != "unknown"))
        )
    assert rules == {RULES}
    assert set(verdicts(store)) == set(before)


def test_events_that_are_no_hits_of_ours_keep_their_verdicts(store: Engine) -> None:
    run_id = make_run(store, 1, state="accepted", accepted_at=NOW)
    with writing(store) as connection:
        outbox_id = connection.scalar(select(outbox.c.id).where(outbox.c.run_id == run_id))
        named = {"source": "ses", "source_event_id": "1", "kind": "email.clicked"}
        connection.execute(insert(event), [{**named, "outbox_id": outbox_id, "occurred_at": NOW, "received_at": NOW}])
    assert reclassify(store, NOBODY) == Reclassified(0, 0)
    assert verdicts(store) == {"1": None}


def test_the_same_hit_twice_is_one_event(store: Engine) -> None:
    run_id = make_run(store, 1, state="accepted", accepted_at=NOW - timedelta(hours=1))
    with reading(store) as connection:
        outbox_id = connection.scalar(select(outbox.c.id).where(outbox.c.run_id == run_id)) or 0
    for _ in range(2):
        with writing(store) as connection:
            store_hits(connection, [Arrived("one", CLICK, outbox_id)], NOBODY, now=NOW)
    with reading(store) as connection:
        assert connection.scalar(select(func.count()).select_from(event)) == 1


@pytest.mark.parametrize(("messages_at_once", "hits_at_once"), [(7, 10_000), (1_000, 5), (1_000, 1)])
def test_hits_are_judged_by_pages_of_messages(
    store: Engine, monkeypatch: pytest.MonkeyPatch, messages_at_once: int, hits_at_once: int
) -> None:
    expected = stored(store, list(messages(60, seed=6)), shuffled=True)
    with writing(store) as connection:
        connection.execute(update(event).values(verdict="unknown"))
    monkeypatch.setattr(reclassifying, "MESSAGES_AT_ONCE", messages_at_once)
    monkeypatch.setattr(reclassifying, "HITS_AT_ONCE", hits_at_once)
    sizes: list[int] = []

    @listens_for(store, "before_cursor_execute")
    def note(*said: Any) -> None:
        if said[2].startswith("UPDATE event"):
            sizes.append(len(said[3]))

    assert reclassify(store, NOBODY).hits == len(expected)
    assert verdicts(store) == expected
    of_messages = Counter(name.partition("-")[0] for name in expected)
    assert len(sizes) >= 60 // 7 // 2
    assert max(sizes) <= max(hits_at_once, *of_messages.values())


@pytest.mark.parametrize("count", [0, 1])
def test_an_empty_log_is_judged_too(store: Engine, count: int) -> None:
    make_run(store, count)
    assert reclassify(store, NOBODY) == Reclassified()
