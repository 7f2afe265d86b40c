"""A contact reads a text in the nearest language that it is written in."""

import pytest
from pydantic import ValidationError

from handbill.definitions.campaign import Arm, Audience, Campaign, EmailContent, Schedule, email_of
from handbill.definitions.languages import Languages, LocalText, language_tag

LANGUAGES = Languages(default="en", fallback={"de-AT": "de-CH", "nds": "de"})


@pytest.mark.parametrize(
    ("language", "chain"),
    [
        (None, ("en",)),
        ("", ("en",)),
        ("en", ("en",)),
        ("fr", ("fr", "en")),
        ("de-AT", ("de-AT", "de-CH", "de", "en")),
        ("DE_at", ("de-AT", "de-CH", "de", "en")),
        ("nds", ("nds", "de", "en")),
        ("nds-NL", ("nds-NL", "nds", "de", "en")),
        ("zh-Hant-TW", ("zh-Hant-TW", "zh-Hant", "zh", "en")),
    ],
)
def test_a_language_falls_back_to_its_stand_in_then_to_the_language_of_the_country(
    language: str | None, chain: tuple[str, ...]
) -> None:
    assert LANGUAGES.chain(language) == chain


def test_a_language_is_written_in_one_way_whatever_the_record_has() -> None:
    assert [language_tag(each) for each in ("DE", "de_at", " zh-hant-tw ", "es-419")] == [
        "de", "de-AT", "zh-Hant-TW", "es-419",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("language", "text"),
    [(None, "Spring"), ("de-AT", "Grüezi"), ("de-DE", "Frühling"), ("nds", "Frühling"), ("en-GB", "Spring")],
)
def test_a_subject_is_read_in_the_language_of_the_contact(language: str | None, text: str) -> None:
    subject = LocalText({"default": "Spring", "de": "Frühling", "de-CH": "Grüezi"})

    assert subject.in_language(language, LANGUAGES.fallback) == text


def test_one_text_is_for_everybody() -> None:
    subject = LocalText.model_validate("Spring")

    assert (subject.default, subject.by_language, list(subject.texts())) == ("Spring", {}, [(None, "Spring")])


def test_texts_are_given_with_their_languages() -> None:
    subject = LocalText({"default": "Spring", "de": "Frühling"})

    assert list(subject.texts()) == [(None, "Spring"), ("de", "Frühling")]
    assert subject.by_language == {"de": "Frühling"}


def test_texts_without_a_default_are_refused() -> None:
    with pytest.raises(ValidationError, match=r"there is no text for all other languages\. Add default: and that text"):
        LocalText({"de": "Frühling"})


def test_an_arm_uses_the_lists_of_all_arms_and_its_own() -> None:
    campaign = Campaign(
        audience=Audience(include=("all",)),
        schedule=Schedule(),
        email=EmailContent(template="spring", uses=("orders",)),
    )
    arm = Arm(share="100%", email=EmailContent(subject="Hello", uses=("products", "orders")))

    email = email_of(campaign, arm)

    assert email is not None
    assert email.uses == ("orders", "products")
    assert email.subject == LocalText({"default": "Hello"})
