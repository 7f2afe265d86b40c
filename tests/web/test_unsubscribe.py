"""People stop our messages with one press, machines by the standard, and nothing happens by looking."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from handbill.contacts.preferences import wishes_of
from handbill.store.connection import reading
from handbill.store.tables import event
from tests.web.visitors import BRAND, Shop, forms_of, open_shop, unsubscribe_path, words_of

AGREED = [("email", "offers", "granted"), ("direct_mail", "offers", "granted")]
LEFT = ("email", "offers", "withdrawn")


@pytest.fixture
def shop(tmp_path: Path, store: Engine) -> Iterator[Shop]:
    with open_shop(tmp_path, store) as shop:
        yield shop


def unsubscribes(shop: Shop) -> list[dict[str, str]]:
    with reading(shop.store) as connection:
        return [dict(each) for each in connection.scalars(select(event.c.properties).order_by(event.c.id))]


def test_the_page_says_whose_and_what_and_changes_nothing(shop: Shop) -> None:
    before = shop.snapshot()
    answer = shop.get(unsubscribe_path())
    assert answer.status_code == 200
    said = f"{BRAND} writes to p•••@example.org. Nothing changes until you press the button below."
    assert said in words_of(answer.text)
    assert "E-mails about this topic: Offers and news" in words_of(answer.text)
    assert shop.snapshot() == before


def test_confirming_stops_the_topic(shop: Shop) -> None:
    answer = shop.send(unsubscribe_path(), {"reason": "too_many"})
    said = f"{BRAND} sends no more e-mails about “Offers and news” to p•••@example.org."
    assert (answer.status_code, said in words_of(answer.text)) == (200, True)
    assert shop.ledger() == [*AGREED, LEFT]
    assert unsubscribes(shop) == [{"topic": "offers", "by": "page", "reason": "too_many"}]


def test_all_e_mail_can_be_stopped_at_once(shop: Shop) -> None:
    answer = shop.send(unsubscribe_path(), {"scope": "email"})
    assert f"{BRAND} sends no more marketing e-mails to p•••@example.org." in words_of(answer.text)
    assert shop.ledger() == [*AGREED, ("email", "*", "withdrawn")]


def test_letters_can_be_stopped_with_it(shop: Shop) -> None:
    answer = shop.send(unsubscribe_path(), {"scope": "everything"})
    assert "and no more marketing letters" in words_of(answer.text)
    assert shop.ledger() == [*AGREED, ("email", "*", "withdrawn"), ("direct_mail", "*", "withdrawn")]


def test_a_pause_of_thirty_days_is_offered_instead(shop: Shop) -> None:
    answer = shop.send(unsubscribe_path(), {"scope": "pause"})
    assert f"You hear nothing from {BRAND} until 31 December 2026." in words_of(answer.text)
    assert shop.ledger() == AGREED
    with reading(shop.store) as connection:
        assert (wishes_of(connection, 1).paused_until or shop.clock.at).isoformat()[:10] == "2026-12-31"


def test_a_reason_of_somebodys_own_is_not_kept(shop: Shop) -> None:
    shop.send(unsubscribe_path(), {"reason": "<b>my address is ann@example.org</b>"})
    assert unsubscribes(shop) == [{"topic": "offers", "by": "page"}]


def test_unsubscribing_twice_changes_nothing_more(shop: Shop) -> None:
    shop.send(unsubscribe_path())
    before = shop.snapshot()
    answer = shop.send(unsubscribe_path())
    assert (answer.status_code, shop.snapshot()) == (200, before)


def test_it_can_be_undone_on_the_next_page(shop: Shop) -> None:
    done = shop.send(unsubscribe_path(), {"scope": "everything"})
    (undo,) = forms_of(done.text)
    answer = shop.post(undo.action, undo.fields)
    assert f"{BRAND} writes to p•••@example.org again, as you had agreed." in words_of(answer.text)
    assert shop.ledger()[-2:] == [("direct_mail", "offers", "granted"), ("email", "offers", "granted")]


def test_a_pause_can_be_undone_too(shop: Shop) -> None:
    (undo,) = forms_of(shop.send(unsubscribe_path(), {"scope": "pause"}).text)
    assert shop.post(undo.action, undo.fields).status_code == 200
    with reading(shop.store) as connection:
        assert wishes_of(connection, 1).paused_until is None


def test_undoing_holds_only_while_nothing_else_was_said(shop: Shop) -> None:
    (undo,) = forms_of(shop.send(unsubscribe_path()).text)
    shop.send(unsubscribe_path(), {"scope": "email"})
    before = shop.snapshot()
    shop.post(undo.action, undo.fields)
    assert shop.snapshot() == before


def test_whoever_came_back_can_leave_by_the_same_link_again(shop: Shop) -> None:
    (undo,) = forms_of(shop.send(unsubscribe_path()).text)
    shop.post(undo.action, undo.fields)
    shop.send(unsubscribe_path())
    assert shop.ledger()[2:] == [LEFT, ("email", "offers", "granted"), LEFT]


def test_one_click_unsubscribes_at_once_without_cookie_or_redirect(shop: Shop) -> None:
    answer = shop.post(unsubscribe_path(), {"List-Unsubscribe": "One-Click"})
    assert (answer.status_code, answer.text) == (200, "Unsubscribed.\n")
    assert not answer.cookies
    assert shop.ledger() == [*AGREED, LEFT]
    assert unsubscribes(shop) == [{"topic": "offers", "by": "one-click"}]


def test_one_click_comes_as_multipart_too(shop: Shop) -> None:
    answer = shop.post(unsubscribe_path(), files={"List-Unsubscribe": (None, "One-Click")})
    assert (answer.status_code, answer.text) == (200, "Unsubscribed.\n")
    assert shop.ledger() == [*AGREED, LEFT]


def test_one_click_again_is_answered_the_same(shop: Shop) -> None:
    answers = [shop.post(unsubscribe_path(), {"List-Unsubscribe": "One-Click"}) for _ in range(3)]
    assert {(each.status_code, each.text) for each in answers} == {(200, "Unsubscribed.\n")}
    assert shop.ledger() == [*AGREED, LEFT]


def test_a_link_for_all_topics_stops_all_e_mail(shop: Shop) -> None:
    shop.post(unsubscribe_path(topic="*"), {"List-Unsubscribe": "One-Click"})
    assert shop.ledger() == [*AGREED, ("email", "*", "withdrawn")]


def test_a_changed_link_is_not_found(shop: Shop) -> None:
    path = unsubscribe_path()
    for broken in (path[:-1], path + "A", path.replace("/u/", "/u/x"), "/u/x"):
        assert shop.get(broken).status_code == 404
        answer = shop.post(broken, {"List-Unsubscribe": "One-Click"})
        assert answer.status_code == 404
    assert "This link does not work" in words_of(answer.text)


def test_the_link_in_a_proof_unsubscribes_nobody(shop: Shop) -> None:
    before = shop.snapshot()
    assert "Nobody belongs to this link" in words_of(shop.get(unsubscribe_path(0)).text)
    assert shop.post(unsubscribe_path(0), {"List-Unsubscribe": "One-Click"}).status_code == 200
    assert shop.snapshot() == before


def test_the_browsers_language_is_spoken(shop: Shop) -> None:
    for accepted, language, direction, heading in (
        ("de-AT,de;q=0.9,en;q=0.5", "de", "ltr", "Abmelden"),
        ("ar", "ar", "rtl", "إلغاء الاشتراك"),
        ("fr;q=0.9,de;q=0.1", "de", "ltr", "Abmelden"),
        ("fr", "en", "ltr", "Unsubscribe"),
        (";;q=x,,", "en", "ltr", "Unsubscribe"),
    ):
        page = shop.get(unsubscribe_path(), headers={"Accept-Language": accepted}).text
        assert f'<html lang="{language}" dir="{direction}">' in page
        assert f"<h1>{heading}</h1>" in page


def test_the_contacts_own_language_goes_before_the_browsers(tmp_path: Path, store: Engine) -> None:
    with open_shop(tmp_path, store, language="de-CH") as shop:
        assert '<html lang="de"' in shop.get(unsubscribe_path(), headers={"Accept-Language": "ar"}).text


def test_a_language_chosen_on_the_page_goes_before_all(tmp_path: Path, store: Engine) -> None:
    with open_shop(tmp_path, store, language="de") as shop:
        path = f"{unsubscribe_path()}?language=ar"
        assert '<html lang="ar" dir="rtl">' in shop.get(path).text
        assert '<html lang="ar" dir="rtl">' in shop.send(path).text
