"""What every e-mail vendor's adapter must do, against a server that behaves and fails like the vendor's own."""

import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from handbill.channels.contract import Answer, Outcome, Outgoing, Scope
from handbill.channels.http_line import HttpProvider, HttpTimeouts, Vendor
from handbill.channels.mailgun import Mailgun
from handbill.channels.postmark import Postmark
from handbill.channels.resend import Resend
from handbill.channels.sendgrid import SendGrid
from handbill.channels.ses import Ses
from handbill.rendering.email import RenderedEmail
from handbill.rendering.mime import Envelope, build_message
from tests.channels.vendor_servers import (
    INACTIVE,
    KEY,
    KEY_ID,
    SENDER,
    MailgunServer,
    PostmarkServer,
    ResendServer,
    SendGridServer,
    SesServer,
    VendorServer,
    vendor_at_work,
)

Make = Callable[[str, str], Vendor]
"""Makes the adapter from its key and the server's address."""

VENDORS: dict[str, tuple[type[VendorServer], Make]] = {
    "ses": (SesServer, lambda key, address: Ses(KEY_ID, key, "eu-west-1", address=address)),
    "sendgrid": (SendGridServer, SendGrid),
    "mailgun": (MailgunServer, lambda key, address: Mailgun(key, "mg.northwind.example", address)),
    "postmark": (PostmarkServer, lambda key, address: Postmark(key, endpoint=address)),
    "resend": (ResendServer, Resend),
}
REMEMBERING = {"resend"}
"""Vendors that take a message once however often it comes under one key."""
QUICK = HttpTimeouts(connect=5, answer=0.3)


@dataclass
class Bench:
    """An adapter, and the server that it talks to."""

    name: str
    server: VendorServer
    make: Make

    def send(self, message: Outgoing, *, key: str = KEY) -> Answer:
        """Offers and commits one message over a new line."""
        line = HttpProvider(self.make(key, self.server.endpoint), timeouts=QUICK).open()
        assert not isinstance(line, Answer)
        assert line.offer(message) is None
        assert self.server.requests == 0, "nothing leaves before it is committed"
        answer = line.commit()
        line.close()
        return answer


@pytest.fixture(params=VENDORS)
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    kind, make = VENDORS[request.param]
    with vendor_at_work(kind()) as server:
        yield Bench(request.param, server, make)


def outgoing(recipient: str = "ann@shop.example", *, sender: str = SENDER) -> Outgoing:
    html = "<p>Grüße, Ann. <a href='https://shop.example/?a=1&b=2'>News</a></p>"
    rendered = RenderedEmail("15 % off für dich", "", "Grüße, Ann.\n", (html,), {})
    envelope = Envelope(
        f"Northwind Café <{sender}>", recipient, "<1.a@northwind.example>", datetime(2026, 12, 1, 9, tzinfo=UTC),
        reply_to="Help <help@northwind.example>",
        list_unsubscribe=("https://go.northwind.example/u/1", "mailto:out@northwind.example"),
        list_id="offers.northwind.example",
    )  # fmt: skip
    return Outgoing("b@northwind.example", recipient, (build_message(rendered, envelope),), "key-1", {"outbox": "42"})


def test_a_message_is_taken_once_as_it_was_made(bench: Bench) -> None:
    answer = bench.send(outgoing())
    assert (answer.outcome, answer.provider_id) == (Outcome.ACCEPTED, "id-1")
    (taken,) = bench.server.taken
    assert (taken.recipient, taken.subject, taken.labels) == (
        "ann@shop.example", "15 % off für dich", {"outbox": "42"},
    )  # fmt: skip
    assert taken.text.strip() == "Grüße, Ann."
    assert taken.html.strip() == "<p>Grüße, Ann. <a href='https://shop.example/?a=1&b=2'>News</a></p>"
    assert taken.headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert taken.headers["List-Unsubscribe"].startswith("<https://go.northwind.example/u/1>,")
    assert taken.headers["Message-ID"] == "<1.a@northwind.example>"


def test_an_address_that_the_vendor_has_given_up_fails_alone(bench: Bench) -> None:
    answer = bench.send(outgoing(INACTIVE))
    assert (answer.outcome, answer.scope) == (Outcome.FAILED, Scope.MESSAGE)
    assert answer.text
    assert bench.server.taken == []


def test_a_sender_that_is_not_verified_is_our_fault_and_nobody_fails(bench: Bench) -> None:
    answer = bench.send(outgoing(sender="news@northwind.test"))
    assert (answer.outcome, answer.scope) == (Outcome.SENDER_REFUSED, Scope.PROVIDER)


def test_a_wrong_key_is_our_fault_and_is_not_repeated_in_the_answer(bench: Bench) -> None:
    answer = bench.send(outgoing(), key="a wrong key")
    assert (answer.outcome, answer.scope) == (Outcome.SENDER_REFUSED, Scope.PROVIDER)
    assert "wrong key" not in f"{answer}{bench.make('a wrong key', '')}"


@pytest.mark.parametrize(
    ("fault", "after"), [("limit", timedelta(seconds=7)), ("limit until", timedelta(seconds=90)), ("down", None)]
)
def test_a_vendor_that_asks_for_a_pause_gets_it_for_every_message(
    bench: Bench, fault: str, after: timedelta | None
) -> None:
    bench.server.fault = fault
    answer = bench.send(outgoing())
    assert (answer.outcome, answer.scope) == (Outcome.RETRY, Scope.PROVIDER)
    if after is None:
        assert answer.after is None
    else:
        assert answer.after is not None
        assert after - timedelta(seconds=10) <= answer.after <= after
    assert bench.server.taken == []


@pytest.mark.parametrize("fault", ["lost", "silent", "drop", "broken", "gateway", "portal"])
def test_an_answer_that_got_lost_leaves_the_message_in_doubt_and_it_is_not_sent_again(bench: Bench, fault: str) -> None:
    bench.server.fault = fault
    answer = bench.send(outgoing())
    assert (answer.outcome, answer.scope) == (Outcome.UNCERTAIN, Scope.MESSAGE)
    assert len(bench.server.taken) <= 1
    asked = 3 if bench.name in REMEMBERING and fault != "portal" else bench.server.requests
    assert bench.server.requests == asked
    if bench.name not in REMEMBERING:
        assert asked == 1


@pytest.mark.parametrize("fault", ["lost", "silent", "drop", "broken"])
def test_a_vendor_that_remembers_keys_is_asked_again_and_has_the_message_once(fault: str) -> None:
    with vendor_at_work(ResendServer(fault=fault, times=1)) as server:
        answer = Bench("resend", server, VENDORS["resend"][1]).send(outgoing())
        assert (answer.outcome, answer.provider_id) == (Outcome.ACCEPTED, "id-1")
        assert (server.requests, len(server.taken)) == (2, 1)


def test_a_redirection_is_not_followed(bench: Bench) -> None:
    bench.server.fault = "redirect"
    assert bench.send(outgoing()).outcome is Outcome.SENDER_REFUSED


@pytest.mark.parametrize("name", VENDORS)
def test_a_vendor_that_cannot_be_reached_was_sent_nothing_for_certain(name: str) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        address = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        line = HttpProvider(VENDORS[name][1](KEY, address), timeouts=QUICK).open()
        assert not isinstance(line, Answer)
        line.offer(outgoing())
        assert line.commit() == Answer(
            Outcome.RETRY, "connect", text="127.0.0.1 cannot be reached", scope=Scope.PROVIDER
        )
        line.close()


def test_many_messages_go_over_one_connection(bench: Bench) -> None:
    line = HttpProvider(bench.make(KEY, bench.server.endpoint), timeouts=QUICK).open()
    assert not isinstance(line, Answer)
    for number in range(3):
        line.offer(Outgoing(SENDER, f"p{number}@shop.example", outgoing().pieces, f"key-{number}", {"outbox": "1"}))
        assert line.commit().outcome is Outcome.ACCEPTED
    line.close()
    assert [taken.recipient for taken in bench.server.taken] == [
        "p0@shop.example",
        "p1@shop.example",
        "p2@shop.example",
    ]
