"""What a project declares: campaigns.yaml and segments/ read and checked as a whole, with every mistake at once."""

import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path

from handbill.definitions.campaign import Campaign
from handbill.definitions.checks.audience import check_audience, check_topic
from handbill.definitions.checks.brand import check_brand
from handbill.definitions.checks.channels import check_email_channel, check_mail_channel, check_webhooks
from handbill.definitions.checks.content import Templates, check_content, template_names
from handbill.definitions.checks.deciding import check_deciding
from handbill.definitions.checks.draft import Draft
from handbill.definitions.checks.experiment import check_experiment
from handbill.definitions.checks.languages import check_languages, check_texts
from handbill.definitions.checks.layers import check_layers
from handbill.definitions.checks.measures import check_measures
from handbill.definitions.checks.metrics import check_own_metrics
from handbill.definitions.checks.names import badly_named, check_field_names, check_names, is_name
from handbill.definitions.checks.overlaps import check_overlaps
from handbill.definitions.checks.planned import check_planned
from handbill.definitions.checks.policies import check_policies
from handbill.definitions.checks.retention import check_retention
from handbill.definitions.checks.salts import check_salts
from handbill.definitions.checks.schedule import check_schedule
from handbill.definitions.checks.segments import check_segments, sample_salts
from handbill.definitions.clauses import Reading
from handbill.definitions.environment import unfilled, with_environment
from handbill.definitions.fields import contact_fields
from handbill.definitions.findings import Finding, placed, under
from handbill.definitions.frame import Frame, entries, read_frame, secret_paths
from handbill.definitions.project import Project, ProjectFile
from handbill.definitions.segment import Segment
from handbill.definitions.segment_reader import read_segment
from handbill.definitions.validation import keys_of, part, validate
from handbill.definitions.values import zone
from handbill.definitions.words import unknown
from handbill.definitions.yaml import Keys, at, read_yaml
from handbill.errors import Problem, ProjectInvalid

CAMPAIGNS_FILE = "campaigns.yaml"
SEGMENTS_DIR = "segments"


def load_project(root: Path) -> Project:
    """The project in the folder `root`.

    Raises:
        ProjectInvalid: every mistake of all files, in the order of the files.
    """
    project, problems = read_project(root)
    if problems or project is None:
        raise ProjectInvalid(*problems)
    return project


def read_project(root: Path) -> tuple[Project | None, list[Problem]]:
    """As much of the project as could be read, and every mistake; None when not even its frame could be."""
    tree, problems = _read_file(root, CAMPAIGNS_FILE)
    segment_files, segment_problems = _read_segment_files(root)
    problems += segment_problems
    if tree is None:
        return None, sorted(problems)
    frame = read_frame(tree)
    segments, clause_problems = _read_segments(segment_files, frame)
    problems += clause_problems
    problems += check_segments(segments, segment_files)
    templates = template_names(root / "templates")
    findings = [*_check_frame(tree, frame), *under(("brand",), check_brand(root, frame.brand))]
    findings += _check_campaigns(frame, list(segment_files), segments, templates)
    planned = list(check_planned(ProjectFile, tree, findings))
    findings += planned
    told = {(each.line, each.column) for each in problems if each.file == CAMPAIGNS_FILE}
    problems += [each for each in placed(findings, tree, CAMPAIGNS_FILE) if (each.line, each.column) not in told]
    without = {str(each.path[1]) for each in planned if each.path[0] == "campaigns"}
    return _as_project(root, frame, segments, without), sorted(_without_values(root, problems))


def _without_values(root: Path, problems: Iterable[Problem]) -> set[Problem]:
    text = (root / CAMPAIGNS_FILE).read_text(encoding="utf-8-sig") if problems else ""
    return {unfilled(each, text, os.environ) if each.file == CAMPAIGNS_FILE else each for each in problems}


def _check_frame(tree: Keys, frame: Frame) -> Iterator[Finding]:
    yield from validate(ProjectFile, tree)[1]
    yield from under(("fields",), check_field_names(name for name, _ in entries(tree, "fields")))
    for section, noun in (
        ("topics", "a topic"),
        ("layers", "a layer"),
        ("webhooks", "a webhook"),
        ("campaigns", "a campaign"),
    ):
        yield from under((section,), check_names(noun, (name for name, _ in entries(tree, section))))
    email, direct_mail = at(tree, "channels", "email"), at(tree, "channels", "direct_mail")
    yield from under(("channels", "email"), check_email_channel(email, frame.channels.email))
    yield from under(("channels", "direct_mail"), check_mail_channel(direct_mail, frame.channels.direct_mail))
    yield from under(("webhooks",), check_webhooks(entries(tree, "webhooks")))
    yield from under(("languages",), check_languages(frame.languages))
    yield from under(("policies",), check_policies(at(tree, "policies")))
    yield from under(("retention",), check_retention(frame.retention))
    yield from under(("metrics",), check_own_metrics((name for name, _ in entries(tree, "metrics")), frame.own_metrics))


def _check_campaigns(
    frame: Frame, segment_names: list[str], segments: Mapping[str, Segment], templates: Templates
) -> Iterator[Finding]:
    for name, draft in frame.drafts.items():
        yield from under(("campaigns", name), _check_campaign(draft, frame, segment_names, templates))
    holdout_salt = frame.holdout.salt if frame.holdout else None
    yield from check_salts(frame.drafts, holdout_salt, frame.layers, sample_salts(segments))
    yield from check_layers(frame.drafts, frame.layers)
    yield from check_overlaps(frame.drafts)


def _check_campaign(draft: Draft, frame: Frame, segments: list[str], templates: Templates) -> Iterator[Finding]:
    transit = _transit(frame)
    yield from _check_name(draft)
    yield from check_audience(draft, segments)
    yield from check_topic(draft, frame.topics)
    yield from check_schedule(draft, frame.timezone, transit)
    yield from check_content(draft, templates, frame.channel_names)
    yield from check_texts(draft, frame.languages)
    yield from check_experiment(draft)
    yield from check_measures(draft, frame.metrics)
    yield from check_deciding(draft, frame.metrics, transit)


def _transit(frame: Frame) -> timedelta | None:
    return frame.channels.direct_mail.transit if frame.channels.direct_mail else None


def _check_name(draft: Draft) -> Iterator[Finding]:
    """The model has a name, which is the key above it and no key of its own."""
    for key in ("name", "own_metrics"):
        if draft.has(key):
            yield Finding((key,), *unknown("key", key, keys_of(Campaign)), at_key=True)


def _read_segment_files(root: Path) -> tuple[dict[str, Keys | None], list[Problem]]:
    """The tree of every segment file by its name without ending; None where it is no YAML."""
    trees: dict[str, Keys | None] = {}
    problems: list[Problem] = []
    for path in sorted((root / SEGMENTS_DIR).glob("*.y*ml")):
        file = f"{SEGMENTS_DIR}/{path.name}"
        if path.suffix != ".yaml":
            problems.append(Problem(file, what="segments end in .yaml.", mend=f"Rename it to {path.stem}.yaml."))
            continue
        if not is_name(path.stem):
            problems.append(Problem(file, 0, 0, *badly_named("a segment", path.stem)))
        trees[path.stem], found = _read_file(root, file)
        problems += found
    return trees, problems


def _read_segments(files: Mapping[str, Keys | None], frame: Frame) -> tuple[dict[str, Segment], list[Problem]]:
    segments: dict[str, Segment] = {}
    problems: list[Problem] = []
    fields, timezone = contact_fields(frame.fields), zone(frame.timezone or "UTC")
    arms = {name: draft.arm_names for name, draft in frame.drafts.items()}
    for slug, tree in files.items():
        if tree is None:
            continue
        reading = Reading(fields, timezone, frame.unreadable_fields, topics=frame.topics, campaigns=arms)
        segment, found = read_segment(tree, slug, f"{SEGMENTS_DIR}/{slug}.yaml", reading)
        problems += found
        if segment is not None:
            segments[slug] = segment
    return segments, problems


def _read_file(root: Path, file: str) -> tuple[Keys | None, list[Problem]]:
    try:
        content = (root / file).read_bytes()
    except FileNotFoundError:
        mend = "Name the project's folder with --project, or make one with: handbill init DIR"
        return None, [Problem(file, what=f"there is no such file in {root.resolve()}.", mend=mend)]
    except OSError as error:
        return None, [Problem(file, what=f"the file cannot be read: {error.strerror}.", mend="Mend its permissions.")]
    tree, problems = read_yaml(content, file)
    if tree is None or b"${" not in content:
        return tree, problems
    tree, unset = with_environment(tree, file, os.environ, secret_paths(tree) if file == CAMPAIGNS_FILE else ())
    return tree, problems + unset


def _as_project(root: Path, frame: Frame, segments: Mapping[str, Segment], without: Collection[str]) -> Project | None:
    """What goes on from here never meets the campaigns in `without`, which ask for what nothing acts on yet."""
    if frame.brand is None or frame.timezone is None or frame.currency is None or frame.unreadable_fields:
        return None  # whoever goes on from here would call fields unknown that are only misspelt
    campaigns = {name: part(Campaign, draft.written) for name, draft in frame.drafts.items()}
    return Project(
        root=root,
        brand=frame.brand,
        timezone=frame.timezone,
        currency=frame.currency,
        fields=contact_fields(frame.fields),
        topics=frame.topics,
        channels=frame.channels,
        policies=frame.policies,
        retention=frame.retention,
        durability=frame.durability,
        campaigns={
            name: each.model_copy(update={"name": name, "own_metrics": dict(frame.own_metrics)})
            for name, each in campaigns.items()
            if each and name not in without
        },
        segments=segments,
        layers=frame.layers,
        languages=frame.languages,
        webhooks=frame.webhooks,
    )
