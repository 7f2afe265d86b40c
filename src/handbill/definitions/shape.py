"""Which model stands where in a file, found along the types that the models declare."""

from collections.abc import Mapping
from functools import cache
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, RootModel

from handbill.definitions.definition import Definition
from handbill.definitions.findings import Path


def model_at(model: Any, path: Path) -> type[Definition] | None:
    """The model that stands at the path below another one; None where none does."""
    found = model
    for step in path:
        found = below(found, step)
    models = [each for each in alternatives(found) if isinstance(each, type) and issubclass(each, Definition)]
    return models[0] if models else None


def below(annotation: Any, step: str | int) -> Any:
    """The declared type of what stands under a key or at a position of a list; None where nothing may."""
    for each in alternatives(annotation):
        if isinstance(each, type) and issubclass(each, RootModel):
            return below(each.model_fields["root"].annotation, step)
        if isinstance(each, type) and issubclass(each, BaseModel):
            return fields_of(each).get(str(step))
        if get_origin(each) is dict:
            return get_args(each)[1]
        if get_origin(each) is tuple:
            return get_args(each)[0]
    return None


@cache
def fields_of(model: type[BaseModel]) -> Mapping[str, Any]:
    """The declared type of every key, by the key as it is written."""
    return {field.alias or name: field.annotation for name, field in model.model_fields.items()}


def alternatives(annotation: Any, *, bare: bool = True) -> list[Any]:
    """The types that a declared type allows; `bare` ones without what pydantic's annotations add to them."""
    if get_origin(annotation) in (Union, UnionType):
        return [each for option in get_args(annotation) for each in alternatives(option, bare=bare)]
    if bare and get_origin(annotation) is Annotated:
        return alternatives(get_args(annotation)[0])
    return [annotation]
