"""What a segment file says: its tree of texts as a rule of typed clauses, and every mistake in it."""

from collections.abc import Callable, Iterator, Mapping

from handbill.definitions.clauses import (
    Reading,
    allow,
    read_consent,
    read_field,
    read_mailable,
    read_sample,
    read_segment_clause,
    text_of,
)
from handbill.definitions.event_clauses import read_aggregate, read_event, read_moment
from handbill.definitions.findings import Mistake
from handbill.definitions.segment import All, AnyOf, Clause, Not, Segment, SegmentClause
from handbill.definitions.words import quoted, unknown
from handbill.definitions.yaml import Items, Keys, Tree
from handbill.errors import Problem

SEGMENT_KEYS = ("name", "description", "where")


def read_segment(tree: Keys, slug: str, file: str, reading: Reading) -> tuple[Segment | None, list[Problem]]:
    """The segment of a file, or None, and every mistake in it. `reading` knows the project's fields and time zone."""
    allow(tree, SEGMENT_KEYS, reading)
    name, description = text_of(tree, "name", reading), text_of(tree, "description", reading)
    if "name" not in tree.places:
        reading.add(Mistake((1, 1), '"name" is missing.', "Add name: what people call this segment."))
    where: Clause | None = None
    if "where" in tree.values:
        where = _read(tree.values["where"], reading)
    elif "where" not in tree.places:
        reading.add(Mistake((1, 1), '"where" is missing.', "Add where: the clause that a contact must meet."))
    problems = [Problem(file, *each.place, each.what, each.mend) for each in reading.mistakes]
    if where is None or name is None or problems:
        return None, problems
    return Segment(slug, name, where, description or "", file), problems


def clauses_of(clause: Clause) -> Iterator[Clause]:
    """The clause and all that it holds."""
    yield clause
    inner = clause.clauses if isinstance(clause, (All, AnyOf)) else (clause.clause,) if isinstance(clause, Not) else ()
    for each in inner:
        yield from clauses_of(each)


def named_segments(segment: Segment) -> list[SegmentClause]:
    """The clauses that name other segments."""
    return [clause for clause in clauses_of(segment.where) if isinstance(clause, SegmentClause)]


def _read(written: Tree, reading: Reading) -> Clause | None:
    if not isinstance(written, Keys):
        mend = "Write all: or any: above a list of clauses." if isinstance(written, Items) else "Write {field: …}."
        reading.add(Mistake(written.place, "a clause must hold keys.", mend))
        return None
    kinds = [key for key in written.places if key in _READERS]
    if len(kinds) != 1:
        for place, what, mend in _not_one_kind(written, kinds):
            reading.add(Mistake(place, what, mend))
        return None
    return _READERS[kinds[0]](written, reading) if kinds[0] in written.values else None


def _not_one_kind(written: Keys, kinds: list[str]) -> Iterator[tuple[tuple[int, int], str, str]]:
    if kinds:
        what = f"{quoted(kinds[0])} and {quoted(kinds[1])} are two clauses in one."
        yield written.places[kinds[1]], what, "Write each as an item of its own under all: or any:."
        return
    first = next(iter(written.places), "")
    place = written.places.get(first, written.place)
    yield place, *(unknown("clause", first, _READERS) if first else ("the clause is empty.", "Write {field: …}."))


def _read_all(written: Keys, reading: Reading) -> All | None:
    allow(written, ("all",), reading)
    clauses = _read_list(written, "all", reading)
    return All(clauses, written.place) if clauses is not None else None


def _read_any(written: Keys, reading: Reading) -> AnyOf | None:
    allow(written, ("any",), reading)
    clauses = _read_list(written, "any", reading)
    return AnyOf(clauses, written.place) if clauses is not None else None


def _read_not(written: Keys, reading: Reading) -> Not | None:
    allow(written, ("not",), reading)
    clause = _read(written.values["not"], reading)
    return Not(clause, written.place) if clause is not None else None


def _read_list(written: Keys, key: str, reading: Reading) -> tuple[Clause, ...] | None:
    listed = written.values[key]
    if not isinstance(listed, Items) or not listed.items:
        reading.add(Mistake(written.places[key], f"{key} must list clauses.", "Write each after a dash of its own."))
        return None
    read = [_read(item, reading) for item in listed.items]
    return tuple(clause for clause in read if clause is not None)


_READERS: Mapping[str, Callable[[Keys, Reading], Clause | None]] = {
    "all": _read_all,
    "any": _read_any,
    "not": _read_not,
    "field": read_field,
    "event": read_event,
    "sum": read_aggregate("sum"),
    "min": read_aggregate("min"),
    "max": read_aggregate("max"),
    "average": read_aggregate("average"),
    "first": read_moment("first"),
    "last": read_moment("last"),
    "consent": read_consent,
    "mailable": read_mailable,
    "segment": read_segment_clause,
    "sample": read_sample,
}
"""How each kind of clause is read, by the key that tells the kind."""

CLAUSES = tuple(_READERS)
"""The kinds of clauses."""
