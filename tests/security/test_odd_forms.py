"""No form, however odd, brings a page down or leaves half of a change behind."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from sqlalchemy import Engine

from tests.web.visitors import Shop, forms_of, open_shop, preferences_path, unsubscribe_path

ODD = ("\x00", "a\x00b", "\r\nBcc: everybody@example.org", "\ufffe", "a" * 100_000, "\u202e", "💌" * 300)
ONE_CLICK = {"List-Unsubscribe": "One-Click"}


@pytest.fixture
def shop(tmp_path: Path, store: Engine) -> Iterator[Shop]:
    with open_shop(tmp_path, store) as shop:
        yield shop


def test_odd_letters_are_taken_or_refused(shop: Shop) -> None:
    for odd in ODD:
        address = {"address_line1": f"{odd} 1 High Street", "city": odd, "postcode": "YO21 1AA", "country": "GB"}
        assert shop.send(preferences_path(), {**address, "language": odd, "frequency": odd}).status_code in {200, 422}
        assert shop.send(unsubscribe_path(), {"reason": odd, "scope": odd}).status_code == 200
        asked = {"email": "ann@example.org", "topic": ["offers", odd], "source": odd, "language": odd}
        assert shop.post("/subscribe", asked).status_code in {200, 422}
        assert shop.post("/subscribe", {**asked, "topic": "offers"}).status_code == 200
        assert shop.post("/subscribe", {**asked, "email": f"{odd}@example.org"}).status_code == 422
    assert len({mail["To"] for mail in shop.mails()}) == 1


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data", b"--x\r\n"),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data\r\n\r\nvalue\r\n--x--\r\n"),
        ("multipart/form-data; boundary=x", b"\xff\xfe" * 1000),
        ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="a"; filename="b"\r\n\r\nc'),
        ("application/x-www-form-urlencoded", b"%" * 10_000),
        ("application/x-www-form-urlencoded", b"&".join(b"a%d=1" % number for number in range(5_000))),
        ("application/json", b'{"List-Unsubscribe": "One-Click"}'),
        ("", b"List-Unsubscribe=One-Click"),
    ],
)
def test_a_broken_body_is_refused_and_changes_nothing(shop: Shop, kind: str, body: bytes) -> None:
    before = shop.snapshot()
    for path in (unsubscribe_path(), preferences_path(), "/subscribe"):
        answer = requests.post(shop.url + path, body, headers={"Content-Type": kind}, timeout=60)
        assert answer.status_code in {400, 403, 422}
    assert shop.snapshot() == before


def test_a_field_that_comes_twice_counts_once(shop: Shop) -> None:
    (form, *_) = forms_of(shop.get(unsubscribe_path()).text)
    answer = shop.post(form.action, {**form.fields, "scope": ["everything", "topic"], "proof": form.fields["proof"]})
    assert answer.status_code == 200
    assert shop.post(unsubscribe_path(), {"List-Unsubscribe": ["x", "One-Click"]}).status_code == 200
