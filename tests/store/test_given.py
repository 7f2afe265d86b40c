"""Values from Python come into a statement as they are."""

import pytest
from sqlalchemy import BigInteger, Engine, Select, Text, select

from handbill.store.connection import reading
from handbill.store.given import Given, Value
from handbill.store.prepared import ready

THINGS = Given("things", {"id": BigInteger(), "said": Text()})


def asked(dialect: str) -> Select[tuple[int, str]]:
    table = THINGS.table(dialect)
    return select(table.c.id, table.c.said).order_by(table.c.id)


def there_and_back(store: Engine, *rows: tuple[Value, ...]) -> list[tuple[Value, ...]]:
    with reading(store) as connection:
        found = ready(connection, asked).run(connection, **THINGS.values(store.dialect.name, rows))
        return [tuple(row) for row in found]


@pytest.mark.parametrize(
    "text",
    ["", "250 2.0.0 Ok", 'say "hello"', r"C:\new", "{a,b}", "NULL", "null", "it's", " spaces ", "a\r\nb", "Zoë ✉"],
)
def test_any_text_comes_as_it_is(store: Engine, text: str) -> None:
    assert there_and_back(store, (1, text)) == [(1, text)]


def test_nothing_and_large_numbers_come_as_they_are(store: Engine) -> None:
    rows = [(-1, None), (7, "seven"), (2**62, None)]
    assert there_and_back(store, *rows) == rows


def test_there_may_be_no_rows(store: Engine) -> None:
    assert there_and_back(store) == []
