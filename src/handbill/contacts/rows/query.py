"""Rows of a SQL query on somebody else's database: read only, once, and in memory that does not grow."""

import math
import os
import pickle
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

from sqlalchemy import URL, Connection, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError

from handbill.contacts.rows.batches import MOST_COLUMNS, Batch, Reject
from handbill.definitions.words import quoted
from handbill.errors import ImportRefused, Problem
from handbill.store.connection import database_file

NAME = "query"
_ROWS_AT_ONCE = 2_000
_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_READS = re.compile(r"\s*(?:--[^\n]*\n\s*)*\(*\s*(?:select|with|values|table)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Query:
    """What to ask of which database. `url` may be `${NAME}`: a variable of the environment; it is never shown."""

    url: str = field(repr=False)
    sql: str

    @property
    def stem(self) -> str:
        """What the import is called where a file's name would stand."""
        return NAME

    def __str__(self) -> str:
        return NAME


class QueryRows:
    """The answer of a query, kept in a temporary file so that it can be read as often as a file."""

    decimal_comma = False

    def __init__(self, columns: tuple[str, ...], file: IO[bytes], rows: int) -> None:
        self.columns = columns
        self._file = file
        self._rows = max(rows, 1)

    def batches(self, only: Collection[str], reject: Reject) -> Iterator[Batch]:  # noqa: ARG002 - rows always fit here
        """The rows with only these columns; null, NaN and an empty text are missing."""
        self._file.seek(0)
        first = 1
        while first <= self._rows:
            try:
                kept: list[list[Any]] = pickle.load(self._file)  # noqa: S301 - our own file, which nobody else can open
            except EOFError:
                return
            columns = dict(zip(self.columns, kept, strict=True))
            last = first + len(kept[0])
            yield Batch(list(zip(range(first, last))), {name: columns[name] for name in only}, (last - 1) / self._rows)
            first = last


@contextmanager
def asked(query: Query, work_dir: Path, environment: Mapping[str, str] = os.environ) -> Iterator[QueryRows]:
    """The rows of the query. The other database is asked in one read-only transaction, which then ends.

    Raises:
        ImportRefused: the URL or the query cannot be used, or the database does not answer. No password is shown.
    """
    if not _READS.match(query.sql):
        raise ImportRefused(Problem("--query", what="this reads nothing.", mend="Begin it with SELECT."))
    url = _url(query.url, environment)
    work_dir.mkdir(parents=True, exist_ok=True)
    with TemporaryFile(dir=work_dir) as file:
        try:
            rows = _spooled(url, query.sql, file)
        except DBAPIError as error:
            raise ImportRefused(_failed(url, str(error.orig or "it does not say why"))) from None
        except SQLAlchemyError as error:
            raise ImportRefused(_failed(url, str(error))) from None
        yield rows


def _url(given: str, environment: Mapping[str, str]) -> URL:
    missing = [name for name in _REFERENCE.findall(given) if name not in environment]
    if missing:
        raise ImportRefused(
            Problem(
                "--from", what=f"{missing[0]} is not set in the environment.", mend=f"Set it: export {missing[0]}=…"
            )
        )
    try:
        url = make_url(_REFERENCE.sub(lambda match: environment[match[1]], given))
    except (ArgumentError, ValueError):
        mend = "Write it like postgresql://user@host/name, or ${NAME} for a variable that holds it."
        raise ImportRefused(Problem("--from", what="the database URL cannot be read.", mend=mend)) from None
    if url.drivername in {"postgresql", "postgres"}:
        url = url.set(drivername="postgresql+psycopg")
    if url.get_backend_name() == "sqlite" and not ((path := database_file(url)) and path.is_file()):
        what = f"there is no database {quoted(url.database or '')}."
        raise ImportRefused(Problem("--from", what=what, mend="Check its path."))
    return url


def _spooled(url: URL, sql: str, file: IO[bytes]) -> QueryRows:
    try:
        engine = create_engine(url, echo=False, hide_parameters=True)
    except (NoSuchModuleError, ImportError):
        what = f"no driver for {url.drivername} is installed."
        raise ImportRefused(Problem("--from", what=what, mend="Install one beside Handbill.")) from None
    if url.get_backend_name() == "sqlite":
        event.listen(engine, "connect", lambda driver, _record: driver.execute("PRAGMA query_only = ON"))
    try:
        with engine.connect() as connection:
            return _kept(connection, sql, file)
    finally:
        engine.dispose()


def _kept(connection: Connection, sql: str, file: IO[bytes]) -> QueryRows:
    options: dict[str, Any] = {"stream_results": True, "yield_per": _ROWS_AT_ONCE}
    if connection.dialect.name == "postgresql":
        connection = connection.execution_options(postgresql_readonly=True)
    else:
        with suppress(SQLAlchemyError):  # MySQL and Oracle know it; SQLite was told already, and others roll back
            connection.execute(text("SET TRANSACTION READ ONLY"))
    # The query goes to the driver as it stands: its colons and percent signs are no parameters.
    result = connection.exec_driver_sql(sql, execution_options={**options, "no_parameters": True})
    columns = tuple(result.keys())
    _require_usable(columns)
    rows = 0
    for part in result.partitions():
        rows += len(part)
        pickle.dump([[_value(value) for value in column] for column in zip(*part, strict=True)], file)
    connection.rollback()
    return QueryRows(columns, file, rows)


def _require_usable(columns: tuple[str, ...]) -> None:
    if len(columns) > MOST_COLUMNS:
        what = f"the query has {len(columns):,} columns."
        raise ImportRefused(Problem("--query", what=what, mend=f"At most {MOST_COLUMNS} can be read."))
    twice = next((name for place, name in enumerate(columns) if name in columns[:place]), None)
    if twice is not None:
        what = f"two columns have the name {quoted(twice)}."
        raise ImportRefused(Problem("--query", what=what, mend="Give each a name of its own with AS."))


def _value(value: Any) -> Any:
    if isinstance(value, str):
        return value.strip() or None
    if value is None or isinstance(value, (bool, int, Decimal, datetime, date, list, dict)):
        return value
    if isinstance(value, float):
        return None if math.isnan(value) else value
    return value if isinstance(value, (bytes, memoryview)) else str(value)


def _failed(url: URL, said: str) -> Problem:
    shown = said.strip().splitlines()[0].rstrip(".")
    if isinstance(url.password, str) and url.password:
        shown = shown.replace(url.password, "***")
    place = url.render_as_string(hide_password=True)
    return Problem("--from", what=f"{place} did not answer the query: {shown}.", mend="")
