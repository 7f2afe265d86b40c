"""Whether the metrics of an experiment can be measured on its arms, and the goal can value them."""

from collections.abc import Iterator, Mapping

from handbill.definitions.checks.deciding import unit_of_effect
from handbill.definitions.checks.draft import Draft
from handbill.definitions.findings import Finding, Path
from handbill.definitions.metrics import METRICS, Metric, compared_arms
from handbill.definitions.words import quoted, unknown

_ORDER_METRICS = {"orders", "revenue", "margin", "revenue_per_order"}
_PRIMARY: Path = ("experiment", "primary")


def check_measures(draft: Draft, metrics: Mapping[str, Metric]) -> Iterator[Finding]:
    """Primary and secondary metrics, and what the goal must say for them."""
    if not draft.is_experiment:
        return
    for path, name in _named_metrics(draft):
        if name not in metrics:
            yield Finding(path, *unknown("metric", name, metrics))
        elif draft.goal and name in _ORDER_METRICS and draft.goal.event != "order":
            what = f"{name} counts orders, but the goal is {quoted(draft.goal.event)}."
            yield Finding(path, what, "Use conversion, or goal: {event: order}.")
    yield from _check_primary(draft, metrics)
    yield from _check_secondary(draft, metrics)
    yield from _check_margin(draft)


def _named_metrics(draft: Draft) -> Iterator[tuple[Path, str]]:
    primary = draft.text(*_PRIMARY, "metric")
    if primary:
        yield (*_PRIMARY, "metric"), primary
    for index, name in enumerate(draft.texts("experiment", "secondary")):
        if name:
            yield ("experiment", "secondary", index), name


def _check_primary(draft: Draft, metrics: Mapping[str, Metric]) -> Iterator[Finding]:
    name = draft.text(*_PRIMARY, "metric")
    metric = metrics.get(name or "")
    path = (*_PRIMARY, "metric")
    if metric is None:
        return
    if metric.name == "opens":
        yield Finding(path, "opens cannot decide: machines open mail.", "Use conversion, revenue or clicks.")
    elif metric.name not in METRICS:
        mend = "Use conversion, orders, revenue or margin, and name it under secondary."
        yield Finding(path, f"{metric.name} cannot decide: nobody can plan how many people it takes.", mend)
    elif metric.kind == "ratio":
        mend = "Use conversion, orders or revenue, and name the ratio under secondary."
        yield Finding(path, f"{metric.name} cannot decide: it also changes when only its denominator does.", mend)
    elif metric.of == "message" and (silent := _silent_arm(draft)):
        mend = f"Use conversion, or name a comparison between arms that are sent something{_example(draft)}."
        yield Finding(path, f"{metric.name} cannot be measured on arm {quoted(silent)}, which is sent nothing.", mend)
    if draft.primary:
        yield from unit_of_effect((*_PRIMARY, "minimum_effect"), draft.primary.minimum_effect, metric)
        for key, value in (("power", draft.primary.power), ("confidence", draft.primary.confidence)):
            if not 0 < value < 1:
                mend = f"Write {'80%' if key == 'power' else '95%'}."
                yield Finding((*_PRIMARY, key), f"{key} must lie between 0% and 100%, without either.", mend)


def _silent_arm(draft: Draft) -> str | None:
    """A holdout that the primary comparison needs a message metric of."""
    pair = compared_arms(draft.text(*_PRIMARY, "comparison") or "")
    compared = pair or (draft.text("experiment", "control"),)
    return next((name for name in compared if name and name in draft.arms and draft.arms[name].holdout), None)


def _example(draft: Draft) -> str:
    sent = draft.sending_arms
    return f", such as {sent[1]} - {sent[0]}" if len(sent) > 1 else ""


def _check_secondary(draft: Draft, metrics: Mapping[str, Metric]) -> Iterator[Finding]:
    """Message metrics are shown for pairs of arms that are both sent something; there must be such a pair."""
    control = draft.text("experiment", "control")
    if control is None or control not in draft.arms or not draft.every_arm_is_read:
        return
    pairs = [(name, control) for name in draft.arms if name != control]
    for text in draft.texts("experiment", "compare"):
        pair = compared_arms(text)
        if pair is None or not draft.arms.keys() >= set(pair):
            return  # which pairs are meant is not known yet
        pairs.append(pair)
    measurable = any(all(not draft.arms[name].holdout for name in pair) for pair in pairs)
    for index, name in enumerate(draft.texts("experiment", "secondary")):
        if name in metrics and metrics[name].of == "message" and not measurable:
            what = f"{name} has no two arms to compare: {quoted(control)} is sent nothing."
            mend = f"Remove it, or add compare with two arms that are sent something{_example(draft)}."
            yield Finding(("experiment", "secondary", index), what, mend)


def _check_margin(draft: Draft) -> Iterator[Finding]:
    goal = draft.goal
    if goal is None:
        return
    named = goal.value == "margin" or any(name == "margin" for _, name in _named_metrics(draft))
    if named and goal.margin_rate is None and goal.costs is None:
        mend = "Add margin_rate: 40%, or costs: imported when your order lines carry their cost."
        yield Finding(("goal",), "margin needs to know what goods cost.", mend, at_key=True)
