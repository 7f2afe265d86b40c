"""Which attributes a contact has, and of what type: ours and those that the project declares."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field, model_validator

from handbill.definitions.definition import Definition
from handbill.definitions.values import Line

FieldType = Literal["text", "integer", "number", "boolean", "date", "time"]
"""`number` is a decimal, `date` a calendar day, `time` a moment in UTC."""


@dataclass(frozen=True)
class ContactField:
    """One attribute. `builtin` ones are columns of the contact table, the others live in its `attributes`."""

    name: str
    type: FieldType
    one_of: tuple[str, ...] = ()
    builtin: bool = False


class FieldDeclaration(Definition):
    """A contact field of the project's own; `loyalty_points: integer` is short for `{type: integer}`."""

    type: FieldType = Field(description="text, integer, number, boolean, date or time.")
    one_of: tuple[Line, ...] = Field((), description="For text: the values that it may have.")

    @model_validator(mode="before")
    @classmethod
    def _accept_the_short_form(cls, written: Any) -> Any:
        return {"type": written} if isinstance(written, str) else written


def contact_fields(declared: Mapping[str, FieldDeclaration]) -> dict[str, ContactField]:
    """The built-in fields and the declared ones, by name."""
    own = {name: ContactField(name, each.type, each.one_of) for name, each in declared.items()}
    return {**BUILTIN_FIELDS, **own}


def _builtin(type_: FieldType, *names: str) -> dict[str, ContactField]:
    return {name: ContactField(name, type_, builtin=True) for name in names}


BUILTIN_FIELDS: Mapping[str, ContactField] = {
    **_builtin("text", "external_id", "email", "phone", "first_name", "last_name", "language", "timezone", "company"),
    **_builtin("text", "address_line1", "address_line2", "city", "region", "postcode", "country"),
    **_builtin("time", "created_at"),
}
