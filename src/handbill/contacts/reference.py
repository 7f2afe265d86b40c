"""The page of docs/reference that lists what each kind of import can hold.

`python -m handbill.contacts.reference` prints it; a test compares the page with it.
"""

from collections.abc import Iterator
from pathlib import Path

from handbill.contacts.imports import KINDS
from handbill.contacts.rows.layout import FieldSpec, Shape
from handbill.definitions.fields import BUILTIN_FIELDS
from handbill.definitions.loading import load_project
from handbill.definitions.project import Project
from handbill.definitions.words import either

_MEANS = {
    "text": "text",
    "integer": "a whole number: `42`",
    "number": "a number: `4.5`",
    "money": "an amount without a currency sign: `12.50`",
    "boolean": "`true` or `false`, `yes` or `no`",
    "date": "a day: `2026-12-01`",
    "time": "a time: `2026-12-01 09:00`",
    "mailbox": "an e-mail address",
    "country": "a country's code or name: `GB`, `United Kingdom`",
    "language": "a language: `en`, `pt-BR`",
    "timezone": "a time zone: `Europe/London`",
    "json": "an object, in JSON Lines and Parquet",
    "sha256": "64 hexadecimal digits",
}
_MEANS_BY_NAME = {
    "topic": "a topic of your `campaigns.yaml`, or `*` for all of them",
    "email": _MEANS["mailbox"],
    "phone": "a telephone number",
    "contact": "the external id of a contact",
    "currency": "the currency of your project, as a check",
}
_HEAD = """\
# What imports can hold

This page is made from the program: `python -m handbill.contacts.reference > docs/reference/imports.md`.
The [guide](../guide/importing.md) says how to import.

Columns are found by the name of the field or by one of the other names, whatever their case, spaces and hyphens.
A text has at most 10,000 letters.
"""


def imports_page(project: Project) -> str:
    """The page, in Markdown. Of the project, only what every project has is shown."""
    return "\n".join((_HEAD, *(line for kind in KINDS for line in _section(kind, KINDS[kind].shape(project)))))


def _section(kind: str, shape: Shape) -> Iterator[str]:
    yield f"## {kind.capitalize()}\n"
    yield f"Needed: {'; '.join(either(f'`{name}`' for name in group) for group in shape.needs)}.\n"
    yield "| field | what it holds | also found as |"
    yield "|---|---|---|"
    for name, spec in shape.fields.items():
        if kind == "contacts" and name not in BUILTIN_FIELDS:
            continue
        others = ", ".join(f"`{called}`" for called, field in shape.called.items() if field == name)
        yield f"| `{name}` | {_meaning(name, spec)} | {others} |"
    if kind == "contacts":
        yield "\nThe fields that you declare under `fields:` are filled by columns of their names.\n"
    elif shape.open_ended:
        yield "\nColumns of other names become properties.\n"
    else:
        yield "\nColumns of other names are left out.\n"


def _meaning(name: str, spec: FieldSpec) -> str:
    if name in _MEANS_BY_NAME:
        return _MEANS_BY_NAME[name]
    return either(f"`{value}`" for value in spec.one_of) if spec.one_of else _MEANS[spec.type]


if __name__ == "__main__":
    print(imports_page(load_project(Path())), end="")  # noqa: T201 - it is asked to print
