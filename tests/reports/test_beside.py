"""What stands beside the result: earlier orders taken out, twice the window, guardrails, claims, segments, course."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, insert, select, update

from handbill.definitions.loading import load_project
from handbill.planning.earlier_experiments import earlier_effects
from handbill.reports.attributed import Claim, claims_of
from handbill.reports.beside import calmed, doubled
from handbill.reports.compare import compare
from handbill.reports.course import course_of
from handbill.reports.explained import explained
from handbill.reports.guardrails import judge
from handbill.reports.maturity import maturity_of
from handbill.reports.measure import Measured, measure
from handbill.reports.memory import in_their_light, remember
from handbill.reports.metrics import Own
from handbill.reports.registered import Rail, Registered
from handbill.reports.segments import segments_of
from handbill.reports.timing import timing_of
from handbill.responses.events import Event, store_events
from handbill.statistics.results import Arm, Results
from handbill.statistics.samples import Proportion
from handbill.store.connection import writing
from handbill.store.tables import assignment, contact, experiment, experiment_result, orders, outbox, source_watermark
from tests.conftest import NOW
from tests.reports.factory import AFTER, EMAIL, NOTHING, ORIGIN, WITHIN, Cell, fill, members_of, order, registered_of
from tests.reports.projects import CAMPAIGNS, write_project

BIG = [replace(NOTHING, units=400, buyers=60), replace(EMAIL, units=400, buyers=100)]


def _measured(connection: Connection, registered: Registered) -> Measured:
    return measure(connection, registered, "GBP")


# Earlier orders, and twice the window


def test_earlier_orders_are_taken_out_of_the_result(store: Engine) -> None:
    with writing(store) as connection:
        registered = fill(connection, BIG, primary="orders", secondary=("conversion",))
        buyers = {name: members_of(connection, name) for name in ("nothing", "email")}
        for name, cell in zip(buyers, BIG, strict=True):
            for person in buyers[name][: cell.buyers - 10]:
                for days in (20, 50):
                    order(connection, person, ordered_at=ORIGIN - timedelta(days=days))
        measured = _measured(connection, registered)
        # With so few buyers amounts are not tested, and so not shown here either.
        assert calmed(connection, registered, measured.arms) == ()
        (found,) = calmed(connection, replace(registered, primary="conversion"), measured.arms)
    assert (found.arm, found.control) == ("email", "nothing")
    assert found.adjusted.variance_reduction is not None
    assert found.adjusted.variance_reduction > 0.5
    assert found.adjusted.result.method.startswith("CUPED with one slope for all arms")


def test_without_earlier_orders_there_is_nothing_to_take_out(store: Engine) -> None:
    with writing(store) as connection:
        registered = fill(connection, BIG)
        assert calmed(connection, registered, _measured(connection, registered).arms) == ()


def test_orders_that_were_only_brought_forward_are_gone_after_twice_the_window(store: Engine) -> None:
    with writing(store) as connection:
        registered = fill(connection, BIG)
        for person in members_of(connection, "nothing")[60:100]:
            order(connection, person, ordered_at=ORIGIN + WITHIN + timedelta(days=2))
        connection.execute(update(source_watermark).values(complete_until=ORIGIN + 3 * WITHIN))
        later = ORIGIN + 3 * WITHIN
        maturity = maturity_of(connection, registered, later)
        (found,) = doubled(connection, registered, maturity, later, "GBP")
    assert found.effect is not None
    assert found.effect.estimate == 0


def test_twice_the_window_says_from_when_it_is_known(store: Engine) -> None:
    with writing(store) as connection:
        registered = fill(connection, BIG)
        maturity = maturity_of(connection, registered, AFTER)
        (found,) = doubled(connection, registered, maturity, AFTER, "GBP")
    assert found.effect is None
    assert found.known_from == ORIGIN + 2 * WITHIN


# Metrics of the project's own


def _own(name: str, aggregation: str, **changes: object) -> Own:
    base = Own(name, "page_view", "minutes", "sum", None, None, more_is_better=True, margin=None)
    return replace(base, aggregation=aggregation, **changes)  # type: ignore[arg-type] # a Literal, given as text


def test_metrics_of_the_projects_own_are_counted_from_its_events(store: Engine) -> None:
    own = (
        _own("visited", "happened"), _own("visits", "count"), _own("minutes", "sum"), _own("capped", "sum", cap=9.0),
        _own("usual", "average"), _own("shortest", "min"), _own("longest", "max"),
        _own("early", "count", within=timedelta(days=1)), _own("paid", "sum", event="order", of_property="total"),
    )  # fmt: skip
    with writing(store) as connection:
        registered = replace(fill(connection, [replace(NOTHING, units=3, buyers=0), replace(EMAIL, units=3)]), own=own)
        first, second, third = members_of(connection, "email")
        for number, (person, days, minutes) in enumerate(
            [(first, 0, 4), (first, 2, 8), (second, 3, 1), (third, 99, 5)]
        ):
            at = ORIGIN + timedelta(days=days)
            properties = {"minutes": minutes}
            store_events(connection, [Event("s", str(number), "page_view", at, at, person, properties=properties)])
        metrics = _measured(connection, registered).arms[1].metrics
    assert metrics["visited"] == Proportion(2, of=3)
    totals = {name: metrics[name].total for name in ("visits", "minutes", "capped", "usual", "shortest", "longest")}  # type: ignore[union-attr]
    assert totals == {"visits": 3, "minutes": 13, "capped": 10, "usual": 7, "shortest": 5, "longest": 9}
    assert metrics["early"].total == 1  # type: ignore[union-attr]
    assert metrics["paid"].total == 120  # type: ignore[union-attr]


def test_ratios_are_those_of_sums(store: Engine) -> None:
    with writing(store) as connection:
        registered = fill(connection, [replace(NOTHING, units=4, buyers=1), replace(EMAIL, units=4, buyers=2)])
        messages = list(connection.scalars(select(outbox.c.id).order_by(outbox.c.id)))
        clicks = [(messages[0], 1), (messages[0], 2), (messages[3], 3)]
        store_events(
            connection,
            [Event("w", str(n), "email.clicked", ORIGIN, ORIGIN, outbox_id=message) for message, n in clicks],
        )
        metrics = _measured(connection, registered).arms[1].metrics
    per_order, per_click = metrics["revenue_per_order"], metrics["orders_per_click"]
    assert (per_order.y, per_order.x, per_order.yx) == (80.0, 2.0, 80.0)  # type: ignore[union-attr]
    assert (per_click.y, per_click.x, per_click.xx, per_click.yx) == (1.0, 3.0, 5.0, 2.0)  # type: ignore[union-attr]


# Guardrails


@pytest.mark.parametrize(("unsubscribed", "verdict"), [(40, "safe"), (160, "harmful"), (66, "not shown")])
def test_a_guardrail_is_safe_harmful_or_not_shown(unsubscribed: int, verdict: str) -> None:
    rail = Rail("unsubscribes", "plain", 0.005, None)
    arms = _mailed(unsubscribed)
    registered = _with_rail(rail)
    (judged,) = judge(registered, Measured(arms, ()))
    assert (judged.arm, judged.verdict) == ("offer", verdict)


def test_a_ceiling_holds_for_every_arm_that_is_sent_something() -> None:
    judged = judge(_with_rail(Rail("unsubscribes", None, None, 0.02)), Measured(_mailed(160), ()))
    assert [(each.arm, each.verdict) for each in judged] == [("plain", "safe"), ("offer", "harmful")]


def test_a_guardrail_on_what_was_not_measured_says_why() -> None:
    (judged,) = judge(_with_rail(Rail("complaints", "plain", 0.001, None)), Measured(_mailed(40), ()))
    assert (judged.verdict, judged.reason) == ("not shown", "Complaints was not measured in both arms.")


def _mailed(unsubscribed: int) -> tuple[Arm, ...]:
    return (
        Arm("nothing", 4000, {"conversion": Proportion(100, of=4000)}),
        Arm("plain", 4000, {"unsubscribes": Proportion(40, of=4000)}),
        Arm("offer", 4000, {"unsubscribes": Proportion(unsubscribed, of=4000)}),
    )


def _with_rail(rail: Rail) -> Registered:
    cells = [Cell("nothing", 4000, 0), Cell("plain", 4000, 0, ("email",)), Cell("offer", 4000, 0, ("email",))]
    return registered_of(cells, guardrails=(rail,))


# What attribution would claim


def test_a_matchback_is_held_against_what_it_claims_of_the_holdout(store: Engine) -> None:
    with writing(store) as connection:
        registered = fill(connection, BIG)
        results = compare(registered, _measured(connection, registered))
    (claim,) = claims_of(registered, results)
    assert isinstance(claim, Claim)
    assert (claim.rule, claim.arm, claim.claimed, claim.placebo) == ("matchback", "email", 100, 60.0)
    assert claim.caused is not None
    assert claim.caused.estimate == pytest.approx(40)


# Segments and course


def test_segments_are_taken_as_they_were_and_drawn_together(store: Engine, tmp_path: Path) -> None:
    write_project(tmp_path)
    for name, operator in (("old", "lt"), ("young", "gte")):
        text = f"name: {name.title()}\nwhere: {{field: points, {operator}: 50, missing: exclude}}\n"
        (tmp_path / "segments" / f"{name}.yaml").write_text(text)
    declared = CAMPAIGNS.replace("topics:", "fields: {points: integer}\ntopics:")
    (tmp_path / "campaigns.yaml").write_text(declared)
    project = load_project(tmp_path)
    with writing(store) as connection:
        registered = fill(connection, BIG)
        for person in members_of(connection, "nothing") + members_of(connection, "email"):
            points = {"points": 90 if person % 2 else 10}
            connection.execute(update(contact).where(contact.c.id == person).values(attributes=points))
        found = segments_of(connection, project, registered)
    assert found is not None
    assert {part.name for part in found.parts} == {"Old", "Young"}
    assert all(part.units == 400 for part in found.parts)
    assert all(part.own.estimate == pytest.approx(0.1, abs=0.02) for part in found.parts)
    assert found.p_value > 0.5


def test_the_course_ends_with_the_effect_and_its_band_is_wider_than_one_interval(store: Engine) -> None:
    with writing(store) as connection:
        registered = fill(connection, BIG)
        results = compare(registered, _measured(connection, registered))
        units = {arm.name: arm.units for arm in results.arms}
        course = course_of(connection, registered, timing_of(connection, registered), units)
    assert course is not None
    assert course.of == "contact"
    day, effect = course.points[-1]
    result = results.comparisons[0].result
    assert day == 14
    assert effect.estimate == pytest.approx(0.1)
    assert result.low is not None
    assert effect.low < result.low


def test_units_that_arrived_over_time_get_a_band_that_is_valid_at_any_time(store: Engine) -> None:
    with writing(store) as connection:
        registered = fill(connection, BIG)
        for place, row in enumerate(connection.scalars(select(assignment.c.id).order_by(assignment.c.id)).all()):
            later = ORIGIN - timedelta(hours=12) - timedelta(days=place % 10)
            connection.execute(update(assignment).where(assignment.c.id == row).values(origin_at=later))
        connection.execute(update(orders).values(ordered_at=ORIGIN + timedelta(days=1)))
        units = {"nothing": 400, "email": 400}
        course = course_of(connection, registered, timing_of(connection, registered), units)
    assert course is not None
    assert course.of == "arrival"
    assert course.method == "asymptotic confidence sequence, valid at every look"
    assert course.points[-1][1].estimate == pytest.approx(0.1)


# Memory


def test_finished_experiments_are_remembered_and_later_ones_seen_in_their_light(store: Engine) -> None:
    with writing(store) as connection:
        for number, buyers in enumerate((62, 66, 64)):
            cells = [replace(NOTHING, units=400, buyers=60), replace(EMAIL, units=400, buyers=buyers)]
            _one_of_several(connection, f"c{number}", cells)
        registered, results = _one_of_several(connection, "now", BIG)
        assert len(earlier_effects(connection, "conversion", "email", "")) == 4
        (seen,) = in_their_light(connection, registered, results)
        remember(connection, registered, results, NOW)  # twice is as good as once
        kept = connection.execute(select(experiment_result.c.arm, experiment_result.c.is_primary)).all()
    assert seen.experiments == 3
    assert 0 < seen.effect.estimate < 0.1
    assert len(kept) == 4


def _one_of_several(connection: Connection, name: str, cells: list[Cell]) -> tuple[Registered, Results]:
    """A finished experiment, sealed and remembered; nobody was really sent anything."""
    sealed = {"campaign": name, "salt": name, "unit": "contact", "registration": {}, "registration_digest": "d",
              "sealed_at": NOW}  # fmt: skip
    number = connection.execute(insert(experiment).values(sealed).returning(experiment.c.id)).scalar_one()
    registered = registered_of(cells, campaign=name, experiment_id=number)
    arms = tuple(Arm(cell.name, cell.units, {"conversion": Proportion(cell.buyers, of=cell.units)}) for cell in cells)
    results = compare(registered, Measured(arms, ()))
    remember(connection, registered, results, NOW)
    return registered, results


# Where revenue comes from


def test_revenue_is_split_into_more_buyers_and_larger_orders(store: Engine) -> None:
    with writing(store) as connection:
        registered = fill(connection, [replace(NOTHING, units=400, buyers=40), replace(EMAIL, units=400, buyers=80)])
        measured = measure(connection, registered, "GBP")
        (found,) = explained(connection, registered, measured.arms, "GBP")
        (again,) = explained(connection, registered, measured.arms, "GBP")
    assert found.parts.via_conversion == pytest.approx(4.0)  # 10 % more buyers of 40.00 each
    assert found.parts.via_value == pytest.approx(0.0)
    assert found.p_value == pytest.approx(1 / 2001)
    assert found == again


def test_without_buyers_no_revenue_is_explained(store: Engine) -> None:
    with writing(store) as connection:
        registered = fill(connection, [replace(NOTHING, buyers=0), EMAIL])
        assert explained(connection, registered, measure(connection, registered, "GBP").arms, "GBP") == ()
