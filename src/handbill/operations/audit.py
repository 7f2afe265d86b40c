"""Who did what, and when: one line for every deed that somebody may have to answer for; lines are only ever added."""

import getpass
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

from sqlalchemy import Connection, Engine, insert, select

from handbill.store.connection import reading
from handbill.store.tables import audit_entry

Way = Literal["shell", "web", "api", "self", "schedule"]


class Action(StrEnum):
    """What is written down."""

    SEND = "send"
    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"
    RETRY = "retry"
    RESEND = "resend"
    LEAVE = "leave"
    APPROVE = "approve"
    REJECT = "reject"
    IMPORT = "import"
    INGEST = "ingest"
    RECLASSIFY = "reclassify"
    SUPPRESS = "suppress"
    UNSUPPRESS = "unsuppress"
    EXPORT = "export"
    ERASE = "erase"
    FORGET = "forget"
    API_KEY_ADD = "api key added"
    API_KEY_REVOKE = "api key revoked"
    KEY_ROTATE = "signing key rotated"
    KEY_RETIRE = "signing key retired"
    LOGIN_ADD = "login added"
    LOGIN_REMOVE = "login removed"
    LOGIN_PASSWORD = "password set"  # noqa: S105 - what was done, not a password
    SIGN_IN = "sign in"
    SIGN_IN_REFUSED = "sign in refused"
    SIGN_OUT = "sign out"
    SHARE = "share"
    UNSHARE = "unshare"


@dataclass(frozen=True)
class Doer:
    """Who does something, and on which way they came: the shell, the web, the API, or a person for themselves."""

    name: str
    way: Way


@dataclass(frozen=True)
class Entry:
    """One line of the log."""

    at: datetime
    who: str
    way: str
    action: str
    subject: str | None
    details: Mapping[str, Any]


def operator() -> Doer:
    """Whoever runs this process on this machine."""
    try:
        return Doer(getpass.getuser(), "shell")
    except (OSError, KeyError):  # a process whose number no user has
        return Doer("unknown", "shell")


def themselves() -> Doer:
    """A person who acts for themselves, by a link that we sent them; who it is stands as the subject."""
    return Doer("contact", "self")


def note(
    connection: Connection, doer: Doer, action: Action, subject: str | None = None, *, at: datetime, **details: Any
) -> None:
    """Adds a line, in the transaction of the deed itself: neither is kept without the other.

    `subject` is a campaign, a login, a key's name, or the number of a contact: never a name or an address of a person.
    """
    values = {"at": at, "who": doer.name, "way": doer.way, "action": action, "subject": subject, "details": details}
    connection.execute(insert(audit_entry).values(values))


def contact_number(contact_id: int) -> str:
    """How a contact stands in the log: by the number in the store, which says nothing once the person is erased."""
    return f"contact {contact_id}"


def entries(
    engine: Engine, *, action: str | None = None, who: str | None = None, since: datetime | None = None, limit: int = 50
) -> list[Entry]:
    """The latest lines, the newest first."""
    columns = (audit_entry.c[name] for name in Entry.__dataclass_fields__)
    found = select(*columns).order_by(audit_entry.c.at.desc(), audit_entry.c.id.desc()).limit(limit)
    if action is not None:
        found = found.where(audit_entry.c.action == action)
    if who is not None:
        found = found.where(audit_entry.c.who == who)
    if since is not None:
        found = found.where(audit_entry.c.at >= since)
    with reading(engine) as connection:
        return [Entry(*row) for row in connection.execute(found)]
