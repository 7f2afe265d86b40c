"""Which names are sure to have a value where a condition holds, and where it does not."""

from jinja2 import nodes

Key = tuple[str, ...]
"""`("code",)` or `("contact", "first_name")`."""


def key_of(node: nodes.Node | None) -> Key | None:
    """The key that a node stands for: `code`, `contact.first_name` or `contact["first_name"]`; else None."""
    match node:
        case nodes.Name(name=name, ctx="load"):
            return (name,)
        case nodes.Getattr(node=nodes.Name(name=group), attr=attribute):
            return (group, attribute)
        case nodes.Getitem(node=nodes.Name(name=group), arg=nodes.Const(value=str(attribute))):
            return (group, attribute)
    return None


def true_when(test: nodes.Node) -> frozenset[Key]:
    """Keys that have a value where the test holds."""
    match test:
        case nodes.And(left=left, right=right):
            return true_when(left) | true_when(right)
        case nodes.Or(left=left, right=right):
            return true_when(left) & true_when(right)
        case nodes.Not(node=inner):
            return false_when(inner)
        case nodes.Test(name=name, node=inner):
            return _known(inner) if name == "defined" else frozenset()
        case nodes.Compare(expr=expr, ops=[nodes.Operand(op=operator)]):
            return _known(expr) if operator in {"eq", "in"} else frozenset()
    return _known(test)


def false_when(test: nodes.Node) -> frozenset[Key]:
    """Keys that have a value where the test does not hold."""
    match test:
        case nodes.Or(left=left, right=right):
            return false_when(left) | false_when(right)
        case nodes.And(left=left, right=right):
            return false_when(left) & false_when(right)
        case nodes.Not(node=inner):
            return true_when(inner)
        case nodes.Test(name="undefined", node=inner):
            return _known(inner)
        case nodes.Compare(expr=expr, ops=[nodes.Operand(op=operator)]) if operator in {"ne", "notin"}:
            return _known(expr)
    return frozenset()


def _known(node: nodes.Node) -> frozenset[Key]:
    """A key, and the group that it belongs to."""
    key = key_of(node)
    return frozenset({key, key[:1]}) if key else frozenset()
