"""What may be read while units arrive: planned looks, and a reading that holds at any time."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, select, update

from handbill.definitions.project import Project
from handbill.reports.document import Report, gather
from handbill.reports.numbers import as_json
from handbill.reports.registered import Registered
from handbill.reports.text import as_markdown
from handbill.store.connection import writing
from handbill.store.tables import assignment, assignment_member, experiment, orders, source_watermark
from tests.conftest import NOW
from tests.reports.factory import WITHIN, Cell, fill, registration_of
from tests.reports.projects import write_project

DAYS = 10
SIZE = 4_000
DAY = timedelta(days=1)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return write_project(tmp_path)


def _arrive(connection: Connection, buyers: int, **changes: Any) -> Registered:
    """4,000 contacts, 400 a day, half of them in each arm; 10 % buy without mail, `buyers` of 2,000 with it."""
    cells = [Cell("nothing", SIZE // 2, 200), Cell("email", SIZE // 2, buyers, ("email",))]
    registered = fill(connection, cells, **{"size": SIZE, **changes})
    for arm in ("nothing", "email"):
        ids = connection.scalars(select(assignment.c.id).where(assignment.c.arm == arm).order_by(assignment.c.id)).all()
        for day in range(DAYS):
            units = ids[day::DAYS]  # those who buy come first, and so they are spread over all days
            connection.execute(update(assignment).where(assignment.c.id.in_(units)).values(origin_at=NOW + day * DAY))
            mine = select(assignment_member.c.contact_id).where(assignment_member.c.assignment_id.in_(units))
            bought = {"ordered_at": NOW + (day + 1) * DAY}
            connection.execute(update(orders).where(orders.c.contact_id.in_(mine)).values(bought))
    sealed = {
        **registration_of(registered),
        "analysis": registered.analysis,
        "size": SIZE,
        "looks": list(registered.looks),
    }
    connection.execute(update(experiment).values(registration=sealed))
    connection.execute(update(source_watermark).values(complete_until=NOW + timedelta(days=90)))
    return registered


def _report(connection: Connection, project: Project, now: datetime) -> Report:
    return gather(connection, project, "winback", now)


def _after(days: int) -> datetime:
    """A moment at which the windows of so many days' units have closed."""
    return NOW + days * DAY + WITHIN + timedelta(hours=1)


LOOKS = {"analysis": "group_sequential", "looks": (0.5, 1.0)}


def test_before_the_first_look_nothing_is_read(store: Engine, project: Project) -> None:
    with writing(store) as connection:
        _arrive(connection, buyers=400, **LOOKS)
        report = _report(connection, project, _after(4))
    assert report.screen.words == (
        "Too early: no result. 1,600 of 4,000 contacts have completed 14 days. The next look comes at 2,000. "
        "Next: nothing."
    )
    assert report.analysis is not None
    assert report.analysis.results.comparisons == ()


def test_a_border_that_is_crossed_ends_the_experiment_at_its_look(store: Engine, project: Project) -> None:
    with writing(store) as connection:
        _arrive(connection, buyers=400, **LOOKS)
        report = _report(connection, project, _after(6))
        later = _report(connection, project, _after(DAYS))
    assert report.screen.status == "worked"
    assert report.is_final
    assert report.analysis is not None
    over_time = report.analysis.over_time
    assert over_time is not None
    assert [(look.planned, look.fraction, look.units) for look in over_time.looks] == [(0.5, 0.5, 2_000)]
    (contrast,) = [one for one in report.analysis.results.comparisons if one.metric == "conversion"]
    result = contrast.result
    assert over_time.looks[0].border["email", "nothing"] == pytest.approx(2.9626, abs=1e-4)
    assert (result.difference, result.low, result.high) == pytest.approx((0.1, 0.0691, 0.1308), abs=5e-4)
    # Whoever looks again later reads the same: the units of that look.
    assert later.screen.words == report.screen.words


def test_between_two_looks_nothing_is_read(store: Engine, project: Project) -> None:
    with writing(store) as connection:
        _arrive(connection, buyers=210, **LOOKS)
        report = _report(connection, project, _after(6))
    assert report.screen.words == (
        "Too early: no result. After 1 look of 2, nothing is clear enough to stop. 2,400 of 4,000 contacts have "
        "completed 14 days. The next look comes at 4,000. Next: go on, and read nothing in between."
    )
    assert not report.is_final
    assert "| 50.0 % | email − nothing | 2,000 (50.0 %) | 5 December | 0.37 | 2.96 | no |" in as_markdown(report)


def test_the_last_look_says_what_there_is(store: Engine, project: Project) -> None:
    with writing(store) as connection:
        _arrive(connection, buyers=210, **LOOKS)
        report = _report(connection, project, _after(DAYS))
    assert report.screen.status == "cannot_tell"
    assert report.is_final
    assert '"ended": true' in as_json(report)


def test_orders_that_are_not_imported_yet_keep_a_look_waiting(store: Engine, project: Project) -> None:
    with writing(store) as connection:
        _arrive(connection, buyers=400, **LOOKS)
        connection.execute(update(source_watermark).values(complete_until=NOW + WITHIN + 2 * DAY))
        report = _report(connection, project, _after(DAYS))
    assert report.screen.words.startswith("Too early: no result. 800 of 4,000 contacts have completed 14 days.")


def test_any_time_is_read_over_the_windows_that_have_closed(store: Engine, project: Project) -> None:
    with writing(store) as connection:
        _arrive(connection, buyers=400, analysis="always_valid")
        report = _report(connection, project, _after(5))
    assert report.screen.status == "worked"
    assert not report.is_final
    assert "So far 2,000 of 4,000 contacts count." in report.screen.words
    assert report.analysis is not None
    (contrast,) = [one for one in report.analysis.results.comparisons if one.metric == "conversion"]
    assert contrast.result.method == "asymptotic confidence sequence, valid at every look"
    assert sum(arm.units for arm in report.analysis.results.arms) == 2_000


def test_any_time_says_what_to_do_while_it_cannot_tell(store: Engine, project: Project) -> None:
    with writing(store) as connection:
        _arrive(connection, buyers=210, analysis="always_valid")
        report = _report(connection, project, _after(5))
    assert report.screen.status == "cannot_tell"
    assert report.screen.words.endswith("Next: go on, and look again whenever you like.")


def test_several_comparisons_share_the_chance_of_a_false_claim(store: Engine, project: Project) -> None:
    with writing(store) as connection:
        registered = _arrive(connection, buyers=400, **LOOKS)
        sealed = {**registration_of(registered), "compare": ["nothing - email"], "analysis": "group_sequential"}
        connection.execute(update(experiment).values(registration={**sealed, "size": SIZE, "looks": [0.5, 1.0]}))
        report = _report(connection, project, _after(6))
    assert report.analysis is not None
    assert report.analysis.over_time is not None
    borders = report.analysis.over_time.looks[0].border
    assert borders["email", "nothing"] == borders["nothing", "email"] == pytest.approx(3.3446, abs=1e-3)
