"""What answers to messages change: who is suppressed, who withdrew, and which doubt they settle."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, or_, select

from handbill.channels.contract import BounceKind, EventKind
from handbill.contacts.consent import EVERY_TOPIC, WITHDRAWN, record_consent
from handbill.delivery.uncertain import settle_by_evidence
from handbill.responses.events import Event, keep_new
from handbill.store.inserts import insert_into
from handbill.store.tables import contact, outbox, suppression

HARD_BOUNCE, COMPLAINT, SOFT_BOUNCES = "hard bounce", "complaint", "soft bounces"
"""Why an address is suppressed. Whichever came first, a complaint is the strongest reason, soft bounces the weakest."""
LISTED = "listed"
"""The property of an event that names the provider's own list on which it found the address."""
_IN_DOUBT = frozenset({"uncertain", "closed_unknown"})


@dataclass(frozen=True)
class _Message:
    """What an answer is about."""

    id: int
    channel: str
    address_hash: str
    state: str


def take_in(connection: Connection, answer: Event, *, now: datetime) -> bool:
    """Keeps an event and does what follows from it; False when it was known, and nothing was done again."""
    return bool(take_in_all(connection, [answer], now=now))


def take_in_all(connection: Connection, answers: Iterable[Event], *, now: datetime) -> list[Event]:
    """Keeps events and does what follows from those that were not known; answers these.

    A hard bounce or a complaint suppresses the address. An unsubscribe withdraws the consent to the topic that its
    properties name, or to all of them. Whatever comes back for a message shows that it was sent.
    """
    new = keep_new(connection, answers)
    for answer in new:
        if answer.kind == EventKind.UNSUBSCRIBED or answer.properties.get(LISTED) == "unsubscribe":
            _withdraw(connection, answer, now)
    messages = _messages(connection, {each.outbox_id for each in new if each.outbox_id is not None})
    _suppress(connection, new, messages, now)
    for answer in new:
        message = messages.get(answer.outbox_id or 0)
        if message is not None and message.state in _IN_DOUBT:
            evidence = f"{answer.kind} from {answer.source}"
            settle_by_evidence(connection, message.id, "accepted", evidence=evidence, now=now)
    return new


def _messages(connection: Connection, ids: Collection[int]) -> Mapping[int, _Message]:
    if not ids:
        return {}
    columns = (outbox.c.id, outbox.c.channel, outbox.c.address_hash, outbox.c.state)
    return {row.id: _Message(*row) for row in connection.execute(select(*columns).where(outbox.c.id.in_(sorted(ids))))}


def _suppress(
    connection: Connection, answers: Iterable[Event], messages: Mapping[int, _Message], now: datetime
) -> None:
    """One row an address, whatever came for it in whichever order."""
    found: dict[tuple[str, str], dict[str, object]] = {}
    for answer in answers:
        message, reason = messages.get(answer.outbox_id or 0), _reason(answer)
        if message is None or reason is None:
            continue
        key = (message.channel, message.address_hash)
        if key not in found or reason == COMPLAINT:
            found[key] = {"reason": reason, "source": answer.source}
    if not found:
        return
    rows = [{"channel": key[0], "key_hash": key[1], "at": now, **values} for key, values in sorted(found.items())]
    new = insert_into(connection, suppression)
    changed = {name: new.excluded[name] for name in ("reason", "at", "source")}
    is_stronger = or_(
        suppression.c.reason == SOFT_BOUNCES,
        (suppression.c.reason == HARD_BOUNCE) & (new.excluded.reason == COMPLAINT),
    )
    keys = ["channel", "key_hash"]
    connection.execute(new.on_conflict_do_update(index_elements=keys, set_=changed, where=is_stronger), rows)


def _reason(answer: Event) -> str | None:
    listed = answer.properties.get(LISTED)
    if answer.kind == EventKind.COMPLAINED or listed == "complaint":
        return COMPLAINT
    is_hard = answer.kind == EventKind.BOUNCED and answer.properties.get("bounce") == BounceKind.HARD
    return HARD_BOUNCE if is_hard or listed == "bounce" else None


def _withdraw(connection: Connection, answer: Event, now: datetime) -> None:
    """Everybody who asks may stop, whoever they are by now; of those who were erased nothing is left to withdraw."""
    known = connection.scalar(select(contact.c.id).where(contact.c.id == answer.contact_id))
    if known is not None:
        topic = str(answer.properties.get("topic", EVERY_TOPIC))
        record_consent(connection, known, "email", topic, WITHDRAWN, now, answer.source)
