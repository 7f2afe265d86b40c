"""The draw of a unit as a number in [0, 1), the same in Python, SQLite and PostgreSQL.

Anybody can repeat it: the first 13 hexadecimal digits of sha256("salt:unit") over 2**52.
"""

import hashlib
from typing import Any

from sqlalchemy import ColumnElement, Float
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement


def unit_fraction(salt: str, unit_id: str) -> float:
    """The draw of a unit.

    >>> unit_fraction("spring-sale-2026", "N-000042")
    0.1724806879484837
    """
    return int(hashlib.sha256(f"{salt}:{unit_id}".encode()).hexdigest()[:13], 16) / 2**52


class Fraction(FunctionElement[float]):
    """`Fraction(salt, column)`: the draw, as a SQL expression."""

    name = "unit_fraction"
    type = Float()
    inherit_cache = True

    def __init__(self, salt: str, unit_id: ColumnElement[Any]) -> None:
        super().__init__(salt, unit_id)


@compiles(Fraction, "sqlite")
def _on_sqlite(element: Fraction, compiler: SQLCompiler, **keywords: Any) -> str:
    """A function that every connection registers, see connection.py."""
    return f"unit_fraction({compiler.process(element.clauses, **keywords)})"


@compiles(Fraction, "postgresql")
def _on_postgresql(element: Fraction, compiler: SQLCompiler, **keywords: Any) -> str:
    salt, unit_id = (compiler.process(clause, **keywords) for clause in element.clauses)
    digest = f"encode(sha256(convert_to({salt} || ':' || {unit_id}, 'UTF8')), 'hex')"
    return f"(('x' || left({digest}, 13))::bit(52)::bigint / 4503599627370496::double precision)"
