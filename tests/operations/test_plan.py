"""A plan with the messages that it would send, rendered for the people whom it would reach."""

import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Engine, make_url

from handbill.clock import fixed_clock
from handbill.definitions.campaign import Schedule
from handbill.definitions.project import Project
from handbill.delivery.enqueue import enqueue
from handbill.errors import ProjectInvalid
from handbill.operations import calendar, overview, pages
from handbill.operations.dry_render import BATCH, DryRender, Unrenderable
from handbill.operations.plan import (
    Asked,
    as_json,
    as_markdown,
    as_text,
    in_one_line,
    plan_and_render,
    plan_campaign,
    remember,
)
from handbill.operations.run import start_run
from handbill.operations.segments import count_segment, show_segment
from handbill.planning.plan import make_plan
from handbill.planning.schedule import wave_of
from handbill.planning.seal import seal_run
from handbill.store.connection import open_store, writing
from handbill.store.migrate import upgrade
from tests.conftest import NOW
from tests.operations.shop import TEMPLATE, add_people, make_project, make_settings, states_of

SPRING = Asked("spring", NOW)
STARTER = Path(__file__).parent.parent.parent
POST = """
  letters:
    topic: offers
    audience: {include: [everybody]}
    schedule: {at: 2026-12-01 09:00}
    direct_mail: {template: postcard, format: postcard}
"""
SUBJECT_FROM_PHONE = """
  spring:
    topic: offers
    audience: {include: [everybody]}
    schedule: {at: 2026-12-01 09:00}
    email: {template: hello, subject: "{{ contact.phone | default('') }}"}
"""


def shop(root: Path, **given: Any) -> Project:
    return make_project(root, 25, **given)


def shop_with_post(root: Path) -> Project:
    shutil.copytree(STARTER / "templates/mail", root / "templates/mail")
    return shop(root, campaigns=POST, channels="  direct_mail: {cost: 0.5}\n")


def with_template(root: Path, words: str) -> None:
    (root / "templates/email/hello.mjml").write_text(TEMPLATE.replace("Hello {{", f"{words} {{{{"), encoding="utf-8")


def test_every_planned_e_mail_is_rendered(store: Engine, tmp_path: Path) -> None:
    add_people(store, BATCH + 2)
    add_people(store, 1, first_name="Wolfeschlegelsteinhausenbergerdorff")
    seen: list[tuple[str, int | None, int | None]] = []
    plan, rendered = plan_and_render(
        store,
        shop(tmp_path),
        make_settings(tmp_path, store),
        SPRING,
        progress=lambda what, done, total: seen.append((what, done, total)),
    )
    (arm,) = rendered.arms
    assert (arm.arm, arm.channel, arm.recipients, arm.checked, arm.failed) == ("all", "email", 1003, 1003, 0)
    assert (arm.subject, arm.longest_subject) == ("Hello Alex", len("Hello Wolfeschlegelsteinhausenbergerdorff"))
    assert arm.biggest > 1000
    assert seen[-2:] == [("render", 1000, 1003), ("render", 1003, 1003)]
    assert ("select audience", None, None) in seen
    assert plan.planned == 1003


def test_recipients_who_cannot_be_rendered_are_counted_by_what_is_wrong(store: Engine, tmp_path: Path) -> None:
    project = shop(tmp_path, campaigns=SUBJECT_FROM_PHONE)
    add_people(store, 2, phone="+44 1947 600000")
    add_people(store, 3)
    plan, rendered = plan_and_render(store, project, make_settings(tmp_path, store), Asked("spring", NOW))
    (problem,) = rendered.problems
    assert (rendered.arms[0].checked, rendered.arms[0].failed) == (5, 3)
    assert problem == Unrenderable(
        "campaigns.yaml:20:40: the subject is empty for this recipient. Give it words of its own.", 3, "C-00003"
    )
    assert f"{problem.problem} (contact C-00003 and 2 others)" in " ".join(as_text(plan, rendered).split())
    assert list(as_json(plan, rendered)["rendering"]["problems"]) == [vars(problem)]


def test_a_template_with_a_mistake_is_refused(store: Engine, tmp_path: Path) -> None:
    project = shop(tmp_path)
    with_template(tmp_path, "{{ contact.frist_name }}")
    with pytest.raises(ProjectInvalid, match="frist_name"):
        plan_and_render(store, project, make_settings(tmp_path, store), Asked("spring", NOW))


def test_every_piece_is_laid_out_where_the_time_allows(store: Engine, tmp_path: Path) -> None:
    project = shop_with_post(tmp_path)
    add_people(store, 28)
    add_people(store, 2, company="Wolfeschlegelsteinhausenbergerdorff and Sons and Daughters and Cousins of Whitby")
    plan, rendered = plan_and_render(store, project, make_settings(tmp_path, store), Asked("letters", NOW))
    (arm,) = rendered.arms
    assert (arm.channel, arm.recipients, arm.checked, arm.laid_out, arm.failed) == ("direct_mail", 30, 30, 30, 2)
    assert {(each.recipients, each.example) for each in rendered.problems} == {(2, "C-00029")}
    assert not any("C-00029" in each.problem for each in rendered.problems)
    assert "all: All pieces were laid out." in as_markdown(plan, rendered)


def test_a_plan_in_one_line(store: Engine, tmp_path: Path) -> None:
    add_people(store, 2)
    add_people(store, 1, email=None, email_key=None, email_hash=None)
    plan = plan_campaign(store, shop(tmp_path), make_settings(tmp_path, store), "spring", now=NOW)
    assert in_one_line(plan) == (
        "spring: 2 of 3 selected contacts are planned: 2 e-mails for 0.00 GBP, at 2026-12-01 09:00 UTC."
    )


def test_a_segment_is_counted_and_shown_with_its_first_contacts(store: Engine, tmp_path: Path) -> None:
    project = shop(tmp_path)
    add_people(store, 7)
    size = count_segment(store, project, "everybody", now=NOW)
    assert (size.slug, size.name, size.contacts, size.of) == ("everybody", "Everybody", 7, 7)
    view = show_segment(store, project, "everybody", now=NOW)
    assert view.sample == ("C-00001", "C-00002", "C-00003", "C-00004", "C-00005")
    assert view.rule == "name: Everybody\nwhere: {field: external_id, exists: true}\n"
    assert view.file == "segments/everybody.yaml"


def test_an_unknown_segment_is_named_with_the_nearest(store: Engine, tmp_path: Path) -> None:
    with pytest.raises(ProjectInvalid) as caught:
        count_segment(store, shop(tmp_path), "everbody", now=NOW)
    assert str(caught.value) == 'segments: segment "everbody" is not known. Use everybody. Did you mean "everybody"?'


def test_two_households_behind_one_door_get_a_piece_each(store: Engine, tmp_path: Path) -> None:
    project = shop_with_post(tmp_path)
    add_people(store, 1, address_key="gb|yo211aa|1 harbour st", household_key="h-lee")
    add_people(store, 1, address_key="gb|yo211aa|1 harbour st", household_key="h-morgan")
    campaign = project.campaigns["letters"]
    with writing(store) as connection:
        plan = make_plan(connection, project, "letters", now=NOW)
        run_id = seal_run(connection, project, plan, now=NOW)
        enqueue(connection, project, campaign, wave_of(project, campaign, NOW), run_id, now=NOW)
    assert states_of(store) == {"queued": 2}


def test_a_run_is_what_the_next_plan_is_compared_with(store: Engine, tmp_path: Path) -> None:
    add_people(store, 3)
    project, settings = shop_with_post(tmp_path), make_settings(tmp_path, store)
    start_run(store, project, "letters", clock=fixed_clock(NOW))
    found, _ = plan_and_render(store, project, settings, Asked("letters", NOW + timedelta(hours=1), render=False))
    assert found.differences is not None
    assert (found.differences.made_by, found.differences.before, found.differences.after) == ("run", 3, 0)
    assert [each.gate for each in found.differences.left] == ["already_enrolled"]
    assert "\nSince the run of 2026-12-01 09:00 UTC\n" in as_text(found, DryRender())


def test_whoever_may_only_read_the_database_can_plan_and_is_told_that_nothing_is_kept(
    postgres_database: str, tmp_path: Path
) -> None:
    owner = open_store(postgres_database)
    upgrade(owner)
    add_people(owner, 3)
    role = f"reader{uuid4().hex}"
    with owner.begin() as connection:
        connection.exec_driver_sql(f"CREATE ROLE {role} LOGIN")
        connection.exec_driver_sql(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}")
    reader = open_store(make_url(postgres_database).set(username=role).render_as_string(hide_password=False))
    found = plan_campaign(reader, shop(tmp_path), make_settings(tmp_path, reader), "spring", now=NOW)
    assert remember(owner, found) == ""
    assert remember(reader, found) == (
        "This plan could not be kept, so the next one cannot say what has moved since: "
        "permission denied for table plan_record."
    )
    reader.dispose()
    with owner.begin() as connection:
        connection.exec_driver_sql(f"DROP OWNED BY {role}")
        connection.exec_driver_sql(f"DROP ROLE {role}")
    owner.dispose()


def test_every_campaign_is_shown_with_what_is_doubtful_about_it(store: Engine, tmp_path: Path) -> None:
    add_people(store, 2)
    late = SUBJECT_FROM_PHONE.replace("2026-12-01 09:00", "2026-11-01 09:00, max_lateness: 1 hour")
    project = shop(tmp_path, campaigns=late)
    weekly = project.campaigns["spring"].model_copy(update={"name": "weekly", "schedule": Schedule(cron="0 9 * * *")})
    nowhere = weekly.model_copy(update={"name": "never", "schedule": Schedule(cron="0 9 30 2 *")})
    both = replace(project, campaigns={"spring": project.campaigns["spring"], "weekly": weekly, "never": nowhere})
    outlooks = overview.all_outlooks(store, both, now=NOW)
    assert pages.as_text(overview.page_of(outlooks, both, now=NOW)) == (
        "Plans of all campaigns, made 2026-12-01 09:00 UTC\n\n"
        "Campaigns\n"
        "  Campaign  Wave               Goes out (UTC)    Planned  Messages  Cost (GBP)\n"
        "  spring    once               2026-11-01 09:00        0         0        0.00\n"
        "  weekly    2026-12-01T09:00Z  2026-12-01 09:00        2         2        0.00\n"
        "  never                        never                   0         0        0.00\n"
        "  together                                                       2        0.00\n\n"
        "Before you run them\n"
        "  spring: It is too late: nothing was to leave after 2026-11-01 10:00 UTC. Change schedule or\n"
        "    max_lateness.\n"
        '  never: never: the schedule "0 9 30 2 *" never comes round. Correct its day or month.\n'
    )


def test_the_calendar_has_every_tick_with_the_state_of_its_run(store: Engine, tmp_path: Path) -> None:
    add_people(store, 2)
    project = shop(tmp_path)
    weekly = project.campaigns["spring"].model_copy(update={"name": "weekly", "schedule": Schedule(cron="0 9 * * tue")})
    both = replace(project, campaigns={"spring": project.campaigns["spring"], "weekly": weekly})
    with writing(store) as connection:
        seal_run(connection, both, make_plan(connection, both, "weekly", now=NOW), now=NOW)
    entries = calendar.coming(store, both, now=NOW, days=14)
    assert [(each.campaign, each.wave, each.state) for each in entries] == [
        ("spring", "once", "due"),
        ("weekly", "2026-12-01T09:00Z", "running"),
        ("weekly", "2026-12-08T09:00Z", "planned"),
        ("weekly", "2026-12-15T09:00Z", "planned"),
    ]
