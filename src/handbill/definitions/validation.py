"""Whether a tree of texts is what a model declares, and what is wrong with it in the marketer's words."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from handbill.definitions.definition import Definition
from handbill.definitions.findings import Finding, Path
from handbill.definitions.planned import PLANNED_KEYS, PLANNED_VALUES, planned
from handbill.definitions.refused import REFUSED_KEYS
from handbill.definitions.shape import alternatives, fields_of, model_at
from handbill.definitions.words import either, nearest, quoted, unknown
from handbill.definitions.yaml import Items, Keys, Text, Tree, at, plain

Model = TypeVar("Model", bound=Definition)


def validate(model: type[Model], tree: Tree) -> tuple[Model | None, list[Finding]]:
    """The model that the tree holds, or what is wrong with it; every mistake at once."""
    try:
        return model.model_validate(plain(tree), by_alias=True, by_name=False), []
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
        misspelt = {_meant(each["loc"], model) for each in details if each["type"] == "extra_forbidden"}
        told = [each for each in details if each["type"] != "missing" or each["loc"] not in misspelt]
        return None, [finding for each in told for finding in _findings(each, model, tree)]


def part(model: type[Model], tree: Tree | None) -> Model | None:
    """The model when the tree holds one; None when nothing is written or it has mistakes (reported elsewhere)."""
    return validate(model, tree)[0] if tree is not None else None


def keys_of(model: type[BaseModel]) -> list[str]:
    """The keys that a part of the file may have, as they are written."""
    names = [field.alias or name for name, field in model.model_fields.items()]
    if model.__name__ == "Campaign":  # its name is the key above it, the metrics stand for all campaigns together
        return [name for name in names if name not in ("name", "own_metrics")]
    return names


def _findings(error: ErrorDetails, model: type[Definition], tree: Tree) -> Iterator[Finding]:
    path: Path = error["loc"]
    key = str(path[-1]) if path else ""
    owner = model_at(model, path[:-1])
    match error["type"]:
        case "extra_forbidden":
            yield _unknown_key(path, key, owner)
        case "missing":
            parent = at(tree, *path[:-1])
            if not (isinstance(parent, Keys) and key in parent.empty):
                yield _missing(path, key, owner)
        case _:
            yield _wrong_value(error, model, tree)


def _meant(path: Path, model: type[Definition]) -> Path:
    """Where the key would stand that a misspelt one is nearest to; such a key is not missing as well."""
    owner = model_at(model, path[:-1])
    near = nearest(str(path[-1]), keys_of(owner)) if owner else None
    return (*path[:-1], near) if near else ()


def _unknown_key(path: Path, key: str, owner: type[Definition] | None) -> Finding:
    if owner and key in REFUSED_KEYS.get(owner, {}):
        return Finding(path, *REFUSED_KEYS[owner][key], at_key=True)
    if owner and key in PLANNED_KEYS.get(owner, ()):
        return Finding(path, *planned(key), at_key=True)
    reserved = PLANNED_KEYS.get(owner, frozenset()) if owner else frozenset()
    what, mend = unknown("key", key, keys_of(owner) if owner else (), reserved)
    parts = _parts_with(key, owner) if owner and not nearest(key, keys_of(owner)) else []
    return Finding(path, what, f"Write it under {either(parts)}." if parts else mend, at_key=True)


def _parts_with(key: str, owner: type[Definition]) -> list[str]:
    """The keys beside an unknown one that hold keys of their own, and know it."""
    found = []
    for name, declared in fields_of(owner).items():
        inner = [each for each in alternatives(declared) if isinstance(each, type) and issubclass(each, Definition)]
        found += [name for each in inner if key in fields_of(each)]
    return found


def _missing(path: Path, key: str, owner: type[Definition] | None) -> Finding:
    fields = {field.alias or name: field for name, field in owner.model_fields.items()} if owner else {}
    description = (fields[key].description or "") if key in fields else ""
    return Finding(path[:-1], f"{quoted(key)} is missing.", f"Add {key}: {_lowered(description)}", at_key=True)


def _lowered(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:] if sentence[:2] != sentence[:2].upper() else sentence


def _wrong_value(error: ErrorDetails, model: type[Definition], tree: Tree) -> Finding:
    path: Path = error["loc"]
    if path[-1:] == (_KEY_ITSELF,):
        return _wrong_key(error, str(path[-2]))
    key = next((step for step in reversed(path) if isinstance(step, str)), "")
    value = _written_at(tree, path)
    text = value.text if isinstance(value, Text) else ""
    if error["type"] == "literal_error":
        return Finding(path, *_unknown_word(key, text, _literals(error["ctx"]["expected"]), model_at(model, path[:-1])))
    if error["type"] in _SENTENCES:
        return Finding(path, *_SENTENCES[error["type"]](key, text, error.get("ctx", {})))
    return Finding(path, *_wrong_shape(error, key, value, model_at(model, path)))


def _wrong_key(error: ErrorDetails, key: str) -> Finding:
    """A name that marketers choose, where only some names mean something."""
    limits = error.get("ctx", {})
    is_word = error["type"] == "literal_error"
    said = unknown("key", key, _literals(limits["expected"])) if is_word else _two_sentences(str(limits["error"]))
    return Finding(error["loc"][:-1], *said, at_key=True)


def _unknown_word(key: str, word: str, known: list[str], owner: type[Definition] | None) -> tuple[str, str]:
    """Words that nothing acts on yet are not offered, unless one of them was meant."""
    reserved = PLANNED_VALUES.get((owner, key), frozenset()) if owner else frozenset()
    return unknown(key, word, known, reserved)


def _wrong_shape(error: ErrorDetails, key: str, value: Tree | None, inner: type[Definition] | None) -> tuple[str, str]:
    text = value.text if isinstance(value, Text) else ""
    if error["type"] == "dict_type" and isinstance(value, Items):
        return f"{key} must be one text, or one for each language.", "Write it like {default: Spring, de: Frühling}."
    if error["type"] in {"model_type", "dict_type"}:
        known = [each for each in keys_of(inner) if each not in PLANNED_KEYS.get(inner, ())] if inner else []
        example = f"Write keys such as {either(known[:6])}." if known else 'Write them like "name: value".'
        return f"{key} must hold keys, not a single value.", example
    if error["type"] == "tuple_type":
        return f"{key} must be a list.", f"Write it like [{text or 'one, two'}]."
    if isinstance(value, (Keys, Items)):
        return f"{key} must be a single value.", "Write one text or number."
    return f"{quoted(text)} does not fit {key}: {error['msg']}.", "Correct it."


def _not_enough(key: str, _: str, limits: dict[str, Any]) -> tuple[str, str]:
    found, least = limits["actual_length"], limits["min_length"]
    return f"{key} holds {'nothing' if found == 0 else f'only {found}'}.", f"It needs at least {least}."


_SENTENCES: Mapping[str, Callable[[str, str, dict[str, Any]], tuple[str, str]]] = {
    "value_error": lambda _key, _text, limits: _two_sentences(str(limits["error"])),
    "int_parsing": lambda key, text, _: (f"{key} {quoted(text)} is not a whole number.", "Write digits only."),
    "greater_than_equal": lambda key, text, limits: (f"{key} is {text}.", f"Use at least {limits['ge']}."),
    "less_than_equal": lambda key, text, limits: (f"{key} is {text}.", f"Use at most {limits['le']}."),
    "too_short": _not_enough,
}
"""What pydantic's kinds of error say to a marketer: from the key, the text that is written, and the limits."""


def _written_at(tree: Tree, path: Path) -> Tree | None:
    """The value at the path; where a short form stands (`points: integer`), the short form."""
    value = at(tree, *path)
    above = at(tree, *path[:-1])
    return above if value is None and isinstance(above, Text) else value


def _literals(expected: str) -> list[str]:
    """pydantic says `'email' or 'direct_mail'`; the words themselves are needed for the nearest one."""
    return expected.split("'")[1::2]


def _two_sentences(message: str) -> tuple[str, str]:
    what, _, mend = message.partition(". ")
    return (f"{what}.", mend) if mend else (message, "")


_KEY_ITSELF = "[key]"
"""What pydantic adds to the path of a value when it means the key above it."""
