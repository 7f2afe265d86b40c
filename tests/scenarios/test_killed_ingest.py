"""`handbill ingest` is killed in the middle of a mailbox, and the next one loses nothing and repeats nothing."""

import os
import signal
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

MAILS, AT_ONCE = 210, 200
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


def ingest(root: Path, store: Engine, line: CutLine) -> subprocess.Popen[str]:
    """The command, in a process of its own, with the mailbox at the end of a line."""
    mailbox = f"{{host: localhost, port: {line.port}, security: none, user: {USER}, password: '${{IMAP_PASSWORD}}'}}"
    make_project(root, 25, email=f"    mailbox: {mailbox}")
    environment = {
        **os.environ,
        "HANDBILL_DATABASE_URL": store.url.render_as_string(hide_password=False),
        "HANDBILL_SECRET": SECRET.decode(),
        "IMAP_PASSWORD": PASSWORD,
    }
    command = [sys.executable, "-m", "handbill", "ingest", "--project", str(root), "--now", AT]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def killed_at(word: bytes, mailbox: Dovecot, root: Path, store: Engine) -> None:
    """Runs the command, and kills it when it is about to say this to the server."""
    children: list[subprocess.Popen[str]] = []

    def kill() -> None:
        children[0].kill()

    with cut_line(mailbox.plain_port, word, cuts=1, on_cut=kill) as line:
        children.append(ingest(root, store, line))
        children[0].communicate(timeout=120)
    assert children[0].returncode == -signal.SIGKILL
    assert len(mailbox.mails()) == MAILS


def counted(store: Engine) -> tuple[int | None, int | None]:
    with reading(store) as connection:
        events = connection.scalar(select(func.count()).select_from(event))
        return events, connection.scalar(select(func.count()).select_from(suppression))


def test_a_reader_that_is_killed_twice_loses_and_repeats_nothing(
    store: Engine, mailbox: Dovecot, tmp_path: Path
) -> None:
    killed_at(b"BODY.PEEK", mailbox, tmp_path, store)
    assert counted(store) == (0, 0)
    killed_at(b"UID MOVE", mailbox, tmp_path, store)
    assert counted(store) == (AT_ONCE, AT_ONCE)
    with cut_line(mailbox.plain_port, b"", cuts=0) as line:
        last = ingest(tmp_path, store, line)
        said, complained = last.communicate(timeout=120)
    assert (last.returncode, complained) == (0, "")
    assert said == f"Read {MAILS - AT_ONCE} bounces.\n{AT_ONCE} mails had been read before.\n"
    assert (mailbox.mails(), len(mailbox.mails("Handbill done"))) == ([], MAILS)
    assert counted(store) == (MAILS, MAILS)
