"""Other systems bring events, orders and contacts: with keys, in batches, safe to send again."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from sqlalchemy import Engine, func, select, update

from handbill.clock import Clock
from handbill.contacts.imports import KINDS
from handbill.contacts.posted import LINE_FIELDS
from handbill.definitions.loading import load_project
from handbill.operations.api_keys import create_key, revoke_key
from handbill.store.connection import reading, writing
from handbill.store.tables import api_answer, api_key, contact, event, orders, source_watermark
from tests.conftest import NOW
from tests.operations.shop import add_people, make_project
from tests.web.serving import service_for, serving

ANN = "C-00001"
VIEW: dict[str, Any] = {
    "event_id": "e1", "kind": "page_view", "contact": ANN, "occurred_at": "2026-11-30T10:00:00Z",
}  # fmt: skip
BATCH: dict[str, Any] = {"source": "shop", "events": [VIEW]}


class Api:
    """The interface as another system sees it."""

    def __init__(self, url: str, store: Engine, key: str, root: Path) -> None:
        self.url = url
        self.root = root
        self.store = store
        self.key = key

    def post(self, kind: str, body: Any, *, key: str | None = None, **headers: str) -> requests.Response:
        shown = {"Authorization": f"Bearer {key or self.key}"} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        return requests.post(f"{self.url}/v1/{kind}", json=body, headers=shown, timeout=60)

    def count(self, table: Any) -> int:
        with reading(self.store) as connection:
            return connection.scalar(select(func.count()).select_from(table)) or 0


@pytest.fixture
def api(tmp_path: Path, store: Engine, clock: Clock) -> Iterator[Api]:
    """A served project with three people, and a key that may bring everything."""
    add_people(store, 3)
    key = create_key(store, "till", ["events", "orders", "contacts"], now=NOW)
    with serving(service_for(tmp_path, make_project(tmp_path, 25), store, clock)) as url:
        yield Api(url, store, key, tmp_path)


def test_events_come_in_once(api: Api) -> None:
    first, again = api.post("events", BATCH), api.post("events", BATCH)
    assert (first.status_code, first.json()) == (
        200,
        {"received": 1, "accepted": 1, "new": 1, "rejected": [], "remarks": []},
    )
    assert again.json() == first.json() | {"new": 0}
    assert api.count(event) == 1


def test_a_bad_row_is_answered_and_the_others_load(api: Api) -> None:
    answer = api.post("events", BATCH | {"events": [VIEW, VIEW | {"occurred_at": "soon"}, VIEW | {"event_id": "e2"}]})
    assert answer.status_code == 200
    assert answer.json() == {
        "received": 3,
        "accepted": 2,
        "new": 2,
        "rejected": [
            {
                "row": 1,
                "field": "occurred_at",
                "reason": '"soon" is not a time. Write it like 2026-12-01 09:00.',
            }
        ],
        "remarks": [],
    }


def test_orders_and_contacts_come_in(api: Api) -> None:
    new = {"external_id": "N-1", "email": "new@example.org"}
    order = {"order_id": "A", "contact": "N-1", "ordered_at": "2026-11-30", "total": 12.5}
    assert api.post("contacts", {"source": "shop", "contacts": [new]}).json()["accepted"] == 1
    assert api.post("orders", {"source": "shop", "orders": [order]}).json()["accepted"] == 1
    assert (api.count(contact), api.count(orders)) == (4, 1)


def test_an_order_of_a_guest_finds_its_person_by_where_it_goes_to(api: Api) -> None:
    place = {"ship_city": "WHITBY", "ship_postcode": "yo211aa", "ship_country": "United Kingdom"}
    order = {"order_id": "A", "ordered_at": "2026-11-30", "total": 12.5, "ship_line1": "2 harbour street", **place}
    nowhere = order | {"order_id": "B", "ship_line1": "99 Harbour Street"}
    answer = api.post("orders", {"source": "shop", "orders": [order, nowhere]})
    reason = "nobody whom we know lives where the order goes to, or several do."
    assert answer.json()["rejected"] == [{"row": 1, "field": "ship_line1", "reason": reason}]
    mine = select(orders.c.external_id, contact.c.external_id, orders.c.matched_by).join(contact)
    with reading(api.store) as connection:
        assert connection.execute(mine).tuples().all() == [("A", "C-00002", "address")]


def test_an_order_may_hold_what_a_row_of_a_file_may_hold(api: Api) -> None:
    in_files = set(KINDS["orders"].shape(load_project(api.root)).fields)
    document = requests.get(f"{api.url}/v1/openapi.json", timeout=60).json()
    row = document["components"]["schemas"]["OrdersBatch"]["properties"]["orders"]["items"]["properties"]
    in_batches = {*row, *(LINE_FIELDS[name] for name in row["lines"]["items"]["properties"])} - {"lines"}
    assert in_batches == in_files
    assert "ship_postcode" in in_batches


def test_a_source_says_until_when_it_is_complete(api: Api) -> None:
    until = NOW - timedelta(hours=1)
    api.post("orders", {"source": "shop", "orders": [], "complete_until": until.isoformat()})
    api.post("orders", {"source": "till", "orders": [], "complete_until": (NOW + timedelta(minutes=3)).isoformat()})
    answer = requests.get(f"{api.url}/v1/watermarks", headers={"Authorization": f"Bearer {api.key}"}, timeout=60)
    heard = "2026-12-01T09:00:00Z"
    assert answer.json() == {
        "watermarks": [
            {"kind": "orders", "source": "shop", "complete_until": "2026-12-01T08:00:00Z", "heard_at": heard},
            {"kind": "orders", "source": "till", "complete_until": heard, "heard_at": heard},
        ]
    }


def test_nobody_knows_what_will_be_missing(api: Api) -> None:
    until = (NOW + timedelta(hours=1)).isoformat()
    answer = api.post("orders", {"source": "shop", "orders": [], "complete_until": until})
    reason = "this moment is in the future: nobody knows what will be missing by then."
    assert (answer.status_code, answer.json()["problems"]) == (409, [{"field": "complete_until", "reason": reason}])
    assert api.count(source_watermark) == 0


def test_a_source_is_not_complete_until_before_there_were_any(api: Api) -> None:
    until = "0001-01-01T00:00:00+14:00"
    answer = api.post("orders", {"source": "shop", "orders": [], "complete_until": until})
    reason = "this moment is before 1970. Leave it out, or name a later one."
    assert (answer.status_code, answer.json()["problems"]) == (409, [{"field": "complete_until", "reason": reason}])
    assert api.count(source_watermark) == 0


def test_a_request_that_comes_again_is_answered_the_same(api: Api) -> None:
    first = api.post("events", BATCH, Idempotency_Key="n-1")
    again = api.post("events", BATCH, Idempotency_Key="n-1")
    assert again.json() == first.json()
    assert again.json()["new"] == 1
    assert api.count(event) == 1


def test_another_request_under_the_same_name_is_refused(api: Api) -> None:
    api.post("events", BATCH, Idempotency_Key="n-1")
    other = api.post("events", BATCH | {"events": [VIEW | {"event_id": "e2"}]}, Idempotency_Key="n-1")
    reason = "another batch came with this key before. Use a new key for each batch."
    assert (other.status_code, other.json()["problems"]) == (409, [{"field": "Idempotency-Key", "reason": reason}])
    assert api.count(event) == 1


def test_an_answer_that_quotes_a_person_is_not_kept(api: Api) -> None:
    stranger = BATCH | {"events": [{"kind": "x", "email": "zoe@example.org", "occurred_at": "2026-11-30"}]}
    assert "zoe@example.org" in api.post("events", stranger, Idempotency_Key="n-1").text
    assert api.count(api_answer) == 0
    add_people(api.store, 1, email_key="zoe@example.org")
    assert api.post("events", stranger, Idempotency_Key="n-1").json()["accepted"] == 1


def test_old_answers_are_forgotten(api: Api) -> None:
    api.post("events", BATCH, Idempotency_Key="n-1")
    with writing(api.store) as connection:
        connection.execute(update(api_answer).values(at=NOW - timedelta(days=4)))
    api.post("events", BATCH, Idempotency_Key="n-2")
    with reading(api.store) as connection:
        assert connection.scalars(select(api_answer.c.request_id)).all() == ["n-2"]


def test_without_a_key_of_ours_nothing_is_read(api: Api) -> None:
    for key in ("", "wrong", "hbk_" + "x" * 43, "hbk_ÿ"):
        headers = {"Authorization": b"Bearer " + key.encode("latin-1")} if key else {}
        answer = requests.post(f"{api.url}/v1/events", data="no json", headers=headers, timeout=60)
        assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.json()["detail"] == (
            "Show a key of this service: Authorization: Bearer KEY. Make one with handbill api-key create."
        )


def test_a_revoked_key_opens_nothing(api: Api) -> None:
    revoke_key(api.store, "till", now=NOW)
    assert api.post("events", BATCH).status_code == 401


def test_a_key_brings_only_what_it_may(api: Api) -> None:
    narrow = create_key(api.store, "forms", ["contacts"], now=NOW)
    answer = api.post("events", BATCH, key=narrow)
    assert (answer.status_code, answer.json()["detail"]) == (
        403,
        "This key may not bring events. Make one that may: --scope events.",
    )
    assert api.count(event) == 0


def test_when_a_key_was_last_used_is_known_to_an_hour(api: Api) -> None:
    api.post("events", BATCH)
    with reading(api.store) as connection:
        assert connection.scalar(select(api_key.c.used_at)) == NOW


def test_the_store_keeps_no_key(api: Api) -> None:
    with reading(api.store) as connection:
        (row,) = connection.execute(select(api_key)).all()
    assert api.key not in str(row)
    assert len(row.digest) == 64


def test_a_batch_of_another_shape_is_refused_whole(api: Api) -> None:
    for body, field in (
        ({"events": []}, "source"),
        (BATCH | {"source": "a b"}, "source"),
        (BATCH | {"events": {}}, "events"),
        (BATCH | {"events": [VIEW] * 1001}, "events"),
        (BATCH | {"orders": []}, "orders"),
        (BATCH | {"complete_until": "2026-11-30T10:00:00"}, "complete_until"),
        ([], "body"),
    ):
        answer = api.post("events", body)
        assert (answer.status_code, answer.json()["problems"][0]["field"]) == (422, field)
        assert answer.json()["detail"] == "Nothing was loaded."
    assert api.count(event) == 0


def test_a_source_of_our_own_cannot_be_taken(api: Api) -> None:
    answer = api.post("events", BATCH | {"source": "mailbox"})
    reason = '"mailbox" is a name of our own. Choose another.'
    assert (answer.status_code, answer.json()["problems"]) == (409, [{"field": "source", "reason": reason}])


def test_what_is_no_json_is_refused(api: Api) -> None:
    headers = {"Authorization": f"Bearer {api.key}", "Content-Type": "application/json"}
    for body, status in ((b"", 422), (b"{", 400), (b"\xff\xfe", 400), (b"[" * 100_000, 400), (b'{"a":' * 50_000, 400)):
        answer = requests.post(f"{api.url}/v1/events", data=body, headers=headers, timeout=60)
        assert (answer.status_code, answer.headers["Content-Type"]) == (status, "application/problem+json")


def test_odd_values_never_break_the_service(api: Api) -> None:
    odd: Any
    fields = ("event_id", "kind", "contact", "email", "occurred_at", "verdict", "properties")
    for odd in ("\ud800", "a\x00b", "\u202e", "😀" * 100, 10**400, 1e308, [[]], {"a": None}, {"\x00": "\udfff"}):
        rows = [*(VIEW | {field: odd} for field in fields), VIEW | {str(odd): 1}]
        answer = api.post("events", BATCH | {"events": rows})
        assert (answer.status_code, answer.json()["received"]) == (200, 8)


def test_many_at_once_lose_and_double_nothing(api: Api) -> None:
    def send(number: int) -> int:
        events = [VIEW | {"event_id": f"e{number // 2}-{place}"} for place in range(20)]
        return int(api.post("events", {"source": "shop", "events": events}).json()["new"])

    with ThreadPoolExecutor(8) as threads:
        new = sum(threads.map(send, range(40)))
    assert new == api.count(event) == 400


def test_two_systems_that_change_the_same_contacts_wait_for_each_other(api: Api) -> None:
    rows = [{"external_id": f"C-0000{number}", "first_name": "X"} for number in (1, 2, 3)]

    def send(number: int) -> int:
        ordered = rows if number % 2 else rows[::-1]
        named = [row | {"first_name": f"X{number}"} for row in ordered]
        return api.post("contacts", {"source": "shop", "contacts": named}).status_code

    with ThreadPoolExecutor(4) as threads:
        assert set(threads.map(send, range(16))) == {200}
