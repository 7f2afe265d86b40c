"""Which facts a persona has from another one that it is like."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from handbill.definitions.findings import Finding
from handbill.definitions.rehearsal import Persona
from handbill.definitions.words import quoted, unknown

_OWN = frozenset({"like", "without"})


def resolved(personas: Mapping[str, Persona]) -> dict[str, Persona]:
    """Every persona with what it has from those that it is like; what it says itself goes before."""
    return {name: _resolve(personas, name) for name in personas}


def written_by(personas: Mapping[str, Persona], name: str, key: str) -> str:
    """The persona in whose lines the key stands, where `name` may have it from another."""
    persona = personas[name]
    has_it = key in persona.model_fields_set or key in (persona.model_extra or {}) or key in persona.fields
    return name if has_it or persona.like is None else written_by(personas, persona.like, key)


def check_likeness(personas: Mapping[str, Persona]) -> Iterator[Finding]:
    """What is wrong with `like` and `without`."""
    for name, persona in personas.items():
        if persona.like is None:
            if persona.without:
                yield Finding(("personas", name, "without"), "without goes with like.", "Add like, or remove it.")
        elif persona.like not in personas:
            others = [each for each in personas if each != name]
            yield Finding(("personas", name, "like"), *unknown("persona", persona.like, others))
        elif circle := _circle(personas, name):
            what = f"personas are like each other in a circle: {' → '.join(circle)}."
            yield Finding(("personas", name, "like"), what, "Remove one like.")
        else:
            yield from _check_without(personas, name)


def _check_without(personas: Mapping[str, Persona], name: str) -> Iterator[Finding]:
    persona = personas[name]
    if any(_circle(personas, each) or personas[each].like not in {None, *personas} for each in _line(personas, name)):
        return
    there = _said(_resolve(personas, str(persona.like)))
    for number, each in enumerate(persona.without):
        if each not in there:
            what = f"{persona.like} has no {quoted(each)}."
            yield Finding(("personas", name, "without", number), what, "Remove it, or correct the name.")


def _line(personas: Mapping[str, Persona], name: str) -> list[str]:
    """The persona and those that it is like, as far as they are known and none comes twice."""
    line: list[str] = []
    following: str | None = name
    while following is not None and following in personas and following not in line:
        line.append(following)
        following = personas[following].like
    return line


def _circle(personas: Mapping[str, Persona], name: str) -> list[str]:
    line = _line(personas, name)
    return [*line, name] if personas[line[-1]].like == name else []


def _resolve(personas: Mapping[str, Persona], name: str) -> Persona:
    persona = personas[name]
    if persona.like is None:
        return persona
    inherited = _said(_resolve(personas, persona.like))
    taken = {key: value for key, value in inherited.items() if key not in {*persona.without, "external_id"}}
    if "email" in taken:
        taken["email"] = _own_mailbox(name, str(taken["email"]))
    own = {key: value for key, value in _said(persona).items() if key not in _OWN}
    return Persona.model_validate({**taken, **own})


def _own_mailbox(name: str, other: str) -> str:
    """A mailbox is a person's own: who is like somebody with one has another at the same domain."""
    return f"{re.sub('[^a-z0-9]+', '-', name.lower()).strip('-')}@{other.rpartition('@')[2]}"


def _said(persona: Persona) -> dict[str, Any]:
    """What a persona says, by key; contact fields stand beside the others, those under `fields` too."""
    own: dict[str, Any] = {key: getattr(persona, key) for key in persona.model_fields_set & set(Persona.model_fields)}
    return {**(persona.model_extra or {}), **own}
