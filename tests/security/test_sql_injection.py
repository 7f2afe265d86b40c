"""No name, value or order that comes from outside becomes a part of a statement."""

import ast
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, inspect, select

from handbill.definitions.loading import load_project
from handbill.errors import HandbillError
from handbill.operations.audit import entries
from handbill.operations.people import contact_number_of
from handbill.operations.segments import count_segment, show_segment
from handbill.operations.suppression_list import list_suppressions
from handbill.store.connection import reading
from handbill.store.tables import contact, metadata
from tests.conftest import NOW
from tests.operations.shop import add_people, make_project

HOSTILE = (
    "'; DROP TABLE contact; --",
    "' OR '1'='1",
    '" OR "1"="1',
    "') OR 1=1 --",
    "%' OR external_id LIKE '%",
    "\\'; DELETE FROM contact; --",
    "1; UPDATE contact SET email = 'x'",
    "${jndi:x}",
    ":x); --",
    "%(x)s; %s; {x}",
    "$$; DROP TABLE contact; $$",
)
CLAUSES = (
    "field: first_name, is: {value}",
    "field: first_name, contains: {value}",
    "field: first_name, starts_with: {value}",
    "field: first_name, one_of: [{value}]",
    "event: {value}, at_least: 1",
    "event: page_view, where: [{{property: path, is: {value}}}]",
    "sample: {{share: 50%, salt: {value}}}",
)


def quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def people(store: Engine) -> int:
    """Everybody is there, and so is every table."""
    assert set(inspect(store).get_table_names()) >= set(metadata.tables)
    with reading(store) as connection:
        assert connection.scalar(select(func.count()).where(contact.c.email == "x")) == 0
        return connection.scalar(select(func.count()).select_from(contact)) or 0


@pytest.mark.parametrize("clause", CLAUSES)
def test_a_hostile_value_in_a_segment_is_a_value(store: Engine, tmp_path: Path, clause: str) -> None:
    make_project(tmp_path, 25)
    add_people(store, 3)
    for value in HOSTILE:
        text = f"name: Evil\nwhere: {{{clause.format(value=quoted(value))}}}\n"
        (tmp_path / "segments" / "evil.yaml").write_text(text, encoding="utf-8")
        try:
            project = load_project(tmp_path)
            found = count_segment(store, project, "evil", now=NOW)
        except HandbillError:
            continue
        assert found.contacts in ((0, 1, 2, 3) if "sample" in clause else (0,))
        show_segment(store, project, "evil", now=NOW)
        assert people(store) == 3


@pytest.mark.parametrize("name", [*HOSTILE, "contact.email", "email; --", "external_id DESC", "(SELECT 1)"])
def test_a_hostile_field_is_no_field(store: Engine, tmp_path: Path, name: str) -> None:
    make_project(tmp_path, 25)
    (tmp_path / "segments" / "evil.yaml").write_text(f"name: Evil\nwhere: {{field: {quoted(name)}, exists: true}}\n")
    with pytest.raises(HandbillError):
        load_project(tmp_path)
    campaigns = tmp_path / "campaigns.yaml"
    campaigns.write_text(campaigns.read_text() + f"\nfields: {{{quoted(name)}: text}}\n")
    (tmp_path / "segments" / "evil.yaml").unlink()
    with pytest.raises(HandbillError):
        load_project(tmp_path)


@pytest.mark.parametrize("value", HOSTILE)
def test_a_hostile_word_on_the_command_line_is_a_word(store: Engine, value: str) -> None:
    add_people(store, 3)
    assert list_suppressions(store, channel=value, reason=value).entries == ()
    assert entries(store, action=value, who=value) == []
    with pytest.raises(HandbillError):
        contact_number_of(store, value)
    assert people(store) == 3


def test_no_statement_of_ours_is_put_together_from_values() -> None:
    """Texts of SQL are constants, or hold names of our own tables and columns; values are always parameters."""
    source = Path(__file__).parents[2] / "src" / "handbill"
    found = {
        f"{path.relative_to(source).as_posix()}: {ast.unparse(node.args[0])}"
        for path in sorted(source.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func).rpartition(".")[2] in {"exec_driver_sql", "text"}
        and node.args
        and isinstance(node.args[0], ast.JoinedStr)
        and "migrations" not in path.parts
    }
    names = (
        "{stage.name}",
        "{table.name}",
        "{schema}",
        "{column}",
        "{name}",
        "{table}",
        "{into}",
        "{columns}",
        "{names}",
    )
    assert [each for each in sorted(found) if not any(name in each for name in names)] == []
