"""The pages in a real browser: every flow on a phone, with and without scripts; nothing in anybody's way.

Pictures of the pages are kept in .artifacts/pages, for people to look at.
"""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page

from handbill.contacts.preferences import Frequency, wishes_of
from handbill.operations.page_words import LANGUAGES, Words, words_in
from handbill.store.connection import open_store, reading
from tests.web.browser import DESK, PHONE, keep_picture, opened_page, started_browser
from tests.web.visitors import Shop, open_shop, preferences_path, unsubscribe_path

NARROW = {"width": 320, "height": 640}
"""A phone of 1280 px at four times the size, as WCAG 1.4.10 has it."""
LATIN = re.compile(r"[A-Za-z]{4,}")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with started_browser() as browser:
        yield browser


@pytest.fixture
def shop(tmp_path: Path, sqlite_template: Path) -> Iterator[Shop]:
    shutil.copy(sqlite_template, tmp_path / "handbill.db")
    store = open_store(f"sqlite:///{tmp_path / 'handbill.db'}")
    with open_shop(tmp_path, store) as shop:
        yield shop
    store.dispose()


@pytest.fixture(params=[True, False], ids=["with scripts", "without scripts"])
def phone(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    options = {"java_script_enabled": request.param, "is_mobile": True, "has_touch": True, "locale": "en-GB"}
    with opened_page(browser, size=PHONE, **options) as page:
        yield page


def addresses(shop: Shop) -> dict[str, str]:
    """A page of each kind, by name."""
    shop.send(preferences_path(), {"data": "export"}, button="/data")
    export = shop.link_in_mail()
    shop.send(preferences_path(), {"data": "erase"}, button="/data")
    erase = shop.link_in_mail()
    shop.send("/subscribe", {"email": "ann@example.org", "topic": "offers"})
    return {
        "unsubscribe": unsubscribe_path(),
        "preferences": preferences_path(),
        "subscribe": "/subscribe",
        "confirm": shop.link_in_mail(),
        "export": export,
        "erase": erase,
        "nobody": unsubscribe_path(0),
        "broken": "/u/broken",
    }


def button(page: Page, name: str) -> Locator:
    return page.get_by_role("button", name=name, exact=True)


def press(page: Page, name: str) -> None:
    """Presses a button and waits for the page that answers."""
    with page.expect_navigation():
        button(page, name).click()


def answers(shop: Shop, page: Page, words: Words) -> Iterator[str]:
    """Brings the page to what forms are answered with, one after another, and names it."""
    page.goto(f"{shop.url}/subscribe")
    press(page, words.say("subscribe.button"))
    yield "subscribe with errors"
    page.goto(shop.url + preferences_path())
    page.locator("#postcode").fill("nowhere")
    press(page, words.say("preferences.button"))
    yield "preferences with errors"
    page.goto(shop.url + preferences_path())
    press(page, words.say("preferences.break_button"))
    yield "paused preferences"
    page.goto(shop.url + unsubscribe_path())
    press(page, words.say("unsubscribe.button"))
    yield "unsubscribed"
    press(page, words.say("unsubscribed.undo_button"))
    yield "undone"


def violations(page: Page, name: str) -> list[tuple[str, str, str]]:
    """What axe-core finds wrong with a page: rule and places."""
    found = Axe().run(page).response["violations"]
    return [(name, each["id"], str([node["target"] for node in each["nodes"]])) for each in found]


# ---------------------------------------------------------------- the flows


def test_unsubscribing_and_undoing_it_on_a_phone(shop: Shop, phone: Page) -> None:
    phone.goto(shop.url + unsubscribe_path())
    phone.get_by_label("All marketing e-mails").check()
    phone.get_by_label("Why?").select_option("Too many messages")
    press(phone, "Confirm")
    assert phone.get_by_role("heading", level=1).inner_text() == "You are unsubscribed"
    assert shop.ledger()[-1] == ("email", "*", "withdrawn")
    press(phone, "Undo")
    assert phone.get_by_role("heading", level=1).inner_text() == "Everything is as it was before"
    assert shop.ledger()[-1] == ("email", "offers", "granted")


def test_choosing_what_one_gets_on_a_phone(shop: Shop, phone: Page) -> None:
    phone.goto(shop.url + preferences_path())
    phone.get_by_label("Invitations: by e-mail").check()
    phone.get_by_label("Offers and news: by letter").uncheck()
    phone.get_by_label("One message a week").check()
    phone.get_by_label("may measure").uncheck()
    phone.get_by_label("The language of your messages").select_option("Deutsch")
    press(phone, "Save")
    assert phone.get_by_role("status").inner_text() == "Ihre Einstellungen sind gespeichert."
    assert phone.get_by_label("Invitations: per E-Mail").is_checked()
    assert sorted(shop.ledger()[2:]) == [
        ("direct_mail", "offers", "withdrawn"), ("email", "events", "granted"), ("tracking", "*", "withdrawn")
    ]  # fmt: skip
    press(phone, "30 Tage Pause")
    assert phone.get_by_role("status").inner_text() == "Die Pause hat begonnen. Sie endet am 31. Dezember 2026."
    with reading(shop.store) as connection:
        assert wishes_of(connection, 1).frequency == Frequency(1, 7)
    press(phone, "Pause beenden")
    assert phone.get_by_role("status").inner_text() == "Die Pause ist beendet."


def test_an_error_leads_to_its_field(shop: Shop, phone: Page) -> None:
    phone.goto(shop.url + preferences_path())
    for label, text in (("Street", "1 Harbour Street"), ("Postcode", "nowhere"), ("Town", "Whitby"), ("Country", "GB")):
        phone.get_by_label(label).fill(text)
    press(phone, "Save")
    phone.get_by_role("alert").get_by_role("link").click()
    field = phone.get_by_label("Postcode")
    assert phone.url.endswith("#postcode")
    assert (field.get_attribute("aria-invalid"), field.input_value()) == ("true", "nowhere")
    field.fill("YO21 1AB")
    press(phone, "Save")
    assert phone.get_by_role("status").inner_text() == "Your preferences are saved."
    assert shop.person().postcode == "YO21 1AB"


def test_subscribing_and_confirming_on_a_phone(shop: Shop, phone: Page) -> None:
    phone.goto(f"{shop.url}/subscribe")
    press(phone, "Subscribe")
    assert phone.get_by_role("alert").get_by_role("link").count() == 2
    phone.get_by_label("Your e-mail address").fill("ann@example.org")
    phone.get_by_label("Invitations").check()
    press(phone, "Subscribe")
    assert phone.get_by_role("heading", level=1).inner_text() == "Almost done"
    phone.goto(shop.url + shop.link_in_mail())
    press(phone, "Yes, please")
    assert phone.get_by_role("heading", level=1).inner_text() == "Welcome"
    assert shop.ledger(2) == [("email", "events", "granted")]


def test_taking_ones_data_and_being_erased_on_a_phone(shop: Shop, phone: Page, tmp_path: Path) -> None:
    phone.goto(shop.url + preferences_path())
    press(phone, "Get a copy of my data")
    assert phone.get_by_role("heading", level=1).inner_text() == "Look into your mailbox"
    phone.goto(shop.url + shop.link_in_mail())
    with phone.expect_download() as download:
        button(phone, "Download").click()
    assert download.value.suggested_filename == "my-data.zip"
    phone.goto(shop.url + preferences_path())
    press(phone, "Erase me")
    phone.goto(shop.url + shop.link_in_mail())
    press(phone, "Erase everything")
    assert phone.get_by_role("heading", level=1).inner_text() == "Everything about you is erased"
    assert shop.person().email is None


# ---------------------------------------------------------------- for everybody


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_stands_in_anybodys_way(shop: Shop, browser: Browser, language: str) -> None:
    """What axe-core finds on every page and every answer."""
    found: list[tuple[str, str, str]] = []
    with opened_page(browser, size=PHONE, locale=language, bypass_csp=True) as page:
        for name, path in addresses(shop).items():
            page.goto(shop.url + path)
            found += violations(page, name)
        for name in answers(shop, page, words_in(language)):
            found += violations(page, name)
    assert found == []


def test_everything_can_be_read_in_the_dark(shop: Shop, browser: Browser) -> None:
    found: list[tuple[str, str, str]] = []
    with opened_page(browser, locale="en-GB", color_scheme="dark", bypass_csp=True) as page:
        for name in answers(shop, page, words_in("en")):
            found += violations(page, name)
        page.goto(shop.url + unsubscribe_path())
        found += violations(page, "unsubscribe")
    assert found == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", ["/nowhere", "/v1/docs"])
def test_pages_without_a_brand_can_be_read_too(shop: Shop, browser: Browser, path: str, scheme: str) -> None:
    with opened_page(browser, size=NARROW, color_scheme=scheme, bypass_csp=True) as page:
        page.goto(shop.url + path)
        assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
        assert page.evaluate("getComputedStyle(document.body).fontFamily") != "serif"
        assert violations(page, path) == []
        keep_picture(page, f"plain-{path.rpartition('/')[2]}-{scheme}")


def test_the_keyboard_alone_is_enough(shop: Shop, browser: Browser) -> None:
    with opened_page(browser, locale="en-GB") as page:
        page.goto(shop.url + unsubscribe_path())
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
        order = []
        for _ in range(6):
            page.keyboard.press("Tab")
            order.append(page.evaluate("(e => e.name || e.textContent)(document.activeElement)"))
        assert order == ["Northwind Outfitters", "scope", "reason", "Confirm", "Deutsch", "العربية"]
        page.get_by_role("radio").first.focus()
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Tab")
        page.keyboard.press("Tab")
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline == "solid"
        with page.expect_navigation():
            page.keyboard.press("Enter")
        assert page.get_by_role("heading", level=1).inner_text() == "You are unsubscribed"
    assert shop.ledger()[-1] == ("email", "*", "withdrawn")


def test_a_narrow_screen_scrolls_in_one_direction_only(shop: Shop, browser: Browser) -> None:
    paths = addresses(shop).values()
    for language in LANGUAGES:
        with opened_page(browser, size=NARROW, locale=language) as page:
            for path in paths:
                page.goto(f"{shop.url}{path}?language={language}")
                assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"], path


def test_no_page_shows_a_text_that_nobody_translated(shop: Shop, browser: Browser) -> None:
    """In Arabic whatever is left in Latin letters stands out: names, addresses and the other languages."""
    known = "Northwind Outfitters|Harbour|Street|Whitby|United|Kingdom|Offers|news|Invitations|example|English|Deutsch"
    with opened_page(browser, locale="ar") as page:
        for path in addresses(shop).values():
            page.goto(f"{shop.url}{path}?language=ar")
            assert LATIN.findall(re.sub(known, "", page.locator("body").inner_text())) == []


def test_pages_load_nothing_from_elsewhere(shop: Shop, browser: Browser) -> None:
    asked: list[str] = []
    with opened_page(browser) as page:
        page.on("request", lambda request: asked.append(request.url))
        for path in addresses(shop).values():
            page.goto(shop.url + path)
    assert all(each.startswith(shop.url) for each in asked)
    assert len(asked) == 8


@pytest.mark.parametrize(("size", "scheme"), [(DESK, "light"), (PHONE, "dark")], ids=["desk", "phone"])
def test_pages_have_their_pictures_taken(
    shop: Shop, browser: Browser, size: dict[str, int], scheme: str, request: pytest.FixtureRequest
) -> None:
    device = request.node.callspec.id
    for language in LANGUAGES:
        with opened_page(browser, size=size, locale=language, color_scheme=scheme) as page:
            for name, path in (("unsubscribe", unsubscribe_path()), ("preferences", preferences_path())):
                page.goto(shop.url + path)
                assert page.evaluate("document.fonts.status") == "loaded"
                keep_picture(page, f"{name}-{language}-{device}")
