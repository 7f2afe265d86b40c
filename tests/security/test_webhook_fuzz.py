"""Whatever comes to a hook, nothing falls over and nothing takes long: broken, nested, huge, or in a strange script."""

import json
import time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from sqlalchemy import Engine, func, select

from handbill.channels.contract import EventKind
from handbill.channels.hooks import LARGEST, Genuine, Posted, Refused, Report, Unreadable
from handbill.responses.hooks import reader_of
from handbill.responses.reports import drain_batch
from handbill.responses.webhooks import Arrived, store_webhooks
from handbill.store.connection import reading, writing
from handbill.store.tables import webhook
from tests.channels.webhook_senders import CLOCK, SENDERS, hook, names_of, notification, posted, sample
from tests.conftest import NOW

LONGEST_SECONDS = 2.0
MANY = settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))

json_values = some.recursive(
    some.none()
    | some.booleans()
    | some.integers(min_value=-(2**70), max_value=2**70)
    | some.floats()
    | some.text(max_size=20)
    | some.sampled_from(["\0", "\ud800", "9" * 400, "2026-13-45T99:99:99Z", "<>", "null", "1e999", "٣٤٥"]),
    lambda inner: some.lists(inner, max_size=4) | some.dictionaries(some.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)


def read(vendor: str, body: bytes) -> list[Report]:
    """What a reader makes of a body: reports whose every text can be stored, or none."""
    begun = time.process_time()
    try:
        reports = reader_of(vendor)(body)
    except Unreadable:
        reports = []
    assert time.process_time() - begun < LONGEST_SECONDS
    for each in reports:
        assert each.kind is None or isinstance(each.kind, EventKind)
        for text in (each.id, each.word, each.label, each.provider_id, each.message_id, each.said):
            assert "\0" not in text
            assert len(text.encode()) <= 2000
    return reports


def check(vendor: str, posted_: Posted) -> Genuine | Refused:
    begun = time.process_time()
    verdict = hook(vendor).check(posted_, CLOCK)
    assert time.process_time() - begun < LONGEST_SECONDS
    return verdict


def places_in(content: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a piece of JSON."""
    found = [path]
    inner = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    for key, value in inner:
        found += places_in(value, (*path, key))
    return found


def with_value(content: Any, path: tuple[Any, ...], value: Any) -> Any:
    """The same content with another value at a place."""
    if not path:
        return value
    first, *rest = path
    changed = dict(content) if isinstance(content, dict) else list(content)
    changed[first] = with_value(content[first], tuple(rest), value)
    return changed


@pytest.mark.parametrize("vendor", SENDERS)
@MANY
@given(data=some.data())
def test_any_value_in_any_place_of_a_report(vendor: str, data: some.DataObject) -> None:
    content = sample(vendor, data.draw(some.sampled_from(names_of(vendor))))
    for _ in range(data.draw(some.integers(1, 3))):
        place = data.draw(some.sampled_from(places_in(content)))
        content = with_value(content, place, data.draw(json_values))
    body = json.dumps(content).encode() if vendor != "ses" else json.dumps(notification(content, CLOCK)).encode()
    read(vendor, body)
    check(vendor, Posted({}, body))


@pytest.mark.parametrize("vendor", SENDERS)
@MANY
@given(body=some.binary(max_size=300) | json_values.map(lambda value: json.dumps(value).encode()))
def test_any_body_at_all(vendor: str, body: bytes) -> None:
    read(vendor, body)
    assert check(vendor, Posted({}, body)) in set(Refused)


@pytest.mark.parametrize("vendor", SENDERS)
@MANY
@given(values=some.lists(some.text(max_size=40), min_size=12, max_size=12))
def test_any_headers_at_all(vendor: str, values: list[str]) -> None:
    genuine = posted(vendor, sample(vendor, names_of(vendor)[0]))
    names = ["authorization", "postgrid-signature", "svix-id", "svix-timestamp", "svix-signature", "lob-signature",
             "lob-signature-timestamp", "handbill-timestamp", "handbill-signature", "content-type",
             "x-twilio-email-event-webhook-signature", "x-twilio-email-event-webhook-timestamp"]  # fmt: skip
    verdict = check(vendor, Posted(dict(zip(names, values, strict=True)), genuine.body))
    assert isinstance(verdict, Refused) or vendor in {"ses", "mailgun"}  # theirs is signed inside


NESTED = {
    "lists": b"[" * 50 + b"]" * 50,
    "objects": b'{"event":' * 50 + b"1" + b"}" * 50,
    "lists without an end": b"[" * 500_000,
    "objects without an end": b'{"a":' * 200_000,
}
HUGE = {
    "a megabyte of blanks": b" " * LARGEST,
    "a text of a megabyte": b'["' + b"x" * LARGEST + b'"]',
    "a number of a megabyte": b"[" + b"9" * LARGEST + b"]",
    "three hundred thousand events": b"[" + b"{}," * 300_000 + b"{}]",
    "one name a hundred thousand times": b"{" + b'"event":1,' * 100_000 + b'"event":2}',
}
STRANGE = {
    "UTF-16": '[{"event": "delivered"}]'.encode("utf-16"),
    "UTF-32": '[{"event": "delivered"}]'.encode("utf-32"),
    "a mark before it": b"\xef\xbb\xbf[]",
    "no UTF-8": b'[{"event": "\xff\xfe"}]',
    "half a letter": b'[{"event": "\xc3"}]',
    "shift": '[{"event": "配信済み"}]'.encode("shift_jis"),
}


@pytest.mark.parametrize("name", [*NESTED, *HUGE, *STRANGE])
@pytest.mark.parametrize("vendor", SENDERS)
def test_a_body_that_is_nested_huge_or_in_a_strange_script(vendor: str, name: str) -> None:
    body = {**NESTED, **HUGE, **STRANGE}[name]
    read(vendor, body)
    assert check(vendor, Posted({}, body)) in set(Refused)


@pytest.mark.parametrize("vendor", SENDERS)
def test_a_report_that_hides_in_fifty_lists(vendor: str) -> None:
    content = sample(vendor, names_of(vendor)[0])
    for _ in range(50):
        content = [content]
    assert all(each.kind is None for each in read(vendor, json.dumps(content).encode()))


def test_the_store_takes_whatever_was_read(store: Engine) -> None:
    bodies = [*NESTED.values(), *STRANGE.values(), HUGE["a text of a megabyte"]]
    arrived = [
        Arrived(vendor, vendor, f"{vendor}-{number}", {}, body[:LARGEST], NOW)
        for vendor in SENDERS
        for number, body in enumerate(bodies)
    ]
    with writing(store) as connection:
        store_webhooks(connection, arrived)
    while drain_batch(store, b"secret", now=NOW).requests:
        pass
    with reading(store) as connection:
        counted = connection.execute(select(webhook.c.state, func.count()).group_by(webhook.c.state))
        states = dict(counted.tuples().all())
    assert sum(states.values()) == len(arrived)
    assert set(states) <= {"broken", "done"}
