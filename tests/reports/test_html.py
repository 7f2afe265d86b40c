"""The page is one file that works offline, runs nothing, and says the same as the numbers."""

import base64
import hashlib
import json
import re
from collections.abc import Sequence
from html import unescape
from html.parser import HTMLParser
from typing import Any

import pytest

from handbill.reports.html import as_html
from handbill.reports.numbers import as_json
from handbill.reports.text import as_markdown
from tests.reports.factory import Cell
from tests.reports.samples import DAYS_60, LETTER, NO_LETTER, report_of

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>{{ 7*7 }}"
LETTERS: dict[str, Any] = {"unit": "household", "within": DAYS_60, "secondary": ("margin",)}


class Page(HTMLParser):
    """The tags, attributes and words of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self._quiet = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._quiet = tag == "style"

    def handle_data(self, data: str) -> None:
        if not self._quiet:
            self.words += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def read(text: str) -> str:
    """Words as a reader sees them."""
    return re.sub(r"\s+", " ", text.replace("\u00a0", " ").replace("\u2060", ""))


@pytest.fixture(scope="module")
def page() -> str:
    return as_html(report_of([NO_LETTER, LETTER], truths={("conversion", "letter", "nothing"): 0.02}, **LETTERS))


def test_the_first_screen_holds_the_verdict_in_words(page: str) -> None:
    words = read(Page(page).words)
    assert "It worked." in words
    assert (
        "Per 100 households, the letter brought 2.1 more buyers than no letter (95 % interval 1.6–2.6) in 60 days: "
        "525 extra buyers (399–651), £37 each (£30–£49). Margin after costs +£1,500 (−£3,600 to £6,600)."
    ) in words
    assert "Next: mail again, keep a holdout." in words


def test_the_sections_follow_each_other_from_result_to_method(page: str) -> None:
    assert re.findall(r'<h2 id="([a-z]+)-title">', page) == [
        "effects", "money", "timing", "audience", "funnel", "registration", "quality", "method",
    ]  # fmt: skip


def test_nothing_is_loaded_from_anywhere(page: str) -> None:
    parsed = Page(page)
    assert parsed.all("script") == []
    assert parsed.all("link") == []
    assert parsed.all("img") == []
    assert [each for _, attributes in parsed.tags for each in attributes if each in {"src", "srcset", "action"}] == []
    assert all(str(anchor["href"]).startswith("#") for anchor in parsed.all("a"))
    assert "url(" not in re.sub(r"url\(#[\w-]+\)", "", page)
    assert "@import" not in page


def test_only_the_pages_own_style_is_allowed(page: str) -> None:
    style = page.partition("<style>")[2].partition("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = next(each for each in Page(page).all("meta") if each.get("http-equiv") == "Content-Security-Policy")
    expected = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    assert policy["content"] == expected
    assert [attributes for _, attributes in Page(page).tags if "style" in attributes] == []


def test_names_are_never_markup() -> None:
    cells = [NO_LETTER, Cell(HOSTILE, 25_000, 2_525, ("direct_mail",), cost=0.78, piece="letter")]
    text = as_html(report_of(cells, brand=HOSTILE, campaign=HOSTILE, hypothesis=HOSTILE, unit="household"))
    parsed = Page(text)
    assert parsed.all("script") == []
    assert parsed.all("img") == []
    assert not any(name.startswith("on") for _, attributes in parsed.tags for name in attributes)
    assert HOSTILE in unescape(parsed.words)


def test_every_picture_is_told_in_words_and_drawn_for_both_widths(page: str) -> None:
    pictures = [attributes for attributes in Page(page).all("svg") if attributes.get("class") == "chart"]
    assert len(pictures) == 2 * 4
    ids = {str(attributes["id"]) for _, attributes in Page(page).tags if "id" in attributes}
    for picture in pictures:
        assert picture["role"] == "img"
        assert set(str(picture["aria-labelledby"]).split()) <= ids
    assert "letter − nothing: +2.1 (1.6–2.6); the true effect is 2.0." in page


def test_no_id_stands_twice_on_the_page(page: str) -> None:
    ids = [str(attributes["id"]) for _, attributes in Page(page).tags if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_pictures_take_the_colours_of_the_page(page: str) -> None:
    style = page.partition("<style>")[2].partition("</style>")[0]
    assert "prefers-color-scheme: dark" in style
    assert "var(--gain)" in style
    assert not re.search(r"#0[0-9a-e]0[0-9a-e]0[0-9a-e]", page), "a stand-in colour was left"


def test_the_truth_of_a_simulation_stands_beside_each_estimate(page: str) -> None:
    words = read(Page(page).words)
    assert "so the true effects are known. 1 of 1 interval covers them." in words
    assert "+2.0 ✓" in words


@pytest.mark.parametrize(
    ("cells", "changes"),
    [
        ([NO_LETTER, LETTER], LETTERS),
        ([Cell("nothing", 800, 40), Cell("plain", 3_000, 235, ("email",)), Cell("better", 3_000, 330, ("email",))], {}),
    ],
)
def test_page_markdown_and_json_say_the_same(cells: Sequence[Cell], changes: dict[str, Any]) -> None:
    report = report_of(cells, **changes)
    page, markdown, values = read(Page(as_html(report)).words), read(as_markdown(report)), json.loads(as_json(report))
    for verdict in values["verdicts"]:
        assert verdict["says"] in page
        assert verdict["says"] in markdown
        assert verdict["next"] in page
        assert verdict["next"] in markdown
    for one in values["results"]["comparisons"]:
        said = f"{one['difference'] * 100:{'.0f' if one['metric'] == 'margin' else '.1f'}}"
        assert said in page
        assert said in markdown


def test_a_broken_split_shows_no_picture_of_effects() -> None:
    cells = [NO_LETTER, Cell("letter", 25_000, 2_525, ("direct_mail",), share=0.9, piece="letter")]
    text = as_html(report_of(cells))
    assert "Do not use these numbers." in text
    assert 'id="effect-conversion-wide-title"' not in text


def test_the_same_report_is_the_same_page_byte_for_byte() -> None:
    report = report_of([NO_LETTER, LETTER], **LETTERS)
    assert as_html(report) == as_html(report)
