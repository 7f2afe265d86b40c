"""A new sender sends so many e-mails a day and no more, over all runs and workers; the rest waits for tomorrow."""

from datetime import timedelta
from itertools import pairwise
from pathlib import Path

from sqlalchemy import Engine, event, select, update

from handbill.clock import fixed_clock
from handbill.delivery.books import reasons
from handbill.operations.run import drain_run, start_run
from handbill.planning.warm_up import curve_of, left_today
from handbill.store.connection import reading, writing
from handbill.store.tables import outbox
from tests.conftest import NOW
from tests.operations.shop import CAMPAIGN, add_people, make_project, make_settings
from tests.scenarios.fault_server import FaultServer, serving

DAY = timedelta(days=1)
WARM_UP = "    warm_up: {start: 4/day, double_every: 2 days}"
LATE = CAMPAIGN.replace("max_lateness: 6 hours", "max_lateness: 30 days")


def test_so_many_leave_on_each_day_and_twice_as_many_after_a_while(store: Engine, tmp_path: Path) -> None:
    with serving(FaultServer()) as server:
        project = make_project(tmp_path, server.port, campaigns=LATE, email=WARM_UP)
        settings = make_settings(tmp_path, store)
        add_people(store, 30)
        run_id = start_run(store, project, "spring", clock=fixed_clock(NOW)).run_id
        sent = [0]
        for day in range(6):
            for _ in range(2):  # whoever looks twice a day sends no more
                drain_run(store, project, settings, run_id, clock=fixed_clock(NOW + day * DAY))
            sent.append(len(server.taken))
    assert [after - before for before, after in pairwise(sent)] == [4, 4, 8, 8, 6, 0]


def test_two_runs_share_one_days_number(store: Engine, tmp_path: Path) -> None:
    with serving(FaultServer()) as server:
        project = make_project(tmp_path, server.port, campaigns=LATE, email=WARM_UP)
        settings = make_settings(tmp_path, store)
        add_people(store, 3)
        for wave in ("first", "second"):
            run_id = start_run(store, project, "spring", clock=fixed_clock(NOW), new_wave=wave).run_id
            drain_run(store, project, settings, run_id, clock=fixed_clock(NOW))
        assert len(server.taken) == 4
        drain_run(store, project, settings, run_id, clock=fixed_clock(NOW + DAY))
    assert sorted(server.counts.values()) == [2, 2, 2]


def test_a_message_that_gets_out_while_it_is_counted_counts(store: Engine, tmp_path: Path) -> None:
    with serving(FaultServer()) as server:
        project = make_project(tmp_path, server.port, campaigns=LATE, email=WARM_UP)
        add_people(store, 4)
        start_run(store, project, "spring", clock=fixed_clock(NOW))
    with writing(store) as connection:
        connection.execute(update(outbox).values(state="claimed"))

    def get_out(*_: object) -> None:
        with store.connect().execution_options(isolation_level="AUTOCOMMIT") as other:
            other.execute(update(outbox).values(state="accepted", accepted_at=NOW))

    with reading(store) as connection:
        curve = curve_of(connection, project, NOW)
        assert curve is not None
        event.listen(connection, "after_cursor_execute", get_out)
        assert left_today(connection, project, curve, NOW)[0] == 0


def test_what_comes_due_beyond_the_number_waits_until_tomorrow_at_the_time_of_the_run(
    store: Engine, tmp_path: Path
) -> None:
    with serving(FaultServer()) as server:
        project = make_project(tmp_path, server.port, campaigns=LATE, email=WARM_UP)
        add_people(store, 9)
        run_id = start_run(store, project, "spring", clock=fixed_clock(NOW)).run_id
        with writing(store) as connection:
            connection.execute(update(outbox).values(not_before=NOW))  # as `handbill retry` makes them
        drain_run(store, project, make_settings(tmp_path, store), run_id, clock=fixed_clock(NOW))
    with reading(store) as connection:
        waiting = set(connection.scalars(select(outbox.c.not_before).where(outbox.c.state == "queued")))
    assert (len(server.taken), waiting) == (4, {NOW + DAY})


def test_what_is_too_late_by_tomorrow_expires_with_the_reason(store: Engine, tmp_path: Path) -> None:
    later = NOW + timedelta(hours=7)
    with serving(FaultServer()) as server:
        project = make_project(tmp_path, server.port, email=WARM_UP)
        settings = make_settings(tmp_path, store)
        add_people(store, 9)
        run_id = start_run(store, project, "spring", clock=fixed_clock(NOW)).run_id
        with writing(store) as connection:
            connection.execute(update(outbox).values(not_before=NOW))
        for now in (NOW, later):
            drain_run(store, project, settings, run_id, clock=fixed_clock(now))
    with reading(store) as connection:
        assert reasons(connection, run_id) == {"over_warm_up": 5}


def test_without_a_warm_up_all_leave_at_once(store: Engine, tmp_path: Path) -> None:
    with serving(FaultServer()) as server:
        project = make_project(tmp_path, server.port)
        add_people(store, 9)
        run_id = start_run(store, project, "spring", clock=fixed_clock(NOW)).run_id
        drain_run(store, project, make_settings(tmp_path, store), run_id, clock=fixed_clock(NOW))
    assert len(server.taken) == 9
