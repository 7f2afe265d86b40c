"""Whether the segments that segments name exist, without going round in a circle."""

from collections.abc import Collection, Iterator, Mapping

from handbill.definitions.segment import SampleClause, Segment
from handbill.definitions.segment_reader import clauses_of, named_segments
from handbill.definitions.words import unknown
from handbill.errors import Problem


def check_segments(segments: Mapping[str, Segment], known: Collection[str]) -> Iterator[Problem]:
    """Names and circles among the segments that could be read; `known` are the names of all files."""
    for segment in segments.values():
        for clause in named_segments(segment):
            if clause.segment not in known:
                yield Problem(segment.file, *clause.place, *unknown("segment", clause.segment, sorted(known)))
    yield from _circles(segments)


def sample_salts(segments: Mapping[str, Segment]) -> dict[str, str]:
    """The salts of samples, each with a segment that draws by it."""
    return {
        clause.salt: slug
        for slug, segment in segments.items()
        for clause in clauses_of(segment.where)
        if isinstance(clause, SampleClause)
    }


def _circles(segments: Mapping[str, Segment]) -> Iterator[Problem]:
    """Each circle once, at the clause that closes it, with the path around it."""
    finished: set[str] = set()

    def walk(slug: str, path: tuple[str, ...]) -> Iterator[Problem]:
        if slug in finished:
            return
        for clause in named_segments(segments[slug]):
            if clause.segment in path:
                around = " → ".join((*path[path.index(clause.segment) :], clause.segment))
                what, mend = f"segments go round in a circle: {around}.", "Remove one of these clauses."
                yield Problem(segments[slug].file, *clause.place, what, mend)
            elif clause.segment in segments:
                yield from walk(clause.segment, (*path, clause.segment))
        finished.add(slug)

    for slug in sorted(segments):
        yield from walk(slug, (slug,))
