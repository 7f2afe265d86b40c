"""`handbill ingest` is killed in the middle of a mailbox, and the next one loses nothing and repeats nothing."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, select

from handbill.store.connection import reading, writing
from handbill.store.tables import event, outbox, suppression
from tests.operations.shop import make_project
from tests.reports.factory import EMAIL, NOTHING, fill
from tests.responses.cut_line import CutLine, cut_line
from tests.responses.dovecot import PASSWORD, USER, Dovecot, running_dovecot
from tests.responses.mails import SECRET, bounced

MAILS = 210  # more than one piece
AT = "2026-12-01T12:00"


@pytest.fixture
def mailbox(store: Engine) -> Iterator[Dovecot]:
    """A mailbox with one hard bounce for each message."""
    with writing(store) as connection:
        fill(connection, [replace(NOTHING, units=1, buyers=0), replace(EMAIL, units=MAILS, buyers=0)])
        messages = connection.scalars(select(outbox.c.id)).all()
    with running_dovecot() as server:
        for message in messages:
            server.put(str(message), bounced(message))
        yield server


def ingest(root: Path, store: Engine) -> subprocess.Popen[str]:
    """The command, in a process of its own."""
    environment = {
        **os.environ,
        "HANDBILL_DATABASE_URL": store.url.render_as_string(hide_password=False),
        "HANDBILL_SECRET": SECRET.decode(),
        "IMAP_PASSWORD": PASSWORD,
    }
    command = [sys.executable, "-m", "handbill", "ingest", "--project", str(root), "--now", AT]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def declare(root: Path, line: CutLine) -> None:
    mailbox = f"{{host: localhost, port: {line.port}, security: none, user: {USER}, password: '${{IMAP_PASSWORD}}'}}"
    make_project(root, 25, email=f"    mailbox: {mailbox}")


@pytest.mark.parametrize("word", [b"BODY.PEEK", b"UID MOVE"], ids=["before it is kept", "before it is moved"])
def test_a_killed_reader_loses_and_repeats_nothing(
    store: Engine, mailbox: Dovecot, tmp_path: Path, word: bytes
) -> None:
    children: list[subprocess.Popen[str]] = []

    def kill() -> None:
        children[0].kill()

    with cut_line(mailbox.plain_port, word, cuts=1, on_cut=kill) as line:
        declare(tmp_path, line)
        children.append(ingest(tmp_path, store))
        children[0].communicate(timeout=60)
        assert children[0].returncode == -9
        assert len(mailbox.mails()) == MAILS
        again = ingest(tmp_path, store)
        said, complained = again.communicate(timeout=60)
    assert (again.returncode, complained) == (0, "")
    kept = 0 if word == b"BODY.PEEK" else 200
    known = f"{kept} mails had been read before.\n" if kept else ""
    assert said == f"Read {MAILS - kept} bounces.\n{known}"
    assert (mailbox.mails(), len(mailbox.mails("Handbill done"))) == ([], MAILS)
    with reading(store) as connection:
        assert connection.scalar(select(func.count()).select_from(event)) == MAILS
        assert connection.scalar(select(func.count()).select_from(suppression)) == MAILS
