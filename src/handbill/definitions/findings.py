"""What a check found wrong in a file, named by its path of keys, and where that is."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from handbill.definitions.yaml import Items, Keys, Place, Text, Tree
from handbill.errors import Problem

Path = tuple[str | int, ...]
"""Keys and positions in lists, from the top of the file."""


@dataclass(frozen=True)
class Finding:
    """One mistake. It is placed at the value of `path`, or at its key when `at_key` says so or the value is absent."""

    path: Path
    what: str
    mend: str
    at_key: bool = False


class Mistake(Exception):
    """One clause of a segment cannot be read, and where."""

    def __init__(self, place: Place, what: str, mend: str) -> None:
        super().__init__(what)
        self.place = place
        self.what = what
        self.mend = mend


def under(prefix: Path, findings: Iterable[Finding]) -> Iterator[Finding]:
    """The same findings, seen from further up in the file."""
    return (replace(finding, path=(*prefix, *finding.path)) for finding in findings)


def placed(findings: Iterable[Finding], tree: Keys, file: str) -> list[Problem]:
    """Each finding with its line and column, in the order of the file, none twice."""
    problems = {Problem(file, *_place(tree, each), each.what, each.mend) for each in findings}
    return sorted(problems)


def _place(tree: Keys, finding: Finding) -> Place:
    """The nearest place that is written: a single value has its own, keys and lists have that of their key."""
    here: Tree | None = tree
    place = (0, 0)
    for step in finding.path:
        if isinstance(here, Keys) and isinstance(step, str) and step in here.places:
            place = here.places[step]
            here = here.values.get(step)
        elif isinstance(here, Items) and isinstance(step, int) and step < len(here.items):
            here = here.items[step]
            place = here.place
        else:
            return place
    return here.place if isinstance(here, Text) and not finding.at_key else place
