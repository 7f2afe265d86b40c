"""What an answer to a message changes: who is suppressed, who withdrew, and which doubt it settles."""

from datetime import datetime

from sqlalchemy import Connection, Row, select

from handbill.channels.contract import BounceKind, EventKind
from handbill.contacts.consent import EVERY_TOPIC, WITHDRAWN, record_consent
from handbill.contacts.suppressions import suppress
from handbill.delivery.uncertain import settle_by_evidence
from handbill.responses.events import Event, store_events
from handbill.store.tables import contact, outbox


def take_in(connection: Connection, answer: Event, *, now: datetime) -> bool:
    """Keeps an event and does what follows from it; False when it was known, and nothing was done again.

    A hard bounce or a complaint suppresses the address. An unsubscribe withdraws the consent to the topic that its
    properties name, or to all of them. Whatever comes back for a message shows that it was sent.
    """
    if not store_events(connection, [answer]):
        return False
    message = _message(connection, answer)
    if answer.kind == EventKind.UNSUBSCRIBED:
        _withdraw(connection, answer, now)
    if message is None:
        return True
    bounced = answer.properties.get("bounce") if answer.kind == EventKind.BOUNCED else None
    if bounced == BounceKind.HARD:
        suppress(connection, message.channel, message.address_hash, "hard bounce", now, answer.source)
    if answer.kind == EventKind.COMPLAINED:
        suppress(connection, message.channel, message.address_hash, "complaint", now, answer.source)
    evidence = f"{answer.kind} from {answer.source}"
    settle_by_evidence(connection, message.id, "accepted", evidence=evidence, now=now)
    return True


def _message(connection: Connection, answer: Event) -> Row[tuple[int, str, str]] | None:
    if answer.outbox_id is None:
        return None
    columns = (outbox.c.id, outbox.c.channel, outbox.c.address_hash)
    return connection.execute(select(*columns).where(outbox.c.id == answer.outbox_id)).one_or_none()


def _withdraw(connection: Connection, answer: Event, now: datetime) -> None:
    """Everybody who asks may stop, whoever they are by now; of those who were erased nothing is left to withdraw."""
    known = connection.scalar(select(contact.c.id).where(contact.c.id == answer.contact_id))
    if known is not None:
        topic = str(answer.properties.get("topic", EVERY_TOPIC))
        record_consent(connection, known, "email", topic, WITHDRAWN, now, answer.source)
