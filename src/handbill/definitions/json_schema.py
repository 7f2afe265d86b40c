"""The shape of campaigns.yaml as a JSON Schema, made from the models that read it, for completion in editors.

A schema cannot say everything that `check` finds (what names refer to, shares that add up); what it refuses, `check`
refuses too.
"""

from collections.abc import Callable, Iterator, Mapping
from types import NoneType
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from handbill.definitions.campaign import Experiment
from handbill.definitions.checks.names import FIELD_PATTERN, NAME_PATTERN
from handbill.definitions.definition import Definition
from handbill.definitions.fields import FieldDeclaration, FieldType
from handbill.definitions.languages import DEFAULT, LocalText, parse_language
from handbill.definitions.planned import PLANNED_KEYS, PLANNED_VALUES
from handbill.definitions.project import ProjectFile
from handbill.definitions.scalar_schemas import LINE, SCALARS, VARIABLE, Schema, number_or, pattern_of_key
from handbill.definitions.shape import alternatives
from handbill.definitions.validation import keys_of

DIALECT = "http://json-schema.org/draft-07/schema#"
"""The one that editors know best."""

NAMED: Mapping[tuple[type[Definition], str], str] = {
    (ProjectFile, "fields"): FIELD_PATTERN,
    (ProjectFile, "metrics"): FIELD_PATTERN,
    (ProjectFile, "topics"): NAME_PATTERN,
    (ProjectFile, "layers"): NAME_PATTERN,
    (ProjectFile, "campaigns"): NAME_PATTERN,
    (Experiment, "arms"): NAME_PATTERN,
}
"""Which form the names have that marketers choose."""


def campaigns_schema() -> Schema:
    """The JSON Schema of campaigns.yaml."""
    return schema_of_file(ProjectFile, "Handbill: campaigns.yaml")


def schema_of_file(file: type[Definition], title: str) -> Schema:
    """The JSON Schema of a file that this model reads."""
    models = sorted(_models(file, {}), key=lambda model: model.__name__)
    return {
        "$schema": DIALECT,
        "title": title,
        **_object(file),
        "definitions": {model.__name__: _object(model) for model in models if model is not file},
    }


def _models(model: type[Definition], found: dict[type[Definition], None]) -> dict[type[Definition], None]:
    """The model and all that it holds."""
    if model not in found:
        found[model] = None
        for inner in (each for field in model.model_fields.values() for each in _held(field.annotation)):
            _models(inner, found)
    return found


def _held(annotation: Any) -> Iterator[type[Definition]]:
    for each in alternatives(annotation):
        if isinstance(each, type) and issubclass(each, Definition):
            yield each
        for inner in get_args(each) if get_origin(each) in (dict, tuple) else ():
            yield from _held(inner)


def _object(model: type[Definition]) -> Schema:
    known = set(keys_of(model))
    fields = {key: field for name, field in model.model_fields.items() if (key := field.alias or name) in known}
    schema: Schema = {
        "type": "object",
        "description": " ".join((model.__doc__ or "").split("\n\n")[0].split()),
        "properties": {key: _property(model, key, field) for key, field in fields.items()},
        "additionalProperties": False,
    }
    required = [key for key, field in fields.items() if field.is_required()]
    return {**schema, "required": required} if required else schema


def _property(model: type[Definition], key: str, field: FieldInfo) -> Schema:
    schema = _with_limits(_by_reader(field.metadata) or _of(field.annotation), field)
    if (model, key) in NAMED:
        schema = {**schema, "propertyNames": {"pattern": NAMED[model, key]}}
    said = field.description or ""
    if key in PLANNED_KEYS.get(model, ()):
        said += " (Planned, not available yet.)"
    later = sorted(PLANNED_VALUES.get((model, key), ()))
    if later:
        said += f" (Planned, not available yet: {', '.join(later)}.)"
    # Beside a reference, the older dialects see nothing else.
    return {"description": said, "allOf": [schema]} if "$ref" in schema else {"description": said, **schema}


def _with_limits(schema: Schema, field: FieldInfo) -> Schema:
    limits: Schema = {}
    for limit in field.metadata:
        least = "minItems" if schema.get("type") == "array" else "minProperties"
        for name, keyword in (("ge", "minimum"), ("le", "maximum"), ("min_length", least)):
            if hasattr(limit, name):
                limits[keyword] = getattr(limit, name)
    return {**schema, **limits}


def _of(annotation: Any) -> Schema:
    options = [_one(each) for each in alternatives(annotation, bare=False) if each is not NoneType]
    return options[0] if len(options) == 1 else {"anyOf": options}


def _one(annotation: Any) -> Schema:
    known = _by_reader(getattr(annotation, "__metadata__", ()))
    if known:
        return known
    (bare,) = alternatives(annotation)
    origin, arguments = get_origin(bare), get_args(bare)
    if origin is Literal:
        return words(arguments)
    if origin is tuple:
        return {"type": "array", "items": _of(arguments[0])}
    if origin is dict:
        return _mapping(*arguments)
    if isinstance(bare, type) and issubclass(bare, BaseModel):
        return _SHORT_FORMS.get(bare, _reference)(bare)
    return {int: number_or(r"[+-]?[0-9]+", "1"), str: LINE}[bare]


def words(known: Any) -> Schema:
    """One of these, or a variable that stands for one."""
    return {"anyOf": [{"enum": list(known)}, {"type": "string", "pattern": VARIABLE}]}


def _mapping(key: Any, value: Any) -> Schema:
    schema = {"type": "object", "additionalProperties": _of(value)}
    (bare,) = alternatives(key)
    if get_origin(bare) is Literal:
        return {**schema, "propertyNames": {"enum": list(get_args(bare))}}
    by_reader = _by_reader(getattr(key, "__metadata__", ()))
    return {**schema, "propertyNames": {"pattern": pattern_of_key(by_reader)}} if "pattern" in by_reader else schema


def _by_reader(metadata: Any) -> Schema:
    return next((SCALARS[each.func] for each in metadata if getattr(each, "func", None) in SCALARS), {})


def _reference(model: type[BaseModel]) -> Schema:
    return {"$ref": f"#/definitions/{model.__name__}"}


def _local_text(_: type[BaseModel]) -> Schema:
    by_language: Schema = {
        "type": "object",
        "properties": {DEFAULT: LINE},
        "patternProperties": {pattern_of_key(SCALARS[parse_language]): LINE},
        "additionalProperties": False,
        "required": [DEFAULT],
    }
    return {"anyOf": [LINE, by_language]}


def _field(model: type[BaseModel]) -> Schema:
    return {"anyOf": [words(get_args(FieldType)), _reference(model)]}


_SHORT_FORMS: Mapping[type[BaseModel], Callable[[type[BaseModel]], Schema]] = {
    LocalText: _local_text,
    FieldDeclaration: _field,
}
"""Parts that can be written in one word too."""
