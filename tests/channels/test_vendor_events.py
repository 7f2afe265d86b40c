"""What every vendor reports, in our words; believed when it is the vendor's, and only then."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from handbill.channels.contract import BounceKind, EventKind
from handbill.channels.hooks import Genuine, Posted, Refused, Report, Unreadable
from handbill.responses.hooks import FORMATS, reader_of
from tests.channels.webhook_senders import (
    CLOCK,
    SENDERS,
    hook,
    jwt,
    names_of,
    notification,
    posted,
    sample,
    sealed,
    subscription,
)

K, B = EventKind, BounceKind
SAID: dict[str, dict[str, tuple[EventKind | None, BounceKind | None, str]]] = {
    "sendgrid": {
        "processed": (K.ACCEPTED, None, ""),
        "delivered": (K.DELIVERED, None, ""),
        "deferred": (K.DEFERRED, None, ""),
        "bounce": (K.BOUNCED, B.HARD, ""),
        "blocked": (K.BOUNCED, B.BLOCKED, ""),
        "full": (K.BOUNCED, B.SOFT, ""),
        "unclassified": (K.BOUNCED, B.UNKNOWN, ""),
        "dropped-bounced": (K.REJECTED, None, "bounce"),
        "dropped-complained": (K.REJECTED, None, "complaint"),
        "dropped-unsubscribed": (K.REJECTED, None, "unsubscribe"),
        "spamreport": (K.COMPLAINED, None, ""),
        "unsubscribe": (K.UNSUBSCRIBED, None, ""),
        "group_unsubscribe": (K.UNSUBSCRIBED, None, ""),
        "group_resubscribe": (None, None, ""),
        "open": (K.OPENED, None, ""),
        "click": (K.CLICKED, None, ""),
        "unknown": (None, None, ""),
    },
    "mailgun": {
        "accepted": (K.ACCEPTED, None, ""),
        "delivered": (K.DELIVERED, None, ""),
        "failed-permanent": (K.BOUNCED, B.HARD, ""),
        "failed-policy": (K.BOUNCED, B.BLOCKED, ""),
        "failed-old": (K.BOUNCED, B.SOFT, ""),
        "failed-temporary": (K.DEFERRED, None, ""),
        "suppress-bounce": (K.REJECTED, None, "bounce"),
        "suppress-complaint": (K.REJECTED, None, "complaint"),
        "suppress-unsubscribe": (K.REJECTED, None, "unsubscribe"),
        "rejected": (K.REJECTED, None, ""),
        "opened": (K.OPENED, None, ""),
        "clicked": (K.CLICKED, None, ""),
        "unsubscribed": (K.UNSUBSCRIBED, None, ""),
        "complained": (K.COMPLAINED, None, ""),
        "stored": (None, None, ""),
        "unknown": (None, None, ""),
    },
    "postmark": {
        "delivery": (K.DELIVERED, None, ""),
        "hard": (K.BOUNCED, B.HARD, ""),
        "soft": (K.BOUNCED, B.SOFT, ""),
        "blocked": (K.BOUNCED, B.BLOCKED, ""),
        "transient": (K.DEFERRED, None, ""),
        "dmarc": (K.REJECTED, None, ""),
        "autoresponder": (None, None, ""),
        "newly-named": (K.BOUNCED, B.UNKNOWN, ""),
        "complaint": (K.COMPLAINED, None, ""),
        "open": (K.OPENED, None, ""),
        "click": (K.CLICKED, None, ""),
        "left": (K.UNSUBSCRIBED, None, ""),
        "suppressed": (K.BOUNCED, B.HARD, ""),
        "came-back": (None, None, ""),
        "unknown": (None, None, ""),
    },
    "resend": {
        "sent": (K.ACCEPTED, None, ""),
        "delivered": (K.DELIVERED, None, ""),
        "delayed": (K.DEFERRED, None, ""),
        "bounced": (K.BOUNCED, B.HARD, ""),
        "full": (K.BOUNCED, B.SOFT, ""),
        "refused": (K.BOUNCED, B.BLOCKED, ""),
        "bounced-before": (K.REJECTED, None, "bounce"),
        "suppressed": (K.REJECTED, None, "bounce"),
        "failed": (K.REJECTED, None, ""),
        "complained": (K.COMPLAINED, None, ""),
        "opened": (K.OPENED, None, ""),
        "clicked": (K.CLICKED, None, ""),
        "contact": (None, None, ""),
        "unknown": (None, None, ""),
    },
    "ses": {
        "send": (K.ACCEPTED, None, ""),
        "delivery": (K.DELIVERED, None, ""),
        "delay": (K.DEFERRED, None, ""),
        "bounce": (K.BOUNCED, B.HARD, ""),
        "full": (K.BOUNCED, B.SOFT, ""),
        "refused": (K.BOUNCED, B.BLOCKED, ""),
        "undetermined": (K.BOUNCED, B.UNKNOWN, ""),
        "listed": (K.REJECTED, None, "bounce"),
        "notification-without-tags": (K.BOUNCED, B.HARD, ""),
        "complaint": (K.COMPLAINED, None, ""),
        "not-spam": (None, None, ""),
        "reject": (K.REJECTED, None, ""),
        "rendering": (K.REJECTED, None, ""),
        "open": (K.OPENED, None, ""),
        "click": (K.CLICKED, None, ""),
        "subscription": (K.UNSUBSCRIBED, None, ""),
        "unknown": (None, None, ""),
    },
    "lob": {
        "created": (K.LETTER_CREATED, None, ""),
        "rendered_pdf": (K.LETTER_RENDERED, None, ""),
        "rendered_thumbnails": (None, None, ""),
        "mailed": (K.LETTER_MAILED, None, ""),
        "in_transit": (K.LETTER_IN_TRANSIT, None, ""),
        "international_exit": (K.LETTER_IN_TRANSIT, None, ""),
        "in_local_area": (K.LETTER_IN_LOCAL_AREA, None, ""),
        "certified": (K.LETTER_IN_LOCAL_AREA, None, ""),
        "processed_for_delivery": (K.LETTER_PROCESSED_FOR_DELIVERY, None, ""),
        "delivered": (K.LETTER_DELIVERED, None, ""),
        "re-routed": (K.LETTER_RE_ROUTED, None, ""),
        "returned_to_sender": (K.LETTER_RETURNED, None, ""),
        "viewed": (K.LETTER_VIEWED, None, ""),
        "failed": (K.LETTER_FAILED, None, ""),
        "deleted": (K.LETTER_CANCELLED, None, ""),
        "return-envelope": (None, None, ""),
        "unknown": (None, None, ""),
    },
    "postgrid": {
        "ready": (K.LETTER_CREATED, None, ""),
        "printing": (K.LETTER_RENDERED, None, ""),
        "processed_for_delivery": (K.LETTER_MAILED, None, ""),
        "completed": (K.LETTER_DELIVERED, None, ""),
        "cancelled": (K.LETTER_CANCELLED, None, ""),
        "entered_mail_stream": (K.LETTER_IN_TRANSIT, None, ""),
        "out_for_delivery": (K.LETTER_PROCESSED_FOR_DELIVERY, None, ""),
        "returned_to_sender": (K.LETTER_RETURNED, None, ""),
        "unknown": (None, None, ""),
        "cheque": (None, None, ""),
    },
    "signed": {
        "alone": (K.COMPLAINED, None, ""),
        "several": (K.BOUNCED, B.HARD, ""),
        "unknown": (None, None, ""),
    },
}
"""Kind, bounce and list of the (last) event in each sample."""
UNKNOWN = {"unknown", "cheque"}
WITHOUT_LABEL = {("ses", "notification-without-tags"), ("resend", "contact")}
EVERY = [(vendor, name) for vendor, names in SAID.items() for name in names]


def reports_of(vendor: str, request: Posted) -> list[Report]:
    return reader_of(vendor)(request.body)


@pytest.fixture(params=SENDERS)
def vendor(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def any_sample(vendor: str) -> str:
    return next(name for name, (kind, _, _) in SAID[vendor].items() if kind)


def test_every_vendor_has_a_reader_and_every_sample_is_looked_at() -> None:
    assert set(FORMATS) == set(SENDERS) == set(SAID)
    assert {vendor: set(names_of(vendor)) for vendor in SAID} == {vendor: set(names) for vendor, names in SAID.items()}


@pytest.mark.parametrize(("vendor", "name"), EVERY)
def test_a_report_is_the_vendors_and_says_in_our_words_what_became_of_which_message(vendor: str, name: str) -> None:
    request = posted(vendor, sample(vendor, name, label="our-label", provider_id="their-id"))
    assert isinstance(hook(vendor).check(request, CLOCK), Genuine)
    said = reports_of(vendor, request)[-1]
    kind, bounce, listed = SAID[vendor][name]
    assert (said.kind, said.bounce, said.listed) == (kind, bounce, listed)
    assert said.is_known is (name not in UNKNOWN)
    assert said.word
    if kind is None:
        return
    assert said.label == ("" if (vendor, name) in WITHOUT_LABEL else "our-label")
    assert said.provider_id == ("" if vendor == "signed" else "their-id")
    assert said.at is not None
    assert datetime(2026, 12, 1, 9, 29, tzinfo=UTC) <= said.at <= datetime(2026, 12, 1, 9, 31, tzinfo=UTC)
    assert said.id
    assert "ann@shop.example" not in f"{said.id}{said.said}"
    assert (said.verdict in {"unknown", "machine"}) == (kind in {K.OPENED, K.CLICKED})


def test_what_a_server_said_is_kept() -> None:
    bounces = {"sendgrid": "bounce", "mailgun": "failed-permanent", "ses": "bounce", "resend": "bounced"}
    for vendor, name in bounces.items():
        (said,) = reports_of(vendor, posted(vendor, sample(vendor, name)))
        assert "5.1.1" in said.said or "no such user" in said.said


def test_the_same_report_again_has_the_same_names(vendor: str) -> None:
    content = sample(vendor, any_sample(vendor))
    first, later = posted(vendor, content), posted(vendor, content, now=CLOCK + timedelta(seconds=30))
    assert [each.id for each in reports_of(vendor, first)] == [each.id for each in reports_of(vendor, later)]
    assert hook(vendor).check(first, CLOCK) == hook(vendor).check(first, CLOCK)


def test_different_reports_have_different_names(vendor: str) -> None:
    requests = [posted(vendor, sample(vendor, name)) for name, (kind, _, _) in SAID[vendor].items() if kind]
    ids = [(each.id, each.kind) for request in requests for each in reports_of(vendor, request)]
    assert len({id_ for id_, _ in ids}) == len(set(ids))
    nonces = {verdict.nonce for each in requests if isinstance(verdict := hook(vendor).check(each, CLOCK), Genuine)}
    assert len(nonces) == len(requests)


def test_a_report_with_another_key_is_refused(vendor: str) -> None:
    request = posted(vendor, sample(vendor, any_sample(vendor)), secret="a-key-of-somebody-else")
    assert hook(vendor).check(request, CLOCK) is Refused.FORGED


def test_a_report_without_a_signature_is_refused(vendor: str) -> None:
    content = sample(vendor, any_sample(vendor))
    if isinstance(content, dict):
        content.pop("signature", None)
    assert hook(vendor).check(Posted({}, json.dumps(content).encode()), CLOCK) is Refused.UNSIGNED


def test_a_changed_byte_is_noticed(vendor: str) -> None:
    request = posted(vendor, sample(vendor, any_sample(vendor)))
    changed = replace(request, body=request.body.replace(b"LABEL", b"OTHER"))
    verdict = hook(vendor).check(changed, CLOCK)
    if vendor in {"postmark", "mailgun"}:
        # These sign nothing, or the token alone; the token may then not come twice.
        before = hook(vendor).check(request, CLOCK)
        assert isinstance(verdict, Genuine)
        assert isinstance(before, Genuine)
        assert (verdict.nonce == before.nonce) is (vendor == "mailgun")
    else:
        assert verdict is Refused.FORGED


def test_a_report_that_is_too_old_or_from_tomorrow_is_refused(vendor: str) -> None:
    request = posted(vendor, sample(vendor, any_sample(vendor)))
    for now in (CLOCK + timedelta(days=2), CLOCK - timedelta(days=1)):
        verdict = hook(vendor).check(request, now)
        assert isinstance(verdict, Genuine) if vendor == "postmark" else verdict is Refused.STALE


def test_keys_are_not_shown(vendor: str) -> None:
    assert "a-signing-key" not in repr(hook(vendor))


def test_what_is_no_report_is_unreadable(vendor: str) -> None:
    for body in (b"", b"null", b"{}", b"[", b"\xff\xfe\x00", b'"text"', b"17", b"[" * 100_000):
        with pytest.raises(Unreadable):
            reader_of(vendor)(body)


# ---------------------------------------------------------------- what only one of them has


def test_a_batch_loses_nothing_to_an_event_that_cannot_be_read() -> None:
    good = sample("sendgrid", "delivered")
    first, second, third = reader_of("sendgrid")(json.dumps([*good, 17, {"email": "x"}]).encode())
    assert (first.kind, second.is_known, third.is_known) == (K.DELIVERED, False, False)
    assert second.word == third.word == "(unreadable)"


def test_amazons_older_signatures_are_believed_only_where_the_project_allows_it() -> None:
    old = sealed(notification(sample("ses", "bounce"), CLOCK, SignatureVersion="1"))
    strict = hook("ses")
    assert strict.check(old, CLOCK) is Refused.WEAK
    assert isinstance(replace(strict, allows_sha1=True).check(old, CLOCK), Genuine)  # type: ignore[type-var]


def test_amazon_asks_whether_we_want_its_topic() -> None:
    verdict = hook("ses").check(subscription(), CLOCK)
    assert isinstance(verdict, Genuine)
    assert verdict.asks
    (said,) = reports_of("ses", subscription())
    assert (said.word, said.kind, said.is_known) == ("SubscriptionConfirmation", None, True)


def test_a_sentence_of_amazons_is_no_event() -> None:
    (said,) = reports_of("ses", sealed(notification("Successfully validated SNS topic.", CLOCK)))
    assert (said.word, said.kind, said.is_known) == ("Notice", None, True)


def test_postgrid_may_send_a_signed_token_instead() -> None:
    request = jwt(sample("postgrid", "completed"), CLOCK, "a-signing-key-of-the-tests")
    assert isinstance(hook("postgrid").check(request, CLOCK), Genuine)
    assert reports_of("postgrid", request)[0].kind is K.LETTER_DELIVERED
    assert hook("postgrid").check(request, CLOCK + timedelta(hours=1)) is Refused.STALE


def test_a_piece_of_postgrids_reaches_each_state_once() -> None:
    again = [reports_of("postgrid", posted("postgrid", sample("postgrid", name))) for name in
             ("processed_for_delivery", "entered_mail_stream", "out_for_delivery")]  # fmt: skip
    mailed = {said.id for reports in again for said in reports if said.kind is K.LETTER_MAILED}
    assert len(mailed) == 1


def test_mailguns_ids_are_told_apart_by_day() -> None:
    first = reports_of("mailgun", posted("mailgun", sample("mailgun", "delivered")))
    tomorrow = sample("mailgun", "delivered")
    tomorrow["event-data"]["timestamp"] += 86_400
    assert first[0].id != reports_of("mailgun", posted("mailgun", tomorrow))[0].id


def test_an_open_by_a_machine_says_so() -> None:
    assert reports_of("sendgrid", posted("sendgrid", sample("sendgrid", "open")))[0].verdict == "machine"
