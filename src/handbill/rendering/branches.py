"""Which conditions of a text come out the same for everybody who reads it, so that a part of it is never shown."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from jinja2 import nodes

from handbill.definitions.fields import ContactField
from handbill.definitions.words import either
from handbill.errors import Problem
from handbill.rendering.guards import Key
from handbill.rendering.presence import Values
from handbill.rendering.syntax import Syntax


@dataclass(frozen=True)
class Facts:
    """What is known of all readers: the fields that they have, and the values that a field can have."""

    sure: frozenset[str]
    values: Values
    fields: Mapping[str, ContactField]


@dataclass(frozen=True)
class Verdict:
    """How a condition comes out: for everybody, for nobody, or (None) for some. `problem` says what that means."""

    place: tuple[str, int, int, str]
    outcome: bool | None
    problem: Problem


def verdicts(syntax: Syntax, facts: Facts) -> Iterator[Verdict]:
    """The verdict on each condition of a text that decides whether something is shown."""
    for each in syntax.tree.find_all(nodes.If):
        yield from _verdict(syntax, facts, each.test, has_other=bool(each.else_ or each.elif_))
    for choice in syntax.tree.find_all(nodes.CondExpr):
        yield from _verdict(syntax, facts, choice.test, has_other=choice.expr2 is not None)


def _verdict(syntax: Syntax, facts: Facts, test: nodes.Node, *, has_other: bool) -> Iterator[Verdict]:
    keys = [key for each in _all(test) if (key := syntax.outside(each)) and len(key) == 2 and key[0] == "contact"]
    if not keys:
        return
    outcome = outcome_of(test, syntax, facts)
    if outcome is True and not has_other:
        outcome = None  # nothing is lost
    key = next((each for each in keys if each[1] in facts.values), keys[0])
    field = key[1]
    known = sorted(str(each) for each in facts.values.get(field, ()))
    because = f": {field} is {either(known)}" if known else ""
    what = (
        f"everybody who gets this has contact.{field}, so the other part is never shown"
        if outcome and not known
        else f"this is {'always' if outcome else 'never'} so for anybody who gets this{because}"
    )
    problem = syntax.problem_of(test, key, f"{what}.", "Correct it, or remove what is never shown.")
    yield Verdict((problem.file, problem.line, problem.column, repr(test)), outcome, problem)


def outcome_of(test: nodes.Node, syntax: Syntax, facts: Facts) -> bool | None:
    """Whether a condition holds for everybody, for nobody, or for some."""
    match test:
        case nodes.Not(node=inner):
            outcome = outcome_of(inner, syntax, facts)
            return None if outcome is None else not outcome
        case nodes.And(left=left, right=right):
            both = outcome_of(left, syntax, facts), outcome_of(right, syntax, facts)
            return False if False in both else (True if both == (True, True) else None)
        case nodes.Or(left=left, right=right):
            both = outcome_of(left, syntax, facts), outcome_of(right, syntax, facts)
            return True if True in both else (False if both == (False, False) else None)
        case nodes.Compare(expr=expr, ops=[nodes.Operand(op=operator, expr=operand)]):
            return _compared(_field(expr, syntax), operator, operand, facts)
    field = _field(test, syntax)
    is_text = field is not None and field in facts.fields and facts.fields[field].type == "text"
    return True if is_text and field in facts.sure else None


def _compared(field: str | None, operator: str, operand: nodes.Expr, facts: Facts) -> bool | None:
    if field is None or field not in facts.values or operator not in {"eq", "ne", "in", "notin"}:
        return None
    try:
        value = operand.as_const()
    except nodes.Impossible:
        return None
    wanted = {value} if operator in {"eq", "ne"} else set(value) if isinstance(value, (list, tuple)) else None
    if wanted is None:
        return None
    possible = facts.values[field]
    outcome = None
    if not possible & wanted:
        outcome = False
    elif possible <= wanted and field in facts.sure:
        outcome = True
    return outcome if operator in {"eq", "in"} or outcome is None else not outcome


def _field(node: nodes.Node, syntax: Syntax) -> str | None:
    key: Key | None = syntax.outside(node)
    return key[1] if key and len(key) == 2 and key[0] == "contact" else None


def _all(node: nodes.Node) -> Iterator[nodes.Node]:
    yield node
    yield from node.find_all(nodes.Node)
