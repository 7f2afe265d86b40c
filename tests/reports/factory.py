"""A finished experiment, put straight into the store: who was assigned, what left, what came back, who ordered."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, func, insert, select

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
    """One arm: so many units of `size` contacts; the first `buyers` of them order once, for `paid` less `off`."""

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
    row = {
        "external_id": f"O-{number}", "contact_id": contact_id, "ordered_at": ORIGIN + timedelta(days=1),
        "received_at": ORIGIN + timedelta(days=1), "total": 40_000_000, "discount": 0, "currency": "GBP",
        "source": "shop", **values,
    }  # fmt: skip
    connection.execute(insert(orders).values(row))


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
    for number in range(contacts):
        contact_id = _contact(connection, f"X-{reason}-{number}", "X")
        connection.execute(insert(exclusion).values(run_id=run_id, contact_id=contact_id, reason=reason))


def _seal(connection: Connection, registered: Registered) -> int:
    written = {"digest": "def", "campaign": registered.campaign, "content": {}, "first_seen_at": NOW}
    connection.execute(insert(definition).values(written))
    connection.execute(
        insert(experiment).values(
            campaign=registered.campaign, salt="salt", unit=registered.unit,
            registration=registration_of(registered), registration_digest=registered.digest, sealed_at=NOW,
        )
    )  # fmt: skip
    result = connection.execute(
        insert(run).values(
            campaign=registered.campaign, wave="once", state="finished", definition_digest="def", plan_digest="p",
            plan={}, scheduled_at=ORIGIN, started_at=NOW, finished_at=NOW + timedelta(hours=1),
        )
    )  # fmt: skip
    assert result.inserted_primary_key is not None
    return int(result.inserted_primary_key[0])


def _fill_cell(connection: Connection, registered: Registered, cell: Cell, run_id: int) -> None:
    experiment_id = connection.scalar(select(experiment.c.id).where(experiment.c.campaign == registered.campaign))
    for number in range(cell.units):
        unit = f"{cell.name}-{number:05}"
        result = connection.execute(
            insert(assignment).values(
                experiment_id=experiment_id, unit_id=unit, arm=cell.name, propensity=registered.arm(cell.name).share,
                run_id=run_id, eligible_at=NOW, origin_at=ORIGIN,
            )
        )  # fmt: skip
        assert result.inserted_primary_key is not None
        for member in range(cell.size):
            contact_id = _contact(connection, f"{unit}-{member}", unit)
            connection.execute(
                insert(assignment_member).values(assignment_id=result.inserted_primary_key[0], contact_id=contact_id)
            )
            _enrol(connection, registered, cell, run_id, contact_id, first=member == 0)
            if member == 0 and number < cell.buyers:
                millionths = round(cell.paid * 1e6), round(cell.off * 1e6)
                order(connection, contact_id, total=millionths[0] - millionths[1], discount=millionths[1])


def _contact(connection: Connection, external_id: str, household: str) -> int:
    result = connection.execute(
        insert(contact).values(external_id=external_id, household_key=household, created_at=NOW, updated_at=NOW)
    )
    assert result.inserted_primary_key is not None
    return int(result.inserted_primary_key[0])


def _enrol(
    connection: Connection, registered: Registered, cell: Cell, run_id: int, contact_id: int, *, first: bool
) -> None:
    result = connection.execute(
        insert(enrollment).values(
            campaign=registered.campaign, contact_id=contact_id, key="once", run_id=run_id, definition_digest="def",
            entered_at=NOW,
        )
    )  # fmt: skip
    assert result.inserted_primary_key is not None
    for channel in cell.channels if first else ():
        connection.execute(
            insert(outbox).values(
                run_id=run_id, enrollment_id=result.inserted_primary_key[0], contact_id=contact_id, channel=channel,
                step="send", arm=cell.name, address=f"{contact_id}@example.com", address_key=f"{channel}{contact_id}",
                address_hash=f"{contact_id:032}", state="accepted", attempt=1, not_before=NOW,
                message_id=f"<{channel}-{contact_id}@example.com>", message_at=NOW, idempotency_key=str(contact_id),
                cost=round(cell.cost * 1e6), accepted_at=NOW, settled_at=NOW,
                code=f"C{contact_id}" if channel == "direct_mail" else None,
            )
        )  # fmt: skip
