"""One text with Jinja, compiled once and rendered for any number of recipients, with errors that say where."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import CodeType
from typing import Any

from jinja2 import Template, TemplateError, TemplateSyntaxError, UndefinedError
from jinja2.exceptions import FilterArgumentError, SecurityError
from jinja2.runtime import Context

from handbill.errors import NotRenderable, Problem, ProjectInvalid
from handbill.rendering.environment import TemplateEnvironment
from handbill.rendering.mjml import JinjaText
from handbill.rendering.source import Place


@dataclass(frozen=True)
class CompiledText:
    """A text that is ready to be rendered. `fixed` holds what it writes for everybody, piece by piece."""

    template: Template
    places: Mapping[int, Place]
    base: Mapping[str, Any]
    fixed: frozenset[str] = field(repr=False)

    def pieces(self, values: Mapping[str, Any]) -> list[str]:
        """The text for one recipient, in the pieces in which Jinja writes it.

        Raises:
            NotRenderable: something in it has no value, or fails; says where.
        """
        environment = self.template.environment
        context = Context(environment, {**self.base, **values}, self.template.name, self.template.blocks)
        try:
            return list(self.template.root_render_func(context))
        except Exception as error:  # whatever an expression of the template raises is the template's
            raise NotRenderable(self._explained(error)) from error

    def render(self, values: Mapping[str, Any]) -> str:
        """The text for one recipient."""
        return "".join(self.pieces(values))

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


def compile_text(environment: TemplateEnvironment, name: str, text: JinjaText, base: Mapping[str, Any]) -> CompiledText:
    """Compiles a text; its `name` decides whether it is escaped (see `make_environment`).

    `base` holds the values that are the same for all recipients.

    Raises:
        ProjectInvalid: Jinja cannot read it. (The checks say so before, and better.)
    """
    try:
        code = environment.compile(text.text, name, name)
    except TemplateSyntaxError as error:
        file, line, column = text.places.get(error.lineno, (name, 0, 0))
        raise ProjectInvalid(Problem(file, line, column, f"{error.message}", "Check this tag.")) from error
    template = Template.from_code(environment, code, {})
    # A plain dictionary: Jinja would build a chain of two for every recipient.
    return CompiledText(template, text.places, {**environment.globals, **base}, frozenset(_constants(code)))


def _constants(code: CodeType) -> Iterator[str]:
    for constant in code.co_consts:
        if isinstance(constant, str):
            yield constant
        elif isinstance(constant, CodeType):
            yield from _constants(constant)


def _said(error: Exception) -> tuple[str, str]:
    """What went wrong, without any value of the recipient's."""
    if isinstance(error, UndefinedError):
        message = str(error.message)
        if message.endswith("has no value"):
            name = message.removesuffix(" has no value")
            return (
                f"{message} for this recipient.",
                f'Write {{{{ {name} | default("…") }}}}, or leave it out with {{% if %}}.',
            )
        return f"{message}.", "Check the name."
    if isinstance(error, SecurityError):
        return f"{str(error).rstrip('.')}.", "Templates read plain values only."
    if isinstance(error, (FilterArgumentError, OverflowError)):
        return f"{error}.", "Check the value."
    if isinstance(error, TemplateError):
        return f"{error}.", "Check this tag."
    return f"this fails for this recipient ({type(error).__name__}).", "Check the values that it uses."
