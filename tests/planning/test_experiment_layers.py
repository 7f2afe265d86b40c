"""Experiments of one layer share nobody; and whom a campaign shares with experiments under way."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, update

from handbill.definitions.policy import Layer
from handbill.definitions.project import Project
from handbill.planning.layers import Overlap, overlaps
from handbill.planning.plan import make_plan, occasion_of, walk_stages
from handbill.planning.seal import seal_run
from handbill.store.connection import writing
from handbill.store.draw import unit_fraction
from handbill.store.tables import run
from tests.conftest import NOW
from tests.planning.shop import SPRING, WINBACK, add_contact, make_contacts, make_project
from tests.planning.test_priorities import outcome


def project(root: Path, **experiments: Any) -> Project:
    """Campaigns that are the spring sale with something else in their experiments."""
    campaigns = {
        name: {**base, "experiment": {**base["experiment"], "salt": f"{name}-salt", **more}}
        for name, (base, more) in experiments.items()
    }
    return replace(make_project(root, campaigns=campaigns), layers={"offers": Layer(salt="offers-layer")})


def slot(since: str, until: str) -> dict[str, Any]:
    return {"layer": {"name": "offers", "from": since, "to": until}}


def test_units_outside_an_experiments_slot_belong_to_other_experiments(store: Engine, tmp_path: Path) -> None:
    made = project(tmp_path, one=(SPRING, slot("0%", "30%")), two=(SPRING, slot("30%", "100%")))
    with writing(store) as connection:
        make_contacts(connection, 80)
        inside = {f"c-{n:05}" for n in range(80) if unit_fraction("offers-layer", f"c-{n:05}") < 0.3}
        one, two = outcome(connection, made, "one"), outcome(connection, made, "two")
    assert {name for name, reason in one.items() if reason == "planned"} == inside
    assert {name for name, reason in two.items() if reason == "planned"} == set(one) - inside
    assert set(one.values()) == {"planned", "other_experiment offers"}


def test_a_layer_draws_households_for_an_experiment_on_households(store: Engine, tmp_path: Path) -> None:
    made = project(tmp_path, letters=(WINBACK, slot("0%", "50%")))
    with writing(store) as connection:
        make_contacts(connection, 40)
        found = outcome(connection, made, "letters")
    inside = {f"c-{n:05}" for n in range(40) if unit_fraction("offers-layer", f"h-c-{n:05}") < 0.5}
    assert {name for name, reason in found.items() if reason == "planned"} == inside


def test_contacts_in_experiments_under_way_are_counted(store: Engine, tmp_path: Path) -> None:
    made = project(tmp_path, one=(SPRING, {}), two=(SPRING, {}), letters=(WINBACK, {}))
    with writing(store) as connection:
        make_contacts(connection, 20)
        assert shared(connection, made) == []
        seal(connection, made, "two")
        make_contacts_more(connection)
        seal(connection, made, "letters")
        assert shared(connection, made) == [Overlap("letters", 25), Overlap("two", 20)]


def test_an_experiment_whose_windows_have_closed_shares_nobody(store: Engine, tmp_path: Path) -> None:
    made = project(tmp_path, one=(SPRING, {}), two=(SPRING, {}))
    with writing(store) as connection:
        make_contacts(connection, 5)
        seal(connection, made, "two")
        connection.execute(update(run).values(state="finished"))
        fortnight = NOW + timedelta(days=14, hours=1)
        assert shared(connection, made, fortnight - timedelta(hours=2)) == [Overlap("two", 5)]
        assert shared(connection, made, fortnight) == []


def test_experiments_of_one_layer_share_nobody(store: Engine, tmp_path: Path) -> None:
    made = project(tmp_path, one=(SPRING, slot("0%", "50%")), two=(SPRING, slot("50%", "100%")))
    with writing(store) as connection:
        make_contacts(connection, 30)
        seal(connection, made, "two")
        assert shared(connection, made) == []


def make_contacts_more(connection: Connection) -> None:
    for number in range(5):
        add_contact(connection, f"later-{number}")


def seal(connection: Connection, made: Project, name: str) -> None:
    seal_run(connection, made, make_plan(connection, made, name, now=NOW), now=NOW)


def shared(connection: Connection, made: Project, now: datetime = NOW) -> list[Overlap]:
    occasion = occasion_of(made, "one", now=now)
    walk_stages(connection, occasion)
    return overlaps(connection, occasion)
