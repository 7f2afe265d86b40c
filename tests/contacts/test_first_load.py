"""Whether a large first import leaves the tables as it found them, but full."""

from sqlalchemy import Engine, text

from handbill.contacts.merging.first_load import WORTH_IT
from handbill.store.connection import reading
from handbill.store.tables import attribute_history, contact
from tests.contacts.conftest import Shop

LARGE = "external_id,email,points\n" + "".join(f"{n},p{n}@example.com,{n % 7}\n" for n in range(WORTH_IT))


def _shape(engine: Engine) -> list[tuple[str, str]]:
    """Every index and constraint of the tables, as PostgreSQL would write it; nothing on SQLite, which keeps them."""
    if engine.dialect.name == "sqlite":
        return []
    tables = "('contact'::regclass, 'attribute_history'::regclass)"
    indexes = "SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid IN "
    rules = "SELECT conname, pg_get_constraintdef(oid) || convalidated FROM pg_constraint WHERE conrelid IN "
    with reading(engine) as connection:
        found = [*connection.execute(text(indexes + tables)), *connection.execute(text(rules + tables))]
    return sorted((str(name), str(said)) for name, said in found)


def test_a_large_first_import_leaves_indexes_and_references_as_they_were(shop: Shop) -> None:
    before = _shape(shop.engine)
    result = shop.load("contacts", LARGE)
    assert (result.loaded, _shape(shop.engine)) == (WORTH_IT, before)
    assert len(shop.rows(attribute_history)) == 2 * WORTH_IT  # the mailbox and the points of each


def test_the_same_large_file_again_changes_nothing(shop: Shop) -> None:
    shop.load("contacts", LARGE)
    before = shop.rows(contact)
    assert shop.load("contacts", LARGE).loaded == WORTH_IT
    assert (shop.rows(contact) == before, len(shop.rows(attribute_history))) == (True, 2 * WORTH_IT)


def test_tables_in_which_somebody_else_works_keep_their_indexes_meanwhile(shop: Shop) -> None:
    before = _shape(shop.engine)
    with shop.engine.connect() as other:
        other.execute(text("SELECT count(*) FROM contact"))  # its transaction goes on
        assert shop.load("contacts", LARGE).loaded == WORTH_IT
        assert _shape(shop.engine) == before
