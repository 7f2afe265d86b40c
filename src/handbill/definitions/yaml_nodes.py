"""The nodes of a YAML file, by the quickest reader that reads it right."""

import re
from typing import Any, Protocol

import yaml as libyaml

DEEPEST_NESTING = 60
"""Lists and keys within each other."""


class Mark(Protocol):
    """A place in the text; both lines and columns begin at 0."""

    line: int
    column: int
    index: int


class Node(Protocol):
    """A scalar, a sequence or a mapping, as `id` says; `value` is a text, nodes, or pairs of nodes."""

    id: str
    tag: Any
    value: Any
    style: str | None
    flow_style: bool | None
    start_mark: Mark
    end_mark: Mark


class NoYaml(Exception):
    """A text is no YAML: its cause is the complaint of ruamel.yaml."""


def compose(text: str) -> Node | None:
    """The top node; None where the text says nothing.

    libyaml reads thirty times as fast as ruamel.yaml (0.1 s for 200 campaigns and 200 segments instead of 1.6 s), but
    it knows YAML 1.1 only, and its composer is not safe from deep nesting. So ruamel.yaml reads what libyaml refuses,
    to say what is wrong with it, and what the two could read differently.

    Raises:
        NoYaml, RecursionError: the text is no YAML.
    """
    if libyaml.__with_libyaml__ and not _READ_DIFFERENTLY.search(text) and not _may_be_deep(text):
        try:
            node: Node | None = libyaml.compose(text, Loader=libyaml.CBaseLoader)
        except (libyaml.YAMLError, ValueError):
            pass
        else:
            return node
    return _slowly(text)


def _slowly(text: str) -> Node | None:
    from ruamel.yaml import YAML  # noqa: PLC0415 - few files need it, and every process reads some
    from ruamel.yaml.error import YAMLError  # noqa: PLC0415 - as above

    reader = YAML(typ="safe", pure=True)
    reader.max_depth = DEEPEST_NESTING
    reader.composer.warn_double_anchors = False  # a name may be given again: YAML 1.2, 3.2.2.2
    try:
        node: Node | None = reader.compose(text)
    except YAMLError as error:
        raise NoYaml from error
    return node


# Tabs; line breaks of YAML 1.1 that are none in 1.2, and single CR; a byte order mark inside; directives; names of
# anchors and tags, which end at other letters.
_READ_DIFFERENTLY = re.compile(r"[\t\x85\u2028\u2029\ufeff]|\r(?!\n)|^%|(?:^|[\s,\[{:])(?:[&!]\S|\*\w)", re.MULTILINE)
_BRACKET = re.compile(r"[\[\]{}]")
_BLOCK_MARKS = re.compile(rf"^[ \-?:]{{{DEEPEST_NESTING},}}", re.MULTILINE)


def _may_be_deep(text: str) -> bool:
    """Whether nesting could come near the limit. Brackets inside texts are counted too, which only costs time."""
    if _BLOCK_MARKS.search(text):
        return True
    depth = deepest = 0
    for bracket in _BRACKET.finditer(text):
        depth = depth + 1 if bracket[0] in "[{" else max(depth - 1, 0)
        deepest = max(deepest, depth)
    return deepest >= DEEPEST_NESTING
