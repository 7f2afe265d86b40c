"""`handbill ingest`, as somebody types it: what waits in quarantine is listed with its reason, and put away."""

import json
from pathlib import Path

import pytest

from handbill.cli import invoke
from tests.operations.shop import make_project
from tests.responses.dovecot import PASSWORD, USER, running_dovecot
from tests.responses.mails import notification, put

AT = ["--now", "2026-12-01T12:00"]
FRIENDLY = (
    b"From: Ann Lee <ann@example.com>\r\nDate: Tue, 01 Dec 2026 10:00:00 +0000\r\n"
    b"Subject: Re: Spring\r\n\r\nThank you!\r\n"
)
STRANGE = notification(to="news@shop.test", returned="<made-up@example.com>")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    make_project(tmp_path, 25)
    put(tmp_path / ".handbill" / "inbox", "1-friendly", FRIENDLY)
    put(tmp_path / ".handbill" / "inbox", "2-strange", STRANGE)
    return tmp_path


def handbill(root: Path, *words: str) -> int:
    return invoke(["ingest", *words, "--project", str(root)])


def test_mail_that_waits_is_counted_listed_with_its_reason_and_put_away(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert handbill(root, *AT) == 0
    waits = "2 mails wait in quarantine, for a person to look at: `handbill ingest --list-quarantine`.\n"
    assert capsys.readouterr().out == waits
    assert handbill(root, "--list-quarantine", *AT) == 0
    assert capsys.readouterr().out == (
        f"2 mails in {root}/.handbill/inbox/quarantine:\n"
        "  1-friendly  2026-12-01 10:00, ann@example.com: Re: Spring\n"
        "    nothing in it is signed by us.\n"
        "  2-strange  2026-12-01 10:00, MAILER-DAEMON@mx.example: Undelivered Mail Returned to Sender\n"
        "    it is a notification about a message that is not known to be ours.\n"
        "Looked at one? Put it away with `handbill ingest --settle NAME`.\n"
        'To stop writing to its sender: `handbill suppression add ADDRESS --reason "asked by mail"`.\n'
    )
    assert handbill(root, "--settle", "1-friendly", "--settle", "2-strange") == 0
    assert capsys.readouterr().out == "Put away 2 mails.\n"
    assert (root / ".handbill/inbox/done/1-friendly").read_bytes() == FRIENDLY
    assert handbill(root, "--list-quarantine", *AT) == 1
    assert capsys.readouterr().err == "Nothing waits in quarantine.\n"


def test_the_list_is_there_for_other_programs(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    handbill(root, *AT)
    capsys.readouterr()
    assert handbill(root, "--list-quarantine", "--json", *AT) == 0
    assert json.loads(capsys.readouterr().out)[0] == {
        "place": f"{root}/.handbill/inbox/quarantine",
        "name": "1-friendly",
        "sent_at": "2026-12-01T10:00:00+00:00",
        "sender": "ann@example.com",
        "subject": "Re: Spring",
        "why": "nothing in it is signed by us",
    }


@pytest.mark.parametrize("name", ["3-nobody", "../done/1", "imap:7", "."])
def test_a_name_that_is_none_is_said(root: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    assert handbill(root, "--settle", name) == 2
    assert capsys.readouterr().err == (
        f"no mail {name} waits in quarantine. `handbill ingest --list-quarantine` lists them.\n"
    )


def test_mail_on_the_server_waits_is_listed_and_put_away_there(
    root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_dovecot() as server:
        monkeypatch.setenv("IMAP_PASSWORD", PASSWORD)
        monkeypatch.setenv("SSL_CERT_FILE", str(server.certificate))
        mailbox = f"    mailbox: {{host: localhost, port: {server.port}, user: {USER}, password: '${{IMAP_PASSWORD}}'}}"
        make_project(root, 25, email=mailbox)
        server.put("1", FRIENDLY)
        assert handbill(root, *AT) == 0
        assert "3 mails wait in quarantine" in capsys.readouterr().out
        assert handbill(root, "--list-quarantine", *AT) == 0
        assert (
            "1 mail in the folder Handbill quarantine of localhost:\n"
            "  imap:1  2026-12-01 10:00, ann@example.com: Re: Spring\n"
            "    nothing in it is signed by us.\n"
        ) in capsys.readouterr().out
        assert handbill(root, "--settle", "imap:1", "--settle", "1-friendly") == 0
        assert server.mails("Handbill quarantine") == []
        assert server.mails("Handbill done") == [FRIENDLY]
