"""The report in a real browser: on a desk and in a hand, by day and by night, without anything from elsewhere."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from handbill.reports.html import as_html
from tests.reports.samples import DAYS_60, LETTER, NO_LETTER, report_of
from tests.web.browser import DESK, PHONE, keep_picture, opened_page, started_browser

LETTERS: dict[str, Any] = {"unit": "household", "within": DAYS_60, "secondary": ("margin",)}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with started_browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    path: Path = tmp_path_factory.mktemp("report") / "winback.html"
    path.write_text(as_html(report_of([NO_LETTER, LETTER], **LETTERS)), encoding="utf-8")
    return path.as_uri()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("place", "size"), [("desk", DESK), ("phone", PHONE)])
def test_the_report_fits_its_screen_and_can_be_read_by_everybody(
    browser: Browser, address: str, place: str, size: dict[str, int], scheme: str
) -> None:
    with opened_page(browser, size=size, color_scheme=scheme) as page:
        page.goto(address)
        assert page.get_by_role("heading", name="It worked.").is_visible()
        width, scrolled = page.evaluate("[innerWidth, document.documentElement.scrollWidth]")
        keep_picture(page, f"report-{place}-{scheme}")
        found = Axe().run(page).response["violations"]
    assert scrolled <= width
    assert [each["id"] for each in found if each["impact"] in ("serious", "critical")] == []


def test_every_picture_has_words_for_those_who_do_not_see_it(browser: Browser, address: str) -> None:
    with opened_page(browser) as page:
        page.goto(address)
        pictures = page.get_by_role("img")
        names = [pictures.nth(place).evaluate("each => each.getAttribute('aria-label') || each.textContent")
                 for place in range(pictures.count())]  # fmt: skip
    assert names
    assert all(len(name.strip()) > 20 for name in names)


def test_the_report_loads_nothing_from_elsewhere(browser: Browser, address: str) -> None:
    asked: list[str] = []
    with opened_page(browser) as page:
        page.on("request", lambda request: asked.append(request.url))
        page.goto(address)
    assert [each for each in asked if not each.startswith(("file:", "data:"))] == []


def test_the_report_is_whole_on_paper(browser: Browser, address: str) -> None:
    with opened_page(browser) as page:
        page.goto(address)
        page.emulate_media(media="print")
        hidden = page.locator("section").filter(visible=False).count()
        assert len(page.pdf()) > 20_000
    assert hidden == 0
