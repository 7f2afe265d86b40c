"""A report gathers everything that is known of a campaign, and nothing before its time."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, delete, insert, select, update

from handbill.definitions.project import Project
from handbill.errors import NotMeasurable, ProjectInvalid
from handbill.reports.document import Report, gather
from handbill.reports.funnel import Channel
from handbill.reports.quality import Source
from handbill.reports.waterfall import Step, Waterfall
from handbill.responses.events import Event, store_events
from handbill.store.connection import reading, writing
from handbill.store.tables import assignment, experiment, orders, outbox, run, simulated_truth, source_watermark
from tests.conftest import NOW
from tests.reports.factory import AFTER, EMAIL, NOTHING, ORIGIN, Cell, exclude, fill, members_of, order, watermark
from tests.reports.projects import CAMPAIGNS, seal_as_declared, write_project

SMALL = [replace(NOTHING, units=4, buyers=1), replace(EMAIL, units=4, buyers=2)]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return write_project(tmp_path / "shop")


def report_of(store: Engine, project: Project, at: timedelta = timedelta(days=15)) -> Report:
    with reading(store) as connection:
        return gather(connection, project, "winback", ORIGIN + at)


def test_before_the_last_window_has_closed_nothing_is_measured(store: Engine, project: Project) -> None:
    with writing(store) as connection:
        fill(connection, SMALL)
        latest = select(assignment.c.id).order_by(assignment.c.id.desc()).limit(1).scalar_subquery()
        connection.execute(
            update(assignment).where(assignment.c.id == latest).values(origin_at=ORIGIN + timedelta(hours=5))
        )
    report = report_of(store, project, timedelta(days=14))
    assert report.screen.words == (
        "Too early: no result. 7 of 8 contacts have completed 14 days. Opens 15 December. Next: nothing."
    )
    assert report.analysis is not None
    assert report.analysis.results.comparisons == ()
    assert [arm.metrics for arm in report.analysis.results.arms] == [{}, {}]
    assert report.analysis.gains == ()


def test_a_window_without_its_orders_is_not_mature(store: Engine, project: Project) -> None:
    with writing(store) as connection:
        fill(connection, SMALL)
        connection.execute(update(source_watermark).values(complete_until=ORIGIN + timedelta(days=13)))
    assert report_of(store, project).screen.words == (
        "Too early: no result. All 8 contacts have completed 14 days, but orders are known only up to 14 December. "
        "Next: import the orders up to 15 December."
    )


def test_the_source_that_lags_behind_is_named(store: Engine, project: Project) -> None:
    with writing(store) as connection:
        fill(connection, SMALL)
        watermark(connection, ORIGIN + timedelta(days=2), "till")
    assert report_of(store, project).screen.words == (
        "Too early: no result. All 8 contacts have completed 14 days, but orders from “till” are known only up to "
        "3 December. Next: import the orders up to 15 December."
    )


def test_a_result_is_read_as_soon_as_its_time_has_come(store: Engine, project: Project) -> None:
    with writing(store) as connection:
        fill(connection, SMALL)
        connection.execute(update(source_watermark).values(complete_until=ORIGIN + timedelta(days=14)))
    report = report_of(store, project, timedelta(days=14))
    assert report.screen.status == "cannot_tell"
    assert report.analysis is not None
    assert report.analysis.maturity.mature


def test_a_campaign_that_has_not_run_says_how_to_run_it(store: Engine, project: Project) -> None:
    with pytest.raises(NotMeasurable) as caught:
        report_of(store, project)
    assert str(caught.value) == "winback has not been run, so there is nothing to report. Run `handbill run winback`."


def test_a_campaign_that_nobody_declared_is_named_with_the_nearest(store: Engine, project: Project) -> None:
    with pytest.raises(ProjectInvalid) as caught, reading(store) as connection:
        gather(connection, project, "winbak", NOW)
    assert str(caught.value) == 'campaign "winbak" is not known. Use winback. Did you mean "winback"?'


def test_a_campaign_without_an_experiment_has_a_funnel_and_no_verdict(store: Engine, project: Project) -> None:
    with writing(store) as connection:
        fill(connection, SMALL)
        connection.execute(delete(assignment))
        connection.execute(delete(experiment))
    report = report_of(store, project)
    assert (report.screen.status, report.analysis) == ("no_comparison", None)
    assert [channel.accepted for channel in report.funnel.channels] == [4]


def test_what_is_registered_is_analysed_whatever_the_files_say(store: Engine, tmp_path: Path) -> None:
    changed = write_project(tmp_path / "changed", CAMPAIGNS.replace("within: 14 days", "within: 30 days"))
    with writing(store) as connection:
        fill(connection, SMALL)
        seal_as_declared(connection, write_project(tmp_path / "sealed"))
    report = report_of(store, changed)
    assert report.analysis is not None
    assert report.analysis.registered.within == timedelta(days=14)
    assert len(report.deviations) == 1
    assert report.deviations[0].startswith("goal was ")


def test_an_unchanged_registration_has_no_deviations(store: Engine, project: Project) -> None:
    with writing(store) as connection:
        fill(connection, SMALL)
        seal_as_declared(connection, project)
    report = report_of(store, project)
    assert report.deviations == ()
    assert report.analysis is not None
    registered = report.analysis.registered
    assert (registered.unit, registered.control, registered.primary) == ("contact", "nothing", "conversion")
    assert (registered.minimum_effect, registered.power, registered.confidence) == (0.01, 0.8, 0.95)
    assert registered.arm("email").channels == ("email",)


def test_the_waterfall_adds_up(store: Engine, project: Project) -> None:
    with writing(store) as connection:
        fill(connection, SMALL)
        exclude(connection, "no_consent", 3)
        exclude(connection, "capped", 1)
    assert report_of(store, project).waterfall == Waterfall(
        selected=12, steps=(Step("no_consent", 3), Step("capped", 1)), planned=8
    )


def test_the_funnel_counts_every_message_in_one_state(store: Engine, project: Project) -> None:
    with writing(store) as connection:
        fill(connection, [SMALL[0], replace(EMAIL, units=6, buyers=2, cost=0.5)])
        ids = list(connection.scalars(select(outbox.c.id).order_by(outbox.c.id)))
        for message, state in zip(ids, ("failed", "uncertain", "skipped", "queued"), strict=False):
            connection.execute(update(outbox).where(outbox.c.id == message).values(state=state))
        bounce = Event("mailbox", "1", "email.bounced", NOW, NOW, outbox_id=ids[5])
        store_events(connection, [bounce, replace(bounce, source_event_id="2")])
    (channel,) = report_of(store, project).funnel.channels
    assert channel == Channel(
        "email",
        "email",
        {"accepted": 2, "failed": 1, "queued": 1, "skipped": 1, "uncertain": 1},
        {"bounces": 1},
        cost=1.0,
    )
    counts = (channel.accepted, channel.failed, channel.never_sent, channel.unsure, channel.still_open)
    assert (channel.planned, sum(counts)) == (6, 6)


def test_orders_with_a_printed_code_are_counted_beside(store: Engine, project: Project) -> None:
    letter = Cell("letter", 4, 1, ("direct_mail",), piece="letter")
    with writing(store) as connection:
        fill(connection, [SMALL[0], letter], unit="household")
        person, *others = members_of(connection, "letter")
        order(connection, others[0], code=f"C{person}", total=12_500_000, ordered_at=AFTER + timedelta(days=9))
    assert report_of(store, project).funnel.coded == {"letter": (1, 12.5)}


def test_quality_names_sources_and_strangers(store: Engine, project: Project) -> None:
    with writing(store) as connection:
        fill(connection, SMALL)
        buyer = connection.scalar(select(orders.c.id).limit(1))
        connection.execute(update(orders).where(orders.c.id == buyer).values(contact_id=None))
    quality = report_of(store, project).quality
    assert (quality.strangers, quality.orders_in_all) == (1, 3)
    assert quality.sources == (Source("orders", "shop", AFTER),)


def test_orders_are_counted_by_the_day_on_which_a_unit_first_bought(store: Engine, project: Project) -> None:
    with writing(store) as connection:
        fill(connection, [replace(NOTHING, units=4, buyers=0), replace(EMAIL, units=4, buyers=0)])
        early, late, *_ = members_of(connection, "email")
        for person, after in ((early, 0.0), (early, 3.0), (late, 13.99)):
            order(connection, person, ordered_at=ORIGIN + timedelta(days=after))
    analysis = report_of(store, project).analysis
    assert analysis is not None
    assert analysis.timing == {"nothing": (0,) * 14, "email": (*(1,) * 13, 2)}


def test_the_truth_of_simulated_responses_is_kept_with_the_report(store: Engine, project: Project) -> None:
    truth = {"campaign": "winback", "metric": "conversion", "arm": "email", "control": "nothing", "difference": 0.1}
    with writing(store) as connection:
        fill(connection, SMALL)
        connection.execute(insert(simulated_truth).values(truth))
        connection.execute(insert(simulated_truth).values(truth | {"campaign": "another"}))
    assert report_of(store, project).truths == {("conversion", "email", "nothing"): 0.1}


def test_waves_are_added_up(store: Engine, project: Project) -> None:
    with writing(store) as connection:
        fill(connection, SMALL)
        again = {"wave": "second", "state": "running", "scheduled_at": NOW + timedelta(days=1)}
        first = dict(connection.execute(select(run)).mappings().one())
        connection.execute(insert(run).values({**first, **again, "id": first["id"] + 1, "finished_at": None}))
    assert [(wave.name, wave.state) for wave in report_of(store, project).quality.waves] == [
        ("once", "finished"), ("second", "running"),
    ]  # fmt: skip
