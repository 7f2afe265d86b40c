"""Every text of our pages exists in every language, and says what the others say."""

import re
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

import pytest

from handbill.definitions.languages import Languages
from handbill.definitions.loading import load_project
from handbill.definitions.project import Project
from handbill.operations.page_words import LANGUAGES, choose_words, words_in
from tests.operations.shop import make_project

SOURCE = Path(str(files("handbill")))
PLACE = re.compile(r"\{(\w+)\}")
KEY = re.compile(r"""say\(f?"([a-z_.]+)["{]|note\("(\w+)\"""")
BUILT = {"mail.", "confirm_", "requested.", "preferences.", "preferences.by_", "unsubscribe.", "unsubscribe.reason.",
         "unsubscribed."}  # fmt: skip
"""How keys begin that are put together."""


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_every_text_with_the_same_places(language: str) -> None:
    theirs, ours = words_in(language).texts, words_in("en").texts
    assert list(theirs) == list(ours)
    for key, text in ours.items():
        if key != "language.day":
            assert set(PLACE.findall(theirs[key])) == set(PLACE.findall(text)), key
        assert theirs[key].strip(), key


def test_the_pages_use_no_text_that_is_missing() -> None:
    known, wrong = words_in("en").texts, []
    for path in (*SOURCE.glob("web/*.py"), *SOURCE.glob("web/pages/*.html"), *SOURCE.glob("operations/words/*.html")):
        for key, note in KEY.findall(path.read_text(encoding="utf-8")):
            wanted = [f"{note}.heading", f"{note}.text"] if note else [key]
            wrong += [f"{path.name}: {each}" for each in wanted if each not in known and each not in BUILT]
    assert wrong == []


@pytest.mark.parametrize(
    ("language", "written"), [("en", "1 March 2027"), ("de", "1. März 2027"), ("ar", "١ مارس ٢٠٢٧")]
)
def test_days_are_written_as_the_language_writes_them(language: str, written: str) -> None:
    assert words_in(language).day(datetime(2027, 2, 28, 23, 30, tzinfo=UTC), "Europe/Berlin") == written


def test_names_in_another_script_keep_their_own_direction() -> None:
    said = words_in("ar").say("paused.text", brand="Shop (UK)", day="١ مارس ٢٠٢٧")
    assert "\u2068Shop (UK)\u2069" in said


@pytest.fixture
def project(tmp_path: Path) -> Project:
    make_project(tmp_path, 25)
    path = tmp_path / "campaigns.yaml"
    more = "\nlanguages: {default: de, fallback: {nds: de, fa: ar}}\n"
    path.write_text(path.read_text(encoding="utf-8") + more, encoding="utf-8")
    return load_project(tmp_path)


@pytest.mark.parametrize(
    ("wished", "accepted", "language"),
    [((None,), "", "de"), (("en-GB",), "", "en"), (("fr",), "", "de"), (("nds",), "en", "de"), (("fa",), "en", "ar"),
     ((None, "ar"), "en", "ar"), (("xx",), "en;q=0.1, ar;q=0.9", "ar"), (("",), "*", "de"), ((None,), "en;q=0", "de"),
     (("not a language",), "", "de")],
)  # fmt: skip
def test_the_strongest_wish_that_we_speak_is_chosen(
    project: Project, wished: tuple[str | None, ...], accepted: str, language: str
) -> None:
    assert project.languages == Languages(default="de", fallback={"nds": "de", "fa": "ar"})
    assert choose_words(project, *wished, accepted=accepted).language == language
