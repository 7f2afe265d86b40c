"""How a request to the interface and its answer look, with the fields of this project's contacts."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, create_model

from handbill.definitions.project import Project
from handbill.operations.intake import LONGEST_SOURCE, MOST_ROWS, SOURCE_PATTERN, FieldSpec, line_fields, row_fields

Source = Annotated[
    str,
    Field(
        pattern=SOURCE_PATTERN,
        max_length=LONGEST_SOURCE,
        description="The system that sends this. A row's own id names it within its source.",
        examples=["shop"],
    ),
]
CompleteUntil = Annotated[
    AwareDatetime | None,
    Field(
        description="With this batch, nothing of this kind that happened before this moment is missing from this "
        "source: reports then know how far they can see. An empty batch may say so too. Not in the future."
    ),
]


class Finding(BaseModel):
    """What is wrong with one row."""

    row: int = Field(ge=0, description="The row's place in the batch, from 0.")
    field: str = Field(description="The field; empty where the row as a whole is meant. `lines[1].price` for a line.")
    reason: str = Field(description="What is wrong, and how to mend it.")


class Outcome(BaseModel):
    """What became of a batch."""

    received: int = Field(ge=0, description="Rows in the batch.")
    accepted: int = Field(ge=0, description="Rows that are in the store now, whether or not they were before.")
    new: int | None = Field(None, ge=0, description="Events that the store had not known. Absent for other kinds.")
    rejected: list[Finding] = Field(description="Rows that were not loaded: one reason each. The others are loaded.")
    remarks: list[Finding] = Field(description="Rows that were loaded although something is wrong with them.")


class Refused(BaseModel):
    """Why a request was not served (RFC 9457)."""

    type: str = Field(description="Always about:blank.")
    title: str
    status: int
    detail: str
    problems: list[dict[str, str]] = Field(
        default_factory=list,
        description="For 409 and 422: each part that is wrong, with `field` and `reason`.",
    )


class Watermark(BaseModel):
    """Until when a source has told everything."""

    kind: str = Field(description="orders, events, …")
    source: str
    complete_until: AwareDatetime
    heard_at: AwareDatetime = Field(description="When the source last said so.")


class Watermarks(BaseModel):
    """Those of all kinds and sources."""

    watermarks: list[Watermark]


def batch_model(project: Project, kind: str) -> type[BaseModel]:
    """The body of `POST /v1/{kind}`. Rows are described here and judged one by one, so that good ones are loaded."""
    rows = Field(
        max_length=MOST_ROWS,
        description=f"Up to {MOST_ROWS:,} rows.",
        json_schema_extra={"items": row_schema(project, kind)},
    )
    config = ConfigDict(extra="forbid", title=f"A batch of {kind}")
    made: type[BaseModel] = create_model(
        f"{kind.capitalize()}Batch",
        __config__=config,
        source=(Source, ...),
        complete_until=(CompleteUntil, None),
        **{kind: (Annotated[list[Any], rows], ...)},  # type: ignore[call-overload]  # the field's name is a value
    )
    return made


def row_schema(project: Project, kind: str) -> dict[str, Any]:
    """The JSON schema of a row."""
    schema = _object(row_fields(project, kind))
    if kind == "orders":
        lines = _object(line_fields(project))
        schema["properties"]["lines"] = {"type": "array", "items": lines, "description": "What was ordered."}
    return schema


def _object(fields: Mapping[str, FieldSpec]) -> dict[str, Any]:
    required = [name for name, spec in fields.items() if spec.required]
    properties = {name: _value(spec) | _meaning(name) for name, spec in fields.items()}
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _value(spec: FieldSpec) -> dict[str, Any]:
    types, more = (["string"], {"enum": [*spec.one_of]}) if spec.one_of else _TYPES[spec.type]
    if spec.required:
        return {"type": types, **more}
    if spec.one_of:
        more = {"enum": [*spec.one_of, None]}
    return {"type": [*types, "null"], **more}


def _meaning(name: str) -> dict[str, str]:
    return {"description": _MEANINGS[name]} if name in _MEANINGS else {}


_MEANINGS: Mapping[str, str] = {
    "contact": "The contact's `external_id`.",
    "code": "Of a printed piece: tells whose the order is when neither contact nor email does.",
    "ship_line1": "Where the order goes to: tells whose it is when nothing else does.",
}
"""Of fields whose name does not say it."""

_TYPES: Mapping[str, tuple[list[str], dict[str, Any]]] = {
    "text": (["string"], {"maxLength": 10_000}),
    "integer": (["integer"], {}),
    "number": (["number"], {}),
    "boolean": (["boolean"], {}),
    "date": (["string"], {"format": "date"}),
    "time": (["string"], {"format": "date-time", "description": "Without an offset, in the project's time zone."}),
    "money": (["string", "number"], {"description": "In the project's currency, such as 12.50."}),
    "mailbox": (["string"], {"format": "email"}),
    "country": (["string"], {"description": "Two letters (ISO 3166), or the country's English name."}),
    "language": (["string"], {"description": "A language tag, such as en or pt-BR."}),
    "timezone": (["string"], {"description": "An IANA name, such as Europe/London."}),
    "json": (["object"], {}),
}
