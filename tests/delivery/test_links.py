"""Answers find their way back to the message, and nobody can make them up."""

import pytest

from handbill.delivery.links import (
    Unsubscribe,
    bounce_address,
    read_bounce,
    read_unsubscribe,
    unsubscribe_mailto,
    unsubscribe_token,
)
from handbill.tokens import sign

SECRET = b"secret"
WISH = Unsubscribe(contact_id=42, outbox_id=1001, topic="offers.and.news")


def test_an_unsubscribe_token_says_who_no_longer_wants_what() -> None:
    assert read_unsubscribe(SECRET, unsubscribe_token(SECRET, WISH)) == WISH


def test_the_mailto_carries_the_token_in_its_subject() -> None:
    link = unsubscribe_mailto(SECRET, "shop.example", WISH)
    assert link == f"mailto:unsubscribe@shop.example?subject=unsubscribe%20{unsubscribe_token(SECRET, WISH)}"


@pytest.mark.parametrize(
    "token", ["", "nonsense", "ä", unsubscribe_token(b"other", WISH), sign(SECRET, "bounce", b"1")]
)
def test_a_token_that_we_did_not_sign_for_this_says_nothing(token: str) -> None:
    assert read_unsubscribe(SECRET, token) is None


@pytest.mark.parametrize("outbox_id", [1, 1001, 2**62])
def test_a_bounce_address_names_its_message_in_any_case(outbox_id: int) -> None:
    address = bounce_address(SECRET, "shop.example", outbox_id)
    assert read_bounce(SECRET, address) == outbox_id
    assert read_bounce(SECRET, f"<{address.upper()}>") == outbox_id
    assert len(address.partition("@")[0]) <= 64


@pytest.mark.parametrize(
    "address",
    ["", "bounces@shop.example", "bounces+@shop.example", "bounces+aaaa@shop.example", "bounces+a@shop.example",
     bounce_address(b"other", "shop.example", 1)],
)  # fmt: skip
def test_a_bounce_address_that_we_did_not_make_names_nothing(address: str) -> None:
    assert read_bounce(SECRET, address) is None
