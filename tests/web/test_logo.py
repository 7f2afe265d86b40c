"""Pages show the brand's logo, and load nothing for it."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser
from sqlalchemy import Engine

from handbill.store.connection import open_store
from tests.web.browser import PHONE, keep_picture, opened_page, started_browser
from tests.web.visitors import BRAND, open_shop, unsubscribe_path

LOGO = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 240 60"><rect width="60" height="60" rx="12" \
fill="#0f3a56"/><circle cx="30" cy="30" r="14" fill="#f0b46a"/><path d="M76 30h150" stroke="#0f3a56" \
stroke-width="14"/></svg>"""


@pytest.fixture
def store(tmp_path: Path, sqlite_template: Path) -> Iterator[Engine]:
    """The database is not what is tested here, so one will do."""
    shutil.copy(sqlite_template, tmp_path / "handbill.db")
    engine = open_store(f"sqlite:///{tmp_path / 'handbill.db'}")
    (tmp_path / "logo.svg").write_text(LOGO)
    yield engine
    engine.dispose()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with started_browser() as browser:
        yield browser


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_logo_stands_at_the_head_of_pages_and_says_the_name(
    tmp_path: Path, store: Engine, browser: Browser, scheme: str
) -> None:
    with (
        open_shop(tmp_path, store, logo="logo.svg") as shop,
        opened_page(browser, size=PHONE, color_scheme=scheme) as page,
    ):
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url.partition(":")[0]))
        for path in (unsubscribe_path(), "/sign-in"):
            page.goto(shop.url + path)
            logo = page.get_by_role("img", name=BRAND)
            assert logo.evaluate("each => each.complete && each.naturalWidth > 0")
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
            keep_picture(page, f"logo-{path[1:2]}-{scheme}")
    assert set(asked) <= {"http", "data"}
    assert asked.count("http") == 2


def test_only_pages_with_a_logo_may_show_pictures(tmp_path: Path, store: Engine) -> None:
    with open_shop(tmp_path, store, logo="logo.svg") as shop:
        worn = shop.get(unsubscribe_path()).headers["Content-Security-Policy"]
    with open_shop(tmp_path, store, people=0) as shop:
        bare = shop.get(unsubscribe_path()).headers["Content-Security-Policy"]
    assert "img-src 'self' data:;" in worn
    assert "img-src" not in bare


def test_a_logo_that_went_away_keeps_nobody_from_unsubscribing(tmp_path: Path, store: Engine) -> None:
    with open_shop(tmp_path, store, logo="logo.svg") as shop:
        (tmp_path / "logo.svg").unlink()
        answer = shop.get(unsubscribe_path())
    assert answer.status_code == 200
    assert f"<bdi>{BRAND}</bdi></a></header>" in answer.text
