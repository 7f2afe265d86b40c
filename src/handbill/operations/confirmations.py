"""What somebody asked for on a page, and that counts only once the owner of the mailbox confirms it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    ScalarSelect,
    case,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)

from handbill.contacts.suppressions import email_digest
from handbill.store.connection import writing
from handbill.store.tables import confirmation, suppressed_digest, suppression
from handbill.store.types import UtcTime
from handbill.tokens import Keys, read_numbers, sign_numbers

DAY = timedelta(days=1)
MOST_MAILS_A_DAY = 3
"""For one purpose to one mailbox, whoever asks for them: nobody's mailbox is filled through our pages."""
MOST_REQUESTS_AN_HOUR = 30
"""From one network."""


class Purpose(StrEnum):
    """What is confirmed; a token is bound to it."""

    SUBSCRIBE = "subscribe"
    EXPORT = "export"
    ERASE = "erase"


LASTS: Mapping[Purpose, timedelta] = {Purpose.SUBSCRIBE: 7 * DAY, Purpose.EXPORT: DAY, Purpose.ERASE: DAY}
"""How long the link in the mail works."""


@dataclass(frozen=True)
class Request:
    """What is asked for. `email` is where the mail goes, `contact_id` whom it is about, where that is known."""

    purpose: Purpose
    email: str
    email_hash: str
    language: str
    source: str
    network_hash: str
    contact_id: int | None = None
    topics: Sequence[str] = ()
    wording: str | None = None


@dataclass(frozen=True)
class Asked:
    """A request as it stands in the store. `email` is empty when it is forgotten."""

    id: int
    purpose: Purpose
    contact_id: int | None
    email: str
    language: str
    topics: tuple[str, ...]
    source: str
    wording: str | None
    network_hash: str
    requested_at: datetime
    confirmed_at: datetime | None

    @property
    def until(self) -> datetime:
        """When its link ends."""
        return self.requested_at + LASTS[self.purpose]


def ask(connection: Connection, request: Request, *, now: datetime) -> bool:
    """Keeps a request for which a mail is to be sent; False for a network that asks too often.

    For a mailbox that gets too many, or that we must not write to, it is kept without a mail. The same number of
    statements runs for every mailbox, so that nobody learns from the time that it takes who is known here.
    """
    _forget_unconfirmed(connection, now)
    mine = (confirmation.c.email_hash == request.email_hash, confirmation.c.purpose == request.purpose)
    listed = (suppression.c.channel == "email", suppression.c.key_hash == request.email_hash)
    found = connection.execute(
        select(
            _number(confirmation.c.network_hash == request.network_hash, since=now - DAY / 24),
            _number(*mine, since=now - DAY),
            or_(exists().where(*listed), exists().where(suppressed_digest.c.digest == email_digest(request.email))),
        )
    ).one()
    from_network, to_mailbox, is_suppressed = found
    if from_network >= MOST_REQUESTS_AN_HOUR:
        return False
    problem = "suppressed" if is_suppressed else "too many" if to_mailbox >= MOST_MAILS_A_DAY else None
    connection.execute(
        insert(confirmation).values(
            purpose=request.purpose,
            contact_id=request.contact_id,
            email=request.email if problem is None else None,
            email_hash=request.email_hash,
            language=request.language,
            topics=list(request.topics),
            source=request.source,
            wording=request.wording,
            network_hash=request.network_hash,
            requested_at=now,
            problem=problem,
        )
    )
    return True


def asked(connection: Connection, keys: Keys, purpose: Purpose, token: str) -> Asked | None:
    """The request that a token stands for, over or not; None for a token of another purpose, and for no token."""
    numbers = read_numbers(keys, _bound_to(purpose), token, 1)
    return asked_with(connection, numbers[0]) if numbers else None


def asked_with(connection: Connection, number: int) -> Asked | None:
    """The request with this number."""
    columns = [confirmation.c[name] for name in Asked.__dataclass_fields__]
    row = connection.execute(select(*columns).where(confirmation.c.id == number)).mappings().one_or_none()
    if row is None:
        return None
    values = {**row, "email": row["email"] or "", "topics": tuple(row["topics"]), "purpose": Purpose(row["purpose"])}
    return Asked(**values)


def confirmation_token(keys: Keys, purpose: Purpose, number: int) -> str:
    """What the link in the mail carries."""
    return sign_numbers(keys, _bound_to(purpose), number)


def note_confirmed(connection: Connection, number: int, *, now: datetime) -> bool:
    """Writes down that the owner confirmed; False when that was done before, or is being done by somebody else."""
    mine = (confirmation.c.id == number, confirmation.c.confirmed_at.is_(None))
    return bool(connection.execute(update(confirmation).where(*mine).values(confirmed_at=now)).rowcount)


def hand_over(connection: Connection, number: int, contact_id: int) -> None:
    """From now on the address is the contact's, and nothing of it is kept here."""
    mine = update(confirmation).where(confirmation.c.id == number)
    connection.execute(mine.values(contact_id=contact_id, email=None))


def forget_unconfirmed(engine: Engine, *, now: datetime) -> int:
    """An address that nobody confirmed is kept no longer than its link works; answers how many are forgotten."""
    with writing(engine) as connection:
        return _forget_unconfirmed(connection, now)


def _number(*conditions: ColumnElement[bool], since: datetime) -> ScalarSelect[int]:
    return select(func.count()).where(*conditions, confirmation.c.requested_at > since).scalar_subquery()


def _forget_unconfirmed(connection: Connection, now: datetime) -> int:
    ends = case({purpose.value: literal(now - lasts, UtcTime) for purpose, lasts in LASTS.items()},
                value=confirmation.c.purpose)  # fmt: skip
    over = (confirmation.c.email.is_not(None), confirmation.c.requested_at < ends)
    return connection.execute(update(confirmation).where(*over).values(email=None)).rowcount


def _bound_to(purpose: Purpose) -> str:
    return f"confirm {purpose}"
