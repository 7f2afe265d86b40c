"""How times are kept: one integer on both databases, an aware UTC datetime in Python."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import BigInteger, Dialect
from sqlalchemy.types import TypeDecorator

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def to_micros(moment: datetime) -> int:
    """Microseconds since 1970 in UTC; exact. Raises ValueError for a naive time."""
    if moment.tzinfo is None:
        raise ValueError("only aware times are stored")
    return (moment - EPOCH) // MICROSECOND


@lru_cache(maxsize=10_000)  # most messages of a run bear the same few moments
def from_micros(micros: int) -> datetime:
    """The aware UTC time of a stored integer."""
    return EPOCH + timedelta(microseconds=micros)


def micros_of(duration: timedelta) -> int:
    """A duration as it is added to a stored time in SQL."""
    return duration // MICROSECOND


class UtcTime(TypeDecorator[datetime]):
    """An aware UTC time, stored as microseconds since 1970 (see docs/decisions/0002-times-as-integers.md)."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Python to database."""
        return None if value is None else to_micros(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Database to Python."""
        return None if value is None else from_micros(int(value))
