"""What one mail that came back means: events of messages of ours, nothing at all, or a question for a person.

Only signed mail is believed: an answer by the address that it comes back to, the id of its envelope, or what came back
with it; a request to stop by the token in its subject. Everything else waits in quarantine.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from handbill.channels.contract import EventKind
from handbill.delivery.links import Unsubscribe, read_unsubscribe
from handbill.responses.bounces import Notice, Report, read_report
from handbill.responses.complaints import Feedback, read_feedback
from handbill.responses.events import Event
from handbill.responses.machine_replies import is_away_notice, read_words
from handbill.responses.proofs import Proven, bounced_to, prove
from handbill.responses.received import LARGEST, Received, decoded, parse_mail
from handbill.store.tables import contact, outbox
from handbill.tokens import Keys

SOURCE = "mailbox"
UNSIGNED = "nothing in it is signed by us"
TOO_LARGE = f"it is larger than {LARGEST // 1024 // 1024} MB"
UNREADABLE = "it cannot be read as a mail"
NO_MESSAGE = "it is a complaint that names no message of ours"
STRANGER = "it is a notification about a message that is not known to be ours"
SAYS_NOTHING = "it is a notification that says nothing about a recipient"


@dataclass(frozen=True)
class Judgement:
    """What a mail means. `waits` says why a person has to look; without events and that, it asks for nothing."""

    events: tuple[Event, ...] = ()
    waits: str = ""


@dataclass(frozen=True)
class _Told:
    """What stands in a mail, whoever wrote it, and when it is read."""

    mail: Received
    now: datetime
    wish: Unsubscribe | None
    feedback: Feedback | None
    report: Report | None
    words: Notice | None
    is_away: bool


def judge(connection: Connection, raw: bytes, keys: Keys, *, now: datetime) -> Judgement:
    """What a mail means; changes nothing, and never fails, whatever the mail holds."""
    if len(raw) > LARGEST:
        return Judgement(waits=TOO_LARGE)
    try:
        told = _read(raw, keys, now)
    except Exception:  # noqa: BLE001 - one mail that trips a parser must not hold up all others; a person sees it
        return Judgement(waits=UNREADABLE)
    return _judge(connection, told, keys)


def _judge(connection: Connection, told: _Told, keys: Keys) -> Judgement:
    if told.wish is not None:
        return _stopped(connection, told, told.wish)
    if told.feedback is not None:
        return _complained(connection, told, told.feedback, keys)
    if told.report is not None:
        return _reported(connection, told, told.report, keys)
    if told.words is not None:
        proven = prove(connection, told.mail, keys).message
        return _notice(told, proven, told.words) if proven else Judgement()
    return Judgement(waits="" if told.is_away else UNSIGNED)


def _read(raw: bytes, keys: Keys, now: datetime) -> _Told:
    mail = parse_mail(raw)
    wish = next(_wishes(mail, keys), None)
    feedback, report = read_feedback(mail), read_report(mail)
    is_away = is_away_notice(mail)
    # Other mail is worth its words only where our signature shows whose they are.
    is_in_words = not (wish or feedback or report or is_away) and next(bounced_to(mail, keys), None) is not None
    return _Told(mail, now, wish, feedback, report, read_words(mail) if is_in_words else None, is_away)


def _wishes(mail: Received, keys: Keys) -> Iterator[Unsubscribe]:
    words = " ".join(decoded(value) for value in mail.fields.all("subject")[:1]).split()
    return (wish for word in words[:20] if (wish := read_unsubscribe(keys, word)) is not None)


def _stopped(connection: Connection, told: _Told, wish: Unsubscribe) -> Judgement:
    """Everybody who asks may stop, even where the message or the person is no longer known."""
    person = connection.scalar(select(contact.c.id).where(contact.c.id == wish.contact_id))
    message = connection.scalar(select(outbox.c.id).where(outbox.c.id == wish.outbox_id))
    event = Event(
        SOURCE,
        f"unsubscribe-{wish.outbox_id}-{told.mail.digest}",
        EventKind.UNSUBSCRIBED,
        told.mail.sent_at(told.now),
        told.now,
        contact_id=person,
        outbox_id=message,
        properties={"topic": wish.topic, "by": "mailto"},
    )
    return Judgement((event,))


def _complained(connection: Connection, told: _Told, feedback: Feedback, keys: Keys) -> Judgement:
    if not feedback.is_complaint:
        return Judgement()
    proof = prove(connection, told.mail, keys, envelope_id=feedback.envelope_id)
    if proof.message is None:
        hint = f" (its Feedback-ID names the campaign {feedback.campaign})" if feedback.campaign else ""
        return Judgement(waits="" if proof.is_signed else NO_MESSAGE + hint)
    name = f"complaint-{proof.message.outbox_id}"
    return _answer(told, proof.message, name, EventKind.COMPLAINED, type=feedback.type, provider=feedback.provider)


def _reported(connection: Connection, told: _Told, report: Report, keys: Keys) -> Judgement:
    proof = prove(connection, told.mail, keys, envelope_id=report.envelope_id)
    if proof.message is None:
        return Judgement(waits="" if proof.is_signed else STRANGER)
    notice = report.notice_for(proof.message.address)
    return _notice(told, proof.message, notice) if notice else Judgement(waits=SAYS_NOTHING)


def _notice(told: _Told, message: Proven, notice: Notice) -> Judgement:
    words = {"bounce": notice.bounce, "status": notice.status, "said": notice.said}
    return _answer(told, message, f"notice-{message.outbox_id}-0", notice.kind, **words)


def _answer(told: _Told, message: Proven, name: str, kind: EventKind, **words: str | None) -> Judgement:
    """One event of a message. By the mail's own clock, which may be wrong, but not before the message was written."""
    event = Event(
        SOURCE,
        f"{name}-{told.mail.digest}",
        kind,
        min(max(told.mail.sent_at(told.now), message.message_at), told.now),
        told.now,
        contact_id=message.contact_id,
        outbox_id=message.outbox_id,
        properties={name: str(word) for name, word in words.items() if word},
    )
    return Judgement((event,))
