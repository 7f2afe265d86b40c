"""Whether a file asks for something that can be declared already, but that nothing acts on yet."""

from collections.abc import Iterable, Iterator
from typing import Any

from handbill.definitions.definition import Definition
from handbill.definitions.findings import Finding, Path
from handbill.definitions.planned import PLANNED_KEYS, PLANNED_VALUES, planned
from handbill.definitions.shape import alternatives, below, fields_of
from handbill.definitions.yaml import Items, Keys, Text, Tree


def check_planned(model: type[Definition], tree: Tree, found: Iterable[Finding]) -> Iterator[Finding]:
    """What is planned, where none of the mistakes `found` stands: those are to be mended in any case."""
    mistaken = {finding.path[:length] for finding in found for length in range(len(finding.path) + 1)}
    return (finding for finding in _planned(model, tree, ()) if finding.path not in mistaken)


def _planned(declared: Any, tree: Tree | None, path: Path) -> Iterator[Finding]:
    models = [each for each in alternatives(declared) if isinstance(each, type) and issubclass(each, Definition)]
    if isinstance(tree, Items):
        for index, item in enumerate(tree.items):
            yield from _planned(below(declared, index), item, (*path, index))
    if not isinstance(tree, Keys):
        return
    for key in tree.places:
        value = tree.values.get(key)
        here = [model for model in models if key in fields_of(model)]
        if any(key in PLANNED_KEYS.get(model, ()) for model in here):
            yield Finding((*path, key), *planned(key), at_key=True)
        elif isinstance(value, Text):
            if any(value.text in PLANNED_VALUES.get((model, key), ()) for model in here):
                yield Finding((*path, key), *planned(value.text))
        elif here or not models:
            yield from _planned(below(declared, key), value, (*path, key))
