"""What a campaign's definition holds, and what changes its digest."""

import json
from dataclasses import replace
from pathlib import Path

from handbill.definitions.project import Project
from handbill.definitions.segment import Clause, Comparison, FieldClause, Not, SegmentClause
from handbill.planning.definition import definition_digest, definition_of
from handbill.planning.edits import edits_between
from tests.planning.shop import SPRING, default_channels, make_project

BRITISH = FieldClause("country", (Comparison("eq", "GB"),), place=(3, 5))
NESTED: dict[str, Clause] = {"british": BRITISH, "others": Not(SegmentClause("british"))}
CAMPAIGNS = {"spring-sale": {**SPRING, "audience": {"include": ["others"]}}}


def digest(project: Project) -> str:
    return definition_digest(definition_of(project, project.campaigns["spring-sale"]))


def test_a_definition_holds_the_segments_that_its_segments_name(tmp_path: Path) -> None:
    project = make_project(tmp_path, campaigns=CAMPAIGNS, segments=NESTED)
    assert list(definition_of(project, project.campaigns["spring-sale"])["segments"]) == ["british", "others"]


def test_a_rule_that_moves_to_another_line_is_the_same_rule(tmp_path: Path) -> None:
    moved: dict[str, Clause] = {**NESTED, "british": replace(BRITISH, place=(9, 9))}
    assert digest(make_project(tmp_path, campaigns=CAMPAIGNS, segments=NESTED)) == digest(
        make_project(tmp_path, campaigns=CAMPAIGNS, segments=moved)
    )


def test_a_rule_that_selects_others_is_another_one(tmp_path: Path) -> None:
    irish: dict[str, Clause] = {**NESTED, "british": FieldClause("country", (Comparison("eq", "IE"),))}
    before, after = (
        definition_of(project, project.campaigns["spring-sale"])
        for project in (
            make_project(tmp_path, campaigns=CAMPAIGNS, segments=NESTED),
            make_project(tmp_path, campaigns=CAMPAIGNS, segments=irish),
        )
    )
    assert [str(each) for each in edits_between(before, after, sealed=False)] == [
        "segments.british: field: country, eq: GB → field: country, eq: IE"
    ]


def test_the_order_of_the_arms_belongs_to_the_definition(tmp_path: Path) -> None:
    arms = SPRING["experiment"]["arms"]
    turned = {**SPRING, "experiment": {**SPRING["experiment"], "arms": dict(reversed(arms.items()))}}
    before, after = (
        definition_of(project, project.campaigns["spring-sale"])
        for project in (make_project(tmp_path), make_project(tmp_path, campaigns={"spring-sale": turned}))
    )
    assert [str(each) for each in edits_between(before, after, sealed=False)] == [
        "arms: nothing, plain, discount → discount, plain, nothing"
    ]


def test_equal_shares_written_differently_are_equal(tmp_path: Path) -> None:
    written = json.loads(json.dumps(dict(SPRING)).replace("10%", "0.100"))
    assert digest(make_project(tmp_path)) == digest(make_project(tmp_path, campaigns={"spring-sale": written}))


def test_what_signs_in_to_a_server_is_no_part_of_a_definition(tmp_path: Path) -> None:
    channels = default_channels()
    channels["email"] |= {"user": "${SMTP_USER}", "password": "${SMTP_PASSWORD}"}
    project = make_project(tmp_path, channels=channels)
    written = json.dumps(definition_of(project, project.campaigns["spring-sale"]))
    assert "SMTP" not in written
    assert digest(project) == digest(make_project(tmp_path))


def test_templates_count_that_the_campaign_uses_and_those_that_these_mention(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    folder = tmp_path / "templates/email"
    (folder / "spring.mjml").write_text('{% extends "layout.mjml" %}')
    (folder / "spring.de.mjml").write_text("Frühling")
    (folder / "layout.mjml").write_text('{% include "parts/footer.mjml" %}')
    (folder / "parts").mkdir()
    (folder / "parts/footer.mjml").write_text("Northwind")
    (folder / "draft.mjml").write_text("nobody uses this yet")
    (folder / "logo.png").write_bytes(b"\x89PNG")
    assert list(definition_of(project, project.campaigns["spring-sale"])["templates"]) == [
        "email/layout.mjml", "email/logo.png", "email/parts/footer.mjml", "email/spring.de.mjml", "email/spring.mjml",
    ]  # fmt: skip
