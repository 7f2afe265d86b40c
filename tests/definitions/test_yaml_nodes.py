"""The quick reader and the careful one read the same, and neither is brought down by a file."""

import random
from pathlib import Path

import pytest
from ruamel.yaml.composer import MaxDepthExceededError

from handbill.definitions.yaml_nodes import Node, NoYaml, compose

ROOT = Path(__file__).parents[2]
DOCUMENTS = [
    *(path.read_text(encoding="utf-8") for path in sorted((ROOT / "segments").glob("*.yaml"))),
    "a: &x {b: c, d: [e, f], g: 'h i', j: \"k\\n\"}\nd: *x\ne: |\n  text\n  more\nf: >-\n  folded\n  text\n",
    "a: 10:30\nb: no\nc: {d: 09:00, e: http://x.y/z?q#r, f: -1}\n# comment\nd: 'it''s' # c\n",
    "a:\n- b: c\n  d: e\n- - f\n  - g\n? h\n: i\n",
]
PIECES = [
    "\n", " ", "  ", ":", ": ", ",", "{", "}", "[", "]", '"', "'", "#", " #", "- ", "-", "&a", "*a", "!", "!!str ", "|",
    ">", "%", "@", "`", "\\", "?", "? ", "<<: ", "---\n", "...\n", "\r\n", "é", "\x00", "\x07", "~", "null", "\t", "=",
    "|2-\n", "{{ x }}", "${A}", "\u00a0", "\u2028", "\x85", "\ufeff", "''", '""',
]  # fmt: skip


def mangled(document: str, chance: random.Random) -> str:
    """A document with a few pieces put in, taken out or said twice."""
    for _ in range(chance.randint(1, 4)):
        here, there = chance.randrange(len(document) + 1), chance.randrange(len(document) + 1)
        way = chance.random()
        if way < 0.6:
            document = document[:here] + chance.choice(PIECES) + document[here:]
        elif way < 0.8:
            document = document[:here] + document[here + chance.randint(1, 3) :]
        else:
            document = document[:here] + document[there : there + chance.randint(1, 8)] + document[here:]
    return document


def read(text: str) -> object:
    """Everything of the nodes that is ever looked at, or the error."""
    try:
        node = compose(text)
    except NoYaml as error:
        return str(error.__cause__)
    return seen(node) if node else None


def seen(node: Node) -> object:
    place = node.start_mark.line, node.start_mark.column
    if node.id == "scalar":
        return (place, node.value, bool(node.style)) if node.value else bool(node.style)  # nothing has no place
    if node.id == "sequence":
        return place, [seen(item) for item in node.value]
    return place, bool(node.flow_style), [(seen(key), seen(value)) for key, value in node.value]


def test_both_readers_read_the_same_and_say_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(2026)
    texts = [*DOCUMENTS, *(mangled(chance.choice(DOCUMENTS), chance) for _ in range(800))]
    quickly = [read(text) for text in texts]
    monkeypatch.setattr("yaml.__with_libyaml__", False)

    carefully = [read(text) for text in texts]

    assert sum(not isinstance(each, str) for each in quickly) > 100
    different = [pair for pair in zip(texts, quickly, carefully, strict=True) if pair[1] != pair[2]]
    assert different == []


@pytest.mark.parametrize(
    "text",
    ["[" * 100_000, "[" * 5_000 + "]" * 5_000, "- " * 5_000 + "a", "? " * 5_000 + "a", "{a: " * 5_000 + "}" * 5_000],
    ids=["open brackets", "brackets", "dashes", "question marks", "braces"],
)
def test_a_file_that_nests_without_end_is_refused(text: str) -> None:
    assert_too_deep(text)


def test_a_staircase_of_keys_is_refused() -> None:
    assert_too_deep("".join(f"{' ' * depth}a:\n" for depth in range(3_000)))


def assert_too_deep(text: str) -> None:
    with pytest.raises((NoYaml, RecursionError)) as caught:
        compose(text)
    assert isinstance(caught.value.__cause__ or caught.value, MaxDepthExceededError | RecursionError)
