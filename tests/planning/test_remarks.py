"""What a plan warns of, and how long an experiment takes."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from sqlalchemy import Engine, insert

from handbill.planning.layout import as_markdown, as_text
from handbill.planning.learning import Reading
from handbill.planning.plan import Plan, make_plan
from handbill.planning.seal import seal_run
from handbill.planning.wording import LEARNED, MOST, page_of
from handbill.store.connection import reading, writing
from handbill.store.tables import experiment, experiment_result
from tests.conftest import NOW
from tests.planning.shop import SPRING, WINBACK, add_contact, add_order, make_contacts, make_project

AUTUMN = {**SPRING, "experiment": {**SPRING["experiment"], "salt": "autumn-2026"}}


def plan(store: Engine, root: Path, name: str = "spring-sale") -> Plan:
    campaigns = {"spring-sale": SPRING, "winback": WINBACK, "autumn": AUTUMN}
    with reading(store) as connection:
        return make_plan(connection, make_project(root, campaigns=campaigns), name, now=NOW)


def learned(found: Plan) -> str:
    (part,) = (each for each in page_of(found).parts if each.title == LEARNED)
    return " ".join(part.sentences)


def test_people_who_buy_anyway_are_remarked(store: Engine, tmp_path: Path) -> None:
    with writing(store) as connection:
        for contact_id in make_contacts(connection, 60)[2:]:
            add_order(connection, contact_id, 10, days_ago=5)
    assert (
        "The usual conversion is 96.7% without this campaign, so hardly anybody is left to win. Choose people who do "
        "it less often, a shorter reading window, or a metric such as revenue."
    ) in plan(store, tmp_path).remarks


def test_where_everybody_buys_anyway_no_arm_can_do_better(store: Engine, tmp_path: Path) -> None:
    with writing(store) as connection:
        for contact_id in make_contacts(connection, 60):
            add_order(connection, contact_id, 10, days_ago=5)
    found = plan(store, tmp_path)
    assert {each.reason for each in found.learnings} == {
        "every one of them reached the goal anyway, so no arm can do better"
    }
    assert (
        "plain against nothing: what it would show is not known, because every one of them reached the goal anyway, "
        "so no arm can do better."
    ) in learned(found)


def test_people_of_another_experiment_whose_window_is_open_are_counted(store: Engine, tmp_path: Path) -> None:
    with writing(store) as connection:
        make_contacts(connection, 30)
    with writing(store) as connection:
        project = make_project(tmp_path, campaigns={"autumn": AUTUMN})
        seal_run(connection, project, make_plan(connection, project, "autumn", now=NOW), now=NOW)
    with writing(store) as connection:
        for number in range(10):
            add_contact(connection, f"other-{number}")
    assert (
        "30 of the planned contacts (75%) are in the experiment of autumn too, whose responses are still counted: what "
        "one brings may show in the other. Give both a slot of one layer, or exclude these people."
    ) in plan(store, tmp_path).remarks


def test_two_channels_alone_and_together_say_what_their_interaction_takes(store: Engine, tmp_path: Path) -> None:
    with writing(store) as connection:
        for contact_id in make_contacts(connection, 60)[:20]:
            add_order(connection, contact_id, 10, days_ago=5)
    found = plan(store, tmp_path, "winback")
    largest = max(sum(each.needed) for each in found.learnings if each.needed)
    assert (
        "Whether e-mail and post together bring more than both by themselves (their interaction) takes four times the "
        f"people that the effect of one of them takes, here about {4 * largest:,} households."
    ) in learned(found)
    assert "interaction" not in learned(plan(store, tmp_path))


def test_an_experiment_says_when_it_can_be_read_and_what_it_costs(store: Engine, tmp_path: Path) -> None:
    with writing(store) as connection:
        make_contacts(connection, 30)
    found = plan(store, tmp_path)
    held_back = found.arms[0].contacts
    cost = sum(each.cost for each in found.costs)
    leaves_at = NOW + timedelta(hours=1)
    assert found.reading == Reading(leaves_at + timedelta(days=14), 14, cost, held_back)
    assert (
        "The result can be read from 2026-12-15 10:00 UTC, 14 days after the first contact. The experiment costs "
        f"{cost:.2f} GBP in messages, and holds back {held_back} contacts."
    ) in learned(found)


def test_a_page_with_hundreds_of_rows_still_fits_a_comment(store: Engine, tmp_path: Path) -> None:
    with writing(store) as connection:
        make_contacts(connection, 3)
    found = plan(store, tmp_path)
    many = replace(found, departures=found.departures * 400)
    page = page_of(many)
    assert as_text(page).count("Europe/London") == MOST
    assert f"And {400 - MOST} more; --json lists them all." in as_text(page)
    assert len(as_markdown(page)) < 20_000


def test_what_earlier_experiments_brought_is_said_before_the_next_one(store: Engine, tmp_path: Path) -> None:
    with writing(store) as connection:
        make_contacts(connection, 60)
        for number, brought in enumerate((0.004, 0.002, 0.003)):
            sealed = {"campaign": f"c{number}", "salt": f"s{number}", "unit": "contact", "registration": {},
                      "registration_digest": "d", "sealed_at": NOW}  # fmt: skip
            id_ = connection.execute(insert(experiment).values(sealed).returning(experiment.c.id)).scalar_one()
            connection.execute(
                insert(experiment_result).values(
                    experiment_id=id_, metric="conversion", arm="plain", control="nothing", channels="email",
                    against="", is_primary=True, difference=brought, standard_error=0.001,
                    within_seconds=14 * 24 * 3600, kept_at=NOW,
                )
            )  # fmt: skip
    assert (
        "3 earlier experiments with e-mail against nothing brought 0.30 percentage points of conversion on average. "
        "The 5.00 percentage points that are worth finding are more than such experiments bring: plan for less."
    ) in plan(store, tmp_path).remarks
