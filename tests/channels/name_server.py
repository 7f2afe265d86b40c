"""A name server on this machine that knows what a test tells it."""

import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

Records = Mapping[tuple[str, str], list[str]]
"""Texts of records by name and kind, such as ("shop.example", "TXT")."""


@contextmanager
def name_server(records: Records, *, is_silent: bool = False) -> Iterator[int]:
    """Answers over UDP until the block ends; gives its port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        ended = threading.Event()
        thread = threading.Thread(target=_serve, args=(listener, records, ended, is_silent), daemon=True)
        thread.start()
        port = listener.getsockname()[1]
        try:
            yield port
        finally:
            ended.set()
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as waker:
                waker.sendto(b"", ("127.0.0.1", port))
            thread.join()


def _serve(listener: socket.socket, records: Records, ended: threading.Event, is_silent: bool) -> None:
    while not ended.is_set():
        packet, sender = listener.recvfrom(4096)
        if packet and not is_silent:
            listener.sendto(_answer(dns.message.from_wire(packet), records).to_wire(), sender)


def _answer(query: dns.message.Message, records: Records) -> dns.message.Message:
    (question,) = query.question
    name, kind = str(question.name).rstrip("."), dns.rdatatype.to_text(question.rdtype)
    answer = dns.message.make_response(query, recursion_available=True)
    known = {each for each, _ in records}
    if (name, kind) in records:
        answer.answer.append(dns.rrset.from_text_list(question.name, 60, "IN", kind, records[name, kind]))
    elif name not in known:
        answer.set_rcode(dns.rcode.NXDOMAIN)
    return answer
