"""Another site cannot act for somebody: every form of ours is sent by our own page, or it changes nothing."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from handbill.operations.page_words import words_in
from tests.web.visitors import Form, Shop, forms_of, open_shop, preferences_path, unsubscribe_path, words_of

STALE = words_in("en").say("stale.text")


@pytest.fixture
def shop(tmp_path: Path, store: Engine) -> Iterator[Shop]:
    with open_shop(tmp_path, store) as shop:
        yield shop


def all_forms(shop: Shop) -> list[Form]:
    """Every form that people who have all our links can find, but for the one that is open to other sites."""
    pages = [unsubscribe_path(), preferences_path()]
    for what in ("export", "erase"):
        shop.send(preferences_path(), {"data": what}, button="/data")
        pages.append(shop.link_in_mail())
    shop.send("/subscribe", {"email": "ann@example.org", "topic": "offers"})
    pages.append(shop.link_in_mail())
    forms = [form for page in pages for form in forms_of(shop.get(page).text)]
    (undo,) = forms_of(shop.send(unsubscribe_path(), {"scope": "pause"}).text)
    return [*forms, undo]


def test_a_form_without_our_proof_changes_nothing(shop: Shop) -> None:
    forms = all_forms(shop)
    assert len(forms) == 8
    before = shop.snapshot()
    for form in forms:
        buttons = {"pause": "begin", "data": "erase"}
        fields = {name: value for name, value in form.fields.items() if name != "proof"} | buttons
        for forged in (fields, {**fields, "proof": ""}, {**fields, "proof": "guessed"}):
            answer = shop.post(form.action, forged)
            assert (answer.status_code, STALE in words_of(answer.text)) == (403, True)
    assert shop.snapshot() == before


def test_the_proof_of_one_form_is_none_for_another(shop: Shop) -> None:
    forms = all_forms(shop)
    before = shop.snapshot()
    for form in forms:
        for other in forms:
            if other.action != form.action:
                answer = shop.post(form.action, {**form.fields, "proof": other.fields["proof"]})
                assert answer.status_code == 403
    assert shop.snapshot() == before


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_form_that_a_browser_sends_for_another_site_changes_nothing(shop: Shop, site: str) -> None:
    forms = all_forms(shop)
    before = shop.snapshot()
    for form in forms:
        assert shop.post(form.action, form.fields, headers={"Sec-Fetch-Site": site}).status_code == 403
    assert shop.snapshot() == before


def test_there_is_no_cookie_that_another_site_could_use(shop: Shop) -> None:
    for path in (unsubscribe_path(), preferences_path(), "/subscribe"):
        assert "Set-Cookie" not in shop.get(path).headers
        assert "Set-Cookie" not in shop.send(path).headers


def test_one_click_needs_no_proof_because_mail_programs_have_none(shop: Shop) -> None:
    assert shop.post(unsubscribe_path(), {"List-Unsubscribe": "One-Click"}).text == "Unsubscribed.\n"
    assert shop.ledger()[-1] == ("email", "offers", "withdrawn")


def test_a_subscription_that_another_site_asks_for_subscribes_nobody(shop: Shop) -> None:
    before = shop.ledger()
    answer = shop.post("/subscribe", {"email": "person1@example.org", "topic": "events"},
                       headers={"Sec-Fetch-Site": "cross-site"})  # fmt: skip
    assert answer.status_code == 200
    assert shop.ledger() == before
