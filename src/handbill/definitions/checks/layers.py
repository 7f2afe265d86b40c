"""Whether experiments of one layer have people of their own."""

from collections.abc import Collection, Iterator, Mapping

from handbill.definitions.campaign import LayerSlot
from handbill.definitions.checks.draft import Draft
from handbill.definitions.findings import Finding
from handbill.definitions.words import quoted, unknown

_LAYER = ("experiment", "layer")


def check_layers(drafts: Mapping[str, Draft], layers: Collection[str]) -> Iterator[Finding]:
    """Every slot lies in a declared layer, has a size, and overlaps no other; a layer splits one kind of unit."""
    earlier: dict[str, list[tuple[str, LayerSlot]]] = {}
    for name, draft in drafts.items():
        layer, path = draft.text(*_LAYER, "name"), ("campaigns", name, *_LAYER)
        if layer and layer not in layers:
            yield Finding((*path, "name"), *unknown("layer", layer, layers))
        slot = draft.layer
        if slot is None:
            continue
        if slot.from_ >= slot.to:
            what = f"the slot ends at {_percent(slot.to)}, where it begins or before."
            yield Finding((*path, "to"), what, "Write a larger share, such as 50%.")
        for other, taken in earlier.setdefault(slot.name, []):
            if slot.from_ < taken.to and taken.from_ < slot.to:
                what = f"this slot overlaps that of campaign {quoted(other)}, {_span(taken)}."
                yield Finding((*path, "from"), what, "Give each experiment people of its own.")
            if draft.unit != drafts[other].unit:
                what = f"layer {quoted(slot.name)} splits {drafts[other].unit}s for campaign {quoted(other)}."
                yield Finding((*path, "name"), what, f"Use another layer for {draft.unit}s.")
        earlier[slot.name].append((name, slot))


def _span(slot: LayerSlot) -> str:
    return f"{_percent(slot.from_)} to {_percent(slot.to)}"


def _percent(share: object) -> str:
    return f"{float(str(share)) * 100:g}%"
