"""A real browser, one for all tests of a run, on a desk and in a hand, by day and by night."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = Path("/usr/bin/chromium")
PICTURES = Path(__file__).parents[2] / ".artifacts" / "pages"
_EXPECTED = re.compile(r"the server responded with a status of 4|ERR_ABORTED$")
"""Pages that refuse something are errors for the console, and downloads are requests that show no page."""
_ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--hide-scrollbars",
]  # fmt: skip
DESK = {"width": 1100, "height": 800}
PHONE = {"width": 375, "height": 720}


@contextmanager
def started_browser() -> Iterator[Browser]:
    """Debian's Chromium. Where it is not installed, tests are left out; not so where changes are checked."""
    if not CHROMIUM.exists():
        if os.environ.get("CI"):
            pytest.fail("Chromium is not installed: apt-get install chromium")
        pytest.skip("Chromium is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=_ARGUMENTS)
        yield browser
        browser.close()


@contextmanager
def opened_page(browser: Browser, *, size: dict[str, int] = DESK, **options: Any) -> Iterator[Page]:
    """A fresh window without a history; what its page may not load, or logs as an error, fails the test."""
    context = browser.new_context(viewport=size, reduced_motion="reduce", **options)  # type: ignore[arg-type]
    page = context.new_page()
    page.set_default_timeout(60_000)
    errors: list[str] = []
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("requestfailed", lambda request: errors.append(f"{request.url}: {request.failure}"))
    yield page
    context.close()
    assert [each for each in errors if not _EXPECTED.search(each)] == []


def keep_picture(page: Page, name: str) -> None:
    """Keeps what the whole page looks like, for people to look at."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=PICTURES / f"{name}.png", full_page=True)
