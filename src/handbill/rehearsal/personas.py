"""How the people of a campaign test get into a store: by the imports that real people come through."""

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Engine, select

from handbill.clock import fixed_clock
from handbill.contacts.imports import import_file
from handbill.definitions.findings import Path as KeyPath
from handbill.definitions.project import Project
from handbill.definitions.rehearsal import OrderFact, Persona, parse_past
from handbill.definitions.values import MILLIONTHS, zone
from handbill.errors import Problem, ProjectInvalid
from handbill.rehearsal.likeness import written_by
from handbill.rehearsal.reading import Rehearsal
from handbill.settings import Settings
from handbill.store.connection import reading
from handbill.store.tables import contact

KNOWN_FOR = timedelta(days=365)
"""People are known, and have agreed, for so long before `now`."""
_CALLED = {"ordered_at": "at", "order_id": "", "contact": "", "external_id": ""}
"""Columns of imports whose key in a test has another name; "" stands for the whole fact."""


@dataclass(frozen=True)
class Row:
    """One row of an import, and the path of the fact in the test that it comes from."""

    path: KeyPath
    values: Mapping[str, Any]


def introduce(engine: Engine, settings: Settings, project: Project, rehearsal: Rehearsal) -> dict[str, int]:
    """Imports everybody with their consents, orders and suppressions; answers the contact id of each persona.

    Raises:
        ProjectInvalid: values that no import would take, each with its place.
    """
    kinds = {
        "products": [_product(sku, each) for sku, each in rehearsal.written.products.items()],
        "contacts": [_contact(project, rehearsal, name) for name in rehearsal.personas],
        "consents": list(_consents(rehearsal)),
        "suppressions": list(_suppressions(rehearsal)),
        "orders": list(_orders(project, rehearsal)),
    }
    problems: list[Problem] = []
    refused: set[str] = set()
    for kind, all_rows in kinds.items():
        rows = [row for row in all_rows if str(row.path[1]) not in refused]
        found = _import(engine, settings, project, rehearsal, kind, rows) if rows else {}
        problems += found.values()
        # Whoever is not there cannot have orders; one mistake is enough.
        refused |= {str(path[1]) for path in found if kind == "contacts"}
    if problems:
        raise ProjectInvalid(*sorted(set(problems)))
    return _ids(engine, rehearsal)


def external_id_of(name: str, persona: Persona) -> str:
    """The id that a persona is imported with: its own, or its name."""
    fields = fields_of(persona)
    return fields.get("external_id", name)


def fields_of(persona: Persona) -> dict[str, str]:
    """The contact fields that a persona has, as they are written."""
    return {**(persona.model_extra or {}), **persona.fields}


def _ids(engine: Engine, rehearsal: Rehearsal) -> dict[str, int]:
    with reading(engine) as connection:
        known = dict(connection.execute(select(contact.c.external_id, contact.c.id)).tuples().all())
    ids = {name: known.get(external_id_of(name, each)) for name, each in rehearsal.personas.items()}
    merged = [name for name, found in ids.items() if found is None or list(ids.values()).count(found) > 1]
    if merged:
        what = f"{' and '.join(merged)} are taken for one person."
        mend = "Give each an external_id and an e-mail address of their own."
        raise ProjectInvalid(rehearsal.problem(("personas", merged[0]), what, mend))
    return {name: found for name, found in ids.items() if found is not None}


# ---------------------------------------------------------------- the rows


def _product(sku: str, written: Any) -> Row:
    values = {"sku": sku, "name": written.name, "category": written.category}
    money = {"price": _money(written.price), "cost": _money(written.cost)}
    return Row(("products", sku), {**values, **money})


def _contact(project: Project, rehearsal: Rehearsal, name: str) -> Row:
    values: dict[str, str] = {"external_id": name}
    for field, text in fields_of(rehearsal.personas[name]).items():
        declared = project.fields[field].type
        values[field] = _moment_of(project, rehearsal, declared, text) if declared in {"date", "time"} else text
    return Row(("personas", name), values)


def _moment_of(project: Project, rehearsal: Rehearsal, type_: str, text: str) -> str:
    """A time of a field, which may be written as seen from `now`; what is neither is left to the import's judgement."""
    try:
        moment = rehearsal.moment(parse_past(text), project).astimezone(zone(project.timezone))
    except ValueError:
        return text
    return moment.date().isoformat() if type_ == "date" else moment.isoformat()


def _consents(rehearsal: Rehearsal) -> Iterator[Row]:
    agreed_at = (rehearsal.now - KNOWN_FOR).isoformat()
    for name, persona in rehearsal.personas.items():
        for channel, topics in persona.consents.items():
            for number, topic in enumerate(topics):
                values = {"channel": channel, "topic": topic, "state": "granted", "at": agreed_at}
                who = {"contact": external_id_of(name, persona)}
                yield Row(("personas", name, "consents", channel, number), {**who, **values})


def _suppressions(rehearsal: Rehearsal) -> Iterator[Row]:
    for name, persona in rehearsal.personas.items():
        for channel, reason in persona.suppressed.items():
            values = {"contact": external_id_of(name, persona), "channel": channel, "reason": reason}
            yield Row(("personas", name, "suppressed", channel), values)


def _orders(project: Project, rehearsal: Rehearsal) -> Iterator[Row]:
    for name, persona in rehearsal.personas.items():
        for number, order in enumerate(persona.orders):
            head = {
                "order_id": f"{name}-{number + 1}",
                "contact": external_id_of(name, persona),
                "ordered_at": rehearsal.moment(order.at, project).isoformat(),
                "total": _money(_total(order)),
                "discount": _money(order.discount),
                "code": order.code,
            }
            path = ("personas", name, "orders", number)
            if not order.lines:
                yield Row(path, head)
            for position, line in enumerate(order.lines):
                bought = {"sku": line.sku, "quantity": line.quantity}
                money = {"price": _money(line.price), "line_cost": _money(line.cost)}
                yield Row((*path, "lines", position), {**head, **bought, **money})


def _total(order: OrderFact) -> int | None:
    if order.total is not None or not order.lines:
        return order.total
    return sum(line.quantity * line.price for line in order.lines)


def _money(millionths: int | None) -> str | None:
    return None if millionths is None else format(Decimal(millionths) / MILLIONTHS, "f")


# ---------------------------------------------------------------- the imports


def _import(
    engine: Engine, settings: Settings, project: Project, rehearsal: Rehearsal, kind: str, rows: Sequence[Row]
) -> dict[KeyPath, Problem]:  # fmt: skip
    """Imports the rows of one kind; answers what the import rejects, as mistakes in the test by their paths."""
    path = settings.project_dir / f"{kind}.jsonl"
    path.write_text("".join(json.dumps(_present(row.values), ensure_ascii=False) + "\n" for row in rows), "utf-8")
    came_at: datetime = rehearsal.now - KNOWN_FOR if kind == "contacts" else rehearsal.now
    result = import_file(engine, project, settings, kind, path, clock=fixed_clock(came_at))
    if not result.rejected or result.quarantine is None:
        return {}
    with result.quarantine.open(encoding="utf-8-sig", newline="") as file:
        noted = [each for each in csv.DictReader(file) if each["outcome"] == "rejected"]
    return {
        (*rows[int(each["row"]) - 1].path, each["column"]): _as_problem(
            rehearsal, rows[int(each["row"]) - 1], each["column"], each["reason"]
        )
        for each in noted
    }


def _present(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _as_problem(rehearsal: Rehearsal, row: Row, column: str, reason: str) -> Problem:
    what, dot, mend = reason.partition(". ")
    key = _CALLED.get(column, column)
    path = (*row.path, key) if key else row.path
    if row.path[0] == "personas" and key:
        owner = written_by(rehearsal.written.personas, str(row.path[1]), str(path[2] if len(path) > 2 else key))
        persona = rehearsal.written.personas[owner]
        beside = ("fields",) if len(row.path) == 2 and key in persona.fields else ()
        path = ("personas", owner, *path[2:-1], *beside, key)
    return rehearsal.problem(path, f"{what}." if dot else what, mend)
