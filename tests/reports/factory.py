"""A finished experiment, put straight into the store: who was assigned, what left, what came back, who ordered."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Table, func, insert, select

from handbill.reports.registered import Registered, RegisteredArm
from handbill.store.tables import (
    assignment,
    assignment_member,
    contact,
    definition,
    enrollment,
    exclusion,
    experiment,
    orders,
    outbox,
    run,
    source_watermark,
)
from tests.conftest import NOW

CAMPAIGN = "winback"
ORIGIN = NOW
WITHIN = timedelta(days=14)
AFTER = NOW + timedelta(days=15)
"""A moment at which every window has closed."""


@dataclass(frozen=True)
class Cell:
    """One arm: so many units of `size` contacts; the first `buyers` of them order once, for `paid` less `off`.

    `cost` is that of all messages to one unit.
    """

    name: str
    units: int
    buyers: int
    channels: tuple[str, ...] = ()
    paid: float = 40.0
    off: float = 0.0
    cost: float = 0.001
    size: int = 1
    share: float | None = None
    piece: str | None = None


NOTHING = Cell("nothing", 100, 10)
EMAIL = Cell("email", 100, 20, ("email",))


def registered_of(cells: Sequence[Cell], **changes: Any) -> Registered:
    """The registration of these cells; the first is the control."""
    whole = sum(cell.units for cell in cells)
    shares = [cell.units / whole if cell.share is None else cell.share for cell in cells]
    arms = tuple(
        RegisteredArm(cell.name, share, not cell.channels, cell.channels, cell.piece)
        for cell, share in zip(cells, shares, strict=True)
    )
    pairs = tuple((cell.name, cells[0].name) for cell in cells[1:])
    base = Registered(
        experiment_id=1, campaign=CAMPAIGN, hypothesis="It brings people back.", unit="contact", arms=arms,
        control=cells[0].name, pairs=pairs, deciding=pairs, primary="conversion", minimum_effect=0.01, power=0.8,
        confidence=0.95, secondary=(), goal_event="order", within=WITHIN, margin_rate=0.4, sealed_at=NOW,
        digest="d" * 64,
    )  # fmt: skip
    return replace(base, **changes)


def registration_of(registered: Registered) -> dict[str, Any]:
    """The sealed form of a registration."""
    return {
        "hypothesis": registered.hypothesis,
        "arms": [{**asdict(arm), "channels": list(arm.channels), "format": arm.piece} for arm in registered.arms],
        "control": registered.control,
        "compare": [f"{arm} - {control}" for arm, control in registered.pairs if control != registered.control],
        "primary": {
            "metric": registered.primary,
            "comparison": None,
            "minimum_effect": registered.minimum_effect,
            "power": registered.power,
            "confidence": registered.confidence,
        },
        "secondary": list(registered.secondary),
        "goal": {
            "event": registered.goal_event,
            "within_seconds": registered.within.total_seconds(),
            "margin_rate": registered.margin_rate,
        },
    }


def fill(connection: Connection, cells: Sequence[Cell], **changes: Any) -> Registered:
    """Puts the experiment into the store; answers its registration. Every window has closed at `AFTER`."""
    registered = registered_of(cells, **changes)
    run_id = _seal(connection, registered)
    for cell in cells:
        _fill_cell(connection, registered, cell, run_id)
    watermark(connection, AFTER)
    experiment_id = connection.scalar(select(experiment.c.id).where(experiment.c.campaign == registered.campaign))
    return replace(registered, experiment_id=int(experiment_id or 0))


def watermark(connection: Connection, until: datetime, source: str = "shop", kind: str = "orders") -> None:
    """Orders of this source are complete up to this time."""
    connection.execute(
        insert(source_watermark).values(kind=kind, source=source, complete_until=until, imported_at=until)
    )


def order(connection: Connection, contact_id: int, **values: Any) -> None:
    """One order of a contact, a day after the origin, for 40.00 unless said otherwise."""
    number = connection.scalar(select(func.count()).select_from(orders))
    connection.execute(insert(orders).values(_order_row(f"O-{number}", contact_id, **values)))


def members_of(connection: Connection, arm: str) -> list[int]:
    """The contacts of an arm."""
    rows = connection.scalars(
        select(assignment_member.c.contact_id)
        .join(assignment, assignment.c.id == assignment_member.c.assignment_id)
        .where(assignment.c.arm == arm)
        .order_by(assignment_member.c.contact_id)
    )
    return list(rows)


def exclude(connection: Connection, reason: str, contacts: int) -> None:
    """So many more contacts who were left out for this reason."""
    run_id = connection.scalar(select(run.c.id))
    people = _contacts(connection, [(f"X-{reason}-{number}", f"X-{reason}-{number}") for number in range(contacts)])
    _insert_all(connection, exclusion, [{"run_id": run_id, "contact_id": each, "reason": reason} for each in people])


def _seal(connection: Connection, registered: Registered) -> int:
    written = {"digest": "def", "campaign": registered.campaign, "content": {}, "first_seen_at": NOW}
    connection.execute(insert(definition).values(written))
    sealed = {
        "campaign": registered.campaign, "salt": "salt", "unit": registered.unit,
        "registration": registration_of(registered), "registration_digest": registered.digest,
        "sealed_at": registered.sealed_at,
    }  # fmt: skip
    connection.execute(insert(experiment).values(sealed))
    started = {
        "campaign": registered.campaign, "wave": "once", "state": "finished", "definition_digest": "def",
        "plan_digest": "p", "plan": {}, "scheduled_at": ORIGIN, "started_at": NOW,
        "finished_at": NOW + timedelta(hours=1),
    }  # fmt: skip
    return _insert(connection, run, [started])[0]


def _fill_cell(connection: Connection, registered: Registered, cell: Cell, run_id: int) -> None:
    experiment_id = connection.scalar(select(experiment.c.id).where(experiment.c.campaign == registered.campaign))
    units = [f"{cell.name}-{number:05}" for number in range(cell.units)]
    drawn = {
        "experiment_id": experiment_id, "arm": cell.name, "propensity": registered.arm(cell.name).share,
        "run_id": run_id, "eligible_at": NOW, "origin_at": ORIGIN,
    }  # fmt: skip
    assigned = _insert(connection, assignment, [{**drawn, "unit_id": unit} for unit in units])
    people = _contacts(connection, [(f"{unit}-{member}", unit) for unit in units for member in range(cell.size)])
    belonging = [each for each in assigned for _ in range(cell.size)]
    _insert_all(
        connection,
        assignment_member,
        [{"assignment_id": each, "contact_id": person} for each, person in zip(belonging, people, strict=True)],
    )
    enrolled = {
        "campaign": registered.campaign, "key": "once", "run_id": run_id, "definition_digest": "def", "entered_at": NOW,
    }  # fmt: skip
    entered = _insert(connection, enrollment, [{**enrolled, "contact_id": person} for person in people])
    first = list(zip(people, entered, strict=True))[:: cell.size]
    messages = [_message(cell, channel, run_id, *who) for who in first for channel in cell.channels]
    _insert_all(connection, outbox, messages)
    _order_all(connection, cell, [person for person, _ in first[: cell.buyers]])


def _message(cell: Cell, channel: str, run_id: int, contact_id: int, enrollment_id: int) -> dict[str, Any]:
    return {
        "run_id": run_id, "enrollment_id": enrollment_id, "contact_id": contact_id, "channel": channel, "step": "send",
        "arm": cell.name, "address": f"{contact_id}@example.com", "address_key": f"{channel}{contact_id}",
        "address_hash": f"{contact_id:032}", "state": "accepted", "attempt": 1, "not_before": NOW,
        "message_id": f"{channel}-{contact_id}@example.com", "message_at": NOW, "idempotency_key": str(contact_id),
        "cost": round(cell.cost * 1e6 / len(cell.channels)), "accepted_at": NOW, "settled_at": NOW,
        "code": f"C{contact_id}" if channel == "direct_mail" else None,
    }  # fmt: skip


def _order_all(connection: Connection, cell: Cell, buyers: Sequence[int]) -> None:
    paid, off = round(cell.paid * 1e6), round(cell.off * 1e6)
    _insert_all(
        connection,
        orders,
        [_order_row(f"O-{cell.name}-{buyer}", buyer, total=paid - off, discount=off) for buyer in buyers],
    )


def _order_row(external_id: str, contact_id: int, **values: Any) -> dict[str, Any]:
    return {
        "external_id": external_id, "contact_id": contact_id, "ordered_at": ORIGIN + timedelta(days=1),
        "received_at": ORIGIN + timedelta(days=1), "total": 40_000_000, "discount": 0, "currency": "GBP",
        "source": "shop", **values,
    }  # fmt: skip


def _contacts(connection: Connection, people: Sequence[tuple[str, str]]) -> list[int]:
    """Contacts by external id and household."""
    rows = [
        {"external_id": external_id, "household_key": household, "created_at": NOW, "updated_at": NOW}
        for external_id, household in people
    ]
    return _insert(connection, contact, rows)


def _insert(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> list[int]:
    """Inserts rows and answers their ids in the same order."""
    if not rows:
        return []
    statement = insert(table).returning(table.c.id, sort_by_parameter_order=True)
    return [int(row.id) for row in connection.execute(statement, list(rows))]


def _insert_all(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    if rows:
        connection.execute(insert(table), list(rows))
