"""A message in pieces crosses the wire as if it were one: each line with its CRLF, each dot that begins one doubled."""

import re
import socket
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from handbill.channels.contract import Outgoing
from handbill.channels.smtp_dialogue import Dialogue, Timeouts
from handbill.channels.smtp_line import SmtpLine
from handbill.rendering.email import RenderedEmail
from handbill.rendering.mime import Envelope, build_parts
from handbill.rendering.quoted_printable import encode_piece

COMMANDS = b"MAIL FROM:<a@shop.test>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n"
ENVELOPE = Envelope("News <a@shop.test>", "b@example.org", "<1.a@shop.test>", datetime(2026, 12, 1, 9, tzinfo=UTC))

WORDS = st.sampled_from(
    [b"\r", b"\n", b"\r\n", b".", b"..", b"=\r\n", b"ab", b"ab\r\n", b".\r\n", b".ab=\r\n", b"\r\n."]
)
ANY_PIECE = st.lists(WORDS, max_size=5).map(b"".join)
WHOLE_LINES = st.lists(st.sampled_from([b"", b"ab", b".", b"..", b".ab=", b"ab.", b"--"]), min_size=1, max_size=4).map(
    lambda lines: b"".join(line + b"\r\n" for line in lines)
)
ANY_VALUE = st.text(alphabet="\r\n.=aé \u2028", max_size=90)


def on_the_wire(pieces: tuple[bytes, ...]) -> bytes:
    """All that a line writes up to its final dot."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        line = SmtpLine(Dialogue(socket.create_connection(listener.getsockname())), {"PIPELINING": ""}, Timeouts())
        server, _ = listener.accept()
        with server, server.makefile("rb") as written:
            server.sendall(b"250 ok\r\n250 ok\r\n354 go on\r\n")
            assert line.offer(Outgoing("a@shop.test", "b@example.org", pieces, key="1.a")) is None
            line.withdraw()
            return written.read()


def read_plainly(message: bytes) -> bytes:
    *lines, last = re.split(rb"\r\n|\r|\n", message)
    lines += [last] if last or not lines else []
    return b"".join((b"." if line.startswith(b".") else b"") + line + b"\r\n" for line in lines)


@given(st.lists(st.one_of(WHOLE_LINES, ANY_PIECE), max_size=5).map(tuple))
def test_pieces_of_any_kind_are_read_as_one_message(pieces: tuple[bytes, ...]) -> None:
    assert on_the_wire(pieces) == COMMANDS + read_plainly(b"".join(pieces))


@given(st.lists(WHOLE_LINES, min_size=1, max_size=5).map(tuple))
def test_pieces_of_whole_lines_are_read_as_one_message(pieces: tuple[bytes, ...]) -> None:
    assert on_the_wire(pieces) == COMMANDS + read_plainly(b"".join(pieces))


@given(st.lists(ANY_VALUE, max_size=5), ANY_VALUE)
def test_no_value_of_a_recipient_ends_a_line_of_the_message_in_its_own_way(values: list[str], text: str) -> None:
    ready = {piece: encode_piece(piece) for piece in values[::2]}
    head, body = build_parts(RenderedEmail("Spring", "", text, tuple(values), ready), ENVELOPE)
    assert all(piece.endswith(b"\r\n") and piece == re.sub(rb"\r\n|\r|\n", b"\r\n", piece) for piece in (head, *body))
    assert on_the_wire((head, *body)) == COMMANDS + read_plainly(head + b"".join(body))
