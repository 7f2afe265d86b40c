"""What a project declares: campaigns.yaml and segments/ read and checked as a whole, with every mistake at once."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from handbill.definitions.campaign import Campaign
from handbill.definitions.checks.audience import check_audience, check_topic
from handbill.definitions.checks.channels import check_email_channel, check_mail_channel
from handbill.definitions.checks.content import Templates, check_content, template_names
from handbill.definitions.checks.draft import Draft, read_draft
from handbill.definitions.checks.experiment import check_experiment
from handbill.definitions.checks.measures import check_measures
from handbill.definitions.checks.names import badly_named, check_field_names, check_names, is_name
from handbill.definitions.checks.salts import check_salts
from handbill.definitions.checks.schedule import check_schedule
from handbill.definitions.checks.segments import check_segments, sample_salts
from handbill.definitions.clauses import Reading
from handbill.definitions.fields import FieldDeclaration, contact_fields
from handbill.definitions.findings import Finding, placed, under
from handbill.definitions.languages import Languages
from handbill.definitions.policy import Brand, Channels, DirectMailChannel, EmailChannel, GlobalHoldout, Layer, Policies
from handbill.definitions.project import Project, ProjectFile
from handbill.definitions.segment import Segment
from handbill.definitions.segment_reader import read_segment
from handbill.definitions.validation import keys_of, part, validate
from handbill.definitions.values import parse_currency, parse_timezone, zone
from handbill.definitions.words import unknown
from handbill.definitions.yaml import Keys, Text, Tree, at, read_yaml
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
    frame = _read_frame(tree)
    segments, clause_problems = _read_segments(segment_files, frame)
    problems += clause_problems
    problems += check_segments(segments, segment_files)
    templates = template_names(root / "templates")
    findings = [*_check_frame(tree, frame), *_check_campaigns(frame, list(segment_files), segments, templates)]
    problems += placed(findings, tree, CAMPAIGNS_FILE)
    return _as_project(root, frame, segments), sorted(set(problems))


@dataclass(frozen=True)
class _Frame:
    """Those parts of campaigns.yaml that are right in themselves, and the campaigns as drafts."""

    brand: Brand | None
    timezone: str | None
    currency: str | None
    fields: Mapping[str, FieldDeclaration]
    unreadable_fields: frozenset[str]
    topics: Mapping[str, str]
    channels: Channels
    channel_names: tuple[str, ...]
    policies: Policies
    holdout: GlobalHoldout | None
    layers: Mapping[str, Layer]
    languages: Languages
    drafts: Mapping[str, Draft]


def _read_frame(tree: Keys) -> _Frame:
    fields = {name: part(FieldDeclaration, each) for name, each in _entries(tree, "fields")}
    email = part(EmailChannel, at(tree, "channels", "email"))
    direct_mail = part(DirectMailChannel, at(tree, "channels", "direct_mail"))
    channels = at(tree, "channels")
    return _Frame(
        brand=part(Brand, at(tree, "brand")),
        timezone=_value_or_none(at(tree, "timezone"), "timezone"),
        currency=_value_or_none(at(tree, "currency"), "currency"),
        fields={name: field for name, field in fields.items() if field is not None},
        unreadable_fields=frozenset(name for name, field in fields.items() if field is None),
        topics={name: each.text for name, each in _entries(tree, "topics") if isinstance(each, Text)},
        channels=Channels(email=email, direct_mail=direct_mail),
        channel_names=tuple(channels.places) if isinstance(channels, Keys) else (),
        policies=part(Policies, at(tree, "policies")) or Policies(),
        holdout=part(GlobalHoldout, at(tree, "policies", "global_holdout")),
        layers={name: layer for name, each in _entries(tree, "layers") if (layer := part(Layer, each))},
        languages=part(Languages, at(tree, "languages")) or Languages(),
        drafts={name: read_draft(name, each) for name, each in _entries(tree, "campaigns")},
    )


def _entries(tree: Keys, section: str) -> list[tuple[str, Tree]]:
    found = at(tree, section)
    return list(found.values.items()) if isinstance(found, Keys) else []


def _value_or_none(written: Tree | None, key: str) -> str | None:
    try:
        parse = parse_timezone if key == "timezone" else parse_currency
        return parse(written.text) if isinstance(written, Text) else None
    except ValueError:
        return None  # reported by the validation of the whole file


def _check_frame(tree: Keys, frame: _Frame) -> Iterator[Finding]:
    yield from validate(ProjectFile, tree)[1]
    yield from under(("fields",), check_field_names(name for name, _ in _entries(tree, "fields")))
    for section, noun in (("topics", "a topic"), ("layers", "a layer"), ("campaigns", "a campaign")):
        yield from under((section,), check_names(noun, (name for name, _ in _entries(tree, section))))
    written = at(tree, "channels", "email")
    yield from under(("channels", "email"), check_email_channel(written, frame.channels.email))
    yield from under(("channels", "direct_mail"), check_mail_channel(frame.channels.direct_mail))


def _check_campaigns(
    frame: _Frame, segment_names: list[str], segments: Mapping[str, Segment], templates: Templates
) -> Iterator[Finding]:
    for name, draft in frame.drafts.items():
        findings = (
            *_check_name(draft),
            *check_audience(draft, segment_names),
            *check_topic(draft, frame.topics),
            *check_schedule(draft, frame.timezone),
            *check_content(draft, templates, frame.channel_names),
            *check_experiment(draft),
            *check_measures(draft),
        )
        yield from under(("campaigns", name), findings)
    yield from check_salts(frame.drafts, frame.holdout.salt if frame.holdout else None, sample_salts(segments))


def _check_name(draft: Draft) -> Iterator[Finding]:
    """The model has a name, which is the key above it and no key of its own."""
    if draft.has("name"):
        yield Finding(("name",), *unknown("key", "name", keys_of(Campaign)), at_key=True)


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


def _read_segments(files: Mapping[str, Keys | None], frame: _Frame) -> tuple[dict[str, Segment], list[Problem]]:
    segments: dict[str, Segment] = {}
    problems: list[Problem] = []
    fields, timezone = contact_fields(frame.fields), zone(frame.timezone or "UTC")
    for slug, tree in files.items():
        if tree is None:
            continue
        reading = Reading(fields, timezone, frame.unreadable_fields)
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
    return read_yaml(content, file)


def _as_project(root: Path, frame: _Frame, segments: Mapping[str, Segment]) -> Project | None:
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
        campaigns={name: each.model_copy(update={"name": name}) for name, each in campaigns.items() if each},
        segments=segments,
        layers=frame.layers,
        languages=frame.languages,
    )
