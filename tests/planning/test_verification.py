"""Every unit's arm can be drawn anew from the salt, in Python and in SQL alike."""

from pathlib import Path

import pytest
from sqlalchemy import Engine, select, text, update

from handbill.contacts.erase import erase_person
from handbill.errors import RunRefused
from handbill.planning.plan import make_plan
from handbill.planning.seal import seal_run
from handbill.planning.verification import verify_assignment
from handbill.store.connection import reading, writing
from handbill.store.draw import unit_fraction
from handbill.store.tables import assignment, contact
from tests.conftest import NOW
from tests.planning.shop import make_contacts, make_project


def seal(store: Engine, root: Path, count: int = 40) -> None:
    project = make_project(root)
    with writing(store) as connection:
        make_contacts(connection, count)
        seal_run(connection, project, make_plan(connection, project, "spring-sale", now=NOW), now=NOW)


def test_everybody_is_where_the_salt_draws_them(store: Engine, tmp_path: Path) -> None:
    seal(store, tmp_path)
    with reading(store) as connection:
        found = verify_assignment(connection, "spring-sale")
    assert (found.units, found.mismatches, found.shown, found.unit) == (40, 0, (), "contact")
    assert found.bounds == (("nothing", 0.1), ("plain", 0.55), ("discount", 1.0))


def test_a_unit_in_another_arm_is_found(store: Engine, tmp_path: Path) -> None:
    seal(store, tmp_path)
    with writing(store) as connection:
        moved = connection.scalars(select(assignment.c.unit_id).where(assignment.c.arm == "plain").limit(1)).one()
        connection.execute(update(assignment).where(assignment.c.unit_id == moved).values(arm="discount"))
        found = verify_assignment(connection, "spring-sale")
    assert found.mismatches == 1
    assert [(each.unit_id, each.drawn, each.stored) for each in found.shown] == [(moved, "plain", "discount")]


def test_one_unit_is_shown_with_its_draw(store: Engine, tmp_path: Path) -> None:
    seal(store, tmp_path)
    with reading(store) as connection:
        (found,) = verify_assignment(connection, "spring-sale", "c-00007").shown
    assert found.fraction == unit_fraction("spring-2026", "c-00007")
    assert found.drawn == found.stored


def test_an_outsider_draws_the_same_with_the_three_lines_of_python(store: Engine, tmp_path: Path) -> None:
    seal(store, tmp_path)
    with reading(store) as connection:
        python = verify_assignment(connection, "spring-sale").python
        stored = connection.execute(select(assignment.c.unit_id, assignment.c.arm)).tuples().all()
    outside: dict[str, object] = {}
    exec(python, outside)  # noqa: S102 - that is what an outsider does with them
    arm = outside["arm"]
    assert callable(arm)
    assert [arm(unit) for unit, _ in stored] == [arm_ for _, arm_ in stored]


def test_an_outsider_draws_the_same_with_the_statement(store: Engine, tmp_path: Path) -> None:
    seal(store, tmp_path)
    with writing(store) as connection:
        sql = verify_assignment(connection, "spring-sale").sql
        if connection.dialect.name == "sqlite":
            assert "convert_to" in sql, "the statement is PostgreSQL's"
            return
        assert connection.execute(text(sql.replace(":", "\\:"))).all() == []
        connection.execute(update(assignment).where(assignment.c.unit_id == "c-00007").values(arm="none"))
        assert [each.unit_id for each in connection.execute(text(sql.replace(":", "\\:")))] == ["c-00007"]


def test_what_cannot_be_verified_is_said(store: Engine, tmp_path: Path) -> None:
    with reading(store) as connection, pytest.raises(RunRefused) as nobody:
        verify_assignment(connection, "spring-sale")
    assert str(nobody.value) == (
        "spring-sale: nobody has been assigned to an arm yet. Verify it after its first run, or look at somebody with "
        "`handbill explain CONTACT CAMPAIGN`."
    )
    seal(store, tmp_path)
    with reading(store) as connection, pytest.raises(RunRefused) as stranger:
        verify_assignment(connection, "spring-sale", "c-9")
    assert str(stranger.value) == (
        'spring-sale: contact "c-9" has not been assigned to an arm. '
        "Name a contact by its id, as reports and exports do."
    )


def test_units_of_erased_people_are_counted_apart(store: Engine, tmp_path: Path) -> None:
    seal(store, tmp_path)
    with writing(store) as connection:
        person = connection.scalar(select(contact.c.id).where(contact.c.external_id == "c-00007"))
        erase_person(connection, b"secret", int(person or 0), now=NOW)
    with reading(store) as connection:
        found = verify_assignment(connection, "spring-sale")
        assert (found.units, found.mismatches, found.erased) == (39, 0, 1)
        if store.dialect.name == "postgresql":
            assert connection.execute(text(found.sql)).all() == []
