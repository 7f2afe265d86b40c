"""Whether every name in a text with Jinja stands for something, and for something that everybody has."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from jinja2 import TemplateSyntaxError, nodes
from jinja2.meta import find_undeclared_variables

from handbill.definitions.fields import ContactField, FieldType
from handbill.definitions.words import either, nearest
from handbill.errors import Problem
from handbill.rendering.environment import TemplateEnvironment
from handbill.rendering.filters import ACCEPTED_TYPES
from handbill.rendering.guards import Key, false_when, key_of, true_when
from handbill.rendering.jinja_tags import find_tags
from handbill.rendering.source import Source

_QUIET_COMPARISONS = {"eq", "ne", "in", "notin"}
"""A missing value may be compared so: it equals nothing and is in nothing."""

_DEFAULTS = {"default", "d"}
_CLOSED = (
    nodes.Import, nodes.FromImport, nodes.Include, nodes.Extends, nodes.Block, nodes.EvalContextModifier
)  # fmt: skip
_A_TYPE: Mapping[FieldType, str] = {
    "text": "text", "integer": "an integer", "number": "a number", "boolean": "true or false", "date": "a date",
    "time": "a time",
}  # fmt: skip


@dataclass(frozen=True)
class Scope:
    """What a text can name: each key, and whether every recipient has a value for it.

    `reasons` says by first name why a key is missing, where that is not up to the recipient.
    """

    known: Mapping[Key, bool]
    fields: Mapping[str, ContactField]
    reasons: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    def members(self, group: str) -> list[str]:
        """Names in a group; nothing where it is none."""
        return sorted(key[1] for key in self.known if len(key) == 2 and key[0] == group)

    def where(self, facts: frozenset[Key], proven: frozenset[Key]) -> frozenset[Key]:
        """What is proven where the keys of `facts` have a value: everything, where this arm never gets there."""
        never = any(key[0] in self.reasons and self.known.get(key) is False for key in facts)
        return frozenset(self.known) if never else proven | facts

    def is_sure(self, key: Key, proven: frozenset[Key]) -> bool:
        """Whether the key has a value where conditions ask for those of `proven`."""
        return all(self.known[part] or part in proven for part in (key[:1], key))


def check_references(environment: TemplateEnvironment, source: Source, scope: Scope) -> list[Problem]:
    """Everything that is wrong with the names of a text that is balanced, in the order of its lines."""
    try:
        tree = environment.parse(source.text)
    except TemplateSyntaxError as error:
        return [_unreadable(source, error)]
    check = _Check(environment, source, scope)
    check.words(tree)
    if not check.problems:  # Jinja finds names only where it knows every filter
        check.undeclared = find_undeclared_variables(tree)
        check.visit(tree, frozenset())
    return sorted(set(check.problems))


def names_in(environment: TemplateEnvironment, source: Source) -> frozenset[Key]:
    """All the keys that a text uses anywhere."""
    tree = environment.parse(source.text)
    return frozenset(key for node in tree.find_all((nodes.Getattr, nodes.Getitem, nodes.Name)) if (key := key_of(node)))


class _Check:
    """Walks through the syntax tree with what is known to be there at each point."""

    def __init__(self, environment: TemplateEnvironment, source: Source, scope: Scope) -> None:
        self.environment = environment
        self.source = source
        self.scope = scope
        self.undeclared: set[str] = set()
        self.problems: list[Problem] = []

    def words(self, tree: nodes.Template) -> None:
        """Filters and tests that nobody knows, and statements that are closed to templates."""
        for node in tree.find_all((nodes.Filter, nodes.Test, *_CLOSED)):
            if isinstance(node, nodes.Filter):
                self._check_word(
                    "filter", node.name, self.environment.filters, rf"\|\s*({re.escape(node.name)})\b", node
                )
            elif isinstance(node, nodes.Test):
                pattern = rf"\bis\s+(?:not\s+)?({re.escape(node.name)})\b"
                self._check_word("test", node.name, self.environment.tests, pattern, node)
            else:
                what = "this statement is closed to templates of e-mails."
                self._problem(node.lineno, r"({%)", what, "Use include, extends and block, in the template itself.")

    def visit(self, node: nodes.Node, proven: frozenset[Key]) -> None:
        """Checks a node whose value is used; `proven` holds the keys that the conditions around it ask for."""
        if key := self._global(node):
            self._use(node, key, proven)
        elif isinstance(node, nodes.If):
            self._branches(node, proven)
        elif isinstance(node, nodes.CondExpr):
            self.condition(node.test, proven)
            self.visit(node.expr1, self.scope.where(true_when(node.test), proven))
            if node.expr2:
                self.visit(node.expr2, self.scope.where(false_when(node.test), proven))
        elif isinstance(node, (nodes.And, nodes.Or, nodes.Not, nodes.Compare, nodes.Test)):
            self.condition(node, proven)
        elif isinstance(node, nodes.Filter):
            self._filter(node, proven)
        else:
            self._reach(node)
            for child in node.iter_child_nodes():
                self.visit(child, proven)

    def condition(self, node: nodes.Node, proven: frozenset[Key]) -> None:
        """Checks a node that is only asked whether it is true: there, a value may be missing."""
        if key := self._global(node):
            self._is_known(node, key)
        elif isinstance(node, nodes.And):
            self.condition(node.left, proven)
            self.condition(node.right, self.scope.where(true_when(node.left), proven))
        elif isinstance(node, nodes.Or):
            # As a value, `a or b` is b where a is missing; so b must be there.
            self.condition(node.left, proven)
            self.visit(node.right, self.scope.where(false_when(node.left), proven))
        elif isinstance(node, nodes.Not) or (isinstance(node, nodes.Test) and node.name in {"defined", "undefined"}):
            self.condition(node.node, proven)
        elif isinstance(node, nodes.Compare) and all(each.op in _QUIET_COMPARISONS for each in node.ops):
            self.condition(node.expr, proven)
            for operand in node.ops:
                look = self.condition if operand.op in {"eq", "ne"} else self.visit
                look(operand.expr, proven)
        elif isinstance(node, (nodes.Test, nodes.Compare)):
            for child in node.iter_child_nodes():
                self.visit(child, proven)
        else:
            self.visit(node, proven)

    def _global(self, node: nodes.Node | None) -> Key | None:
        key = key_of(node)
        return key if key and key[0] in self.undeclared else None

    def _branches(self, node: nodes.If, proven: frozenset[Key]) -> None:
        self.condition(node.test, proven)
        for child in node.body:
            self.visit(child, self.scope.where(true_when(node.test), proven))
        otherwise = self.scope.where(false_when(node.test), proven)
        for branch in node.elif_:
            self._branches(branch, otherwise)
            otherwise = self.scope.where(false_when(branch.test), otherwise)
        for child in node.else_:
            self.visit(child, otherwise)

    def _filter(self, node: nodes.Filter, proven: frozenset[Key]) -> None:
        key = self._global(node.node)
        if key and node.name in _DEFAULTS:
            self._is_known(node, key)
        elif node.node:
            self.visit(node.node, proven)
        self._check_type(node)
        for child in (*node.args, *node.kwargs):
            self.visit(child, proven)

    # -- what is wrong

    def _use(self, node: nodes.Node, key: Key, proven: frozenset[Key]) -> None:
        if not self._is_known(node, key):
            return
        members = self.scope.members(key[0])
        if len(key) == 1 and members:
            self._report(node, key, f"{key[0]} is a group of values.", f"Name one, such as {key[0]}.{members[0]}.")
        elif key in self.scope.known and not self.scope.is_sure(key, proven):
            written = ".".join(key)
            default = (
                f'write {{{{ {written} | default("…") }}}}, or put it between {{% if {written} %}} and {{% endif %}}.'
            )
            what, mend = self.scope.reasons.get(key[0], (f"{written} may be missing.", ""))
            self._report(node, key, what, f"{mend}, or {default}" if mend else f"{default[0].upper()}{default[1:]}")

    def _is_known(self, node: nodes.Node, key: Key) -> bool:
        """Reports a key that stands for nothing."""
        known, written, last = self.scope.known, ".".join(key), key[-1]
        if key in known or (len(key) == 1 and key[0] in self.environment.globals):
            return True
        if last.startswith("_"):
            self._report(node, key, f"{written} is closed to templates.", "They read plain values only.")
        elif key[:1] not in known:
            names = sorted({name for name, *_ in known})
            near = nearest(key[0], names)
            mend = f"Did you mean {near}?" if near else f"Give it under with:, or use {either(names)}."
            self._report(node, key[:1], f"{key[0]} is not a name that this template has.", mend)
        elif members := self.scope.members(key[0]):
            near = nearest(last, members)
            if key[0] == "contact":
                mend = f"Did you mean {near}?" if near else "Declare it under fields: in campaigns.yaml."
                self._report(node, key, f"{written} is not a contact field.", mend)
            else:
                mend = f"Did you mean {near}?" if near else f"Use {either(members)}."
                self._report(node, key, f"{written} is not a value of {key[0]}.", mend)
        else:
            return True  # an attribute of a plain value, such as code.upper
        return False

    def _check_type(self, node: nodes.Filter) -> None:
        subject: nodes.Node | None = node.node
        while isinstance(subject, nodes.Filter) and subject.name in _DEFAULTS:
            subject = subject.node
        key = self._global(subject)
        accepted = ACCEPTED_TYPES.get(node.name)
        if not (subject and accepted and key and key[0] == "contact" and key[-1] in self.scope.fields):
            return
        type_ = self.scope.fields[key[-1]].type
        if type_ not in accepted:
            what = f"the filter {node.name} cannot write {'.'.join(key)}, which is {_A_TYPE[type_]}."
            self._report(subject, key, what, f"It writes {either(_A_TYPE[each] for each in accepted)}.")

    def _check_word(self, noun: str, word: str, known: Mapping[str, object], pattern: str, node: nodes.Node) -> None:
        if word not in known:
            near = nearest(word, known)
            mend = f"Did you mean {near}?" if near else f"Use one of Jinja's own {noun}s."
            self._problem(node.lineno, pattern, f'there is no {noun} "{word}".', mend)

    def _reach(self, node: nodes.Node) -> None:
        """Reports what reaches behind a value, into Python."""
        name = node.attr if isinstance(node, nodes.Getattr) else None
        if isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str):
            name = node.arg.value
        if name and name.startswith("_"):
            mend = "They read plain values only."
            self._problem(node.lineno, rf"({re.escape(name)})\b", f"{name} is closed to templates.", mend)

    def _report(self, node: nodes.Node, key: Key, what: str, mend: str) -> None:
        name = re.escape(key[0])
        if len(key) == 2:
            member = re.escape(key[1])
            name = rf"{name}\s*(?:\.\s*{member}\b|\[\s*[\"']{member}[\"']\s*\])"
        self._problem(node.lineno, rf"(?<![\w.])({name})(?!\w)", what, mend)

    def _problem(self, line: int, pattern: str, what: str, mend: str) -> None:
        """Jinja tells the line only; the column is where the words stand in it."""
        start, end = self.source.line_bounds(line)
        if found := re.compile(pattern).search(self.source.text, start, end):
            self.problems.append(self.source.problem(found.start(1), what, mend))
        else:  # written over several lines
            file, number, _ = self.source.place(start)
            self.problems.append(Problem(file, number, what=what, mend=mend))


def _unreadable(source: Source, error: TemplateSyntaxError) -> Problem:
    """What Jinja cannot read, at the first tag of the line that it names."""
    start, end = source.line_bounds(error.lineno)
    offset = next((tag.start for tag in find_tags(source.text)[0] if start <= tag.end and tag.start <= end), start)
    message = str(error.message).rstrip(".")
    return source.problem(offset, f"Jinja cannot read this: {message}.", "Check its spelling and its quotation marks.")
