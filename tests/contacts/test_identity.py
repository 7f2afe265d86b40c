"""Different spellings of one mailbox or household have one key."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from handbill.contacts.identity import email_hash, email_key, fold, household_key, postal_hash


@pytest.mark.parametrize(
    ("written", "key"),
    [
        ("ann@example.com", "ann@example.com"),
        ("  Ann.Lee+news@Example.COM ", "ann.lee+news@example.com"),
        ("ann@Bücher.example", "ann@xn--bcher-kva.example"),
        ("ann@xn--bcher-kva.example", "ann@xn--bcher-kva.example"),
        ("用户@例子.example", "用户@xn--fsqu00a.example"),
        ("o'hara_1/x@mail.shop.test", "o'hara_1/x@mail.shop.test"),
    ],
)
def test_a_mailbox_has_one_key(written: str, key: str) -> None:
    assert email_key(written) == key


@pytest.mark.parametrize(
    "written",
    [
        "", "ann", "ann@", "@example.com", "ann@example", "ann@@example.com", "ann@example..com", "a b@example.com",
        "ann@-example.com", "ann@exam_ple.com", ".ann@example.com", "ann@192.168.0.1", "ann@[192.168.0.1]",
        "ann@example.123", "Ann <ann@example.com>", "ann@example.com, bob@example.com", "ann\n@example.com",
        "a" * 65 + "@example.com", "ann@" + "a" * 64 + ".com", "ann@" + "a.b" * 100 + ".com", "ann@xn--9.example",
        "ann@ex\u0000ample.com",
    ],
)  # fmt: skip
def test_what_is_no_mailbox_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match=r"is not an e-mail address\. Write it like ann@example\.com\.$"):
        email_key(written)


def test_the_message_shows_the_address_cut_where_it_is_long() -> None:
    with pytest.raises(ValueError, match=r'^"x{60}…" is not an e-mail address\. Write it like ann@example\.com\.$'):
        email_key("x" * 100)


ordinary = st.from_regex(r"[a-zA-Z0-9.+_-]{1,12}@([a-zA-Z0-9-]{1,8}\.){1,2}[a-zA-Z]{2,4}", fullmatch=True)


@settings(deadline=None)
@given(st.one_of(st.emails(), ordinary))
@example("ann@a--b.example")
@example("ann@xn--bcher-kva.example")
def test_the_key_of_a_key_is_itself(written: str) -> None:
    try:
        key = email_key(written)
    except ValueError:
        return
    assert email_key(key) == key
    assert email_key(written.upper()) == key


def test_hashes_of_different_purposes_and_secrets_differ() -> None:
    hashes = {email_hash(b"one", "x"), postal_hash(b"one", "x"), email_hash(b"two", "x")}
    assert len(hashes) == 3


def test_a_household_shares_an_address_and_a_last_name() -> None:
    key = household_key(b"secret", "gb|sw1a2aa|10 downing st", "O’Brien")
    assert key == household_key(b"secret", "gb|sw1a2aa|10 downing st", " o'brien ")
    assert key != household_key(b"secret", "gb|sw1a2aa|10 downing st", "Lee")
    assert key != household_key(b"secret", "gb|sw1a2aa|11 downing st", "O'Brien")


@settings(deadline=None)
@given(st.text())
def test_folding_twice_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)
