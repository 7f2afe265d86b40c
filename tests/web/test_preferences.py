"""People decide for themselves what they get, how often, where and how long not; and their data is only theirs."""

import io
import json
import zipfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from handbill.contacts.preferences import Frequency, Wishes, wishes_of
from handbill.store.connection import reading
from handbill.store.tables import audit_entry, confirmation, event
from tests.web.visitors import BRAND, Shop, open_shop, preferences_path, words_of

HOME = {"address_line1": "1 Harbour Street", "city": "Whitby", "postcode": "YO21 1AA", "country": "GB"}
AGREED = [("email", "offers", "granted"), ("direct_mail", "offers", "granted")]


@pytest.fixture
def shop(tmp_path: Path, store: Engine) -> Iterator[Shop]:
    with open_shop(tmp_path, store) as shop:
        yield shop


def wishes(shop: Shop) -> Wishes:
    with reading(shop.store) as connection:
        return wishes_of(connection, 1)


def ask_for(shop: Shop, what: str) -> str:
    """Asks for data or erasure in the preference centre; answers where the mail leads."""
    answer = shop.send(preferences_path(), {"data": what}, button="/data")
    said = "A message with a link is on its way to p•••@example.org. The link works for 24 hours."
    assert said in words_of(answer.text)
    return shop.link_in_mail()


def test_looking_changes_nothing(shop: Shop) -> None:
    before = shop.snapshot()
    answer = shop.get(preferences_path())
    assert f"What {BRAND} sends to you, and how often. You are known here as p•••@example.org." in words_of(answer.text)
    assert shop.snapshot() == before


def test_saving_what_is_there_changes_nothing_but_the_language(shop: Shop) -> None:
    shop.send(preferences_path())
    before = shop.snapshot()
    answer = shop.send(preferences_path())
    assert "Your preferences are saved." in words_of(answer.text)
    assert (shop.snapshot(), shop.person().language) == (before, "en")


def test_topics_are_agreed_to_and_withdrawn_by_channel(shop: Shop) -> None:
    shop.send(preferences_path(), {"agreed": ["direct_mail/offers", "email/events"]})
    assert shop.ledger() == [*AGREED, ("email", "offers", "withdrawn"), ("email", "events", "granted")]
    with reading(shop.store) as connection:
        (left,) = connection.scalars(select(event.c.properties))
    assert left == {"topic": "offers", "by": "preferences"}


def test_topics_and_channels_that_nobody_offered_are_not_kept(shop: Shop) -> None:
    shop.send(preferences_path(), {"agreed": ["email/offers", "direct_mail/offers", "email/*", "sms/offers", "email"]})
    assert shop.ledger() == AGREED


def test_fewer_messages_can_be_asked_for_and_more_again(shop: Shop) -> None:
    shop.send(preferences_path(), {"frequency": "one_a_week"})
    assert wishes(shop) == Wishes(frequency=Frequency(1, 7))
    shop.send(preferences_path(), {"frequency": "as_often"})
    assert wishes(shop) == Wishes()


def test_measuring_can_be_refused(shop: Shop) -> None:
    shop.send(preferences_path(), {"measured": []})
    assert shop.ledger() == [*AGREED, ("tracking", "*", "withdrawn")]
    shop.send(preferences_path(), {"measured": "yes"})
    assert shop.ledger()[-1] == ("tracking", "*", "granted")


def test_the_language_is_kept_and_spoken(shop: Shop) -> None:
    answer = shop.send(preferences_path(), {"language": "ar"})
    assert '<html lang="ar" dir="rtl">' in answer.text
    assert shop.person().language == "ar"


def test_a_new_address_is_kept_in_its_countrys_form(shop: Shop) -> None:
    moved = {
        "address_line1": "10  Downing Street",
        "city": "London",
        "postcode": "sw1a2aa",
        "country": "united kingdom",
    }
    shop.send(preferences_path(), moved)
    person = shop.person()
    assert (person.address_line1, person.postcode, person.country) == ("10 Downing Street", "SW1A 2AA", "GB")
    assert person.address_key == "gb|sw1a2aa|10 downing st"
    assert person.household_key.startswith("h-")


def test_an_address_that_is_none_is_marked_and_nothing_is_kept(shop: Shop) -> None:
    before = shop.snapshot()
    answer = shop.send(preferences_path(), {**HOME, "postcode": "nowhere", "frequency": "one_a_week"})
    assert answer.status_code == 422
    assert "No letter can be delivered to this address." in words_of(answer.text)
    assert 'value="nowhere" aria-invalid="true" aria-describedby="address-problem"' in answer.text
    assert 'value="one_a_week" checked' in answer.text
    assert shop.snapshot() == before


def test_what_is_missing_of_an_address_is_marked(shop: Shop) -> None:
    page = shop.send(preferences_path(), {"address_line1": "10 Downing Street", "city": "London"}).text
    marked = [field.partition('"')[0] for field in page.split('<input id="')[1:] if 'aria-invalid="true"' in
              field.partition(">")[0]]  # fmt: skip
    assert marked == ["country"]


def test_the_address_on_file_is_not_shown_to_whoever_got_the_message_passed_on(shop: Shop) -> None:
    page = shop.get(preferences_path()).text
    assert "We know an address of yours in Whitby, United Kingdom." in words_of(page)
    assert "1 Harbour Street" not in page.partition("<footer")[0]
    assert "YO21" not in page.partition("<footer")[0]


def test_fields_left_empty_keep_the_address(shop: Shop) -> None:
    shop.send(preferences_path())
    assert shop.person().address_line1 == "1 Harbour Street"


def test_an_address_can_be_removed_and_with_it_letters(shop: Shop) -> None:
    shop.send(preferences_path(), {"no_address": "yes"})
    assert "For letters. Without one, none can be sent." in words_of(shop.get(preferences_path()).text)
    person = shop.person()
    assert (person.address_line1, person.address_key, person.household_key) == (None, None, "c:C-00001")


def test_a_pause_of_thirty_days_begins_and_ends(shop: Shop) -> None:
    answer = shop.send(preferences_path(), {"pause": "begin"}, button="/pause")
    assert "The break has begun. It ends on 31 December 2026." in words_of(answer.text)
    assert wishes(shop).paused_until == shop.clock.at.replace(microsecond=0) + timedelta(days=30) - timedelta(seconds=1)
    answer = shop.send(preferences_path(), {"pause": "end"}, button="/pause")
    assert "The break is over." in words_of(answer.text)
    assert wishes(shop) == Wishes()


def test_a_link_of_nobody_or_of_none_shows_nothing(shop: Shop) -> None:
    assert shop.get(preferences_path()[:-1]).status_code == 404
    assert "Nobody belongs to this link" in words_of(shop.get(preferences_path(0)).text)


def test_a_project_without_post_asks_for_no_address(tmp_path: Path, store: Engine) -> None:
    with open_shop(tmp_path, store, post=False) as shop:
        assert "Postal address" not in words_of(shop.get(preferences_path()).text)
        shop.send(preferences_path(), {"agreed": []})
        assert shop.ledger() == [*AGREED, ("email", "offers", "withdrawn")]
        assert shop.person().address_line1 == "1 Harbour Street"


# ---------------------------------------------------------------- a copy of the data, and erasure


def test_data_comes_only_by_a_link_sent_to_the_mailbox_on_file(shop: Shop) -> None:
    link = ask_for(shop, "export")
    assert link.startswith("/export/")
    (mail,) = shop.mails()
    assert (mail["To"], mail["Subject"]) == ("person1@example.org", f"Your data at {BRAND}")
    assert "Precedence" not in mail


def test_the_copy_is_a_page_and_a_file_for_programs(shop: Shop) -> None:
    link = ask_for(shop, "export")
    assert "You get a file with everything" in words_of(shop.get(link).text)
    answer = shop.send(link)
    assert answer.headers["Content-Disposition"] == 'attachment; filename="my-data.zip"'
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.namelist() == ["my-data.html", "my-data.json"]
        data = json.loads(archive.read("my-data.json"))
        page = archive.read("my-data.html").decode()
    assert data["profile"]["first_name"] == "Person 1"
    assert "1 Harbour Street" in words_of(page)
    with reading(shop.store) as connection:
        assert connection.scalars(select(audit_entry.c.way)).all() == ["self"]


def test_a_link_for_the_copy_ends_after_a_day(shop: Shop) -> None:
    link = ask_for(shop, "export")
    proof = shop.get(link)
    shop.clock.at += timedelta(hours=25)
    for answer in (
        shop.get(link),
        shop.post(link, {"proof": proof.text.split('name="proof" value="')[1].split('"')[0]}),
    ):
        assert (answer.status_code, "This link no longer works" in words_of(answer.text)) == (410, True)


def test_erasing_takes_a_mail_and_a_button(shop: Shop) -> None:
    link = ask_for(shop, "erase")
    page = words_of(shop.get(link).text)
    assert "Erase everything about you?" in page
    assert shop.person().email == "person1@example.org"
    assert "Everything about you is erased" in words_of(shop.send(link).text)
    assert (shop.person().email, shop.person().first_name) == (None, None)
    assert shop.get(link).status_code == 404
    assert "Nobody belongs to this link" in words_of(shop.get(preferences_path()).text)


def test_a_link_of_one_purpose_opens_no_other_page(shop: Shop) -> None:
    export, erase = ask_for(shop, "export"), ask_for(shop, "erase")
    for wrong in (
        export.replace("/export/", "/erase/"),
        erase.replace("/erase/", "/export/"),
        export.replace("/export/", "/subscribe/"),
        preferences_path().replace("/p/", "/export/"),
        preferences_path().replace("/p/", "/u/"),
    ):
        assert shop.get(wrong).status_code == 404


def test_nobodys_mailbox_is_filled(shop: Shop) -> None:
    answers = [words_of(shop.send(preferences_path(), {"data": "export"}, button="/data").text) for _ in range(6)]
    assert len(set(answers)) == 1
    assert len(shop.mails()) == 3


def test_whoever_has_no_mailbox_is_told_where_to_write(tmp_path: Path, store: Engine) -> None:
    with open_shop(tmp_path, store, email=None, email_key=None, email_hash=None) as shop:
        page = words_of(shop.get(preferences_path()).text)
        assert "We know no e-mail address of yours. Please write to us: 1 Harbour Street, Whitby" in page


def test_an_unconfirmed_address_is_forgotten_when_its_link_is_over(shop: Shop) -> None:
    ask_for(shop, "export")
    shop.clock.at += timedelta(days=2)
    ask_for(shop, "export")
    with reading(shop.store) as connection:
        emails = connection.scalars(select(confirmation.c.email).order_by(confirmation.c.id)).all()
    assert emails == [None, "person1@example.org"]
