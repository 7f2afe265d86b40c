"""Nobody is subscribed by somebody else: what is typed into a form counts when the mailbox's owner confirms it."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, func, select

from handbill.contacts.identity import email_hash, id_from_email
from handbill.contacts.suppressions import suppress
from handbill.errors import ChannelUnavailable
from handbill.operations.confirmation_mails import send_confirmations
from handbill.operations.housekeeping import keep_house
from handbill.operations.opt_in import request_subscription
from handbill.operations.page_words import words_in
from handbill.store.connection import reading, writing
from handbill.store.tables import confirmation, consent, contact
from tests.conftest import NOW
from tests.operations.shop import SECRET, add_people, make_project, make_settings
from tests.scenarios.fault_server import FaultServer, serving
from tests.web.visitors import BRAND, PUBLIC, Shop, forms_of, open_shop, words_of

ANN = {"email": "Ann.Lee@Example.org", "topic": ["offers", "events"], "source": "footer"}
ALMOST = "Please look into your mailbox. There is a message with a link on its way"


@pytest.fixture
def shop(tmp_path: Path, store: Engine) -> Iterator[Shop]:
    with open_shop(tmp_path, store) as shop:
        yield shop


def people(shop: Shop) -> int:
    with reading(shop.store) as connection:
        return connection.scalar(select(func.count()).select_from(contact)) or 0


def requests(shop: Shop) -> list[Any]:
    with reading(shop.store) as connection:
        return list(connection.execute(select(confirmation).order_by(confirmation.c.id)))


def test_the_form_says_what_one_asks_for(shop: Shop) -> None:
    page = words_of(shop.get("/subscribe").text)
    assert f"By subscribing I ask {BRAND} for e-mails about the topics that I have chosen." in page
    assert "You get a message first, and confirm there that the mailbox is yours." in page


def test_asking_subscribes_nobody_yet(shop: Shop) -> None:
    before = people(shop)
    answer = shop.send("/subscribe", ANN)
    assert (answer.status_code, ALMOST in words_of(answer.text)) == (200, True)
    assert (people(shop), shop.ledger(2)) == (before, [])


def test_the_mail_leads_to_a_page_that_asks_and_changes_nothing(shop: Shop) -> None:
    shop.send("/subscribe", ANN)
    link = shop.link_in_mail()
    before = shop.snapshot()
    said = f"Shall {BRAND} send e-mails to a•••@example.org about: Offers and news, Invitations?"
    assert said in words_of(shop.get(link).text)
    assert shop.snapshot() == before


def test_confirming_subscribes_and_keeps_the_proof(shop: Shop) -> None:
    shop.send("/subscribe", ANN)
    answer = shop.send(shop.link_in_mail())
    said = f"{BRAND} sends e-mails to a•••@example.org about: Offers and news, Invitations."
    assert said in words_of(answer.text)
    person = shop.person(2)
    assert (person.email, person.email_key, person.language) == ("ann.lee@example.org", "ann.lee@example.org", "en")
    assert shop.ledger(2) == [("email", "offers", "granted"), ("email", "events", "granted")]
    with reading(shop.store) as connection:
        entry = connection.execute(select(consent).where(consent.c.contact_id == 2).limit(1)).one()
    assert entry.source == "footer"
    assert entry.wording == (
        f"[1 en] By subscribing I ask {BRAND} for e-mails about the topics that I have chosen. "
        "I can unsubscribe at any time."
    )
    (request,) = requests(shop)
    assert set(entry.proof) == {"confirmation", "requested_at", "confirmed_at", "requested_from", "confirmed_from"}
    assert entry.proof["requested_from"] == request.network_hash != "127.0.0.1"
    assert request.email is None


def test_confirming_again_changes_nothing_more(shop: Shop) -> None:
    shop.send("/subscribe", ANN)
    link = shop.link_in_mail()
    (form,) = forms_of(shop.get(link).text)
    shop.post(link, form.fields)
    before = shop.snapshot()
    assert "Welcome" in words_of(shop.post(link, form.fields).text)
    assert "Welcome" in words_of(shop.get(link).text)
    assert shop.snapshot() == before


def test_pressing_the_button_several_times_at_once_subscribes_once(shop: Shop) -> None:
    shop.send("/subscribe", ANN)
    link = shop.link_in_mail()
    (form,) = forms_of(shop.get(link).text)
    with ThreadPoolExecutor(6) as fingers:
        answers = list(fingers.map(lambda _: shop.post(link, form.fields), range(6)))
    assert {(each.status_code, "Welcome" in words_of(each.text)) for each in answers} == {(200, True)}
    assert people(shop) == 2
    assert shop.ledger(2) == [("email", "offers", "granted"), ("email", "events", "granted")]


def test_an_address_that_nobody_confirms_is_forgotten_by_itself(shop: Shop) -> None:
    shop.post("/subscribe", ANN)
    shop.mails()
    shop.clock.at += timedelta(days=8)
    service = shop.service
    counted = keep_house(shop.store, service.project, service.settings, clock=shop.clock)
    assert (counted["unconfirmed"], requests(shop)[0].email) == (1, None)


def test_somebody_who_has_a_new_mailbox_keeps_theirs(shop: Shop) -> None:
    """The id of a contact who was known by a mailbox alone is made of it, and stays when the mailbox changes."""
    add_people(shop.store, 1, external_id=id_from_email(SECRET, "ann.lee@example.org"))
    shop.send("/subscribe", ANN)
    shop.send(shop.link_in_mail())
    assert shop.ledger(2)[2:] == []
    assert shop.person(3).email == "ann.lee@example.org"


def test_mails_wait_while_the_server_is_away(tmp_path: Path, store: Engine) -> None:
    project = make_project(tmp_path, 1, email=f"    links: {PUBLIC}\n")
    settings, request = make_settings(tmp_path, store), ("ann@example.org", ["offers"])
    request_subscription(store, project, settings, *request, words=words_in("en"), source="", network_hash="n", now=NOW)
    with pytest.raises(ChannelUnavailable, match=r"the mail server 127\.0\.0\.1:1 cannot be reached"):
        send_confirmations(store, project, settings, now=NOW)
    with serving(FaultServer()) as server:
        project = make_project(tmp_path, server.port, email=f"    links: {PUBLIC}\n")
        assert send_confirmations(store, project, settings, now=NOW) == 1
        assert len(server.taken) == 1


def test_somebody_who_is_known_gets_the_consent_and_no_second_contact(shop: Shop) -> None:
    shop.send("/subscribe", {"email": "PERSON1@example.org", "topic": "events"})
    shop.send(shop.link_in_mail())
    assert people(shop) == 1
    assert shop.ledger()[2:] == [("email", "events", "granted")]


def test_a_link_ends_after_a_week(shop: Shop) -> None:
    shop.send("/subscribe", ANN)
    link = shop.link_in_mail()
    (form,) = forms_of(shop.get(link).text)
    shop.clock.at += timedelta(days=8)
    answer = shop.post(link, form.fields)
    assert (answer.status_code, "This link no longer works" in words_of(answer.text)) == (410, True)
    assert people(shop) == 1


@pytest.mark.parametrize(
    ("typed", "said"),
    [({"email": "ann at example", "topic": "offers"}, "Please write an e-mail address like ann@example.com."),
     ({"email": "ann@example.org"}, "Please choose at least one topic."),
     ({"email": "ann@example.org", "topic": "cars"}, "Please choose at least one topic.")],
)  # fmt: skip
def test_what_cannot_be_used_is_said_beside_its_field(shop: Shop, typed: dict[str, str], said: str) -> None:
    answer = shop.post("/subscribe", typed)
    assert (answer.status_code, words_of(answer.text).count(said)) == (422, 2)
    assert requests(shop) == []


def test_a_form_on_the_brands_own_pages_may_post_here(shop: Shop) -> None:
    elsewhere = {"Origin": "https://shop.example", "Sec-Fetch-Site": "cross-site"}
    answer = shop.post("/subscribe", {**ANN, "language": "de"}, headers=elsewhere)
    assert "Fast geschafft" in words_of(answer.text)
    assert shop.mails()[0]["Subject"] == f"Bitte bestätigen Sie Ihre Anmeldung bei {BRAND}"


def test_programs_that_fill_in_every_field_get_no_mail(shop: Shop) -> None:
    answer = shop.post("/subscribe", {**ANN, "website": "https://spam.example"})
    assert ALMOST in words_of(answer.text)
    assert requests(shop) == []


def test_a_mailbox_gets_three_mails_a_day_and_its_owner_no_hint(shop: Shop) -> None:
    answers = {words_of(shop.post("/subscribe", ANN).text) for _ in range(5)}
    assert (len(answers), len(shop.mails())) == (1, 3)


def test_a_network_that_asks_too_often_is_told_to_wait(shop: Shop) -> None:
    for number in range(30):
        assert shop.post("/subscribe", {"email": f"a{number}@example.org", "topic": "offers"}).status_code == 200
    answer = shop.post("/subscribe", {"email": "a30@example.org", "topic": "offers"})
    assert (answer.status_code, "Please wait an hour and try again." in words_of(answer.text)) == (429, True)


def test_a_suppressed_mailbox_gets_no_mail_and_the_same_answer(shop: Shop) -> None:
    with writing(shop.store) as connection:
        suppress(connection, "email", email_hash(SECRET, "ann.lee@example.org"), "complaint", NOW, "test")
    assert ALMOST in words_of(shop.post("/subscribe", ANN).text)
    assert (shop.mails(), requests(shop)[0].problem, requests(shop)[0].email) == ([], "suppressed", None)


def test_the_mail_is_in_the_language_of_the_form(shop: Shop) -> None:
    shop.send("/subscribe?language=ar", ANN)
    (mail,) = shop.mails()
    assert BRAND in mail["Subject"]
    html = mail.get_body(("html",))
    assert html is not None
    assert '<html lang="ar" dir="rtl">' in html.get_content()


def test_a_mail_that_a_killed_process_left_behind_is_sent_by_the_next_one(shop: Shop) -> None:
    shop.post("/subscribe", ANN)
    assert len(shop.mails()) == 1
    lost = {"mailed_at": None, "mail_begun_at": shop.clock.at - timedelta(minutes=11)}
    with writing(shop.store) as connection:
        connection.execute(confirmation.update().values(lost))
    service = shop.service
    assert send_confirmations(shop.store, service.project, service.settings, now=service.clock()) == 1
    assert send_confirmations(shop.store, service.project, service.settings, now=service.clock()) == 0


def test_without_a_public_address_nobody_can_subscribe(tmp_path: Path, store: Engine) -> None:
    with open_shop(tmp_path, store, links=False) as shop:
        assert shop.get("/subscribe").status_code == 404
        assert shop.post("/subscribe", ANN).status_code == 404


def test_the_mail_says_who_asks_for_what_in_both_of_its_parts(shop: Shop) -> None:
    shop.send("/subscribe", ANN)
    (mail,) = shop.mails()
    plain, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert plain is not None
    assert html is not None
    link = PUBLIC + shop.link_in_mail()
    assert plain.get_content().replace("\r\n", "\n") == (
        "Hello,\n\n"
        f"somebody, probably you, asked for e-mails from {BRAND} about: Offers and news, Invitations. "
        "Is this mailbox yours, and do you want that?\n\n"
        f"Confirm the subscription:\n{link}\n\n"
        "The link works until 8 December 2026.\n\n"
        "You did not ask for this? Then do nothing, and nothing happens.\n\n"
        f"{BRAND}\n1 Harbour Street, Whitby YO21 1AA, United Kingdom\n"
    )
    assert f'href="{link}"' in html.get_content()
