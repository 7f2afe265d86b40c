"""Nobody finds out through our pages whom we know: answers and work are the same for everybody."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
from sqlalchemy import Engine, event

from handbill.tokens import sign_numbers
from tests.operations.shop import SECRET
from tests.web.visitors import Shop, open_shop, preferences_path, unsubscribe_path


@pytest.fixture
def shop(tmp_path: Path, store: Engine) -> Iterator[Shop]:
    with open_shop(tmp_path, store, people=3) as shop:
        yield shop


@contextmanager
def counted(store: Engine) -> Iterator[list[str]]:
    """The statements that requests run in the block; what the service does beside them is none of them."""
    statements: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if threading.current_thread().name.startswith("AnyIO"):
            statements.append(statement)

    event.listen(store, "before_cursor_execute", note)
    yield statements
    event.remove(store, "before_cursor_execute", note)


def seen(answer: requests.Response) -> tuple[int, str, list[str]]:
    """What somebody outside can tell one answer from another by."""
    return answer.status_code, answer.text, sorted(answer.headers)


def test_the_form_answers_the_same_for_known_and_unknown_mailboxes(shop: Shop) -> None:
    mailboxes = ("person1@example.org", "nobody@example.org")
    known, unknown = (seen(shop.post("/subscribe", {"email": each, "topic": "events"})) for each in mailboxes)
    assert known == unknown
    assert known[0] == 200


def test_the_same_statements_run_for_known_and_unknown_mailboxes(shop: Shop) -> None:
    work = []
    for email in ("person1@example.org", "nobody@example.org", "person2@example.org"):
        with counted(shop.store) as statements:
            shop.post("/subscribe", {"email": email, "topic": "offers"})
            shop.mails()
        work.append(sorted(statements))
    assert work[0] == work[1] == work[2]
    assert work[0]


def test_wrong_links_tell_nothing_about_numbers(shop: Shop) -> None:
    """A token of another purpose names a contact that exists; it is as wrong as one made up."""
    exists = sign_numbers(SECRET, "c", 1, 1)
    made_up = sign_numbers(b"another secret", "p", 1, 1)
    for place in ("/u/", "/p/", "/export/", "/erase/", "/subscribe/"):
        answers = []
        for token in (exists, made_up, "made-up-altogether"):
            with counted(shop.store) as statements:
                answer = seen(shop.get(place + token))
            answers.append((answer[0], answer[1].replace(token, ""), answer[2], len(statements)))
        assert answers[0] == answers[1] == answers[2]
        assert answers[0][0] == 404


def test_asking_for_data_answers_the_same_when_no_mail_is_sent(shop: Shop) -> None:
    answers = [seen(shop.send(preferences_path(), {"data": "erase"}, button="/data")) for _ in range(5)]
    assert all(each == answers[0] for each in answers)
    assert len(shop.mails()) == 3


def test_a_link_shows_no_whole_address(shop: Shop) -> None:
    for path in (unsubscribe_path(), preferences_path()):
        assert "person1@example.org" not in shop.get(path).text
        assert "person1@example.org" not in shop.send(path).text
