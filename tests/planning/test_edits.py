"""What an edit touches, and how it reads."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from handbill.definitions.project import Project
from handbill.definitions.segment import All, AnyOf, Comparison, FieldClause
from handbill.planning.definition import definition_of
from handbill.planning.edits import Edit, EditClass, edits_between
from tests.planning.shop import EXPERIMENT, SPRING, WINBACK, default_channels, make_project

BRITISH, IRISH = (FieldClause("country", (Comparison("eq", each),)) for each in ("GB", "IE"))
CAPS = {"caps": [{"max": 2, "per": "7 days", "channel": "email"}], "global_holdout": {"share": "2%", "salt": "x"}}


def of(project: Project, name: str = "spring-sale") -> dict[str, Any]:
    return definition_of(project, project.campaigns[name])


def edited(root: Path, campaign: Mapping[str, Any], *, sealed: bool = False, **given: Any) -> list[Edit]:
    """The edits that make spring-sale this one, and the project have what is given."""
    before = of(make_project(root, policies=CAPS))
    after = of(make_project(root, campaigns={"spring-sale": campaign}, **{"policies": CAPS, **given}))
    return list(edits_between(before, after, sealed=sealed))


def experiment(**changes: Any) -> dict[str, Any]:
    return {**SPRING, "experiment": {**EXPERIMENT, **changes}}


def arms(**changes: Any) -> dict[str, Any]:
    return experiment(arms={**EXPERIMENT["arms"], **changes})


CASES: list[tuple[Mapping[str, Any], EditClass, EditClass, str]] = [
    ({**SPRING, "audience": {"include": ["everybody"], "exclude": ["everybody"]}}, EditClass.AUDIENCE,
     EditClass.INVALIDATING, "campaign.audience.exclude: nothing → everybody"),
    ({**SPRING, "kind": "service"}, EditClass.AUDIENCE, EditClass.AUDIENCE, "campaign.kind: marketing → service"),
    ({**SPRING, "priority": 60}, EditClass.AUDIENCE, EditClass.AUDIENCE, "campaign.priority: 50 → 60"),
    ({**SPRING, "schedule": {"at": "2026-12-01 11:30"}}, EditClass.TIMING, EditClass.TIMING,
     "campaign.schedule.at: 2026-12-01 10:00 → 2026-12-01 11:30"),
    ({**SPRING, "schedule": {"at": "2026-12-01 10:00", "max_lateness": "6 hours"}}, EditClass.TIMING, EditClass.TIMING,
     "campaign.schedule.max_lateness: nothing → 6 hours"),
    ({**SPRING, "email": {"template": "winback"}}, EditClass.CONTENT, EditClass.INVALIDATING,
     "campaign.email.template: spring → winback"),
    ({**SPRING, "goal": {**SPRING["goal"], "within": "30 days"}}, EditClass.EXPERIMENT, EditClass.INVALIDATING,
     "campaign.goal.within: 14 days → 30 days"),
    (experiment(salt="spring-2027"), EditClass.EXPERIMENT, EditClass.INVALIDATING,
     "campaign.experiment.salt: spring-2026 → spring-2027"),
    (experiment(hypothesis="It brings more buyers."), EditClass.COSMETIC, EditClass.INVALIDATING,
     "campaign.experiment.hypothesis: The discount brings more buyers. → It brings more buyers."),
    (experiment(primary={"metric": "conversion", "minimum_effect": "5 pp", "power": "90%"}), EditClass.EXPERIMENT,
     EditClass.INVALIDATING, "campaign.experiment.primary.power: 80% → 90%"),
    (arms(plain={"share": "45%", "email": {"subject": "Spring!"}}), EditClass.CONTENT, EditClass.INVALIDATING,
     "campaign.experiment.arms.plain.email.subject: Spring is here → Spring!"),
    (arms(discount={"share": "45%", "email": {"subject": "15% off"}, "offer": {"discount": "20%"}}), EditClass.COST,
     EditClass.INVALIDATING, "campaign.experiment.arms.discount.offer.discount: 15% → 20%"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("campaign", "before_sealing", "after_sealing", "reading"), CASES, ids=lambda each: str(each)[:50]
)
def test_an_edit_of_the_campaign_has_its_class_and_both_readings(
    tmp_path: Path, campaign: Mapping[str, Any], before_sealing: EditClass, after_sealing: EditClass, reading: str
) -> None:
    found = next(each for each in edited(tmp_path, campaign) if str(each) == reading)
    sealed = next(each for each in edited(tmp_path, campaign, sealed=True) if str(each) == reading)
    assert (found.kind, sealed.kind) == (before_sealing, after_sealing)


def test_shares_and_the_order_of_arms_belong_to_the_experiment(tmp_path: Path) -> None:
    turned = experiment(arms=dict(reversed(EXPERIMENT["arms"].items())))
    assert [(str(each), each.kind) for each in edited(tmp_path, turned, sealed=True)] == [
        ("arms: nothing, plain, discount → discount, plain, nothing", EditClass.INVALIDATING)
    ]


def test_an_arm_that_is_added_is_said_as_a_whole(tmp_path: Path) -> None:
    more = arms(nothing={"share": "5%", "holdout": True}, urgent={"share": "5%", "email": {"subject": "Last day"}})
    assert "campaign.experiment.arms.urgent: nothing → share 0.05, email subject Last day" in [
        str(each) for each in edited(tmp_path, more)
    ]


def test_costs_rates_and_senders_of_a_channel_have_their_classes(tmp_path: Path) -> None:
    channels = default_channels()
    channels["email"] |= {"cost": "0.002", "rate": "6000/minute", "from": "Shop <shop@northwind.example>"}
    assert [(each.kind, str(each)) for each in edited(tmp_path, SPRING, channels=channels)] == [
        (EditClass.TIMING, "channels.email.rate: 3000/minute → 6000/minute"),
        (EditClass.COST, "channels.email.cost: 0.001 → 0.002"),
        (EditClass.CONTENT,
         "channels.email.from: Northwind <news@northwind.example> → Shop <shop@northwind.example>"),
    ]  # fmt: skip


def test_policies_touch_the_audience_quiet_hours_the_time_and_drift_nothing(tmp_path: Path) -> None:
    policies = {
        "caps": [{"max": 1, "per": "7 days", "channel": "email"}],
        "global_holdout": {"share": "5%", "salt": "x"},
        "quiet_hours": {"from": "21:00", "to": "08:00"},
        "max_drift": "1%",
    }
    rest = "per 7 days, channel email, unit contact"
    assert [(each.kind, str(each)) for each in edited(tmp_path, SPRING, policies=policies)] == [
        (EditClass.AUDIENCE, f"policies.caps: max 2, {rest} → max 1, {rest}"),
        (EditClass.AUDIENCE, "policies.global_holdout.share: 2% → 5%"),
        (EditClass.TIMING,
         "policies.quiet_hours: nothing → from 21:00, to 08:00, timezone recipient"),
        (EditClass.COSMETIC, "max_drift: 0.5% → 1%"),
    ]  # fmt: skip


def test_clauses_that_are_new_and_gone_are_named(tmp_path: Path) -> None:
    campaign = {**SPRING, "audience": {"include": ["them"]}}
    rules = (All((BRITISH,)), All((BRITISH, IRISH)), AnyOf((BRITISH, IRISH)))
    one, two, any_ = (
        of(make_project(tmp_path, campaigns={"spring-sale": campaign}, segments={"them": rule})) for rule in rules
    )
    assert [str(each) for each in edits_between(one, two, sealed=True)] == [
        "segments.them: nothing → field: country, eq: IE"
    ]
    assert [each.kind for each in edits_between(one, two, sealed=True)] == [EditClass.AUDIENCE]
    (regrouped,) = edits_between(two, any_, sealed=False)
    assert regrouped.before == "field: country, eq: GB; field: country, eq: IE"
    assert regrouped.after == "any: field: country, eq: GB; any: field: country, eq: IE"


def test_a_description_is_cosmetic_even_in_a_running_experiment(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    everybody = replace(project.segments["everybody"], description="All of them.")
    described = replace(project, segments={"everybody": everybody})
    (edit,) = edits_between(of(project), of(described), sealed=True)
    assert edit == Edit("segments.everybody.description", EditClass.COSMETIC, "", "All of them.")
    assert edits_between(of(project), of(described), sealed=True, beside=False) == ()


@pytest.mark.parametrize(
    ("text", "kind", "reading"),
    [
        (
            "Spring\n{# for us #} is here\n",
            EditClass.COSMETIC,
            "line 1: Spring is here → line 1: Spring (and 1 more line)",
        ),
        ("Spring is now\n", EditClass.INVALIDATING, "line 1: Spring is here → line 1: Spring is now"),
        ("Spring is here\nat last\nreally\n", EditClass.INVALIDATING, "nothing → line 2: at last (and 1 more line)"),
        ("Spring is here\r\n", EditClass.COSMETIC, "other line ends → line ends"),
    ],
)
def test_a_template_is_edited_in_a_line_or_in_nothing_that_anybody_sees(
    tmp_path: Path, text: str, kind: EditClass, reading: str
) -> None:
    project = make_project(tmp_path)
    file = tmp_path / "templates/email/spring.mjml"
    file.write_text("Spring is here\n")
    before = of(project)
    file.write_bytes(text.encode())
    (edit,) = edits_between(before, of(project), sealed=True)
    assert (edit.kind, str(edit)) == (kind, f"templates.email/spring.mjml: {reading}")


def test_a_picture_that_is_new_is_told_by_its_digest(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    before = of(project, "winback")
    (tmp_path / "templates/email/logo.png").write_bytes(b"\x89PNG")
    (edit,) = edits_between(before, of(project, "winback"), sealed=False)
    assert str(edit) == "templates.email/logo.png: nothing → a file (0f4636c7)"


def test_the_gravest_edits_come_first(tmp_path: Path) -> None:
    campaign = {**experiment(salt="another"), "schedule": {"at": "2026-12-02 10:00"}, "kind": "service"}
    assert [each.kind for each in edited(tmp_path, campaign, sealed=True)] == [
        EditClass.INVALIDATING, EditClass.AUDIENCE, EditClass.TIMING
    ]  # fmt: skip


def test_a_definition_that_says_the_same_has_no_edits(tmp_path: Path) -> None:
    project = make_project(tmp_path, campaigns={"spring-sale": SPRING, "winback": WINBACK})
    assert edits_between(of(project), of(project), sealed=True) == ()
