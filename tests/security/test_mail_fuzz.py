"""Mail that is made to break its readers is read in its time, or waits for a person; it never stops the others."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, func, select

from handbill.delivery.links import bounce_address
from handbill.responses.judging import TOO_LARGE, UNREADABLE, judge
from handbill.responses.mailbox import MailRead, judge_mail, read_mail, take_in_mails
from handbill.responses.received import LARGEST, MOST_PARTS, parse_mail
from handbill.store.connection import open_store, writing
from handbill.store.migrate import upgrade
from handbill.store.tables import event
from tests.conftest import NOW
from tests.reports.factory import EMAIL, NOTHING, fill
from tests.responses.mails import (
    DOMAIN,
    SECRET,
    away,
    bounced,
    complaint,
    notification,
    put,
    report_of,
    request_to_stop,
)

SECONDS = 2
"""So long may one mail take, of the processor's time."""
SIGNED = bounce_address(SECRET, DOMAIN, 1)
REAL = [
    bounced(1),
    notification(to=SIGNED, action="delayed"),
    report_of("Final-Recipient: utf-8; änn@bücher.example\nAction: failed\nStatus: 5.1.1", to=SIGNED, coding="base64"),
    complaint(bounced_to=1),
    request_to_stop(1, 1),
    away(to=SIGNED),
    f"From: MAILER-DAEMON@mx.example\r\nTo: {SIGNED}\r\nSubject: failure notice\r\n\r\n"
    "Hi. This is the qmail-send\r\n\r\n<ann@example.com>:\r\n550 no such user\r\n".encode(),
]
FEW = settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def small_store(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """A store with nothing in it: what is judged here is about nobody."""
    engine = open_store(f"sqlite:///{tmp_path_factory.mktemp('fuzz') / 'handbill.db'}")
    upgrade(engine)
    return engine


def judged(connection: Connection, mail: bytes) -> str:
    """Why it waits, or nothing; fails when it took too long, and when a parser stumbled over it."""
    began = time.process_time()
    found = judge(connection, mail, SECRET, now=NOW)
    assert time.process_time() - began < SECONDS
    assert found.waits != UNREADABLE
    return found.waits


def nested(depth: int) -> bytes:
    parts = b"".join(b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (n, n) for n in range(depth))
    return b"To: %b\r\n" % SIGNED.encode() + parts + b"Content-Type: message/delivery-status\r\n\r\nAction: failed\r\n"


def wrapped(depth: int) -> bytes:
    return b"To: %b\r\n" % SIGNED.encode() + b"Content-Type: message/rfc822\r\n\r\n" * depth + bounced(1)


def report(status: bytes, *, head: bytes = b"") -> bytes:
    return (
        b"To: %b\r\n%bContent-Type: multipart/report; boundary=b\r\n\r\n--b\r\n" % (SIGNED.encode(), head)
        + b"Content-Type: message/delivery-status\r\n\r\n" + status + b"\r\n--b--\r\n"
    )  # fmt: skip


ROOM = LARGEST - 1_000
FROM_A_SERVER = b"From: MAILER-DAEMON@x\r\nTo: %b\r\n\r\n" % SIGNED.encode()
BOMBS: dict[str, Callable[[], bytes]] = {
    "parts nested 50 deep": lambda: nested(50) + b"x" * 100_000,
    "parts nested 50 deep, and large": lambda: (nested(50) + b"x\r\n" * (ROOM // 3))[:LARGEST],
    "parts nested 5,000 deep": lambda: nested(5_000),
    "mails in mails, 5,000 deep": lambda: wrapped(5_000),
    "multiparts without end": lambda: b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n" * (ROOM // 5),
    "multiparts that hold each other": lambda: (
        b"Content-Type: multipart/mixed; boundary=a\r\n\r\n"
        + b"--a\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
        b"--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n" * (ROOM // 140)
    ),
    "an endless boundary": lambda: b"Content-Type: multipart/mixed; boundary=" + b"b" * ROOM + b"\r\n\r\n--b",
    "endless parameters": lambda: b"Content-Type: multipart/mixed" + b";a=b" * (ROOM // 4) + b"\r\n\r\n",
    "half a million headers": lambda: b"A: b\r\n" * (ROOM // 6) + b"\r\nx",
    "an endless header": lambda: b"Subject: " + b"a" * ROOM + b"\r\n\r\n",
    "a header folded without end": lambda: b"To: a" + b"\r\n b" * (ROOM // 4) + b"\r\n\r\n",
    "endless recipients": lambda: b"To: " + b"bounces+%b@x.example, " % (b"a" * 40) * (ROOM // 60) + b"\r\n\r\n",
    "encoded words without end": lambda: b"Subject: " + b"=?utf-8?q?=41?= " * (ROOM // 17) + b"\r\n\r\n",
    "quotes and comments without end": lambda: b'From: "' + b'\\"((' * (ROOM // 4) + b"\r\n\r\n",
    "a hundred thousand groups": lambda: report(b"Action: failed\r\n\r\n" * (ROOM // 18)),
    "an endless status": lambda: report(b"Action: failed\r\nStatus: " + b"5." * (ROOM // 2)),
    "an endless diagnosis": lambda: report(b"Action: failed\r\nDiagnostic-Code: " + b"5.1. user is " * (ROOM // 13)),
    "blank lines without end": lambda: report(b"\r\n \t\r\n" * (ROOM // 6)),
    "broken base64": lambda: report(b"====" * (ROOM // 4), head=b"Content-Transfer-Encoding: base64\r\n"),
    "spaces behind every boundary": lambda: report((b"--b" + b" " * 1_000 + b"x\r\n") * (ROOM // 1_006)),
    "a server's words without end": lambda: FROM_A_SERVER + b"<a@b>:\r\n" * (ROOM // 8),
    "addresses without end": lambda: FROM_A_SERVER + b"a" * ROOM,
    "at signs without end": lambda: FROM_A_SERVER + b"a@" * (ROOM // 2),
    "brackets without end": lambda: FROM_A_SERVER + b"<" * ROOM,
    "digits without end": lambda: FROM_A_SERVER + b"550 5.1.1 " * (ROOM // 10),
    "nothing": lambda: b"",
    "nothing but zeros": lambda: b"\0" * ROOM,
    "nothing but line ends": lambda: b"\r\n" * (ROOM // 2),
    "a charset that does not exist": lambda: bounced(1).replace(b"text/plain", b"text/plain; charset=x-\xff-klingon"),
    "a charset in a parameter": lambda: b"Content-Type: multipart/report; boundary*=klingon''%ff%fe\r\n\r\n--x\r\n",
    "surrogates and zeros in what a server said": lambda: report(
        b"Action: failed\r\nStatus: 5.1.1\r\nDiagnostic-Code: smtp; \xed\xa0\x80 \x00 \xe2\x80\xa8 \x1b[31m \xff\r\n"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BOMBS)
def test_a_mail_that_is_made_to_keep_its_reader_busy_does_not(small_store: Engine, name: str) -> None:
    with small_store.connect() as connection:
        judged(connection, BOMBS[name]())


def test_a_mail_of_twenty_megabytes_waits_unread(small_store: Engine, tmp_path: Path) -> None:
    put(tmp_path, "1", bounced(1) + b"x" * 20_000_000)
    began = time.process_time()
    assert read_mail(small_store, tmp_path, SECRET, now=NOW) == MailRead(quarantined=1)
    assert time.process_time() - began < SECONDS
    with small_store.connect() as connection:
        assert judged(connection, b"x" * 20_000_000) == TOO_LARGE


def test_only_so_many_parts_are_looked_at() -> None:
    mail = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\nx\r\n" * 10_000
    assert len(parse_mail(mail).parts) == MOST_PARTS


@FEW
@given(mail=st.binary(max_size=2_000))
def test_no_bytes_at_all_trip_the_reader(small_store: Engine, mail: bytes) -> None:
    with small_store.connect() as connection:
        judged(connection, mail)


@FEW
@given(
    mail=st.sampled_from(REAL),
    cuts=st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1), st.binary(max_size=40)), max_size=8),
)
def test_a_real_mail_with_pieces_changed_does_not(
    small_store: Engine, mail: bytes, cuts: list[tuple[float, float, bytes]]
) -> None:
    for start, length, put_in in cuts:
        at = int(start * len(mail))
        mail = mail[:at] + put_in + mail[at + int(length * 100) :]
    with small_store.connect() as connection:
        judged(connection, mail)


LINES = st.sampled_from(
    [
        b"Action: failed", b"Action:", b"action: DELAYED (x)", b"Status: 5.1.1", b"Status: 9.9.9", b"Status: 5.1.1.1",
        b"Final-Recipient: rfc822; a@b.example", b"Final-Recipient: utf-8; \\x{110000}\\x{D800}@b", b"Final-Recipient:",
        b"Original-Recipient: rfc822;+ZZ+2B@@", b"Diagnostic-Code: smtp; 550 5.1.1 \xff\x00", b"",
        b" folded", b":", b"\x00",
        b"Original-Envelope-Id: " + b"a" * 500, b"Feedback-Type: abuse", b"Feedback-Type:", b"--b", b"--b--",
        b"Content-Type: message/feedback-report", b"Content-Type: multipart/report; boundary=b",
        b"Content-Type: message/rfc822", b"Content-Transfer-Encoding: quoted-printable", b"Message-ID: <<>>",
        b"Date: 99 Feb 99999 99:99:99 +99999", b"List-Unsubscribe: <mailto:x?subject=%00%ff%zz>",
        b"To: " + SIGNED.encode(),
    ]
)  # fmt: skip


@FEW
@given(lines=st.lists(LINES, max_size=40))
def test_reports_out_of_any_lines_do_not(small_store: Engine, lines: list[bytes]) -> None:
    with small_store.connect() as connection:
        judged(connection, report(b"\r\n".join(lines)))
        judged(connection, b"\r\n".join(lines))


def test_what_a_server_said_can_always_be_kept(store: Engine) -> None:
    """Zeros and half characters, which PostgreSQL takes in no text, are gone before it is asked to."""
    with writing(store) as connection:
        fill(connection, [replace(NOTHING, units=1, buyers=0), replace(EMAIL, units=1, buyers=0)])
        mail = BOMBS["surrogates and zeros in what a server said"]()
        judged = {1: judge_mail(connection, mail, SECRET, NOW)}
        assert take_in_mails(connection, judged, now=NOW) == {1: MailRead(bounces=1)}
        assert connection.scalar(select(func.count()).select_from(event)) == 1


def test_a_mail_that_trips_a_reader_holds_up_no_other(small_store: Engine, tmp_path: Path) -> None:
    for number, name in enumerate(BOMBS):
        if number % 4 == 0:
            put(tmp_path, f"{number:02}", BOMBS[name]())
    put(tmp_path, "99", away())
    read = read_mail(small_store, tmp_path, SECRET, now=NOW)
    assert read.set_aside >= 1
    assert not [*(tmp_path / "new").iterdir()]
