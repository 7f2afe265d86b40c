"""Whether two experiments are sure to reach the same people at the same time, so that neither could be read."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from handbill.definitions.checks.draft import Draft
from handbill.definitions.findings import Finding
from handbill.definitions.words import quoted


@dataclass(frozen=True)
class _Reach:
    """Whom an experiment reaches, and during which time; `first` is None where it goes out again and again."""

    name: str
    included: frozenset[str]
    excluded: frozenset[str]
    first: datetime | None
    last: datetime | None


def check_overlaps(drafts: Mapping[str, Draft]) -> Iterator[Finding]:
    """Experiments outside of layers that share a segment whole, while the window of one is open for the other.

    Only what is certain from the files: the same segment is included and the same ones are excluded by both.
    """
    seen: dict[tuple[str, frozenset[str]], list[_Reach]] = {}
    for name, draft in drafts.items():
        reach = _reach(name, draft)
        if reach is None:
            continue
        for segment in sorted(reach.included):
            others = seen.setdefault((segment, reach.excluded), [])
            met = next((other for other in others if _at_the_same_time(reach, other)), None)
            if met:
                what = (
                    f"this experiment reaches segment {quoted(segment)} while that of campaign {quoted(met.name)} does."
                )
                mend = "Put both into a layer with a slot each, or let their windows follow each other."
                yield Finding(("campaigns", name, "experiment"), what, mend, at_key=True)
                break
        for segment in reach.included:
            seen.setdefault((segment, reach.excluded), []).append(reach)


def _reach(name: str, draft: Draft) -> _Reach | None:
    """None where it is no experiment, lies in a layer, or cannot be told."""
    if not draft.is_experiment or draft.has("experiment", "layer"):
        return None
    if draft.audience is None or draft.schedule is None or draft.goal is None:
        return None
    first = draft.schedule.at or draft.schedule.in_home
    last = first + draft.goal.within if first else None
    if first is None and not draft.schedule.cron:
        return None
    return _Reach(name, frozenset(draft.audience.include), frozenset(draft.audience.exclude), first, last)


def _at_the_same_time(one: _Reach, other: _Reach) -> bool:
    """Within a day of each other nothing is certain: each may have a time zone of its own."""
    if one.first is None or one.last is None or other.first is None or other.last is None:
        return True
    day = timedelta(days=1)
    return one.first + day < other.last and other.first + day < one.last
