"""Vendors report over real HTTP: kept at once, read promptly, counted once, and only when it is theirs."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from select import select as select_ready
from typing import Any

import pytest
import requests
from sqlalchemy import Engine, func, select

from handbill.channels.hooks import Posted
from handbill.clock import fixed_clock
from handbill.definitions.policy import Channels, DirectMailChannel, EmailChannel, Webhook
from handbill.definitions.project import Project
from handbill.definitions.secret import SecretText
from handbill.delivery.labels import labels_of
from handbill.errors import SetupIncomplete
from handbill.operations.gauges import gauges
from handbill.operations.webhooks import desk_of
from handbill.responses.hooks import hooks_of
from handbill.responses.webhooks import counts_of
from handbill.store.connection import reading
from handbill.store.tables import consent, event, outbox, stray_event, suppression, webhook
from handbill.web import webhooks
from handbill.web.app import make_app
from tests.channels.webhook_senders import (
    CERTIFICATE,
    CLOCK,
    TOPIC,
    amazon,
    keys_for_environment,
    posted,
    sample,
    subscription,
)
from tests.delivery.queues import change, make_run, rows_of
from tests.operations.shop import SECRET, make_project, make_settings
from tests.web.serving import service_for, serving, serving_app

PATIENCE = 120.0
MOMENT = 10.0
ON_ONE = pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
"""For what does not depend on the database."""
PRINT_HOUSE = "press"


@pytest.fixture(autouse=True)
def secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    for vendor, key in keys_for_environment().items():
        monkeypatch.setenv(f"KEY_OF_{vendor.upper()}", key)


def project_with(root: Path, email: str = "sendgrid", post: str = "lob") -> Project:
    """A project whose channels have these vendors, and a print house that speaks our words."""
    project = make_project(root, 25)
    key = {name: SecretText(f"${{KEY_OF_{name.upper()}}}") for name in keys_for_environment()}
    base: dict[str, Any] = {"provider": email, "from": "Shop <news@shop.test>", "api_key": SecretText("${MAIL}")}
    extra = {"sns_topic": TOPIC} if email == "ses" else {"signing_key": key[email]}
    channels = Channels(
        email=EmailChannel.model_validate(base | extra),
        direct_mail=DirectMailChannel.model_validate({"provider": post, "signing_key": key[post]}),
    )
    return replace(project, channels=channels, webhooks={PRINT_HOUSE: Webhook(signing_key=key["signed"])})


@dataclass
class Office:
    """The service at work, and a run whose messages were accepted."""

    url: str
    store: Engine
    run_id: int

    def send(self, name: str, request: Posted) -> int:
        return requests.post(
            f"{self.url}/hooks/{name}", data=request.body, headers=dict(request.headers), timeout=60
        ).status_code

    def label(self, place: int = 0) -> str:
        return labels_of(SECRET, rows_of(self.store, self.run_id)[place].id)["outbox"]

    def report(self, name: str, *, vendor: str = "sendgrid", place: int = 0, token: str = "") -> int:
        return self.send(vendor, posted(vendor, sample(vendor, name, label=self.label(place)), token=token))

    def kinds(self) -> list[str]:
        with reading(self.store) as connection:
            return list(connection.scalars(select(event.c.kind).order_by(event.c.id)))

    def counts(self) -> dict[tuple[str, str, str], int]:
        with reading(self.store) as connection:
            return counts_of(connection)

    def read_all(self) -> None:
        """Waits until the service has read all that it keeps."""
        unread = select(func.count()).where(webhook.c.state.in_(["waiting", "asking"]))
        until(lambda: self._number(unread) == 0)

    def _number(self, query: Any) -> int:
        with reading(self.store) as connection:
            return int(connection.scalar(query) or 0)


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline, "it takes too long"
        threading.Event().wait(0.01)


@contextmanager
def office_of(store: Engine, project: Project) -> Iterator[Office]:
    run_id = make_run(store, 3, state="accepted")
    with serving(service_for(project.root, project, store, fixed_clock(CLOCK))) as url:
        yield Office(url, store, run_id)


@pytest.fixture
def office(store: Engine, tmp_path: Path) -> Iterator[Office]:
    with office_of(store, project_with(tmp_path)) as found:
        yield found


def test_a_report_is_kept_as_it_came_and_read_promptly(office: Office) -> None:
    content = sample("sendgrid", "delivered", label=office.label())
    request = posted("sendgrid", content)
    assert office.send("sendgrid", request) == 200
    office.read_all()
    with reading(office.store) as connection:
        kept = connection.execute(select(webhook)).one()
        found = connection.execute(select(event)).one()
    assert (kept.source, kept.body, kept.state, kept.events) == ("sendgrid", request.body, "done", 1)
    assert kept.headers["x-twilio-email-event-webhook-timestamp"]
    assert (found.kind, found.source, found.properties["webhook"]) == ("email.delivered", "sendgrid", kept.id)
    message = rows_of(office.store, office.run_id)[0]
    assert (found.outbox_id, found.contact_id) == (message.id, message.contact_id)
    assert office.counts() == {("sendgrid", "new", "email.delivered"): 1}


def test_a_complaint_suppresses_the_address_at_once(office: Office) -> None:
    assert office.report("spamreport") == 200
    office.read_all()
    with reading(office.store) as connection:
        found = connection.execute(select(suppression.c.key_hash, suppression.c.reason, suppression.c.source)).one()
    assert found == (rows_of(office.store, office.run_id)[0].address_hash, "complaint", "sendgrid")


def test_an_unsubscribe_at_the_vendor_withdraws_consent_to_everything(office: Office) -> None:
    assert office.report("unsubscribe") == 200
    office.read_all()
    with reading(office.store) as connection:
        withdrawn = connection.execute(
            select(consent.c.contact_id, consent.c.topic).where(consent.c.state == "withdrawn")
        )
        assert [tuple(row) for row in withdrawn] == [(rows_of(office.store, office.run_id)[0].contact_id, "*")]


def test_forty_six_copies_of_one_webhook_count_once(office: Office) -> None:
    request = posted("sendgrid", sample("sendgrid", "bounce", label=office.label()))
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: office.send("sendgrid", request), range(46)))
    assert answers == [200] * 46
    office.read_all()
    assert office.kinds() == ["email.bounced"]
    with reading(office.store) as connection:
        assert connection.scalar(select(func.count()).select_from(webhook)) == 1


def test_an_event_that_comes_in_two_different_requests_counts_once(office: Office) -> None:
    assert [office.report("bounce", token="x" * number) for number in range(3)] == [200] * 3
    office.read_all()
    assert office.kinds() == ["email.bounced"]
    counts = office.counts()
    assert (counts["sendgrid", "new", "email.bounced"], counts["sendgrid", "known", "email.bounced"]) == (1, 2)


def test_what_is_not_the_vendors_is_refused_and_nothing_of_it_is_kept(office: Office) -> None:
    forged = posted("sendgrid", sample("sendgrid", "spamreport", label=office.label()), secret="a-key-of-somebody-else")
    assert office.send("sendgrid", forged) == 401
    with reading(office.store) as connection:
        assert connection.scalar(select(func.count()).select_from(webhook)) == 0
        assert connection.scalar(select(func.count()).select_from(suppression)) == 0


def test_refused_requests_are_counted(store: Engine, tmp_path: Path) -> None:
    with office_of(store, project_with(tmp_path)) as office:
        for _ in range(3):
            office.send("sendgrid", Posted({}, b"[]"))
        assert office.report("delivered") == 200
        until(lambda: ("sendgrid", "new", "email.delivered") in office.counts())
    assert office.counts()["sendgrid", "refused", "unsigned"] == 3  # written down at the latest when the service ends


def test_whoever_looks_after_the_service_sees_how_many_reports_were_refused(store: Engine, tmp_path: Path) -> None:
    with office_of(store, project_with(tmp_path)) as office:
        office.send("sendgrid", Posted({}, b"[]"))
        office.report("delivered")
        office.read_all()
    (found,) = (each for each in gauges(store, CLOCK) if each.name == "handbill_webhook_reports")
    assert dict(found.samples) == {("sendgrid", "new"): 1.0, ("sendgrid", "refused"): 1.0}


@ON_ONE
def test_a_hook_that_the_project_does_not_have_is_not_found(office: Office) -> None:
    request = posted("mailgun", sample("mailgun", "delivered"))
    assert office.send("mailgun", request) == 404
    assert office.send("nobody", request) == 404
    assert requests.get(f"{office.url}/hooks/sendgrid", timeout=60).status_code == 405


@ON_ONE
def test_a_body_that_is_too_large_is_refused(office: Office) -> None:
    assert office.send("sendgrid", Posted({}, b"[" + b" " * 1_000_001)) == 413


@ON_ONE
def test_bodies_that_hang_in_the_air_fill_no_memory(store: Engine, tmp_path: Path) -> None:
    run_id = make_run(store, 1, state="accepted")
    service = service_for(tmp_path, project_with(tmp_path), store, fixed_clock(CLOCK))
    app = make_app(service, parts=(partial(webhooks.routes, most_bytes=1_000_000),))
    with serving_app(app) as url, ExitStack() as hanging:
        office = Office(url, store, run_id)
        host, _, port = url.removeprefix("http://").partition(":")
        head = f"POST /hooks/sendgrid HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Length: 900000\r\n\r\n"

        def hang() -> socket.socket:
            connection = hanging.enter_context(socket.create_connection((host, int(port)), timeout=60))
            connection.sendall(head.encode() + b" " * 700_000)
            return connection

        connection = hang()

        def is_full() -> bool:
            nonlocal connection
            if select_ready([connection], [], [], 0)[0]:  # its end came last, so that it was asked to come again
                connection = hang()
            return office.send("sendgrid", Posted({}, b" " * 400_000)) == 503

        until(is_full)
        assert office.report("delivered") == 200  # what is small still has room
        connection.close()
        until(lambda: office.send("sendgrid", Posted({}, b" " * 400_000)) == 401)


@ON_ONE
def test_while_the_store_is_away_the_vendor_is_asked_to_come_again(office: Office) -> None:
    with office.store.begin() as connection:
        connection.exec_driver_sql("DROP TABLE webhook")
    assert office.report("delivered") == 503


def test_an_answer_does_not_wait_until_others_are_read(office: Office) -> None:
    big = [sample("sendgrid", "delivered", label=office.label())[0] | {"sg_event_id": f"e-{n}"} for n in range(400)]
    assert office.send("sendgrid", posted("sendgrid", big)) == 200
    begun = time.monotonic()
    assert office.report("open") == 200
    assert time.monotonic() - begun < MOMENT
    office.read_all()
    assert len(office.kinds()) == 401


def test_an_event_about_a_message_of_somebody_else_is_set_aside_and_never_believed(office: Office) -> None:
    number = rows_of(office.store, office.run_id)[0].id
    foreign = labels_of(b"the secret of another project", number)["outbox"]
    for label in (foreign, str(number), "", "nonsense"):
        content = sample(
            "sendgrid", "spamreport", label=label, PROVIDER="theirs", **{"3f2c9a@northwind.example": "m@x"}
        )
        content[0]["sg_event_id"] = f"foreign-{label}"
        assert office.send("sendgrid", posted("sendgrid", content)) == 200
    office.read_all()
    assert office.kinds() == []
    with reading(office.store) as connection:
        assert connection.scalar(select(func.count()).select_from(stray_event)) == 4
        assert connection.scalar(select(func.count()).select_from(suppression)) == 0
    assert office.counts()["sendgrid", "stray", "spamreport"] == 4


@pytest.mark.parametrize("by", ["provider_id", "message_id"])
def test_without_our_label_the_providers_id_or_the_message_id_names_the_message(office: Office, by: str) -> None:
    message = rows_of(office.store, office.run_id)[1]
    content = sample("sendgrid", "delivered", label="", provider_id="their-id")
    if by == "provider_id":
        _call(office.store, message.id, "their-id")
    else:
        content[0]["smtp-id"] = f"<{message.message_id}>"
    assert office.send("sendgrid", posted("sendgrid", content)) == 200
    office.read_all()
    with reading(office.store) as connection:
        assert connection.scalars(select(event.c.outbox_id)).all() == [message.id]


@ON_ONE
def test_a_word_that_we_do_not_know_is_counted_and_its_request_kept(office: Office) -> None:
    assert office.report("unknown") == 200
    assert office.report("group_resubscribe") == 200
    office.read_all()
    assert office.kinds() == []
    assert office.counts() == {
        ("sendgrid", "unknown", "machine_learned"): 1,
        ("sendgrid", "passed over", "group_resubscribe"): 1,
    }
    with reading(office.store) as connection:
        assert all(b"sg_event_id" in body for body in connection.scalars(select(webhook.c.body)))


@ON_ONE
def test_what_a_letter_goes_through_is_told_of_the_letter(office: Office) -> None:
    change(office.store, office.run_id, channel="direct_mail")
    for name in ("mailed", "delivered", "in_transit"):
        assert office.report(name, vendor="lob") == 200
    office.read_all()
    assert sorted(office.kinds()) == ["letter.delivered", "letter.in_transit", "letter.mailed"]


@ON_ONE
def test_a_letters_event_about_an_email_is_set_aside(office: Office) -> None:
    assert office.report("returned_to_sender", vendor="lob") == 200
    office.read_all()
    assert office.kinds() == []
    assert office.counts() == {("lob", "stray", "postcard.returned_to_sender"): 1}


@ON_ONE
def test_a_print_house_reports_in_our_words(office: Office) -> None:
    change(office.store, office.run_id, channel="direct_mail")
    told = {"id": "7", "kind": "letter.mailed", "at": "2026-12-01T09:00:00Z"}
    told["message_id"] = rows_of(office.store, office.run_id)[2].message_id
    request = posted("signed", {"events": [told]})
    assert office.send(PRINT_HOUSE, request) == 200
    office.read_all()
    assert office.kinds() == ["letter.mailed"]
    assert office.send("signed", request) == 404


@ON_ONE
def test_a_proofs_event_changes_nothing(office: Office) -> None:
    content = sample("sendgrid", "spamreport", label=labels_of(SECRET, 0)["outbox"])
    assert office.send("sendgrid", posted("sendgrid", content)) == 200
    office.read_all()
    assert office.kinds() == []
    assert office.counts() == {("sendgrid", "proof", "spamreport"): 1}


def test_what_was_kept_before_the_service_ended_is_read_when_it_begins_again(store: Engine, tmp_path: Path) -> None:
    project = project_with(tmp_path)
    desk_closed = office_of(store, project)
    with desk_closed as office:
        office.report("delivered")
        office.read_all()
    with reading(store) as connection:
        before = connection.scalar(select(func.count()).select_from(event))
    _put_back(store)
    with serving(service_for(tmp_path, project, store, fixed_clock(CLOCK))):
        again = select(func.count()).where(webhook.c.state == "waiting")
        until(lambda: _count(store, again) == 0)
    assert _count(store, select(func.count()).select_from(event)) == before == 1


@ON_ONE
@pytest.mark.parametrize("vendor", ["ses", "mailgun", "postmark", "resend", "postgrid"])
def test_every_vendors_requests_go_all_the_way(store: Engine, tmp_path: Path, vendor: str) -> None:
    words = {"ses": "bounce", "mailgun": "failed-permanent", "postmark": "hard", "resend": "bounced",
             "postgrid": "returned_to_sender"}  # fmt: skip
    is_post = vendor == "postgrid"
    project = project_with(tmp_path, post=vendor) if is_post else project_with(tmp_path, email=vendor)
    desk_of(store, project, make_settings(tmp_path, store), fixed_clock(CLOCK), amazon)  # the service finds this one
    with office_of(store, project) as office:
        change(store, office.run_id, channel="direct_mail" if is_post else "email")
        assert office.report(words[vendor], vendor=vendor) == 200
        office.read_all()
        assert office.kinds()[-1] == ("letter.returned_to_sender" if is_post else "email.bounced")


@ON_ONE
def test_amazon_is_told_that_we_want_its_topic_and_nobody_else_is_asked(store: Engine, tmp_path: Path) -> None:
    asked: list[str] = []

    def listening(address: str) -> bytes:
        asked.append(address)
        return b"<ConfirmSubscriptionResponse/>" if "Action=ConfirmSubscription" in address else amazon(address)

    project = project_with(tmp_path, email="ses")
    desk_of(store, project, make_settings(tmp_path, store), fixed_clock(CLOCK), listening)
    with office_of(store, project) as office:
        assert office.send("ses", subscription()) == 200
        office.read_all()
    assert asked == [
        CERTIFICATE,
        (
            "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription"
            "&TopicArn=arn%3Aaws%3Asns%3Aeu-west-1%3A123456789012%3Ahandbill&Token=2336412f37fb687f5d51e6e2425f004aed"
        ),
    ]


@ON_ONE
def test_a_vendor_whose_certificate_cannot_be_had_is_asked_to_come_again(store: Engine, tmp_path: Path) -> None:
    def silent(address: str) -> bytes:
        raise OSError(f"{address} does not answer")

    project = project_with(tmp_path, email="ses")
    desk_of(store, project, make_settings(tmp_path, store), fixed_clock(CLOCK), silent)
    with office_of(store, project) as office:
        assert office.report("bounce", vendor="ses") == 503


def test_a_secret_that_can_be_guessed_is_told_when_the_service_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEY_OF_MAILGUN", "short")
    with pytest.raises(SetupIncomplete) as caught:
        hooks_of(project_with(tmp_path, email="mailgun"))
    assert str(caught.value) == (
        "channels.email.signing_key: a secret of fewer than 16 letters can be guessed. "
        "Make a longer one, such as with: openssl rand -hex 32"
    )


def test_a_verification_key_that_is_none_is_told_when_the_service_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEY_OF_SENDGRID", "bm90IGEga2V5IGF0IGFsbA==")
    with pytest.raises(SetupIncomplete) as caught:
        hooks_of(project_with(tmp_path))
    assert str(caught.value) == (
        "channels.email.signing_key: this is not the verification key that SendGrid shows. "
        "Copy it from its page Mail Settings."
    )


def _call(store: Engine, outbox_id: int, provider_id: str) -> None:
    with store.begin() as connection:
        connection.execute(outbox.update().where(outbox.c.id == outbox_id).values(provider_id=provider_id))


def _put_back(store: Engine) -> None:
    with store.begin() as connection:
        connection.execute(webhook.update().values(state="waiting"))


def _count(store: Engine, query: Any) -> int:
    with reading(store) as connection:
        return int(connection.scalar(query) or 0)
