"""What is changed in a text's syntax tree before it is compiled: loops, `~` and `default` are counted."""

from dataclasses import dataclass
from typing import cast

from jinja2 import nodes
from jinja2.visitor import NodeTransformer

from handbill.rendering.tally import joined, read_fallback, repeated

COUNTING = {"handbill repeated": repeated, "handbill joined": joined, "handbill default": read_fallback}
"""Filters whose names no template can write."""
DEFAULTS = ("default", "d")


@dataclass(frozen=True)
class Slot:
    """A `default(…)` of a text: the line in the compiled text, what is asked for, and what is read instead."""

    line: int
    value: str
    fallback: str


def with_counting(tree: nodes.Template) -> tuple[nodes.Template, tuple[Slot, ...]]:
    """The tree with counting filters, and its fallbacks by their numbers."""
    rewriting = _Rewriting()
    rewriting.visit(tree)
    return tree, tuple(rewriting.slots)


class _Rewriting(NodeTransformer):
    def __init__(self) -> None:
        self.slots: list[Slot] = []

    def visit_For(self, node: nodes.For) -> nodes.Node:  # noqa: N802 - Jinja looks for this name
        """A loop goes through values that were counted."""
        self.generic_visit(node)
        node.iter = _filter("handbill repeated", cast("nodes.Expr", node.iter))
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802 - Jinja looks for this name
        """`a ~ b` is counted before it is made."""
        self.generic_visit(node)
        parts = nodes.List(node.nodes, lineno=node.lineno, environment=node.environment)
        return _filter("handbill joined", parts)

    def visit_Filter(self, node: nodes.Filter) -> nodes.Node:  # noqa: N802 - Jinja looks for this name
        """`default(…)` learns its number; on a bare name it stands for what the campaign gives, to nobody or to all."""
        self.generic_visit(node)
        if node.name in DEFAULTS and node.node is not None and not isinstance(node.node, nodes.Name):
            number = nodes.Const(len(self.slots), lineno=node.lineno, environment=node.environment)
            self.slots.append(Slot(node.lineno, _shown(node.node), _fallback(node)))
            node.name = "handbill default"
            node.args = [number, *node.args]
        return node


def _filter(name: str, node: nodes.Expr) -> nodes.Filter:
    return nodes.Filter(node, name, [], [], None, None, lineno=node.lineno, environment=node.environment)


def _fallback(node: nodes.Filter) -> str:
    written = node.args[0] if node.args else next((each.value for each in node.kwargs), nodes.Const(""))
    return str(written.value) if isinstance(written, nodes.Const) else _shown(written)


def _shown(node: nodes.Node) -> str:
    """A value as the template writes it, as far as that is short."""
    match node:
        case nodes.Name(name=name):
            return name
        case nodes.Getattr(node=inner, attr=attribute):
            return f"{_shown(inner)}.{attribute}"
        case nodes.Getitem(node=inner, arg=nodes.Const(value=key)):
            return f"{_shown(inner)}.{key}"
        case nodes.Filter(node=inner, name=name) if inner is not None:
            return f"{_shown(inner)} | {name.removeprefix('handbill ')}"
        case nodes.Const(value=value):
            return f'"{value}"' if isinstance(value, str) else str(value)
    return "…"
