"""Of two campaigns that want the same people within a cap, the one that goes first gets them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, select

from handbill.definitions.project import Project
from handbill.definitions.segment import Comparison, FieldClause
from handbill.planning.plan import make_plan, occasion_of, walk_stages
from handbill.planning.priorities import rivals
from handbill.planning.seal import seal_run
from handbill.planning.selection import selection
from handbill.store.connection import writing
from handbill.store.tables import contact
from tests.conftest import NOW
from tests.planning.shop import SPRING, WINBACK, add_contact, add_message, make_contacts, make_project
from tests.planning.test_audience import SERVICE

ONE_A_WEEK: Mapping[str, Any] = {"caps": [{"max": 1, "per": "7 days", "channel": "email"}]}
PLAIN: Mapping[str, Any] = {**SPRING, "experiment": None, "email": {"template": "spring", "subject": "Hello"}}


def campaign(at: str, **more: Any) -> Mapping[str, Any]:
    return {**PLAIN, "schedule": {"at": at}, **more}


def project(root: Path, policies: Mapping[str, Any] = ONE_A_WEEK, **campaigns: Mapping[str, Any]) -> Project:
    gold = FieldClause("tier", (Comparison("eq", "gold"),))
    return make_project(root, campaigns=campaigns, policies=policies, segments={"gold": gold})


def outcome(connection: Connection, made: Project, name: str) -> dict[str, str]:
    """Reason and detail of each contact, `planned` for those without one."""
    walk_stages(connection, occasion_of(made, name, now=NOW))
    rows = connection.execute(
        select(contact.c.external_id, selection.c.reason, selection.c.detail).join_from(
            selection, contact, contact.c.id == selection.c.contact_id
        )
    )
    return {person: " ".join(filter(None, (reason or "planned", detail))) for person, reason, detail in rows}


def names(connection: Connection, made: Project, name: str) -> list[str]:
    return [each.campaign.name for each in rivals(connection, occasion_of(made, name, now=NOW))]


def test_whom_a_campaign_of_higher_priority_is_about_to_reach_is_kept_for_it(store: Engine, tmp_path: Path) -> None:
    made = project(
        tmp_path,
        low=campaign("2026-12-01 10:00"),
        high=campaign("2026-12-05 10:00", priority=80, audience={"include": ["gold"]}),
    )
    with writing(store) as connection:
        add_contact(connection, "ann", attributes={"tier": "gold"})
        add_contact(connection, "bob")
        assert outcome(connection, made, "low") == {
            "ann": "reserved high, at most 1 e-mail in 7 days",
            "bob": "planned",
        }
        assert outcome(connection, made, "high") == {"ann": "planned"}


def test_of_equal_priorities_the_earlier_one_goes_first(store: Engine, tmp_path: Path) -> None:
    made = project(tmp_path, first=campaign("2026-12-02 10:00"), second=campaign("2026-12-03 10:00"))
    with writing(store) as connection:
        add_contact(connection, "ann")
        assert outcome(connection, made, "first") == {"ann": "planned"}
        assert outcome(connection, made, "second") == {"ann": "reserved first, at most 1 e-mail in 7 days"}


def test_nobody_is_kept_where_both_fit_into_the_cap(store: Engine, tmp_path: Path) -> None:
    two = {"caps": [{"max": 2, "per": "7 days", "channel": "email"}]}
    made = project(tmp_path, two, low=campaign("2026-12-01 10:00"), high=campaign("2026-12-02 10:00", priority=80))
    with writing(store) as connection:
        ann = add_contact(connection, "ann")
        add_contact(connection, "bob")
        add_message(connection, ann)
        assert outcome(connection, made, "low") == {
            "ann": "reserved high, at most 2 e-mails in 7 days",
            "bob": "planned",
        }


def test_whom_the_first_campaign_would_not_reach_is_not_kept(store: Engine, tmp_path: Path) -> None:
    experiment = {**SPRING, "schedule": {"at": "2026-12-02 10:00"}, "priority": 80}
    made = project(tmp_path, low=campaign("2026-12-01 10:00"), high=experiment)
    with writing(store) as connection:
        make_contacts(connection, 60)
        found = outcome(connection, made, "low")
        planned = {name for name, reason in found.items() if reason == "planned"}
        plan = make_plan(connection, made, "high", now=NOW)
        arms = dict(connection.execute(
            select(contact.c.external_id, selection.c.arm).join(selection, selection.c.contact_id == contact.c.id)
        ).tuples().all())  # fmt: skip
    assert planned == {name for name, arm in arms.items() if arm == "nothing"}, "its holdout gets nothing from it"
    assert 0 < len(planned) < plan.planned == 60


def test_who_is_capped_for_the_first_campaign_is_not_kept_for_it(store: Engine, tmp_path: Path) -> None:
    caps = {"caps": [{"max": 1, "per": "7 days", "channel": "email"}]}
    made = project(tmp_path, caps, low=campaign("2026-12-01 10:00"), high=campaign("2026-12-06 10:00", priority=80))
    with writing(store) as connection:
        ann = add_contact(connection, "ann")
        add_message(connection, ann, state="queued", days_ago=-9)
        assert outcome(connection, made, "high") == {"ann": "capped at most 1 e-mail in 7 days"}
        assert outcome(connection, made, "low") == {"ann": "planned"}


def test_a_chain_of_campaigns_keeps_nobody_for_one_that_will_not_have_them(store: Engine, tmp_path: Path) -> None:
    made = project(
        tmp_path,
        top=campaign("2026-12-01 10:00", priority=90),
        middle=campaign("2026-12-05 10:00", priority=80),
        low=campaign("2026-12-09 10:00", priority=70),
    )
    with writing(store) as connection:
        add_contact(connection, "ann")
        assert names(connection, made, "low") == ["top", "middle"]
        assert outcome(connection, made, "middle") == {"ann": "reserved top, at most 1 e-mail in 7 days"}
        assert outcome(connection, made, "low") == {"ann": "planned"}


def test_what_is_sealed_counts_whatever_its_priority(store: Engine, tmp_path: Path) -> None:
    made = project(tmp_path, low=campaign("2026-12-01 10:00"), high=campaign("2026-12-02 10:00", priority=80))
    with writing(store) as connection:
        ann = add_contact(connection, "ann")
        add_message(connection, ann, campaign="low", state="queued", days_ago=-0.05)
        assert outcome(connection, made, "high") == {"ann": "capped at most 1 e-mail in 7 days"}


def test_a_wave_that_has_a_run_is_looked_at_no_more(store: Engine, tmp_path: Path) -> None:
    weekly = {**campaign("2026-12-01 10:00", priority=80), "schedule": {"cron": "0 8 * * 2"}}
    made = project(tmp_path, low=campaign("2026-12-01 10:00"), weekly=weekly)
    with writing(store) as connection:
        add_contact(connection, "ann")
        assert names(connection, made, "low") == ["weekly"]
        seal_run(connection, made, make_plan(connection, made, "weekly", now=NOW), now=NOW)
        waves = [each.wave.name for each in rivals(connection, occasion_of(made, "low", now=NOW))]
        assert waves == ["2026-12-08T08:00Z"], "the next one, a week later"


def test_only_marketing_that_a_cap_counts_together_and_that_is_near_is_looked_at(store: Engine, tmp_path: Path) -> None:
    post = {**WINBACK, "priority": 80}
    made = project(
        tmp_path,
        low=campaign("2026-12-01 10:00"),
        receipt={**SERVICE, "priority": 80},
        far=campaign("2026-12-20 10:00", priority=80),
        lower=campaign("2026-12-01 10:00", priority=20),
        never={**PLAIN, "priority": 80, "schedule": {"cron": "0 9 30 2 *"}},
        post={**post, "experiment": {**post["experiment"], "arms": {
            "nothing": {"share": "50%", "holdout": True},
            "letter": {"share": "50%", "direct_mail": {"template": "winback-letter", "format": "letter"}}}}},
    )  # fmt: skip
    with writing(store) as connection:
        assert names(connection, made, "low") == []
        assert names(connection, made, "lower") == ["low"]
