"""Which segments there are, how many contacts each holds now, and who they are."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, Engine, func, select

from handbill.definitions.loading import load_project
from handbill.definitions.project import Project
from handbill.definitions.segment import Segment
from handbill.definitions.words import unknown
from handbill.errors import Problem, ProjectInvalid
from handbill.planning.conditions import compile_segment
from handbill.store.connection import reading
from handbill.store.tables import contact

SAMPLE = 5


@dataclass(frozen=True)
class SegmentSize:
    """How many contacts a segment holds, `of` all that there are."""

    slug: str
    name: str
    contacts: int
    of: int


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
    with reading(engine) as connection:
        return SegmentSize(slug, segment.name, *_sizes(connection, project, segment, now))


def show_segment(engine: Engine, project: Project, slug: str, *, now: datetime) -> SegmentView:
    """A segment's rule, size and first contacts at `now`.

    Raises:
        ProjectInvalid: there is no such segment.
    """
    segment = segment_named(project, slug)
    condition = compile_segment(project, segment, now)
    first = select(contact.c.external_id).where(condition).order_by(contact.c.id).limit(SAMPLE)
    with reading(engine) as connection:
        sizes = _sizes(connection, project, segment, now)
        sample = tuple(connection.scalars(first))
    rule = (project.root / segment.file).read_text(encoding="utf-8") if segment.file else ""
    return SegmentView(slug, segment.name, segment.description, segment.file, rule, *sizes, sample)


def segment_named(project: Project, slug: str) -> Segment:
    """The segment of this slug.

    Raises:
        ProjectInvalid: there is none.
    """
    if slug not in project.segments:
        what, mend = unknown("segment", slug, sorted(project.segments))
        raise ProjectInvalid(Problem("segments", what=what, mend=mend))
    return project.segments[slug]


def _sizes(connection: Connection, project: Project, segment: Segment, now: datetime) -> tuple[int, int]:
    people = select(func.count()).select_from(contact)
    inside = connection.scalar(people.where(compile_segment(project, segment, now)))
    return inside or 0, connection.scalar(people) or 0
