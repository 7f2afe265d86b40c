"""A click is kept before it is answered, leads where its campaign said, and is nobody's who refused to be measured."""

import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, select

from handbill.contacts.consent import EVERY_TOPIC, WITHDRAWN, record_consent
from handbill.delivery.links import Click, Page, click_token, open_token, public_address
from handbill.delivery.published import Listed, publish
from handbill.store.connection import reading, writing
from handbill.store.tables import event, outbox
from handbill.web.service import Service
from tests.conftest import NOW
from tests.delivery.queues import make_run
from tests.operations.shop import SECRET, make_project
from tests.web.serving import service_for, serving

PUBLIC = "https://go.shop.test"
EMAIL = f"    links: {PUBLIC}\n"
CHROME = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0 Safari/537.36"
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=.~%"


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.at = NOW

    def __call__(self) -> datetime:
        return self.at


@dataclass(frozen=True)
class Edge:
    """A running service with one accepted message, and three links of its campaign."""

    url: str
    service: Service
    clock: Clock
    message: int
    links: Sequence[int]

    def ask(self, page: Page, token: str, method: str = "GET", agent: str = CHROME) -> requests.Response:
        address = public_address(self.url, page, token)
        return requests.request(method, address, headers={"User-Agent": agent}, timeout=60, allow_redirects=False)

    def click(self, link: int = 0, **options: Any) -> requests.Response:
        return self.ask(Page.CLICK, click_token(SECRET, Click(self.links[link], self.message)), **options)

    def events(self) -> list[Any]:
        with reading(self.service.engine) as connection:
            return list(connection.execute(select(event).order_by(event.c.id)))

    def verdicts(self) -> list[str | None]:
        return [each.verdict for each in self.events()]


@contextmanager
def edge(root: Path, store: Engine, *, email: str = EMAIL, channels: str = "", **changes: Any) -> Iterator[Edge]:
    project, clock = make_project(root, 25, email=email, channels=channels), Clock()
    accepted = {"state": "accepted", "accepted_at": NOW - timedelta(minutes=1), **changes}
    run_id = make_run(store, 1, **accepted)
    listed = [Listed("all", "en", at, "fixed", f"https://shop.example/{at}") for at in range(4)]
    listed.append(Listed("all", "en", 4, "trap", "https://shop.example"))
    with writing(store) as connection:
        numbers = publish(connection, "spring", listed, now=NOW)
        message = connection.scalar(select(outbox.c.id).where(outbox.c.run_id == run_id))
    service = service_for(root, project, store, clock)
    with serving(service) as url:
        yield Edge(url, service, clock, int(message or 0), [numbers[each] for each in listed])


@pytest.fixture
def shop(tmp_path: Path, store: Engine) -> Iterator[Edge]:
    with edge(tmp_path, store) as made:
        yield made


def test_a_click_is_kept_and_leads_to_the_target_of_its_link(shop: Edge) -> None:
    answer = shop.click(1)
    assert (answer.status_code, answer.headers["location"]) == (302, "https://shop.example/1")
    assert "no-store" in answer.headers["cache-control"]
    (kept,) = shop.events()
    assert (kept.kind, kept.outbox_id, kept.link_id, kept.verdict) == (
        "email.clicked", shop.message, shop.links[1], "human",
    )  # fmt: skip
    assert kept.contact_id is not None
    assert kept.occurred_at == NOW
    assert kept.properties == {
        "rules": 1, "method": "GET", "agent": CHROME, "link": "https://shop.example/1",
        "network": kept.properties["network"],
    }  # fmt: skip
    assert re.fullmatch("[0-9a-f]{16}", kept.properties["network"])


def test_a_link_that_its_recipient_made_whole_leads_to_the_target_in_its_token(shop: Edge) -> None:
    token = click_token(SECRET, Click(shop.links[0], shop.message, "https://shop.example/ann?a=1&b=2"))
    assert shop.ask(Page.CLICK, token).headers["location"] == "https://shop.example/ann?a=1&b=2"
    assert shop.events()[0].properties["link"] == "https://shop.example/ann?a=1&b=2"


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, 100), letter=st.sampled_from(LETTERS), page=st.sampled_from([Page.CLICK, Page.OPEN]))
def test_a_token_with_any_letter_changed_is_not_found_and_kept_nowhere(
    shop: Edge, place: int, letter: str, page: Page
) -> None:
    token = click_token(SECRET, Click(shop.links[0], 1)) if page is Page.CLICK else open_token(SECRET, shop.message)
    at = place % len(token)
    changed = token[:at] + letter + token[at + 1 :]
    if changed != token:
        assert shop.ask(page, changed).status_code == 404
        assert shop.events() == []


def test_a_token_of_one_purpose_opens_nothing_else(shop: Edge) -> None:
    click, opened = click_token(SECRET, Click(shop.links[0], shop.message)), open_token(SECRET, shop.message)
    asked = [(Page.OPEN, click), (Page.CLICK, opened), (Page.SCAN, click), (Page.SCAN, opened)]
    assert [shop.ask(page, token).status_code for page, token in asked] == [404] * 4
    assert shop.events() == []


def test_a_link_of_ours_is_no_way_to_somewhere_else(shop: Edge) -> None:
    token = click_token(SECRET, Click(shop.links[0], shop.message))
    for path in (f"/c/{token}?url=https://evil.example", f"/c/{token}?to=//evil.example#x"):
        answer = requests.get(f"{shop.url}{path}", headers={"Host": "evil.example"}, timeout=60, allow_redirects=False)
        assert answer.headers.get("location", "https://shop.example/0") == "https://shop.example/0"


def test_nothing_can_be_posted_to_a_link(shop: Edge) -> None:
    answer = shop.click(method="POST")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD, OPTIONS")
    assert shop.events() == []


def test_tokens_of_an_older_key_are_read_as_soon_as_a_new_one_signs(shop: Edge) -> None:
    old = click_token(SECRET, Click(shop.links[0], shop.message))
    work = shop.service.settings.work_dir
    work.mkdir(exist_ok=True)
    (work / "signing-keys").write_text("new-key secret\n", encoding="utf-8")
    new = click_token(b"new-key", Click(shop.links[1], shop.message))
    assert [shop.ask(Page.CLICK, token).status_code for token in (old, new)] == [302, 302]


def test_the_picture_is_kept_as_an_open_and_never_by_browsers(shop: Edge) -> None:
    answer = shop.ask(Page.OPEN, open_token(SECRET, shop.message))
    assert (answer.status_code, answer.headers["content-type"], answer.content[:6]) == (200, "image/gif", b"GIF89a")
    assert "no-store" in answer.headers["cache-control"]
    assert [(each.kind, each.verdict) for each in shop.events()] == [("email.opened", "human")]


def test_mailbox_providers_that_fetch_pictures_are_proxies(shop: Edge) -> None:
    for agent in (
        "Mozilla/5.0",
        "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)",
    ):
        shop.ask(Page.OPEN, open_token(SECRET, shop.message), agent=agent)
    assert shop.verdicts() == ["proxy", "proxy"]


def test_whoever_only_asks_whether_a_link_is_there_is_a_machine(shop: Edge) -> None:
    answers = [shop.click(method=method) for method in ("HEAD", "OPTIONS")]
    assert [(each.status_code, each.content) for each in answers] == [(302, b""), (204, b"")]
    assert shop.verdicts() == ["machine", "machine"]


def test_the_first_clicks_of_a_burst_are_judged_with_the_last(shop: Edge) -> None:
    for link in range(3):
        shop.click(link)
        shop.clock.at += timedelta(milliseconds=500)
    assert shop.verdicts() == ["machine"] * 3


def test_somebody_who_reads_on_is_no_burst(shop: Edge) -> None:
    for link in range(3):
        shop.click(link)
        shop.clock.at += timedelta(seconds=5)
    assert shop.verdicts() == ["human"] * 3


def test_the_link_that_no_person_sees_tells_a_machine_by_its_other_clicks_too(shop: Edge) -> None:
    shop.click(0)
    shop.clock.at += timedelta(seconds=30)
    assert shop.click(4).headers["location"] == "https://shop.example"
    assert shop.verdicts() == ["machine", "machine"]


def test_a_click_before_the_message_was_taken_over_is_a_machines(tmp_path: Path, store: Engine) -> None:
    with edge(tmp_path, store, state="committing", accepted_at=None) as shop:
        shop.click()
        assert shop.verdicts() == ["machine"]


def test_a_click_shows_that_a_message_in_doubt_was_sent(tmp_path: Path, store: Engine) -> None:
    with edge(tmp_path, store, state="uncertain", accepted_at=None) as shop:
        shop.click()
        with reading(store) as connection:
            found = connection.execute(select(outbox.c.state, outbox.c.evidence)).one()
        assert tuple(found) == ("accepted", "hit from tracking")
        assert shop.verdicts() == ["human"]


def test_who_refuses_to_be_measured_reaches_the_shop_and_leaves_nothing_but_a_number(shop: Edge) -> None:
    with writing(shop.service.engine) as connection:
        whom = connection.scalar(select(outbox.c.contact_id)) or 0
        record_consent(connection, whom, "tracking", EVERY_TOPIC, WITHDRAWN, NOW, "preferences")
    assert shop.click().headers["location"] == "https://shop.example/0"
    shop.ask(Page.OPEN, open_token(SECRET, shop.message))
    for kept in shop.events():
        assert (kept.contact_id, kept.outbox_id) == (None, None)
        assert kept.properties == {"rules": 1, "method": "GET", "campaign": "spring", "arm": "all"}


def test_numbers_only_count_for_the_link_and_for_nobody(tmp_path: Path, store: Engine) -> None:
    with edge(tmp_path, store, email=EMAIL + "    tracking: aggregate\n") as shop:
        shop.click()
        (kept,) = shop.events()
    assert (kept.contact_id, kept.outbox_id, kept.link_id) == (None, None, shop.links[0])
    assert kept.properties == {"rules": 1, "method": "GET"}


def test_a_project_that_stops_tracking_keeps_nothing_of_mails_that_were_sent(tmp_path: Path, store: Engine) -> None:
    with edge(tmp_path, store, email=EMAIL + "    tracking: 'off'\n") as shop:
        assert shop.click().headers["location"] == "https://shop.example/0"
        assert shop.events() == []


def test_the_click_of_somebody_who_was_erased_leads_on_and_is_nobodys(shop: Edge) -> None:
    token = click_token(SECRET, Click(shop.links[0], shop.message + 1))
    assert shop.ask(Page.CLICK, token).status_code == 302
    assert [(each.contact_id, each.outbox_id) for each in shop.events()] == [(None, None)]


def test_clicks_that_come_together_are_all_kept(shop: Edge) -> None:
    token = click_token(SECRET, Click(shop.links[0], 0))
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: shop.ask(Page.CLICK, token).status_code, range(200)))
    assert answers == [302] * 200
    assert len(shop.events()) == 200


# ---------------------------------------------------------------- printed codes

POST = f"  direct_mail:\n    links: {PUBLIC}\n"


def scannable(root: Path, store: Engine) -> Any:
    return edge(root, store, channels=POST, channel="direct_mail", code="234567899")


def test_a_scan_is_kept_and_leads_to_the_website_with_its_code(tmp_path: Path, store: Engine) -> None:
    with scannable(tmp_path, store) as shop:
        answer = shop.ask(Page.SCAN, "234567899")
        assert (answer.status_code, answer.headers["location"]) == (302, "https://shop.example/r/234567899")
        assert [(each.kind, each.outbox_id, each.verdict) for each in shop.events()] == [
            ("letter.scanned", shop.message, "human")
        ]


def test_a_scan_leads_to_the_page_that_its_campaign_names(tmp_path: Path, store: Engine) -> None:
    with scannable(tmp_path, store) as shop:
        with writing(store) as connection:
            page = Listed("all", "", 0, "code", "https://shop.example/back?x=1&code={code}")
            numbers = publish(connection, "spring", [page], now=NOW)
        assert shop.ask(Page.SCAN, "234-567-899").headers["location"] == "https://shop.example/back?x=1&code=234567899"
        assert shop.events()[0].link_id == numbers[page]


def test_codes_that_no_piece_has_lead_nowhere(tmp_path: Path, store: Engine) -> None:
    with scannable(tmp_path, store) as shop:
        assert [shop.ask(Page.SCAN, code).status_code for code in ("234567888", "23456789D", "x", "2" * 99)] == [
            404
        ] * 4
        assert shop.events() == []


def test_a_chat_that_previews_a_code_is_a_machine(tmp_path: Path, store: Engine) -> None:
    with scannable(tmp_path, store) as shop:
        shop.ask(Page.SCAN, "234567899", agent="WhatsApp/2.23.20.0")
        assert shop.verdicts() == ["machine"]


# ---------------------------------------------------------------- a store that is away


def test_without_a_store_people_reach_the_shop_and_their_clicks_wait_on_the_disk(tmp_path: Path, store: Engine) -> None:
    with edge(tmp_path, store) as shop:
        shop.click()
        folder = shop.service.settings.work_dir / "waiting-hits"
        with away(store):
            assert shop.click(0).headers["location"] == "https://shop.example/0"
            assert len((folder / "new").read_text(encoding="utf-8").splitlines()) == 1
            assert len(shop.events()) == 1
        shop.click(0)
        assert len(shop.events()) == 3
        assert not folder.exists()


@contextmanager
def away(store: Engine) -> Iterator[None]:
    """A store whose events cannot be written."""
    with writing(store) as connection:
        connection.exec_driver_sql("ALTER TABLE event RENAME TO event_away")
        connection.exec_driver_sql("CREATE VIEW event AS SELECT * FROM event_away LIMIT 99")
    try:
        yield
    finally:
        with writing(store) as connection:
            connection.exec_driver_sql("DROP VIEW event")
            connection.exec_driver_sql("ALTER TABLE event_away RENAME TO event")
