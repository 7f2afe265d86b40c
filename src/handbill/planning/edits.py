"""What was edited between two definitions of a campaign, old → new, and what each edit does to people and results."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum
from typing import Any

from handbill.definitions.values import MILLIONTHS
from handbill.planning.declared_words import in_words
from handbill.planning.definition import BESIDE


class EditClass(StrEnum):
    """What an edit touches. An edit of what a running experiment compares makes its result worthless."""

    INVALIDATING = "experiment-invalidating"
    AUDIENCE = "audience"
    TIMING = "timing"
    COST = "cost"
    CONTENT = "content"
    EXPERIMENT = "experiment"
    COSMETIC = "cosmetic"


@dataclass(frozen=True)
class Edit:
    """One declaration that reads otherwise than before: where, what it touches, and both readings ("" is none)."""

    path: str
    kind: EditClass
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.path}: {self.before or 'nothing'} → {self.after or 'nothing'}"


_CLASSES: tuple[tuple[str, EditClass], ...] = (
    (r"campaign\.experiment\.hypothesis", EditClass.COSMETIC),
    (r"campaign\.experiment\.arms\.\w[^.]*\.(email|direct_mail)\b.*", EditClass.CONTENT),
    (r"campaign\.experiment\.arms\.\w[^.]*\.offer\b.*", EditClass.COST),
    (r"campaign\.(experiment|goal)\b.*|arms|layers\b.*", EditClass.EXPERIMENT),
    (r"campaign\.(email|direct_mail)\b.*|templates\..*|brand\..*|languages\b.*", EditClass.CONTENT),
    (r"channels\.\w+\.(from|reply_to|utm)\b.*", EditClass.CONTENT),
    (r"campaign\.(audience|kind|topic|priority)\b.*|segments\..*", EditClass.AUDIENCE),
    (r"policies\.(caps|global_holdout)\b.*", EditClass.AUDIENCE),
    (r"campaign\.(schedule|on_uncertain)\b.*|timezone|policies\.quiet_hours\b.*", EditClass.TIMING),
    (r"channels\.\w+\.(transit|provider|rate|per_domain)\b.*", EditClass.TIMING),
    (r"channels\.\w+\.(cost|budget)|currency", EditClass.COST),
    (r"max_drift|segments\.[^.]+\.(name|description)", EditClass.COSMETIC),
)
"""The first pattern that fits a path decides."""

_REGISTERED = re.compile(
    r"campaign\.(experiment|goal|audience)\b.*|arms|layers\b.*|campaign\.(email|direct_mail)\b.*|templates\..*"
)
"""What an experiment was registered with, and what its arms say: others answer another question."""


def edits_between(
    before: Mapping[str, Any], after: Mapping[str, Any], *, sealed: bool, beside: bool = True
) -> tuple[Edit, ...]:
    """The edits, the gravest first. `sealed` says that the experiment has begun, so that it cannot change any more.

    Without `beside` only those that make another definition.
    """
    found = [*_declared(before, after), *_templates(before, after), *(_beside(before, after) if beside else ())]
    edits = (Edit(path, _class_of(path, kind, sealed), old, new) for path, kind, old, new in found)
    order = list(EditClass)
    return tuple(sorted(edits, key=lambda each: (order.index(each.kind), each.path)))


_Change = tuple[str, EditClass | None, str, str]
"""A path, its class where the path alone does not say it, and both readings."""


def _class_of(path: str, known: EditClass | None, sealed: bool) -> EditClass:
    if known is EditClass.COSMETIC:
        return known
    if sealed and _REGISTERED.fullmatch(path):
        return EditClass.INVALIDATING
    return next((kind for pattern, kind in _CLASSES if re.fullmatch(pattern, path)), EditClass.CONTENT)


def _declared(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[_Change]:
    for part in dict.fromkeys([*after, *before]):
        if part in {BESIDE, "templates"}:
            continue
        if part == "segments":
            yield from _segments(before, after)
        else:
            yield from _leaves(part, before.get(part), after.get(part))


def _leaves(path: str, before: Any, after: Any) -> Iterator[_Change]:
    """Goes down where both sides have something, and says the rest in a few words."""
    if before == after:
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for key in dict.fromkeys([*after, *before]):
            yield from _leaves(f"{path}.{key.rstrip('_')}", before.get(key), after.get(key))
    elif (old := _reading(path, before)) != (new := _reading(path, after)):
        yield path, None, old, new


def _reading(path: str, value: Any) -> str:
    """As it is usually written: money in its units, shares in percent."""
    key = path.rpartition(".")[2]
    if key in {"cost", "budget"} and isinstance(value, int):
        return f"{value / MILLIONTHS:g}"
    if key in {"share", "discount", "margin_rate", "power", "confidence", "max_drift"} and isinstance(value, str):
        return f"{float(value) * 100:g}%"
    return in_words(value)


def _segments(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[_Change]:
    """Clauses that are gone and that are new; of a segment that is used only since, all of them."""
    old_rules, new_rules = before.get("segments") or {}, after.get("segments") or {}
    for slug in dict.fromkeys([*new_rules, *old_rules]):
        if old_rules.get(slug) == new_rules.get(slug):
            continue
        old, new = (_rule(each, slug) for each in (before, after))
        changes = [each for each in SequenceMatcher(None, old, new, autojunk=False).get_opcodes() if each[0] != "equal"]
        for _, first, last, start, end in changes:
            yield f"segments.{slug}", None, "; ".join(old[first:last]), "; ".join(new[start:end])
        if not changes:
            yield f"segments.{slug}", None, "another rule", "another rule"


def _rule(definition: Mapping[str, Any], slug: str) -> list[str]:
    rule: list[str] = ((definition.get(BESIDE) or {}).get("segments") or {}).get(slug, {}).get("rule") or []
    return rule


def _templates(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[_Change]:
    old_digests, new_digests = before.get("templates") or {}, after.get("templates") or {}
    old_texts, new_texts = ((each.get(BESIDE) or {}).get("templates") or {} for each in (before, after))
    for name in dict.fromkeys([*new_digests, *old_digests]):
        old, new = old_digests.get(name), new_digests.get(name)
        if old == new:
            continue
        if old is None or new is None or name not in old_texts or name not in new_texts:
            yield f"templates.{name}", None, _file(old), _file(new)
        else:
            yield _edited_text(name, old_texts[name], new_texts[name])


def _edited_text(name: str, before: str, after: str) -> _Change:
    """The first line that reads otherwise, and how many more do; comments and spaces alone are cosmetic."""
    cosmetic = EditClass.COSMETIC if _bare(before) == _bare(after) else None
    old, new = before.splitlines(), after.splitlines()
    changes = [each for each in SequenceMatcher(None, old, new, autojunk=False).get_opcodes() if each[0] != "equal"]
    if not changes:
        return f"templates.{name}", EditClass.COSMETIC, "other line ends", "line ends"
    _, first, last, start, end = changes[0]
    lines = sum(max(each[2] - each[1], each[4] - each[3]) for each in changes)
    more = f" (and {lines - 1} more line{'s' if lines > 2 else ''})" if lines > 1 else ""
    reading = [_line(old, first, last), _line(new, start, end)]
    return f"templates.{name}", cosmetic, reading[0], reading[1] + more


def _line(lines: list[str], first: int, last: int) -> str:
    return f"line {first + 1}: {in_words(lines[first].strip()) or 'empty'}" if first < last else ""


def _bare(text: str) -> str:
    return " ".join(re.sub(r"\{#.*?#\}", "", text, flags=re.DOTALL).split())


def _file(digest: str | None) -> str:
    return f"a file ({digest[:8]})" if digest else ""


def _beside(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[_Change]:
    old, new = before.get(BESIDE) or {}, after.get(BESIDE) or {}
    for part in ("channels", "max_drift"):
        yield from _leaves(part, old.get(part), new.get(part))
    for slug, words in (new.get("segments") or {}).items():
        if slug in (old.get("segments") or {}):
            for key in ("name", "description"):
                if (was := old["segments"][slug].get(key)) != words[key]:
                    yield f"segments.{slug}.{key}", EditClass.COSMETIC, in_words(was), in_words(words[key])
