"""What becomes of a batch that another system sends: checked, loaded, and answered the same when it comes again."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine, delete, select

from handbill.contacts.imports import KINDS as IMPORTS
from handbill.contacts.posted import LINE_FIELDS, Posted, load_rows
from handbill.contacts.rows.layout import FieldSpec
from handbill.contacts.watermarks import Watermark, watermarks
from handbill.definitions.project import Project
from handbill.definitions.words import quoted
from handbill.settings import Settings
from handbill.store.connection import reading, writing
from handbill.store.inserts import insert_into
from handbill.store.tables import api_answer
from handbill.store.types import EPOCH

__all__ = [
    "KEPT_FOR",
    "KINDS",
    "LONGEST_SOURCE",
    "MOST_ROWS",
    "SOURCE_PATTERN",
    "Batch",
    "BatchRefused",
    "FieldSpec",
    "Watermark",
    "known_watermarks",
    "line_fields",
    "row_fields",
    "take_batch",
]

KINDS = ("events", "orders", "contacts")
MOST_ROWS = 1_000
LONGEST_SOURCE = 60
SOURCE_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
KEPT_FOR = timedelta(days=3)
"""So long the same request is answered as the first time."""

RESERVED = frozenset(
    {"mailbox", "web", "tracking", "webhook", "generic", "handbill", "smtp", "file", "ses", "sendgrid", "mailgun",
     "postmark", "resend", "print_house", "lob", "postgrid"}
)  # fmt: skip
"""Sources of our own: whoever could take their ids would keep their events out."""

_CLOCKS_DIFFER = timedelta(minutes=5)


@dataclass(frozen=True)
class Batch:
    """What a system sends. `source` names it; `complete_until` says that nothing before that moment is missing now."""

    kind: str
    source: str
    rows: Sequence[Any]
    complete_until: datetime | None = None


class BatchRefused(Exception):
    """The batch as a whole cannot be taken: which field of it, and why."""

    def __init__(self, field: str, reason: str) -> None:
        self.field = field
        self.reason = reason
        super().__init__(f"{field}: {reason}")


def take_batch(
    engine: Engine,
    project: Project,
    settings: Settings,
    batch: Batch,
    *,
    now: datetime,
    key_id: int,
    request_id: str | None = None,
) -> dict[str, Any]:
    """Loads a batch and answers counts, and the rows that were rejected with their reasons.

    With a `request_id` the same batch is answered the same again, for `KEPT_FOR`; but not one with rejected rows,
    which may be loaded when they come again, and whose reasons quote what people are called.

    Raises:
        BatchRefused: nothing was loaded.
    """
    _require_possible(batch, now)
    digest = _digest(batch) if request_id else ""
    if request_id and (before := _answered(engine, key_id, request_id, digest)) is not None:
        return before
    until = None if batch.complete_until is None else min(batch.complete_until, now)
    posted = load_rows(
        engine, project, settings, batch.kind, batch.rows, now=now, source=batch.source, complete_until=until
    )
    answer = _as_json(posted)
    if request_id and not posted.rejected and not posted.remarks:
        _remember(engine, key_id, request_id, digest, answer, now)
    return answer


def known_watermarks(engine: Engine) -> list[Watermark]:
    """Until when each source has told everything."""
    with reading(engine) as connection:
        return watermarks(connection)


def row_fields(project: Project, kind: str) -> Mapping[str, FieldSpec]:
    """The fields that a row of this kind may have, without the lines of an order."""
    fields = IMPORTS[kind].shape(project).fields
    return {name: spec for name, spec in fields.items() if kind != "orders" or name not in LINE_FIELDS.values()}


def line_fields(project: Project) -> Mapping[str, FieldSpec]:
    """The fields of a line of an order."""
    fields = IMPORTS["orders"].shape(project).fields
    return {ours: fields[theirs] for ours, theirs in LINE_FIELDS.items()}


def _require_possible(batch: Batch, now: datetime) -> None:
    if batch.source in RESERVED:
        raise BatchRefused("source", f"{quoted(batch.source)} is a name of our own. Choose another.")
    if batch.complete_until is not None and batch.complete_until > now + _CLOCKS_DIFFER:
        raise BatchRefused("complete_until", "this moment is in the future: nobody knows what will be missing by then.")
    if batch.complete_until is not None and batch.complete_until < EPOCH:
        raise BatchRefused("complete_until", "this moment is before 1970. Leave it out, or name a later one.")


def _as_json(posted: Posted) -> dict[str, Any]:
    counts = {"received": posted.received, "accepted": posted.accepted}
    return {
        **counts,
        **({} if posted.new is None else {"new": posted.new}),
        "rejected": [asdict(finding) for finding in posted.rejected],
        "remarks": [asdict(finding) for finding in posted.remarks],
    }


def _digest(batch: Batch) -> str:
    said = (batch.kind, batch.source, str(batch.complete_until), batch.rows)
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def _answered(engine: Engine, key_id: int, request_id: str, digest: str) -> dict[str, Any] | None:
    with reading(engine) as connection:
        mine = (api_answer.c.key_id == key_id) & (api_answer.c.request_id == request_id)
        row = connection.execute(select(api_answer).where(mine)).one_or_none()
    if row is not None and row.request_digest != digest:
        raise BatchRefused("Idempotency-Key", "another batch came with this key before. Use a new key for each batch.")
    return None if row is None else row.answer


def _remember(
    engine: Engine, key_id: int, request_id: str, digest: str, answer: Mapping[str, Any], now: datetime
) -> None:
    values = {"key_id": key_id, "request_id": request_id, "request_digest": digest, "answer": answer, "at": now}
    with writing(engine) as connection:
        connection.execute(delete(api_answer).where(api_answer.c.at < now - KEPT_FOR))
        connection.execute(insert_into(connection, api_answer).values(values).on_conflict_do_nothing())
