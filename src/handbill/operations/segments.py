"""Which segments there are, whom each holds now and why, and who came and went since a day or a plan."""

from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from time import perf_counter

from sqlalchemy import Connection, Engine, func, select

from handbill.contacts.erase import living
from handbill.definitions.findings import Mistake
from handbill.definitions.loading import load_project
from handbill.definitions.operands import MOMENT_OPERATORS, Subject, read_comparison
from handbill.definitions.project import Project
from handbill.definitions.segment import Ago, Segment
from handbill.definitions.values import zone
from handbill.definitions.words import unknown
from handbill.definitions.yaml import Text
from handbill.errors import Problem, ProjectInvalid
from handbill.operations.people import contact_called
from handbill.planning.approval import read_plan
from handbill.planning.conditions import compile_segment
from handbill.planning.definition import BESIDE, rule_lines
from handbill.planning.explanation import Explanation, explain_segment
from handbill.planning.funnel import Funnel, funnel_of
from handbill.planning.membership import work_alone
from handbill.planning.plan import Plan
from handbill.planning.segment_differences import SegmentDifferences, segment_differences
from handbill.store.connection import reading
from handbill.store.tables import contact

SAMPLE = 5


@dataclass(frozen=True)
class SegmentSize:
    """How many contacts a segment holds, `of` all that there are; `share` is absent where there are none."""

    slug: str
    name: str
    contacts: int
    of: int
    share: float | None
    seconds: float


@dataclass(frozen=True)
class SegmentView:
    """A segment with its rule as it is written, its size, and the external ids of the first contacts in it."""

    slug: str
    name: str
    description: str
    file: str
    rule: str
    contacts: int
    of: int
    sample: tuple[str, ...]


@dataclass(frozen=True)
class Membership:
    """Whether a contact is in a segment, clause by clause."""

    slug: str
    contact: str
    explanation: Explanation


def list_segments(project_dir: Path) -> list[Segment]:
    """All segments of a project by slug; needs no store.

    Raises:
        ProjectInvalid: the declarations have mistakes; all of them are listed.
    """
    segments = load_project(project_dir).segments
    return [segments[slug] for slug in sorted(segments)]


def count_segment(engine: Engine, project: Project, slug: str, *, now: datetime) -> SegmentSize:
    """How many contacts are in a segment at `now`.

    Raises:
        ProjectInvalid: there is no such segment.
    """
    segment = segment_named(project, slug)
    started = perf_counter()
    with reading(engine) as connection:
        contacts, of = _sizes(connection, project, segment, now)
    return SegmentSize(slug, segment.name, contacts, of, contacts / of if of else None, perf_counter() - started)


def show_segment(engine: Engine, project: Project, slug: str, *, now: datetime, sample: int = SAMPLE) -> SegmentView:
    """A segment's rule, size and first contacts at `now`.

    Raises:
        ProjectInvalid: there is no such segment.
    """
    segment = segment_named(project, slug)
    condition = compile_segment(project, segment, now)
    first = select(contact.c.external_id).where(condition).order_by(contact.c.id).limit(sample)
    with reading(engine) as connection:
        sizes = _sizes(connection, project, segment, now)
        people = tuple(connection.scalars(first))
    rule = (project.root / segment.file).read_text(encoding="utf-8") if segment.file else ""
    return SegmentView(slug, segment.name, segment.description, segment.file, rule, *sizes, people)


def explain_member(engine: Engine, project: Project, slug: str, name: str, *, now: datetime) -> Membership:
    """Why a contact is in a segment at `now`, or is not.

    Raises:
        ProjectInvalid: there is no such segment or contact.
    """
    segment = segment_named(project, slug)
    with reading(engine) as connection:
        person = contact_called(connection, name)
        return Membership(slug, person.external_id, explain_segment(connection, project, segment, person.id, now))


def explain_size(engine: Engine, project: Project, slug: str, *, now: datetime) -> Funnel:
    """How many contacts each clause of a segment admits by itself, leaves over and keeps out alone.

    Raises:
        ProjectInvalid: there is no such segment.
    """
    segment = segment_named(project, slug)
    with reading(engine) as connection:
        return funnel_of(connection, project, segment, now)


def diff_since(engine: Engine, project: Project, slug: str, since: str, *, now: datetime) -> SegmentDifferences:
    """Who entered and left a segment since a day, a local time or a time ago.

    Raises:
        ProjectInvalid: there is no such segment, or `since` is no time before `now`.
    """
    segment = segment_named(project, slug)
    with reading(engine) as connection:
        return segment_differences(connection, project, segment, _moment(project, since, now), now)


def diff_plan(engine: Engine, project: Project, slug: str, file: Path, *, now: datetime) -> SegmentDifferences:
    """Who entered and left a segment since a plan was made.

    Raises:
        ProjectInvalid: there is no such segment.
        RunRefused: the file is no plan.
    """
    segment, plan = segment_named(project, slug), read_plan(file)
    with reading(engine) as connection:
        found = segment_differences(connection, project, segment, plan.made_at, now)
    return replace(found, caveats=(*_edits(project, segment, plan), *found.caveats))


def segment_named(project: Project, slug: str) -> Segment:
    """The segment of this slug.

    Raises:
        ProjectInvalid: there is none.
    """
    if slug not in project.segments:
        what, mend = unknown("segment", slug, sorted(project.segments))
        raise ProjectInvalid(Problem("segments", what=what, mend=mend))
    return project.segments[slug]


def _edits(project: Project, segment: Segment, plan: Plan) -> list[str]:
    """What was edited in the rule since the plan: both moments are judged by today's."""
    known = plan.definition.get(BESIDE, {}).get("segments", {}).get(segment.slug)
    if known is None:
        return [f"The plan of {plan.campaign} does not use this segment; only its time is taken."]
    today = [text for text, _ in rule_lines(segment.where, zone(project.timezone))]
    gone = [text for text in known["rule"] if text not in today]
    added = [text for text in today if text not in known["rule"]]
    words = [*(f"removed {text}" for text in gone), *(f"added {text}" for text in added)]
    return [f"The rule was edited since, and both moments are judged by today's: {'; '.join(words)}."] if words else []


def _moment(project: Project, since: str, now: datetime) -> datetime:
    """A day is its first moment in the project's time zone."""
    subject = Subject("--since", "time", MOMENT_OPERATORS, zone(project.timezone))
    try:
        operand = read_comparison("after", Text(since, (0, 0)), subject, (0, 0)).operand
    except Mistake as mistake:
        raise ProjectInvalid(Problem("--since", what=mistake.what, mend=mistake.mend)) from None
    moment = now - operand.delta if isinstance(operand, Ago) else operand
    if not isinstance(moment, datetime) or moment >= now:
        raise ProjectInvalid(Problem("--since", what=f'"{since}" is not over yet.', mend="Name an earlier day."))
    return moment


def _sizes(connection: Connection, project: Project, segment: Segment, now: datetime) -> tuple[int, int]:
    people = select(func.count()).select_from(contact).where(living())
    work_alone(connection)
    inside = connection.scalar(people.where(compile_segment(project, segment, now)))
    return inside or 0, connection.scalar(people) or 0
