"""Whether every name in a text with Jinja stands for something, and for something that everybody has."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from jinja2 import nodes

from handbill.definitions.fields import ContactField, FieldType
from handbill.definitions.words import either, nearest
from handbill.errors import Problem
from handbill.rendering.filters import ACCEPTED_TYPES
from handbill.rendering.guards import Key, false_when, true_when
from handbill.rendering.rewriting import DEFAULTS
from handbill.rendering.syntax import NEST_LESS, NESTED, Syntax

_QUIET_COMPARISONS = {"eq", "ne", "in", "notin"}
"""A missing value may be compared so: it equals nothing and is in nothing."""

PURCHASES = ("orders", "products")
"""Lists that a template reads where `uses:` names them."""

_A_TYPE: Mapping[FieldType, str] = {
    "text": "text", "integer": "an integer", "number": "a number", "boolean": "true or false", "date": "a date",
    "time": "a time",
}  # fmt: skip


@dataclass(frozen=True)
class Scope:
    """What a text can name: each key, and whether every recipient has a value for it.

    `reasons` says by first name why a key is missing, where that is not up to the recipient. `campaign` is the one
    whose arms could give more names.
    """

    known: Mapping[Key, bool]
    fields: Mapping[str, ContactField]
    reasons: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    campaign: str = ""

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


def check_references(syntax: Syntax, scope: Scope) -> list[Problem]:
    """Everything that is wrong with the names of a text, in the order of its lines."""
    check = _Check(syntax, scope)
    try:
        check.visit(syntax.tree, frozenset())
    except RecursionError:
        return [syntax.source.problem(0, NESTED, NEST_LESS)]
    return sorted(set(check.problems))


class _Check:
    """Walks through the syntax tree with what is known to be there at each point."""

    def __init__(self, syntax: Syntax, scope: Scope) -> None:
        self.syntax = syntax
        self.scope = scope
        self.problems: list[Problem] = []

    def visit(self, node: nodes.Node, proven: frozenset[Key]) -> None:
        """Checks a node whose value is used; `proven` holds the keys that the conditions around it ask for."""
        if key := self.syntax.outside(node):
            self._use(node, key, proven)
        elif isinstance(node, nodes.If):
            self._branches(node, proven)
        elif isinstance(node, nodes.CondExpr):
            self.condition(node.test, proven)
            self.visit(node.expr1, self.scope.where(true_when(node.test), proven))
            if node.expr2:
                self.visit(node.expr2, self.scope.where(false_when(node.test), proven))
        elif isinstance(node, nodes.Or):
            # As a value, `a or b` is b where a is missing; so b must be there.
            self.condition(node.left, proven)
            self.visit(node.right, self.scope.where(false_when(node.left), proven))
        elif isinstance(node, (nodes.And, nodes.Not, nodes.Compare, nodes.Test)):
            self.condition(node, proven)
        elif isinstance(node, nodes.Filter):
            self._filter(node, proven)
        else:
            self._reach(node)
            for child in node.iter_child_nodes():
                self.visit(child, proven)

    def condition(self, node: nodes.Node, proven: frozenset[Key]) -> None:
        """Checks a node that is only asked whether it is true: there, a value may be missing."""
        if key := self.syntax.outside(node):
            self._is_known(node, key)
        elif isinstance(node, nodes.And):
            self.condition(node.left, proven)
            self.condition(node.right, self.scope.where(true_when(node.left), proven))
        elif isinstance(node, nodes.Or):
            self.condition(node.left, proven)
            self.condition(node.right, self.scope.where(false_when(node.left), proven))
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
        key = self.syntax.outside(node.node)
        if key and node.name in DEFAULTS:
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
        if key in known or (len(key) == 1 and key[0] in self.syntax.environment.globals):
            return True
        if last.startswith("_"):
            self._report(node, key, f"{written} is closed to templates.", "They read plain values only.")
        elif key[:1] not in known:
            self._report(node, key[:1], *self._of_no_name(key[0]))
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

    def _of_no_name(self, name: str) -> tuple[str, str]:
        what = f"{name} is not a name that this template has"
        if name in PURCHASES:
            return f"{what}.", f"Write uses: [{name}] beside its name in campaigns.yaml."
        names = sorted({known for known, *_ in self.scope.known})
        near = nearest(name, names)
        if near:
            return f"{what}.", f"Did you mean {near}?"
        nobody = f", and no arm of {self.scope.campaign} gives it" if self.scope.campaign else ""
        return f"{what}{nobody}.", f"Give it under with:, or use {either(names)}."

    def _check_type(self, node: nodes.Filter) -> None:
        subject: nodes.Node | None = node.node
        while isinstance(subject, nodes.Filter) and subject.name in DEFAULTS:
            subject = subject.node
        key = self.syntax.outside(subject)
        accepted = ACCEPTED_TYPES.get(node.name)
        if not (subject and accepted and key and key[0] == "contact" and key[-1] in self.scope.fields):
            return
        type_ = self.scope.fields[key[-1]].type
        if type_ not in accepted:
            what = f"the filter {node.name} cannot write {'.'.join(key)}, which is {_A_TYPE[type_]}."
            self._report(subject, key, what, f"It writes {either(_A_TYPE[each] for each in accepted)}.")

    def _reach(self, node: nodes.Node) -> None:
        """Reports what reaches behind a value, into Python."""
        name = node.attr if isinstance(node, nodes.Getattr) else None
        if isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str):
            name = node.arg.value
        if name and name.startswith("_"):
            mend = "They read plain values only."
            problem = self.syntax.problem(
                node.lineno, rf"({re.escape(name)})\b", f"{name} is closed to templates.", mend
            )
            self.problems.append(problem)

    def _report(self, node: nodes.Node, key: Key, what: str, mend: str) -> None:
        self.problems.append(self.syntax.problem_of(node, key, what, mend))
