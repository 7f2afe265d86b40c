"""Who may come in, who may not, and that guessing brings nobody in."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import requests
from sqlalchemy import Engine, select

from handbill.definitions.project import Project
from handbill.errors import NothingToDo, ProjectInvalid
from handbill.operations.audit import operator
from handbill.operations.logins import add_login, remove_login, set_password, weaknesses
from handbill.operations.sessions import OF_A_NAME
from handbill.store.connection import reading
from handbill.store.tables import audit_entry, login, web_session
from tests.conftest import NOW
from tests.operations.shop import make_project
from tests.web.serving import service_for, serving

NAME, PASSWORD = "ann", "correct horse battery"
WRONG = "Name or password is wrong."
EASY = (
    "the password is little more than a word that everybody tries. "
    "Use several words that have nothing to do with each other."
)


class Moving:
    """A clock that tests put on."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Moving:
    return Moving()


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make_project(tmp_path / "shop", 25)


@pytest.fixture
def site(store: Engine, project: Project, clock: Moving) -> Iterator[str]:
    add_login(store, NAME, PASSWORD, now=NOW, doer=operator())
    with serving(service_for(project.root, project, store, clock)) as url:
        yield url


def proof_in(page: str) -> str:
    found = re.search(r'name="proof" value="([^"]+)"', page)
    assert found
    return found[1]


def try_to_sign_in(
    client: requests.Session, site: str, name: str = NAME, password: str = PASSWORD, wanted: str = ""
) -> requests.Response:
    form = client.get(f"{site}/sign-in", params={"next": wanted}, timeout=60).text
    fields = {"proof": proof_in(form), "name": name, "password": password, "next": wanted}
    return client.post(f"{site}/sign-in", data=fields, timeout=60, allow_redirects=False)


@contextmanager
def a_client() -> Iterator[requests.Session]:
    with requests.Session() as client:
        yield client


def test_the_right_password_begins_a_session_that_only_this_browser_has(site: str, store: Engine) -> None:
    with a_client() as client:
        answer = try_to_sign_in(client, site)
        assert (answer.status_code, answer.headers["location"]) == (303, "/reports")
        cookie = answer.headers["set-cookie"]
        assert re.search(r"handbill-session=[\w-]{43}; HttpOnly; Path=/; SameSite=lax", cookie)
        token = client.cookies["handbill-session"]
        assert client.get(f"{site}/reports", timeout=60).status_code == 200
    with reading(store) as connection:
        kept = connection.execute(select(web_session)).one()
    assert token not in str(kept)
    assert requests.get(f"{site}/reports", timeout=60, allow_redirects=False).status_code == 303


def test_behind_https_the_cookie_is_secure_and_bound_to_this_host(site: str) -> None:
    with a_client() as client:
        client.headers["X-Forwarded-Proto"] = "https"
        form = client.get(f"{site}/sign-in", timeout=60)
        assert "__Host-handbill-form=" in form.headers["set-cookie"]
        assert "Secure" in form.headers["set-cookie"]


def test_without_a_session_every_page_leads_to_the_sign_in_and_back(site: str) -> None:
    for path in ("/reports", "/reports/spring", "/reports/spring/results", "/reports/nobody-has-this"):
        answer = requests.get(f"{site}{path}", timeout=60, allow_redirects=False)
        assert (answer.status_code, answer.text) == (303, "")
        assert answer.headers["location"] == f"/sign-in?next={path.replace('/', '%2F')}"
    with a_client() as client:
        assert try_to_sign_in(client, site, wanted="/reports/spring").headers["location"] == "/reports/spring"


@pytest.mark.parametrize("wanted", [
    "https://evil.example/reports", "//evil.example", "/\\evil.example", "/reports/../v1/events", "/reports//evil",
    "javascript:alert(1)", "/reports/a\r\nSet-Cookie: x=y", "/sign-out",
])  # fmt: skip
def test_a_sign_in_leads_nowhere_but_to_our_pages(site: str, wanted: str) -> None:
    with a_client() as client:
        assert try_to_sign_in(client, site, wanted=wanted).headers["location"] == "/reports"


def test_a_wrong_password_and_an_unknown_name_get_the_same_answer(site: str) -> None:
    with a_client() as client:
        known, unknown = (try_to_sign_in(client, site, name, "wrong password") for name in (NAME, "bob"))
        bodies = [re.sub(r'value="[^"]*"', "", answer.text) for answer in (known, unknown)]
        assert WRONG in known.text
        assert bodies[0] == bodies[1]
        assert known.status_code == unknown.status_code == 403


def test_after_too_many_tries_the_right_password_is_refused_too_for_a_while(site: str, clock: Moving) -> None:
    with a_client() as client:
        for _ in range(OF_A_NAME.most):
            assert try_to_sign_in(client, site, password="wrong password").status_code == 403
        refused = try_to_sign_in(client, site)
        assert refused.status_code == 429
        assert "Too many tries. Try again in 3 minutes." in refused.text
        assert refused.headers["retry-after"] == "180"
        clock.now += timedelta(minutes=3)
        assert try_to_sign_in(client, site).status_code == 303


def test_tries_for_a_name_that_nobody_has_end_as_those_for_one_that_somebody_has(site: str) -> None:
    with a_client() as client:
        answers = [try_to_sign_in(client, site, "bob", "wrong password").status_code for _ in range(OF_A_NAME.most + 1)]
    assert answers == [403] * OF_A_NAME.most + [429]


def test_a_sign_in_begins_the_count_of_tries_anew(site: str) -> None:
    with a_client() as client:
        for _ in range(2):
            for _ in range(OF_A_NAME.most - 1):
                assert try_to_sign_in(client, site, password="wrong password").status_code == 403
            assert try_to_sign_in(client, site).status_code == 303
            client.cookies.clear()


def test_a_session_ends_when_nobody_uses_it_and_in_any_case_after_a_week(site: str, clock: Moving) -> None:
    with a_client() as client:
        try_to_sign_in(client, site)
        for _ in range(14):
            clock.now += timedelta(hours=11)
            assert client.get(f"{site}/reports", timeout=60, allow_redirects=False).status_code == 200
        clock.now = NOW + timedelta(days=7)
        assert client.get(f"{site}/reports", timeout=60, allow_redirects=False).status_code == 303
        try_to_sign_in(client, site)
        clock.now += timedelta(hours=12)
        assert client.get(f"{site}/reports", timeout=60, allow_redirects=False).status_code == 303


def test_signing_out_ends_the_session_in_the_store_as_well(site: str) -> None:
    with a_client() as client:
        try_to_sign_in(client, site)
        stolen = client.cookies["handbill-session"]
        page = client.get(f"{site}/reports", timeout=60).text
        answer = client.post(f"{site}/sign-out", data={"proof": proof_in(page)}, timeout=60)
        assert answer.url == f"{site}/sign-in"
        assert "handbill-session" not in client.cookies
    with a_client() as thief:
        thief.cookies["handbill-session"] = stolen
        assert thief.get(f"{site}/reports", timeout=60, allow_redirects=False).status_code == 303


def test_another_password_or_the_end_of_a_login_ends_its_sessions(site: str, store: Engine) -> None:
    another = "another horse battery"
    with a_client() as client:
        try_to_sign_in(client, site)
        set_password(store, NAME, another, now=NOW, doer=operator())
        assert client.get(f"{site}/reports", timeout=60, allow_redirects=False).status_code == 303
        try_to_sign_in(client, site, password=another)
        assert client.get(f"{site}/reports", timeout=60, allow_redirects=False).status_code == 200
        remove_login(store, NAME, now=NOW, doer=operator())
        assert client.get(f"{site}/reports", timeout=60, allow_redirects=False).status_code == 303


def test_sign_ins_are_written_down_and_what_was_typed_is_not(site: str, store: Engine) -> None:
    with a_client() as client:
        try_to_sign_in(client, site, "my-secret-as-name", "my-secret-password")
        try_to_sign_in(client, site)
    with reading(store) as connection:
        lines = connection.execute(select(audit_entry.c.who, audit_entry.c.action).order_by(audit_entry.c.id)).all()
        text = str(connection.execute(select(audit_entry)).all())
    assert [tuple(line) for line in lines[1:]] == [("unknown", "sign in refused"), ("ann", "sign in")]
    assert "my-secret" not in text


def test_passwords_are_kept_as_argon2_hashes(site: str, store: Engine) -> None:
    with reading(store) as connection:
        kept = connection.scalar(select(login.c.password_hash))
    assert str(kept).startswith("$argon2id$v=19$m=65536,t=3,p=4$")


@pytest.mark.parametrize(
    ("password", "said"),
    [
        ("short", "the password has 5 characters. Use 12 or more."),
        ("aaaaaaaaaaaaaaaa", "the password repeats the same few characters. Use several words, for example."),
        ("Password2026!", EASY),
        ("annemarie-1984", EASY),
        ("x" * 300 + "abcd", "the password is too long. Use 256 characters or fewer."),
    ],
)
def test_weak_passwords_are_refused(store: Engine, password: str, said: str) -> None:
    with pytest.raises(ProjectInvalid) as refused:
        add_login(store, "annemarie", password, now=NOW, doer=operator())
    assert str(refused.value).splitlines() == [said]


def test_long_passwords_of_plain_words_are_strong() -> None:
    assert list(weaknesses("ann", "annual leave begins in may")) == []


def test_what_cannot_be_done_with_a_login_is_said(store: Engine) -> None:
    add_login(store, NAME, PASSWORD, now=NOW, doer=operator())
    with pytest.raises(ProjectInvalid) as taken:
        add_login(store, NAME, PASSWORD, now=NOW, doer=operator())
    assert str(taken.value) == (
        'there is a login "ann" already. Choose another name, or set its password with `handbill login password`.'
    )
    with pytest.raises(ProjectInvalid) as impossible:
        add_login(store, " ", PASSWORD, now=NOW, doer=operator())
    assert str(impossible.value) == '" " cannot be a name. Use 1 to 60 letters, such as ann.'
    with pytest.raises(NothingToDo) as nobody:
        remove_login(store, "bob", now=NOW, doer=operator())
    assert str(nobody.value) == 'There is no login "bob". `handbill login list` shows those that there are.'
