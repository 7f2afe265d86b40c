"""One text with Jinja, compiled once and rendered for any number of recipients, with errors that say where."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from types import CodeType
from typing import Any

from jinja2 import Template, TemplateError, TemplateSyntaxError, UndefinedError
from jinja2.exceptions import FilterArgumentError, SecurityError

from handbill.errors import NeverEnds, NotRenderable, Problem, ProjectInvalid
from handbill.rendering.environment import TemplateEnvironment
from handbill.rendering.mjml import JinjaText
from handbill.rendering.quoted_printable import encode_piece
from handbill.rendering.rewriting import with_counting
from handbill.rendering.source import Place
from handbill.rendering.syntax import NEST_LESS, NESTED
from handbill.rendering.tally import MOST_LETTERS, TalliedNames, TooMuchWork

_AT_ONCE = 512


@dataclass(frozen=True, order=True)
class Fallback:
    """A `default(…)` that was read: where it is written, instead of which value, and what it says."""

    file: str
    line: int
    column: int
    value: str
    text: str


@dataclass(frozen=True)
class CompiledText:
    """A text that is ready to be rendered.

    `base` holds the values that are the same for all recipients; `ready` what the text writes for everybody, piece by
    piece, in the form in which it travels.
    """

    template: Template
    places: Mapping[int, Place]
    base: Mapping[str, Any]
    ready: Mapping[str, bytes] = field(repr=False)
    fallbacks: tuple[Fallback, ...] = ()

    def with_base(self, base: Mapping[str, Any]) -> "CompiledText":
        """The same text with other values that are the same for all recipients."""
        # A plain dictionary: Jinja would build a chain of two for every recipient.
        return replace(self, base={**self.template.environment.globals, **base})

    def pieces(self, values: Mapping[str, Any], read: set[Fallback] | None = None) -> list[str]:
        """The text for one recipient, in the pieces in which Jinja writes it.

        The fallbacks that this recipient reads are added to `read`.

        Raises:
            NotRenderable: something in it has no value, or fails; says where.
            NeverEnds: it repeats or grows without end.
        """
        environment = self.template.environment
        context = TalliedNames(environment, {**self.base, **values}, self.template.name, self.template.blocks)
        try:
            pieces = self._written(context)
        except (TooMuchWork, RecursionError, MemoryError) as error:
            raise NeverEnds(self._explained(error)) from error
        except Exception as error:  # whatever an expression of the template raises is the template's
            raise NotRenderable(self._explained(error)) from error
        if read is not None and context.tally.fallbacks:
            read.update(self.fallbacks[number] for number in context.tally.fallbacks)
        return pieces

    def render(self, values: Mapping[str, Any], read: set[Fallback] | None = None) -> str:
        """The text for one recipient."""
        return "".join(self.pieces(values, read))

    def _written(self, context: TalliedNames) -> list[str]:
        pieces: list[str] = []
        letters = 0
        stream = iter(self.template.root_render_func(context))
        while some := list(islice(stream, _AT_ONCE)):
            pieces += some
            letters += sum(map(len, some))
            if letters > MOST_LETTERS:
                raise TooMuchWork
        return pieces

    def _explained(self, error: Exception) -> Problem:
        file, line, column = self._place(error)
        what, mend = _said(error)
        return Problem(file, line, column, what, mend)

    def _place(self, error: Exception) -> Place:
        line, trace = 0, error.__traceback__
        while trace:
            # Jinja's compiled code runs in a module that knows its template and the lines that it was made from.
            if trace.tb_frame.f_globals.get("__jinja_template__") is self.template:
                line = self.template.get_corresponding_lineno(trace.tb_lineno)
            trace = trace.tb_next
        return self.places.get(line) or next(iter(self.places.values()), (self.template.name or "", 0, 0))


def compile_text(environment: TemplateEnvironment, name: str, text: JinjaText) -> CompiledText:
    """Compiles a text; its `name` decides whether it is escaped (see `make_environment`).

    Raises:
        ProjectInvalid: Jinja cannot read it. (The checks say so before, and better.)
    """
    try:
        tree, slots = with_counting(environment.parse(text.text))
        code = environment.compile(tree, name, name)
    except TemplateSyntaxError as error:
        file, line, column = text.places.get(error.lineno, (name, 0, 0))
        raise ProjectInvalid(Problem(file, line, column, f"{error.message}", "Check this tag.")) from error
    except (RecursionError, MemoryError, SyntaxError) as error:  # Python nests no more than 20 loops, for one
        file, line, column = next(iter(text.places.values()), (name, 0, 0))
        raise ProjectInvalid(Problem(file, line, column, NESTED, NEST_LESS)) from error
    template = Template.from_code(environment, code, {})
    fallbacks = tuple(Fallback(*text.places.get(each.line, (name, 0, 0)), each.value, each.fallback) for each in slots)
    ready = {piece: encode_piece(piece) for piece in _constants(code)}
    return CompiledText(template, text.places, {**environment.globals}, ready, fallbacks)


def _constants(code: CodeType) -> Iterator[str]:
    for constant in code.co_consts:
        if isinstance(constant, str):
            yield constant
        elif isinstance(constant, CodeType):
            yield from _constants(constant)


def _said(error: Exception) -> tuple[str, str]:
    """What went wrong, without any value of the recipient's."""
    if isinstance(error, UndefinedError):
        return _said_of_missing(str(error.message))
    if isinstance(error, (TooMuchWork, MemoryError)):
        return "this repeats or grows without end, and was stopped.", "Let it repeat less often, and write less."
    if isinstance(error, RecursionError):
        return "this calls itself without end, and was stopped.", "Give it an end, or use {% for %}."
    for kinds, mend in _MENDS:
        if isinstance(error, kinds):
            return f"{str(error).rstrip('.')}.", mend
    return f"this fails for this recipient ({type(error).__name__}).", "Check the values that it uses."


_MENDS: tuple[tuple[tuple[type[Exception], ...], str], ...] = (
    ((SecurityError,), "Templates read plain values only."),
    ((FilterArgumentError, OverflowError), "Check the value."),
    ((TemplateError,), "Check this tag."),
)


def _said_of_missing(message: str) -> tuple[str, str]:
    if not message.endswith("has no value"):
        return f"{message}.", "Check the name."
    name = message.removesuffix(" has no value")
    mend = f'Write {{{{ {name} | default("…") }}}}, or leave it out with {{% if %}}.'
    return f"{message} for this recipient.", mend
