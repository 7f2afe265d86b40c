"""Jinja as our templates get it: sandboxed, strict about what is missing, and confined to the templates folder."""

import posixpath
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

from jinja2 import BaseLoader, Environment, StrictUndefined, TemplateNotFound, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from handbill.definitions.project import Project
from handbill.rendering.filters import filters
from handbill.rendering.following import follow
from handbill.rendering.rewriting import COUNTING, DEFAULTS
from handbill.rendering.tally import (
    TalliedNames,
    refuse_widths,
    weighed,
    weight_of_call,
    weight_of_operation,
    written,
)
from handbill.rendering.utm import tag_address

MAX_RANGE = 1_000
"""A template counts no further: a slip such as range(10000000) must not stand still before a million recipients."""

# Not reproducible (two renders of one message would differ), or a way around escaping.
_WITHDRAWN_FILTERS = ("random", "safe", "attr", "pprint")
_WITHDRAWN_GLOBALS = ("lipsum",)
# What numbers offer is of no use in a mail, and 5.to_bytes(1000000000) fills the memory.
_CLOSED_TYPES = (int, float, Decimal)


class Missing(Undefined):
    """A value that is known and that this recipient lacks.

    It is false, equals nothing, its members are missing too, and `default(…)` replaces it; written into a message, it
    is an error. A name that nobody knows is a `StrictUndefined`, which is an error even in `{% if %}`.
    """

    __slots__ = ()

    def member(self, name: str) -> "Missing":
        """What stands behind the dot."""
        return missing(f"{self._undefined_name}.{name}")

    def __str__(self) -> str:
        return self._fail_with_undefined_error()

    def __len__(self) -> int:
        return self._fail_with_undefined_error()

    def __iter__(self) -> Iterator[Any]:
        return self._fail_with_undefined_error()

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)


def missing(name: str) -> Missing:
    """Stands for the value of `name` where a recipient has none."""
    return Missing(hint=f"{name} has no value", name=name)


def make_environment(project: Project) -> "TemplateEnvironment":
    """The sandbox in which all templates of a project run.

    Templates whose name ends in .html or .mjml escape what they write; all others (subjects, .txt) do not.
    `{% include %}` and `{% extends %}` resolve below templates/ only, beside the including file first.
    """
    environment = TemplateEnvironment(
        TemplatesLoader(project.templates_dir),
        undefined=StrictUndefined,
        autoescape=_escapes,
        auto_reload=False,
        keep_trailing_newline=True,
        finalize=written,
    )
    environment.filters.update(filters(timezone=project.timezone, currency=project.currency))
    for name in _WITHDRAWN_FILTERS:
        del environment.filters[name]
    for name in environment.filters.keys() - set(DEFAULTS):
        environment.filters[name] = weighed(name, environment.filters[name])
    environment.filters.update(COUNTING)
    environment.filters |= {"utm": tag_address, "tracked": follow}
    for name in _WITHDRAWN_GLOBALS:
        del environment.globals[name]
    environment.globals["range"] = bounded_range
    return environment


class TemplateEnvironment(ImmutableSandboxedEnvironment):
    """The sandbox, where a dot after a group of values means its entry and never a method of Python's.

    What could make a text without end is counted before it is done; see tally.py.
    """

    context_class = TalliedNames
    intercepted_binops = frozenset({"+", "*", "**", "%"})

    def __init__(self, templates: "TemplatesLoader", **options: Any) -> None:
        super().__init__(loader=templates, **options)
        self.templates = templates

    def getattr(self, obj: Any, attribute: str) -> Any:
        """`contact.first_name`."""
        # Python's own dictionaries have `items`, `keys`, `values`… which may well be names of contact fields.
        if type(obj) is dict:
            return obj[attribute] if attribute in obj else self.undefined(obj=obj, name=attribute)
        if type(obj) is Missing:
            return obj.member(attribute)
        if isinstance(obj, _CLOSED_TYPES) or (isinstance(obj, str) and attribute == "encode"):
            return self.unsafe_undefined(obj, attribute)
        return super().getattr(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """`contact["first_name"]`."""
        if type(obj) is dict:
            return obj[argument] if argument in obj else self.undefined(obj=obj, name=argument)
        if type(obj) is Missing:
            return obj.member(str(argument))
        if isinstance(argument, str):
            return self.getattr(obj, argument)
        return super().getitem(obj, argument)

    def call(self, context: TalliedNames, function: Any, *args: Any, **options: Any) -> Any:  # type: ignore[override]  # see context_class
        """`f(…)`, counted."""
        context.tally.spend(weight_of_call(function, args, options))
        return super().call(context, function, *args, **options)

    def call_binop(self, context: TalliedNames, operator: str, left: Any, right: Any) -> Any:  # type: ignore[override]  # see context_class
        """`a + b`, counted."""
        context.tally.spend(weight_of_operation(operator, left, right))
        return super().call_binop(context, operator, left, right)

    def wrap_str_format(self, value: Any) -> Callable[..., str] | None:
        """`"{:>8}".format(…)`, but not with thousands of places."""
        function = super().wrap_str_format(value)
        if function:
            refuse_widths(value.__self__)
        return function

    def join_path(self, template: str, parent: str) -> str:
        """A name in an include means the file beside the including one, else the one below templates/."""
        beside = posixpath.normpath(posixpath.join(posixpath.dirname(parent), template))
        return beside if self.templates.path_of(beside) else template


class TemplatesLoader(BaseLoader):
    """Reads templates below one folder, and nothing that lies or leads outside it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path_of(self, name: str) -> Path | None:
        """The file of a template; None where there is none below the folder."""
        try:
            path = (self.folder / name).resolve()  # follows symbolic links, so that one that leads outside is seen
            return path if path.is_relative_to(self.folder.resolve()) and path.is_file() else None
        except (OSError, ValueError, RuntimeError):  # a name too long, with a NUL, or a circle of links
            return None

    def list_templates(self) -> list[str]:
        """The names of all files that `path_of` finds."""
        names = (path.relative_to(self.folder).as_posix() for path in self.folder.rglob("*"))
        return sorted(name for name in names if self.path_of(name))

    def get_source(self, _environment: Environment, template: str) -> tuple[str, str | None, Callable[[], bool] | None]:
        """What Jinja asks for: text, file name, whether it is unchanged."""
        path = self.path_of(template)
        if path is None:
            raise TemplateNotFound(template)
        return path.read_text(encoding="utf-8"), str(path), None


def bounded_range(*bounds: int) -> range:
    """`range` of at most `MAX_RANGE` numbers."""
    numbers = range(*bounds)
    if len(numbers) > MAX_RANGE:
        raise OverflowError(f"range of more than {MAX_RANGE} numbers")
    return numbers


def _escapes(name: str | None) -> bool:
    return name is not None and name.endswith((".html", ".mjml"))
