"""What `${NAME}` in a file stands for: the value of an environment variable, put in before anything else is read."""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace

from handbill.definitions.findings import Path
from handbill.definitions.words import quoted
from handbill.definitions.yaml import Items, Keys, Text, Tree
from handbill.errors import Problem

_REFERENCE = re.compile(r"\$(\$?)\{([^{}]*)\}")
_SHORTEST_SECRET = 3
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def with_environment(
    tree: Keys, file: str, environment: Mapping[str, str], late: Collection[Path] = ()
) -> tuple[Keys, list[Problem]]:
    """The same tree with every `${NAME}` replaced, and those that name no variable. `$${NAME}` stands for `${NAME}`.

    What stands at a path of `late` is left as it is: secrets are looked up when something is sent.
    """
    filling = _Filling(file, environment, frozenset(late))
    filled = filling.fill(tree, ())
    return (filled if isinstance(filled, Keys) else tree), filling.problems


def unfilled(problem: Problem, text: str, environment: Mapping[str, str]) -> Problem:
    """The problem of a file with this text, with the names of its variables for their values: some are secrets."""
    what, mend = problem.what, problem.mend
    for _, name in _REFERENCE.findall(text):
        value = environment.get(name, "")
        if len(value) >= _SHORTEST_SECRET:
            what, mend = what.replace(value, f"${{{name}}}"), mend.replace(value, f"${{{name}}}")
    return replace(problem, what=what, mend=mend)


@dataclass
class _Filling:
    """Fills one file; collects what cannot be filled."""

    file: str
    environment: Mapping[str, str]
    late: frozenset[Path]
    problems: list[Problem] = field(default_factory=list)

    def fill(self, tree: Tree, path: Path) -> Tree:
        if isinstance(tree, Keys):
            values = {key: self.fill(value, (*path, key)) for key, value in tree.values.items()}
            return Keys(values, tree.places, tree.place, tree.empty)
        if isinstance(tree, Items):
            return Items(tuple(self.fill(item, (*path, index)) for index, item in enumerate(tree.items)), tree.place)
        if "${" not in tree.text or path in self.late:
            return tree
        return Text(_REFERENCE.sub(self._value(tree), tree.text), tree.place, tree.quoted)

    def _value(self, written: Text) -> Callable[[re.Match[str]], str]:
        def value(reference: re.Match[str]) -> str:
            escaped, name = reference.groups()
            if escaped:
                return reference[0][1:]
            found = self.environment.get(name)
            if found is None:
                self.problems.append(Problem(self.file, *written.place, *_unset(reference[0], name)))
            return found if found is not None else reference[0]

        return value


def _unset(reference: str, name: str) -> tuple[str, str]:
    if not _NAME.fullmatch(name):
        return (
            f"{quoted(reference)} names no environment variable.",
            "Write ${NAME}, or $${ for these two signs.",
        )
    return f"the environment variable {name} is not set.", f"Set it, such as export {name}=…, or write the value here."
