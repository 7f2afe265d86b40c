"""How each part of campaigns.yaml is written: its lines in the example that has every key."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path

from handbill.definitions.yaml import Items, Keys, Place, Tree, read_yaml

EVERY_KEY = Path(__file__).parents[3] / "docs" / "reference" / "every-key" / "campaigns.yaml"
"""In the repository: the reference is made there."""

NAME = "NAME"
"""Stands in a path for a name that marketers choose."""

_IN_A_CAMPAIGN = ("campaigns", NAME)


def example_of(path: str) -> list[str]:
    """The lines of a part such as `channels.email` or `experiment.arms.NAME`, set off to the left margin."""
    lines, tree = _example()
    steps = tuple(path.split("."))
    if steps[-1] == NAME and steps[0] != "campaigns":
        steps = steps[:-1]  # all of them: fields, layers, metrics, arms
    places = [*_places(tree, steps), *_places(tree, (*_IN_A_CAMPAIGN, *steps))]
    return _cut(lines, places[0]) if places else []


@cache
def _example() -> tuple[list[str], Keys]:
    content = EVERY_KEY.read_bytes()
    tree, problems = read_yaml(content, EVERY_KEY.name)
    if tree is None or problems:
        raise ValueError(f"{EVERY_KEY} cannot be read: {problems}")
    return content.decode().splitlines(), tree


def _places(tree: Tree | None, steps: tuple[str, ...]) -> Iterator[Place]:
    """Where the last key of the path stands, in the order of the file."""
    if isinstance(tree, Items):
        for item in tree.items:
            yield from _places(item, steps)
    if not isinstance(tree, Keys):
        return
    first, *rest = steps
    for key in tree.places if first == NAME else (first,):
        if key in tree.places and not rest:
            yield tree.places[key]
        elif key in tree.values:
            yield from _places(tree.values[key], tuple(rest))


def _cut(lines: list[str], place: Place) -> list[str]:
    """The line of a key and all that is indented deeper; where it stands inside braces, the whole line."""
    start, _ = place
    first = lines[start - 1]
    indent = len(first) - len(first.lstrip())
    end = start
    while end < len(lines) and (len(lines[end]) - len(lines[end].lstrip()) > indent or not lines[end].strip()):
        end += 1
    return [line[indent:] for line in lines[start - 1 : end]]
