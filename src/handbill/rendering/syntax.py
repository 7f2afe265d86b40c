"""What a text with Jinja is made of: its tree, the names it uses, and which of its words Jinja does not know."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from jinja2 import TemplateSyntaxError, nodes
from jinja2.meta import find_undeclared_variables

from handbill.definitions.words import nearest
from handbill.errors import Problem
from handbill.rendering.environment import TemplateEnvironment
from handbill.rendering.guards import Key, key_of
from handbill.rendering.jinja_tags import find_tags
from handbill.rendering.source import Source

NESTED = "loops, conditions or brackets are nested too deeply for Jinja."
NEST_LESS = "Nest them less, or use a macro."

_CLOSED = (
    nodes.Import, nodes.FromImport, nodes.Include, nodes.Extends, nodes.Block, nodes.EvalContextModifier
)  # fmt: skip


@dataclass(frozen=True)
class Syntax:
    """A text whose words Jinja knows. `undeclared` are the names that it takes from outside."""

    environment: TemplateEnvironment
    source: Source
    tree: nodes.Template
    undeclared: frozenset[str]

    @cached_property
    def names(self) -> frozenset[Key]:
        """All the keys that the text uses anywhere."""
        found = self.tree.find_all((nodes.Getattr, nodes.Getitem, nodes.Name))
        return frozenset(key for node in found if (key := key_of(node)))

    def outside(self, node: nodes.Node | None) -> Key | None:
        """The key that a node stands for, where its first name comes from outside; else None."""
        key = key_of(node)
        return key if key and key[0] in self.undeclared else None

    def problem(self, line: int, pattern: str, what: str, mend: str) -> Problem:
        """What is wrong with the words that match; Jinja tells the line only, the column is where they stand in it."""
        return found_at(self.source, line, pattern, what, mend)

    def problem_of(self, node: nodes.Node, key: Key, what: str, mend: str) -> Problem:
        """What is wrong with a key where a node uses it."""
        name = re.escape(key[0])
        if len(key) == 2:
            member = re.escape(key[1])
            name = rf"{name}\s*(?:\.\s*{member}\b|\[\s*[\"']{member}[\"']\s*\])"
        return self.problem(node.lineno, rf"(?<![\w.])({name})(?!\w)", what, mend)


def read_syntax(environment: TemplateEnvironment, source: Source) -> tuple[Syntax | None, list[Problem]]:
    """The syntax of a text that is balanced; None and every problem where Jinja cannot read it."""
    try:
        tree = environment.parse(source.text)
        problems = sorted(set(_wrong_words(environment, source, tree)))
        # Jinja finds names only where it knows every filter.
        undeclared = frozenset() if problems else frozenset(find_undeclared_variables(tree))
    except TemplateSyntaxError as error:
        return None, [_unreadable(source, error)]
    except (RecursionError, MemoryError):
        return None, [source.problem(0, NESTED, NEST_LESS)]
    return (None if problems else Syntax(environment, source, tree, undeclared)), problems


def found_at(source: Source, line: int, pattern: str, what: str, mend: str) -> Problem:
    """A problem of the first words of a line that match; of the line, where they are written over several."""
    start, end = source.line_bounds(line)
    if found := re.compile(pattern).search(source.text, start, end):
        return source.problem(found.start(1), what, mend)
    file, number, _ = source.place(start)
    return Problem(file, number, what=what, mend=mend)


def _wrong_words(environment: TemplateEnvironment, source: Source, tree: nodes.Template) -> Iterator[Problem]:
    """Filters and tests that nobody knows, and statements that are closed to templates."""
    for node in tree.find_all((nodes.Filter, nodes.Test, *_CLOSED)):
        if isinstance(node, nodes.Filter):
            pattern = rf"\|\s*({re.escape(node.name)})\b"
            yield from _unknown(source, "filter", node, environment.filters, pattern)
        elif isinstance(node, nodes.Test):
            pattern = rf"\bis\s+(?:not\s+)?({re.escape(node.name)})\b"
            yield from _unknown(source, "test", node, environment.tests, pattern)
        else:
            what = "this statement is closed to templates of e-mails."
            mend = "Use include, extends and block, in the template itself."
            yield found_at(source, node.lineno, r"({%)", what, mend)


def _unknown(
    source: Source, noun: str, node: nodes.Filter | nodes.Test, known: Mapping[str, object], pattern: str
) -> Iterator[Problem]:
    if node.name not in known:
        near = nearest(node.name, [name for name in known if name.isidentifier()])
        mend = f"Did you mean {near}?" if near else f"Use one of Jinja's own {noun}s."
        yield found_at(source, node.lineno, pattern, f'there is no {noun} "{node.name}".', mend)


def _unreadable(source: Source, error: TemplateSyntaxError) -> Problem:
    """What Jinja cannot read, at the first tag of the line that it names."""
    start, end = source.line_bounds(error.lineno)
    offset = next((tag.start for tag in find_tags(source.text)[0] if start <= tag.end and tag.start <= end), start)
    message = str(error.message).rstrip(".")
    return source.problem(offset, f"Jinja cannot read this: {message}.", "Check its spelling and its quotation marks.")
