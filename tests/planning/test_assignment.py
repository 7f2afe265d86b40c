"""Which arm a unit is in, the same for everybody who computes it."""

from decimal import Decimal
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, Float, insert, literal, select

from handbill.planning.assignment import arm_in_sql, arm_of, shares_of
from handbill.planning.plan import make_plan
from handbill.planning.selection import selection
from handbill.store.connection import reading, writing
from handbill.store.draw import unit_fraction
from handbill.store.tables import assignment, definition, experiment, run
from tests.conftest import NOW
from tests.planning.shop import SPRING, add_contact, make_contacts, make_project

THIRDS = [("a", Decimal("0.3333")), ("none", Decimal(0)), ("b", Decimal("0.3333")), ("c", Decimal("0.3334"))]


@given(st.floats(0, 1, exclude_max=True))
def test_the_arm_is_the_first_whose_cumulative_share_exceeds_the_draw(fraction: float) -> None:
    expected = "a" if fraction < 0.3333 else "b" if fraction < 0.6666 else "c"
    assert arm_of(THIRDS, fraction) == expected


def test_a_share_of_zero_gets_nobody_even_at_its_bound() -> None:
    assert arm_of(THIRDS, 0.3333) == "b"


def test_shares_are_added_exactly() -> None:
    tenths = [(str(number), Decimal("0.1")) for number in range(10)]
    assert [arm_of(tenths, each / 10) for each in range(10)] == [str(number) for number in range(10)]


def test_sql_and_python_draw_alike(store: Engine) -> None:
    fractions = [0.0, 0.3333, 0.33329999999999993, 0.6666, 0.9999999999999998]
    with reading(store) as connection:
        found = [connection.scalar(select(arm_in_sql(THIRDS, literal(each, Float)))) for each in fractions]
    assert found == [arm_of(THIRDS, each) for each in fractions]


def test_every_planned_contact_has_the_arm_of_its_draw_and_the_arms_share(store: Engine, tmp_path: Path) -> None:
    project = make_project(tmp_path)
    shares = shares_of(project.campaigns["spring-sale"])
    with writing(store) as connection:
        make_contacts(connection, 40)
        make_plan(connection, project, "spring-sale", now=NOW)
        rows = connection.execute(select(selection.c.unit_id, selection.c.arm, selection.c.propensity)).all()
    assert len(rows) == 40
    for unit_id, arm, propensity in rows:
        assert arm == arm_of(shares, unit_fraction("spring-2026", unit_id))
        assert propensity == float(dict(shares)[arm])


def test_the_members_of_a_household_share_an_arm(store: Engine, tmp_path: Path) -> None:
    by_household = {**SPRING, "experiment": {**SPRING["experiment"], "unit": "household"}}
    with writing(store) as connection:
        for number in range(40):
            add_contact(connection, f"c-{number}", household_key=f"h-{number % 10}")
        make_plan(connection, make_project(tmp_path, campaigns={"c": by_household}), "c", now=NOW)
        pairs = connection.execute(select(selection.c.unit_id, selection.c.arm).distinct()).all()
    assert len(pairs) == 10


def test_nothing_draws_a_unit_again_that_has_its_arm(store: Engine, tmp_path: Path) -> None:
    with writing(store) as connection:
        add_contact(connection, "ann", household_key="h1")
        connection.execute(insert(definition).values(digest="d", campaign="winback", content={}, first_seen_at=NOW))
        connection.execute(
            insert(run).values(campaign="winback", wave="first", state="finished", definition_digest="d",
                               plan_digest="", plan={}, scheduled_at=NOW, started_at=NOW)
        )  # fmt: skip
        connection.execute(
            insert(experiment).values(campaign="winback", salt="winback-2026", unit="household", registration={},
                                      registration_digest="", sealed_at=NOW)
        )  # fmt: skip
        connection.execute(
            insert(assignment).values(experiment_id=1, unit_id="h1", arm="letter", propensity=0.125, run_id=1,
                                      eligible_at=NOW, origin_at=NOW)
        )  # fmt: skip
        make_plan(connection, make_project(tmp_path), "winback", now=NOW, wave="second")
        assert connection.execute(select(selection.c.arm, selection.c.propensity)).one() == ("letter", 0.125)


def test_without_an_experiment_everybody_is_in_the_one_arm(store: Engine, tmp_path: Path) -> None:
    plain = {key: value for key, value in SPRING.items() if key != "experiment"}
    with writing(store) as connection:
        make_contacts(connection, 3)
        make_plan(connection, make_project(tmp_path, campaigns={"c": plain}), "c", now=NOW)
        found = connection.execute(select(selection.c.arm, selection.c.propensity).distinct()).one()
    assert tuple(found) == ("all", 1.0)
