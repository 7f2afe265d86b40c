"""What stands in a YAML file: a tree of texts, each with its line and column, and every mistake of form."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from handbill.definitions.words import quoted
from handbill.definitions.yaml_errors import SECRET_KEY, WRITE_A_REFERENCE, explain
from handbill.definitions.yaml_nodes import Node, NoYaml, compose
from handbill.errors import Problem

Place = tuple[int, int]
"""Line and column, both from 1."""

LARGEST_FILE = 1_000_000
"""Bytes."""

MOST_VALUES = 50_000
"""Values in a file after its aliases are written out: a few lines of aliases of aliases could stand for billions."""


_TAGS = {
    f"tag:yaml.org,2002:{name}"
    for name in ("str", "int", "float", "bool", "null", "timestamp", "map", "seq", "merge", "value")
}
"""What an untagged value resolves to. Types come from the models, so every other tag is somebody's mistake."""


@dataclass(frozen=True)
class Text:
    """One value, as it was written. `quoted` tells `"2"` from `2`."""

    text: str
    place: Place
    quoted: bool = False


@dataclass(frozen=True)
class Items:
    """A list."""

    items: tuple["Tree", ...]
    place: Place


@dataclass(frozen=True)
class Keys:
    """Keys and values in their written order. `empty` holds keys that have no value, which are reported already."""

    values: Mapping[str, "Tree"]
    places: Mapping[str, Place]
    place: Place
    empty: frozenset[str] = field(default=frozenset())


Tree = Text | Items | Keys


def read_yaml(content: bytes, file: str) -> tuple[Keys | None, list[Problem]]:
    """The tree of a YAML file whose top level are keys, and every mistake of form.

    Without a tree there is at least one problem. With a tree there may be problems too (a key that stands twice, a key
    without a value): what can be read is read, so that all mistakes of the file come to light at once.
    """
    text, problem = _decode(content, file)
    if problem:
        return None, [problem]
    try:
        node = compose(text)
    except (NoYaml, RecursionError) as error:
        return None, [explain(error.__cause__ or error, text, file)]
    if node is None or node.id != "mapping":
        line = node.start_mark.line + 1 if node else 1
        return None, [Problem(file, line, 1, "the file must hold keys.", 'Write them like "name: value".')]
    conversion = _Conversion(text, file)
    tree = conversion.convert(node)
    return (tree if isinstance(tree, Keys) else None), conversion.problems


def at(tree: "Tree | None", *path: str | int) -> "Tree | None":
    """The value at a path of keys and positions; None where nothing is written."""
    for step in path:
        if isinstance(tree, Keys) and isinstance(step, str):
            tree = tree.values.get(step)
        elif isinstance(tree, Items) and isinstance(step, int) and step < len(tree.items):
            tree = tree.items[step]
        else:
            return None
    return tree


def plain(tree: "Tree") -> Any:
    """The same as text, lists and dictionaries."""
    if isinstance(tree, Keys):
        return {key: plain(value) for key, value in tree.values.items()}
    if isinstance(tree, Items):
        return [plain(item) for item in tree.items]
    return tree.text


def _decode(content: bytes, file: str) -> tuple[str, Problem | None]:
    if len(content) > LARGEST_FILE:
        return "", Problem(file, what="the file is larger than 1 MB.", mend="Split it, or remove what does not belong.")
    try:
        return content.decode("utf-8-sig"), None
    except UnicodeDecodeError as error:
        before = content[: error.start]
        column = len(before.rsplit(b"\n", 1)[-1].decode("utf-8", "replace")) + 1
        place = (before.count(b"\n") + 1, column)
        return "", Problem(file, *place, "the file is not written in UTF-8.", "Save it as UTF-8.")


class _Conversion:
    """Turns composed nodes into trees; holds the problems and what aliases repeat."""

    def __init__(self, text: str, file: str) -> None:
        self.text = text
        self.file = file
        self.problems: list[Problem] = []
        self._done: dict[int, tuple[Tree | None, int]] = {}
        self._open: set[int] = set()
        self._size = 0

    def convert(self, node: Node) -> Tree | None:
        """The tree of a node; None when it cannot be one (a problem tells why)."""
        if id(node) in self._open:
            self._problem(node, "this alias repeats a value that contains it.", "Write the value out.")
            return None
        if id(node) in self._done:
            tree, size = self._done[id(node)]
            self._size += size
            return tree if self._within_bounds(node) else None
        before = self._size
        self._size += 1
        if not self._within_bounds(node):
            return None
        self._open.add(id(node))
        tree = self._make(node)
        self._open.discard(id(node))
        self._done[id(node)] = tree, self._size - before
        return tree

    def _within_bounds(self, node: Node) -> bool:
        if self._size <= MOST_VALUES:
            return True
        message = f"the file stands for more than {MOST_VALUES} values once its aliases are written out."
        if not any(problem.what == message for problem in self.problems):
            self._problem(node, message, "Remove aliases.")
        return False

    def _make(self, node: Node) -> Tree | None:
        if node.tag not in _TAGS:
            tag = str(node.tag).replace("tag:yaml.org,2002:", "!!")
            self._problem(node, f"the tag {quoted(tag)} means nothing here.", "Remove it, or quote the value.")
            return None
        if node.id == "scalar":
            if "\0" in node.value:
                self._problem(node, "this value has a NUL in it, which no database keeps.", "Remove the \\0.")
                return None
            return None if _is_null(node) else Text(node.value, _place(node), quoted=bool(node.style))
        return Items(tuple(self._items(node)), _place(node)) if node.id == "sequence" else self._keys(node)

    def _items(self, node: Node) -> Iterator[Tree]:
        for item in node.value:
            if _is_null(item):
                self._problem(item, "this item of the list is empty.", "Write its value, or remove it.")
            elif (tree := self.convert(item)) is not None:
                yield tree

    def _keys(self, node: Node) -> Keys | None:
        no_name = next((key for key, _ in node.value if key.id != "scalar" or _is_null(key)), None)
        if no_name is not None:
            where = node if node.flow_style else no_name
            self._problem(where, "a value that starts with {{ or [ is read as keys here.", "Quote the whole value.")
            return None
        values: dict[str, Tree] = {}
        places: dict[str, Place] = {}
        empty: set[str] = set()
        spilled: list[Node] = []
        for key, value in node.value:
            if node.flow_style and _has_no_colon(key, value):
                spilled.append(key)
            elif key.value in places:
                line = places[key.value][0]
                self._problem(key, f"key {quoted(key.value)} stands here again (first in line {line}).", "Remove one.")
            else:
                places[key.value] = _place(key)
                tree = self._value(key, value)
                if tree is None:
                    empty.add(key.value)
                else:
                    values[key.value] = tree
        if spilled:
            self._report_spilled(spilled, node)
        return Keys(values, places, _place(node), frozenset(empty))

    def _value(self, key: Node, value: Node) -> Tree | None:
        if key.value == "<<":
            self._problem(key, 'the merge key "<<" is not part of YAML 1.2.', "Write the keys out.")
            return None
        if _is_null(value):
            self._problem(key, f"key {quoted(key.value)} has no value.", "Write one, or remove the key.")
            return None
        if SECRET_KEY.match(f"{key.value}: ") and value.tag not in _TAGS:
            self._problem(key, "a secret stands here in plain text.", WRITE_A_REFERENCE)
            return None
        return self.convert(value)

    def _report_spilled(self, spilled: list[Node], mapping: Node) -> None:
        """`{subject: Come back, friend}` reads as two keys; say what was meant."""
        first = spilled[0]
        if ":" in first.value:
            self._problem(first, f"{quoted(first.value)} has no blank after its colon.", "Write one.")
            return
        before = [pair for pair in mapping.value if pair[0].start_mark.index < first.start_mark.index]
        if before and SECRET_KEY.match(f"{before[-1][0].value}: "):
            self._problem(first, "a secret stands here in plain text.", WRITE_A_REFERENCE)
            return
        what = f"{quoted(first.value)} is read as a key of its own: a comma ends an unquoted value inside braces."
        if before and before[-1][1].id == "scalar":
            key, value = before[-1]
            meant = ", ".join([value.value, *(str(each.value) for each in spilled)])
            self._problem(first, what, f'Quote the {key.value}: "{meant}".')
        else:
            self._problem(first, f"key {quoted(first.value)} has no value.", "Write one, or remove the key.")

    def _problem(self, node: Node, what: str, mend: str) -> None:
        self.problems.append(Problem(self.file, *_place(node), what, mend))


def _place(node: Node) -> Place:
    return node.start_mark.line + 1, node.start_mark.column + 1


def _is_null(node: Node) -> bool:
    return node.id == "scalar" and not node.style and node.value in {"", "~", "null", "Null", "NULL"}


def _has_no_colon(key: Node, value: Node) -> bool:
    return value.id == "scalar" and value.value == "" and value.start_mark.index == key.end_mark.index
