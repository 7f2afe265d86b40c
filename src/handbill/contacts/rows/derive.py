"""A field that a Jinja expression makes from the columns of its row, such as an address made from an id."""

from collections.abc import Container, Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateError, UndefinedError, meta
from jinja2.sandbox import SandboxedEnvironment

from handbill.contacts.rows.batches import Batch, Reject
from handbill.definitions.words import unknown
from handbill.errors import Problem

ROW = "row"
"""The name of the whole row: `{{ row["Customer ID"] }}` for columns whose names are no Jinja names."""

_RESULTS_REMEMBERED = 50_000


@dataclass(frozen=True)
class Derivation:
    """One derived field: what to render, and the columns that it reads."""

    field: str
    template: Template
    columns: tuple[str, ...]
    whole_row: bool
    _results: dict[tuple[Any, ...], str] = dataclass_field(default_factory=dict, repr=False, compare=False)

    def column(self, batch: Batch, bad: Container[int], reject: Reject) -> list[str | None]:
        """The values for a batch; an empty text is missing. A row whose value cannot be made is rejected.

        The positions in `bad` are skipped: what keeps one field of a row from being derived often keeps the others.
        """
        given = (batch.columns[name] for name in self.columns)
        places = zip(*given, strict=True) if self.columns else [()] * len(batch)
        values: list[str | None] = []
        for place, row in enumerate(places):
            value = None
            if place not in bad:
                try:
                    value = self._render(row) or None
                except (TemplateError, ArithmeticError, TypeError, ValueError, LookupError, AttributeError) as error:
                    reject(batch.rows[place], self.field, "", self._reason(error, row))
            values.append(value)
        return values

    def _render(self, row: tuple[Any, ...]) -> str:
        """Files repeat themselves, and rendering takes a hundred times as long as looking up."""
        try:
            known = self._results.get(row)
        except TypeError:  # a list or an object of JSON
            return self._fresh(row)
        if known is None:
            if len(self._results) >= _RESULTS_REMEMBERED:
                self._results.clear()
            known = self._results[row] = self._fresh(row)
        return known

    def _fresh(self, row: tuple[Any, ...]) -> str:
        # A missing value is undefined, so that it stops the template, or `default` stands in for it.
        values = {name: value for name, value in zip(self.columns, row, strict=True) if value is not None}
        return self.template.render({**values, ROW: values} if self.whole_row else values).strip()

    def _reason(self, error: Exception, row: tuple[Any, ...]) -> str:
        empty = [name for name, value in zip(self.columns, row, strict=True) if value is None]
        if isinstance(error, UndefinedError) and empty:
            return f"it cannot be derived: {', '.join(empty)} is empty."
        return f"it cannot be derived: {str(error).rstrip('.')}."


def compile_derivation(name: str, text: str, columns: Sequence[str]) -> Derivation | Problem:
    """The derivation, or what is wrong with it before any row is read."""
    option = f"--derive {name}"
    environment = SandboxedEnvironment(undefined=StrictUndefined, autoescape=False)
    try:
        wanted = meta.find_undeclared_variables(environment.parse(text)) - set(environment.globals)
        template = environment.from_string(text)
    except TemplateError as error:
        return Problem(option, what=f"this is no Jinja: {str(error).rstrip('.')}.", mend="Write it like {{ column }}.")
    whole_row = ROW in wanted and ROW not in columns
    for each in sorted(wanted - {ROW} if whole_row else wanted):
        if each not in columns:
            what, mend = unknown("column", each, columns)
            return Problem(option, what=what, mend=mend)
    read = tuple(columns) if whole_row else tuple(column for column in columns if column in wanted)
    return Derivation(name, template, read, whole_row)
