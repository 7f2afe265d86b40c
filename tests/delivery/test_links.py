"""Answers find their way back to the message, and nobody can make them up."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handbill.delivery.links import (
    Bearer,
    Click,
    Page,
    Unsubscribe,
    bounce_address,
    click_token,
    open_token,
    preferences_token,
    public_address,
    read_bounce,
    read_click,
    read_open,
    read_preferences,
    read_unsubscribe,
    read_view,
    unsubscribe_mailto,
    unsubscribe_token,
    view_token,
)
from handbill.tokens import sign

SECRET = b"secret"
WISH = Unsubscribe(contact_id=42, outbox_id=1001, topic="offers.and.news")
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=+/. "
NUMBERS = st.integers(0, 2**63 - 1)

Written = tuple[str, Any]
MAKERS: dict[str, Callable[[int, int], Written]] = {
    "unsubscribe": lambda a, b: (unsubscribe_token(SECRET, Unsubscribe(a, b, "offers")), Unsubscribe(a, b, "offers")),
    "preferences": lambda a, b: (preferences_token(SECRET, Bearer(a, b)), Bearer(a, b)),
    "view": lambda a, b: (view_token(SECRET, Bearer(a, b)), Bearer(a, b)),
    "click": lambda a, b: (click_token(SECRET, Click(a, b)), Click(a, b)),
    "open": lambda a, _b: (open_token(SECRET, a), a),
}
READERS: dict[str, Callable[[bytes | tuple[bytes, ...], str], Any]] = {
    "unsubscribe": read_unsubscribe,
    "preferences": read_preferences,
    "view": read_view,
    "click": read_click,
    "open": read_open,
}


@pytest.mark.parametrize("purpose", MAKERS)
@given(first=NUMBERS, second=NUMBERS)
def test_a_token_says_what_was_signed(purpose: str, first: int, second: int) -> None:
    token, said = MAKERS[purpose](first, second)
    assert READERS[purpose](SECRET, token) == said


@pytest.mark.parametrize("purpose", MAKERS)
@given(first=NUMBERS, second=NUMBERS, place=st.integers(0, 200), letter=st.sampled_from(LETTERS))
def test_a_token_with_any_letter_changed_says_nothing(
    purpose: str, first: int, second: int, place: int, letter: str
) -> None:
    token, _ = MAKERS[purpose](first, second)
    at = place % len(token)
    for changed in (
        token[:at] + letter + token[at + 1 :],
        token[:at] + token[at + 1 :],
        token[:at] + letter + token[at:],
    ):
        assert changed == token or READERS[purpose](SECRET, changed) is None


@pytest.mark.parametrize("purpose", MAKERS)
@pytest.mark.parametrize("other", READERS)
@given(first=NUMBERS, second=NUMBERS)
def test_a_token_of_one_purpose_opens_no_other(purpose: str, other: str, first: int, second: int) -> None:
    token, said = MAKERS[purpose](first, second)
    assert READERS[other](SECRET, token) == (said if other == purpose else None)


@pytest.mark.parametrize("purpose", READERS)
@given(text=st.text())
def test_a_text_that_nobody_signed_says_nothing(purpose: str, text: str) -> None:
    assert READERS[purpose](SECRET, text) is None


@pytest.mark.parametrize("purpose", MAKERS)
def test_a_token_of_an_older_key_is_read_and_one_of_a_key_that_was_dropped_is_not(purpose: str) -> None:
    token, said = MAKERS[purpose](42, 1001)
    assert READERS[purpose]((b"newest", b"newer", SECRET), token) == said
    assert READERS[purpose]((b"newest", b"newer"), token) is None


def test_the_newest_key_signs() -> None:
    token = click_token((b"newest", SECRET), Click(1, 2))
    assert (read_click(b"newest", token), read_click(SECRET, token)) == (Click(1, 2), None)


def test_tokens_are_short() -> None:
    made = [maker(4_000_000, 100_000_000)[0] for maker in MAKERS.values()]
    assert [len(token) for token in made] == [40, 32, 32, 32, 27]


def test_an_unsubscribe_token_of_an_earlier_version_still_says_who_no_longer_wants_what() -> None:
    assert read_unsubscribe(SECRET, sign(SECRET, "unsubscribe", b"42.1001.offers.and.news")) == WISH


def test_addresses_begin_with_the_public_address_and_the_letter_of_their_page() -> None:
    assert [public_address("https://go.shop.example/", page, "t") for page in Page] == [
        "https://go.shop.example/u/t", "https://go.shop.example/p/t", "https://go.shop.example/v/t",
        "https://go.shop.example/c/t", "https://go.shop.example/o/t.gif", "https://go.shop.example/s/t",
    ]  # fmt: skip


def test_the_mailto_carries_the_token_in_its_subject() -> None:
    link = unsubscribe_mailto(SECRET, "shop.example", WISH)
    assert link == f"mailto:unsubscribe@shop.example?subject=unsubscribe%20{unsubscribe_token(SECRET, WISH)}"


@pytest.mark.parametrize("outbox_id", [1, 1001, 2**62])
def test_a_bounce_address_names_its_message_in_any_case(outbox_id: int) -> None:
    address = bounce_address(SECRET, "shop.example", outbox_id)
    assert read_bounce(SECRET, address) == outbox_id
    assert read_bounce((b"newer", SECRET), f"<{address.upper()}>") == outbox_id
    assert len(address.partition("@")[0]) <= 64


@pytest.mark.parametrize(
    "address",
    ["", "bounces@shop.example", "bounces+@shop.example", "bounces+aaaa@shop.example", "bounces+a@shop.example",
     bounce_address(b"other", "shop.example", 1)],
)  # fmt: skip
def test_a_bounce_address_that_we_did_not_make_names_nothing(address: str) -> None:
    assert read_bounce(SECRET, address) is None
