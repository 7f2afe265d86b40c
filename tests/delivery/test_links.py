"""Answers find their way back to the message, and nobody can make them up."""

import base64
import hmac
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
from handbill.tokens import seal, sign, unseal

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


def test_tokens_stay_as_they_were_written_into_mails_that_have_left() -> None:
    bearer, click = Bearer(42, 1001), Click(42, 1001, "https://shop.example/")
    assert [
        unsubscribe_token(SECRET, Unsubscribe(42, 1001, "offers")), preferences_token(SECRET, bearer),
        view_token(SECRET, bearer), click_token(SECRET, click), open_token(SECRET, 1001),
        bounce_address(SECRET, "shop.example", 1001),
    ] == [
        "KukHb2ZmZXJzOCVtE2ljUGzdrc0XthbXkQ", "KukHC71YxK86WMonhuKjzgnK3A", "KukHyKGqxdXGC1GEVH3D9DNd2w",
        "KukHaHR0cHM6Ly9zaG9wLmV4YW1wbGUv17wf38VcYS_xil5J31VnPA", "6Qc1ScOfCE8VFBVhZhJqPdhk",
        "bounces+geydamlaw3dy6n3jo6lwkz5uzrrae5wv@shop.example",
    ]  # fmt: skip


@given(st.binary(max_size=200), st.text(max_size=20), st.binary(max_size=300))
def test_a_signature_is_hmac_with_sha256(secret: bytes, purpose: str, payload: bytes) -> None:
    key = hmac.digest(secret, b"handbill:" + purpose.encode(), "sha256")
    assert seal(secret, purpose, payload) == payload + hmac.digest(key, payload, "sha256")[:16]
    assert unseal((b"newer", secret), purpose, seal(secret, purpose, payload)) == payload


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


@given(NUMBERS)
def test_a_bounce_address_is_base32_in_lower_case(outbox_id: int) -> None:
    sealed = base64.b32encode(seal(SECRET, "bounce", str(outbox_id).encode())).decode().rstrip("=").lower()
    assert bounce_address(SECRET, "shop.example", outbox_id) == f"bounces+{sealed}@shop.example"


@pytest.mark.parametrize(
    "address",
    ["", "bounces@shop.example", "bounces+@shop.example", "bounces+aaaa@shop.example", "bounces+a@shop.example",
     bounce_address(b"other", "shop.example", 1)],
)  # fmt: skip
def test_a_bounce_address_that_we_did_not_make_names_nothing(address: str) -> None:
    assert read_bounce(SECRET, address) is None
