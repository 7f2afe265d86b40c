"""How much work one text makes while it is rendered, so that a template without end is stopped instead of a run.

Everything is counted in letters: those that are read or written, and so many for each repetition and each call. No
clock is read: the same template stops for the same recipient everywhere, and a machine that stood still stops nothing.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from jinja2 import TemplateRuntimeError, Undefined, pass_context
from jinja2.runtime import Context, markup_join, str_join

MOST_LETTERS = 20_000_000
"""What one text may cost. The largest sensible mail costs a hundredth of it; this takes a second at most."""
A_STEP = 200
"""What a repetition or a call costs, in letters: 100,000 of them are allowed."""
AN_ENTRY = 50
"""What an entry of a list costs a filter that looks at the list."""
AN_OUTPUT = 10

# These write their text anew for each letter or place of another argument.
_MULTIPLYING = frozenset({
    "batch", "center", "expandtabs", "indent", "join", "ljust", "replace", "rjust", "round", "slice", "tojson",
    "translate", "truncate", "urlize", "wordwrap", "xmlattr", "zfill",
})  # fmt: skip
_QUADRATIC = frozenset({"striptags", "urlize", "wordwrap"})
_WIDTH = re.compile(r"\d{4,}|%[^A-Za-z%]*\*|\{[^{}]*\{")
"""A width of a format that has four digits, or that is taken from a value."""


class TooMuchWork(TemplateRuntimeError):
    """A text repeats or grows without end."""


class Tally:
    """What one text still may cost, and which of its fallbacks were read, by their numbers."""

    __slots__ = ("fallbacks", "left")

    def __init__(self) -> None:
        self.left = MOST_LETTERS
        self.fallbacks: set[int] = set()

    def spend(self, letters: int) -> None:
        """Takes off what is about to be done.

        Raises:
            TooMuchWork: there is not that much left.
        """
        self.left -= letters
        if self.left < 0:
            raise TooMuchWork


class TalliedNames(Context):
    """The names that a text can read, with the tally of this one rendering."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.tally = Tally()


@pass_context
def written(context: TalliedNames, value: Any) -> Any:
    """Counts a value that is written into the text."""
    tally = context.tally
    tally.left -= AN_OUTPUT + len(value) if isinstance(value, str) else AN_OUTPUT
    if tally.left < 0:
        raise TooMuchWork
    return value


@pass_context
def repeated(context: TalliedNames, values: Any) -> Any:
    """What a loop goes through, counted before it starts."""
    if not hasattr(values, "__len__"):
        values = list(values)
    context.tally.spend(A_STEP * len(values))
    return values


@pass_context
def joined(context: TalliedNames, parts: list[Any]) -> str:
    """What `~` makes."""
    context.tally.spend(sum(_size(part) for part in parts))
    return markup_join(parts) if context.eval_ctx.autoescape else str_join(parts)


@pass_context
def read_fallback(
    context: TalliedNames, value: Any, number: int, default_value: Any = "", boolean: bool = False
) -> Any:
    """The filter `default`, which notes that fallback `number` was read."""
    if isinstance(value, Undefined) or (boolean and not value):
        context.tally.fallbacks.add(number)
        return default_value
    return value


def weighed(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """A filter that is counted before it runs."""
    passed = _passed(function)

    @pass_context
    def run(context: TalliedNames, subject: Any, *args: Any, **options: Any) -> Any:
        context.tally.spend(_weight(name, subject, args, options))
        return function(*passed(context), subject, *args, **options)

    return run


def weight_of_call(function: Any, args: tuple[Any, ...], options: Mapping[str, Any]) -> int:
    """What a call costs: a macro, or a method of a text."""
    subject = getattr(function, "__self__", None)
    if isinstance(subject, str):
        return A_STEP + _weight(function.__name__, subject, args, options)
    return A_STEP + sum(_size(each) for each in (*args, *options.values()))


def weight_of_operation(operator: str, left: Any, right: Any) -> int:
    """What `left operator right` costs."""
    if operator == "%" and isinstance(left, str):
        refuse_widths(left)
        values = right if isinstance(right, tuple) else (right,)
        return (1 + len(left)) * (1 + max((_size(each) for each in values), default=0))
    if operator == "**" and isinstance(left, int) and isinstance(right, int):
        return left.bit_length() * abs(right)
    if operator == "*":
        sizes = (_size(left), right) if isinstance(right, int) else (_size(right), left)
        if sizes[0] and isinstance(sizes[1], int):
            return sizes[0] * max(sizes[1], 1)
        return _digits(left) + _digits(right)
    return AN_OUTPUT + _size(left) + _size(right)


def refuse_widths(pattern: str) -> None:
    """Refuses a format that asks for thousands of places.

    Raises:
        TooMuchWork: it does, or a value decides how many.
    """
    if _WIDTH.search(pattern):
        raise TooMuchWork


def _weight(name: str, subject: Any, args: tuple[Any, ...], options: Mapping[str, Any]) -> int:
    size = _size(subject)
    if name in _QUADRATIC and isinstance(subject, str):
        size += len(subject) ** 2 // 100
    if name == "format" and isinstance(subject, str):
        refuse_widths(subject)
    if not args and not options:
        return size
    largest = max(map(_size, (*args, *options.values())))
    if name in _MULTIPLYING:
        numbers = (abs(each) for each in (*args, *options.values()) if isinstance(each, int))
        return (1 + size) * (1 + max(largest, *numbers, 0))
    return (1 + size) * (1 + largest) if name == "format" else size + largest


def _size(value: Any) -> int:
    """Letters of a text, or what the entries of a list weigh; nothing for a number."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, (list, tuple)):
        return AN_ENTRY * len(value) + sum(len(each) for each in value if isinstance(each, str))
    return AN_ENTRY * len(value) if isinstance(value, (dict, range, set)) else 0


def _digits(value: Any) -> int:
    return value.bit_length() if isinstance(value, int) else AN_OUTPUT


def _passed(function: Callable[..., Any]) -> Callable[[Context], tuple[Any, ...]]:
    """What Jinja hands to a filter before the value."""
    wanted = getattr(function, "jinja_pass_arg", None)
    return _PASSED.get(wanted.name if wanted else "", lambda _context: ())


_PASSED: Mapping[str, Callable[[Context], tuple[Any, ...]]] = {
    "context": lambda context: (context,),
    "eval_context": lambda context: (context.eval_ctx,),
    "environment": lambda context: (context.environment,),
}
