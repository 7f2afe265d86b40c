"""A run with queued messages, written straight into the store, and ways to look at them."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, Insert, insert, select, update

from handbill.contacts.consent import record_consent
from handbill.contacts.identity import email_hash
from handbill.delivery.claiming import Lease, claim
from handbill.delivery.outbox import Claimed
from handbill.store.connection import reading, writing
from handbill.store.tables import attempt, contact, definition, enrollment, outbox, run
from tests.conftest import NOW

SECRET = b"secret"
LEASE = Lease("worker-1", NOW, NOW + timedelta(minutes=5))


def make_run(store: Engine, count: int = 3, *, campaign: str = "spring", **changes: Any) -> int:
    """A running run with `count` queued e-mails to person1@example.org, person2…; each contact agreed to offers."""
    with writing(store) as connection:
        run_id = _insert_run(connection, campaign, changes.pop("latest_at", None))
        for number in range(1, count + 1):
            _insert_message(connection, run_id, campaign, number, changes)
    return run_id


def rows_of(store: Engine, run_id: int) -> Sequence[Any]:
    """All messages of a run."""
    with reading(store) as connection:
        return connection.execute(select(outbox).where(outbox.c.run_id == run_id).order_by(outbox.c.id)).all()


def states(store: Engine, run_id: int) -> list[str]:
    """The state of each message of a run."""
    return [row.state for row in rows_of(store, run_id)]


def attempts(store: Engine, run_id: int) -> list[tuple[int, str, int | None]]:
    """Number, outcome and code of every try of a run's messages."""
    tries = select(attempt.c.number, attempt.c.outcome, attempt.c.answer_code).join(outbox)
    with reading(store) as connection:
        return [tuple(row) for row in connection.execute(tries.where(outbox.c.run_id == run_id).order_by(attempt.c.id))]


def change(store: Engine, run_id: int, **values: Any) -> None:
    """Changes all messages of a run."""
    with writing(store) as connection:
        connection.execute(update(outbox).where(outbox.c.run_id == run_id).values(**values))


def change_run(store: Engine, run_id: int, **values: Any) -> None:
    """Changes a run."""
    with writing(store) as connection:
        connection.execute(update(run).where(run.c.id == run_id).values(**values))


def claim_all(
    store: Engine, run_id: int, *, now: datetime = NOW, lease: Lease = LEASE, limit: int = 100
) -> list[Claimed]:
    """Claims what is due."""
    with writing(store) as connection:
        return claim(connection, run_id, "email", lease=lease, limit=limit, now=now)


def _insert_run(connection: Connection, campaign: str, latest_at: datetime | None) -> int:
    digest = f"digest of {campaign}"
    if connection.scalar(select(definition.c.digest).where(definition.c.digest == digest)) is None:
        connection.execute(insert(definition).values(digest=digest, campaign=campaign, content={}, first_seen_at=NOW))
    inserted = insert(run).values(
        campaign=campaign, wave="once", state="running", definition_digest=digest, plan_digest="p", plan={},
        scheduled_at=NOW, latest_at=latest_at, started_at=NOW,
    )  # fmt: skip
    return _inserted(connection, inserted)


def _insert_message(connection: Connection, run_id: int, campaign: str, number: int, changes: dict[str, Any]) -> None:
    name = f"person{number}"
    address = f"{name}@example.org"
    contact_id = connection.scalar(select(contact.c.id).where(contact.c.external_id == name))
    if contact_id is None:
        contact_id = _inserted(
            connection,
            insert(contact).values(
                external_id=name, email=address, email_key=address, email_hash=email_hash(SECRET, address),
                first_name=name.title(), household_key=name, attributes={}, created_at=NOW, updated_at=NOW,
            ),
        )  # fmt: skip
        record_consent(connection, contact_id, "email", "offers", "granted", NOW - timedelta(days=9), "test")
    enrolled = insert(enrollment).values(
        campaign=campaign, contact_id=contact_id, key="once", run_id=run_id,
        definition_digest=f"digest of {campaign}", entered_at=NOW,
    )  # fmt: skip
    values = {
        "run_id": run_id, "enrollment_id": _inserted(connection, enrolled),
        "contact_id": contact_id, "channel": "email", "step": "send", "arm": "all", "address": address,
        "address_key": address, "address_hash": email_hash(SECRET, address), "domain": "example.org",
        "state": "queued", "not_before": NOW, "message_id": f"{run_id}-{number}@shop.test", "message_at": NOW,
        "idempotency_key": f"{run_id}-{number}",
    }  # fmt: skip
    connection.execute(insert(outbox).values({**values, **changes}))


def _inserted(connection: Connection, statement: Insert) -> int:
    key = connection.execute(statement).inserted_primary_key
    assert key
    return int(key[0])
