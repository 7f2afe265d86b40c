"""What every kind of import is made of: the fields it knows, where its rows wait, and how they are merged."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, Table

from handbill.contacts.merging.staging import Staged
from handbill.contacts.rows.converted import Converted
from handbill.contacts.rows.layout import FieldSpec, Layout, Shape
from handbill.contacts.rows.quarantine import Quarantine
from handbill.definitions.project import Project

KEYS = ("email", "phone", "address")
"""What tells a contact besides the external id, the strongest first."""


@dataclass(frozen=True)
class Import:
    """One import: how its file is laid out, whose it is, and when it came; `match` is explained in `identities`."""

    project: Project
    secret: bytes = field(repr=False)
    now: datetime
    source: str
    match: tuple[str, ...]
    layout: Layout
    specs: Mapping[str, FieldSpec]


@dataclass(frozen=True)
class Merged:
    """What an import did. `latest` is the newest time in it; `counts` are further numbers by name."""

    loaded: int
    latest: datetime | None = None
    counts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Kind:
    """`stage` makes rows for `table` of typed columns; `merge` brings the whole table into the store.

    `fills` are the store's large tables that grow with it. `collapses` tells that equal rows mean one thing: not so
    for the lines of an order.
    """

    shape: Callable[[Project], Shape]
    table: Table
    stage: Callable[[Import, Converted, Quarantine], Staged]
    merge: Callable[[Connection, Import, Quarantine], Merged]
    fills: tuple[Table, ...] = ()
    collapses: bool = True
