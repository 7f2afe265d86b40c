"""Reports say how many people opened and clicked as a range, and nothing where machines clicked unequally."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, insert, select

from handbill.delivery.published import Listed, publish
from handbill.reports.content import Table
from handbill.reports.document import gather
from handbill.reports.hit_tables import hits_section
from handbill.reports.hits import Hits, hits_of, unequal_machines
from handbill.reports.measure import measure
from handbill.statistics.results import Gap
from handbill.statistics.samples import Proportion
from handbill.store.connection import reading, writing
from handbill.store.tables import event, outbox
from tests.reports.factory import AFTER, CAMPAIGN, EMAIL, NOTHING, ORIGIN, fill
from tests.reports.projects import write_project

PLAIN, OFFER = replace(EMAIL, name="plain", units=8, buyers=0), replace(EMAIL, name="offer", units=8, buyers=0)


def clicked(connection: Connection, arm: str, *verdicts: Sequence[str | None], kind: str = "email.clicked") -> None:
    """Hits on the arm's messages: for each message in turn the verdicts of its hits."""
    ids = connection.scalars(select(outbox.c.id).where(outbox.c.arm == arm).order_by(outbox.c.id)).all()
    rows = [
        _event(f"{kind}-{outbox_id}-{place}", kind, verdict, outbox_id=outbox_id)
        for outbox_id, hits in zip(ids, verdicts, strict=False)
        for place, verdict in enumerate(hits)
    ]
    connection.execute(insert(event), rows)


def _event(name: str, kind: str, verdict: str | None, **values: Any) -> dict[str, Any]:
    times = {"occurred_at": ORIGIN, "received_at": ORIGIN}
    return {"source": "tracking", "source_event_id": name, "kind": kind, "verdict": verdict, **times, **values}


def test_the_best_hit_of_a_message_says_whether_a_person_made_it(store: Engine) -> None:
    with writing(store) as connection:
        fill(connection, [NOTHING, PLAIN])
        clicked(connection, "plain", ["machine", "human"], ["human"], ["machine"], ["unknown", "machine"], [None])
        clicked(connection, "plain", ["proxy"], ["proxy", "human"], kind="email.opened")
        opens, clicks = hits_of(connection, CAMPAIGN)
    assert opens == Hits("plain", "opens", 8, {"human": 1, "proxy": 1}, 0, 0)
    assert clicks == Hits("plain", "clicks", 8, {"human": 2, "unknown": 2, "machine": 1}, 3, 0)
    assert (clicks.low, clicks.high) == (2, 4)


def test_clicks_that_are_tied_to_nobody_are_counted_by_their_arm(store: Engine) -> None:
    with writing(store) as connection:
        fill(connection, [NOTHING, PLAIN])
        real = Listed("plain", "en", 0, "fixed", "https://shop.example")
        trap = Listed("plain", "en", 1, "trap", "https://shop.example")
        numbers = publish(connection, CAMPAIGN, [real, trap], now=ORIGIN)
        values = [(real, "human"), (real, "human"), (real, "machine"), (trap, "human")]
        connection.execute(
            insert(event),
            [
                _event(str(at), "email.clicked", verdict, link_id=numbers[where])
                for at, (where, verdict) in enumerate(values)
            ],
        )
        assert hits_of(connection, CAMPAIGN) == (Hits("plain", "clicks", 8, {}, 0, 2),)


def test_an_experiment_counts_people_for_certain(store: Engine) -> None:
    with writing(store) as connection:
        registered = fill(connection, [NOTHING, PLAIN])
        clicked(connection, "plain", ["human"], ["unknown"], ["machine"], ["human", "machine"])
        measured = measure(connection, registered, "GBP")
    assert measured.arms[1].metrics["clicks"] == Proportion(2, of=8)


def test_arms_that_machines_clicked_unequally_are_not_compared_by_clicks(store: Engine) -> None:
    big = [replace(each, units=200, buyers=0) for each in (NOTHING, PLAIN, OFFER)]
    with writing(store) as connection:
        registered = fill(connection, big)
        clicked(connection, "plain", *[["machine", "human"]] * 60)
        clicked(connection, "offer", *[["machine"]] * 10, *[["human"]] * 60)
        measured = measure(connection, registered, "GBP")
    reason = (
        "Machines clicked in 30.0% of the messages of plain and in 5.0% of those of offer, "
        "so clicks do not compare these arms."
    )
    assert [gap for gap in measured.gaps if gap.metric in ("clicks", "orders_per_click")] == [
        Gap(reason, "clicks"), Gap(reason, "orders_per_click"),
    ]  # fmt: skip
    assert all("clicks" not in arm.metrics for arm in measured.arms)


@pytest.mark.parametrize(("first", "second", "unequal"), [(300, 300, False), (300, 320, False), (300, 450, True)])
def test_arms_are_unequal_only_beyond_chance(first: int, second: int, *, unequal: bool) -> None:
    clicked = {"a": Proportion(first, of=2_000), "b": Proportion(second, of=2_000)}
    assert unequal_machines(clicked) == (("b", "a") if unequal else None)


def test_differences_that_move_no_result_are_let_pass() -> None:
    clicked = {"a": Proportion(100_000, of=1_000_000), "b": Proportion(105_000, of=1_000_000)}
    assert unequal_machines(clicked) is None


def test_a_single_arm_is_unequal_to_nothing() -> None:
    assert unequal_machines({"a": Proportion(1, of=2)}) is None


def test_the_report_shows_the_range(store: Engine, tmp_path: Path) -> None:
    with writing(store) as connection:
        fill(connection, [NOTHING, PLAIN])
        clicked(connection, "plain", ["human"], ["unknown"], ["machine"])
        clicked(connection, "plain", ["human"], ["proxy"], kind="email.opened")
    with reading(store) as connection:
        section = hits_section(gather(connection, write_project(tmp_path / "shop"), CAMPAIGN, AFTER))
    assert section is not None
    columns = ("Arm", "What", "Messages", "People", "Providers only", "Machines only")
    rows = (("plain", "opens", "8", "1", "1", "0"), ("plain", "clicks", "8", "1 to 2", "0", "1"))
    assert section.tables == (Table(columns, rows, words=2),)


def test_without_any_hit_the_report_says_nothing_of_them(store: Engine, tmp_path: Path) -> None:
    with writing(store) as connection:
        fill(connection, [NOTHING, PLAIN])
    with reading(store) as connection:
        assert hits_section(gather(connection, write_project(tmp_path / "shop"), CAMPAIGN, AFTER)) is None
