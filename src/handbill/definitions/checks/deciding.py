"""Whether an experiment can be decided as it declares: guardrails, looks, roll-out of a winner, shares that learn."""

from collections.abc import Iterator, Mapping
from datetime import timedelta

from handbill.definitions.checks.draft import Draft
from handbill.definitions.deciding import Bandit, Guardrail, Prior, Rollout
from handbill.definitions.findings import Finding, Path, under
from handbill.definitions.metrics import Metric
from handbill.definitions.validation import part
from handbill.definitions.values import Effect, parse_share
from handbill.definitions.words import quoted, unknown
from handbill.definitions.yaml import Items, Text, at

_OVER_TIME = ("group_sequential", "always_valid")
"""Analyses of people who arrive one after the other."""


def check_deciding(draft: Draft, metrics: Mapping[str, Metric], transit: timedelta | None) -> Iterator[Finding]:
    """Everything of an experiment beyond one reading at the end. `transit` is how long post is under way."""
    if not draft.is_experiment:
        return
    rails = at(draft.written, "experiment", "guardrails")
    for index, written in enumerate(rails.items if isinstance(rails, Items) else ()):
        rail = part(Guardrail, written)
        if rail:
            yield from under(("experiment", "guardrails", index), _check_guardrail(rail, draft, metrics))
    yield from under(("experiment",), _check_analysis(draft))
    prior = part(Prior, at(draft.written, "experiment", "prior"))
    if prior:
        yield from under(("experiment", "prior"), _check_prior(prior, draft, metrics))
    rollout = part(Rollout, at(draft.written, "experiment", "rollout"))
    if rollout:
        yield from under(("experiment", "rollout"), _check_rollout(rollout, draft, metrics, transit))
    bandit = part(Bandit, at(draft.written, "experiment", "bandit"))
    if bandit:
        yield from under(("experiment", "bandit"), _check_bandit(bandit, draft))


def unit_of_effect(path: Path, effect: Effect | None, metric: Metric) -> Iterator[Finding]:
    """An effect on a rate is written in percentage points, one on an amount is not."""
    if effect and metric.kind == "rate" and not effect.percentage_points:
        what, mend = (
            f"{metric.name} is a rate, and {effect} has no unit.",
            "Write it in percentage points, such as 1 pp.",
        )
        yield Finding(path, what, mend)
    elif effect and metric.kind == "amount" and effect.percentage_points:
        yield Finding(path, f"{metric.name} is an amount, not a rate.", "Write it in its own unit, such as 0.30.")


def _check_guardrail(rail: Guardrail, draft: Draft, metrics: Mapping[str, Metric]) -> Iterator[Finding]:
    metric = metrics.get(rail.metric)
    if metric is None:
        yield Finding(("metric",), *unknown("metric", rail.metric, metrics))
    elif metric.name == "opens":
        yield Finding(("metric",), "opens guard nothing: machines open mail.", "Use unsubscribes or complaints.")
    if (rail.against is None) == (rail.below is None):
        said = "both against and below" if rail.against else "neither against nor below"
        yield Finding((), f"the guardrail says {said}.", "Write one of them.", at_key=True)
        return
    if rail.against is None:
        yield from _check_ceiling(rail, metric)
        return
    if draft.arm_names and rail.against not in draft.arm_names:
        yield Finding(("against",), *unknown("arm", rail.against, draft.arm_names))
    elif rail.against in draft.arms and draft.arms[rail.against].holdout and metric and metric.of == "message":
        what = f"arm {quoted(rail.against)} is sent nothing, so that it has no {rail.metric}."
        yield Finding(("against",), what, "Name an arm that is sent something.")
    if rail.margin is None:
        what = f"nothing says how much worse than arm {quoted(rail.against)} is harmless."
        yield Finding((), what, "Add margin: 0.05 pp.", at_key=True)
    elif metric:
        yield from unit_of_effect(("margin",), rail.margin, metric)


def _check_ceiling(rail: Guardrail, metric: Metric | None) -> Iterator[Finding]:
    if rail.margin is not None:
        yield Finding(("margin",), "a ceiling has no margin.", "Remove margin, or write against.", at_key=True)
    if metric and metric.kind == "amount":
        what = f"{rail.metric} is an amount, and below is a share."
        yield Finding(("below",), what, "Write against: and margin: instead.", at_key=True)


def _check_analysis(draft: Draft) -> Iterator[Finding]:
    analysis = draft.text("experiment", "analysis") or "fixed"
    if analysis in _OVER_TIME and draft.schedule and (draft.schedule.at or draft.schedule.in_home):
        what = f"{analysis} reads people who come one after the other, and this schedule reaches all of them at once."
        yield Finding(("analysis",), what, "Use analysis: fixed, or schedule: {cron: 0 9 * * *}.")
    if analysis == "group_sequential" and not draft.has("experiment", "looks"):
        yield Finding(("analysis",), "group_sequential has no looks.", "Add looks: [50%, 100%].")
    elif draft.has("experiment", "looks") and analysis != "group_sequential":
        what = f"looks belong to group_sequential, and the analysis is {analysis}."
        yield Finding(("looks",), what, "Write analysis: group_sequential, or remove looks.", at_key=True)
    yield from _check_looks(draft)
    if analysis not in _OVER_TIME:
        if draft.has("experiment", "size"):
            what = f"size belongs to group_sequential and always_valid, and the analysis is {analysis}."
            yield Finding(("size",), what, "Remove size.", at_key=True)
        return
    if not draft.has("experiment", "size"):
        what = f"{analysis} has no size: nothing says how many {_unit(draft)}s are planned in all."
        yield Finding(("analysis",), what, "Add size: 20000; `handbill power` says how many it takes.")


def _unit(draft: Draft) -> str:
    return draft.text("experiment", "unit") or "contact"


def _check_looks(draft: Draft) -> Iterator[Finding]:
    written = at(draft.written, "experiment", "looks")
    shares = []
    for item in written.items if isinstance(written, Items) else ():
        try:
            shares.append(parse_share(item.text if isinstance(item, Text) else ""))
        except ValueError:
            return  # reported by the model
    if shares and (shares != sorted(set(shares)) or shares[0] == 0 or shares[-1] != 1):
        what = "looks do not grow from more than 0% to 100%."
        yield Finding(("looks",), what, "Write them in order, and 100% last: [50%, 100%].", at_key=True)


def _check_prior(prior: Prior, draft: Draft, metrics: Mapping[str, Metric]) -> Iterator[Finding]:
    analysis = draft.text("experiment", "analysis") or "fixed"
    if analysis != "bayesian":
        what = f"a prior belongs to bayesian, and the analysis is {analysis}."
        yield Finding((), what, "Write analysis: bayesian, or remove prior.", at_key=True)
    metric = metrics.get(draft.text("experiment", "primary", "metric") or "")
    for name, effect in (("effect", prior.effect), ("spread", prior.spread)):
        if metric:
            yield from unit_of_effect((name,), effect, metric)


def _check_rollout(
    rollout: Rollout, draft: Draft, metrics: Mapping[str, Metric], transit: timedelta | None
) -> Iterator[Finding]:
    if not 0 < rollout.test < 1:
        yield Finding(("test",), "the test is on nobody, or on everybody.", "Write a share between, such as 20%.")
    if rollout.by not in metrics:
        yield Finding(("by",), *unknown("metric", rollout.by, metrics))
    elif rollout.by == "opens":
        yield Finding(("by",), "opens cannot pick a winner: machines open mail.", "Use clicks or conversion.")
    if draft.every_arm_is_read and len(draft.sending_arms) < 2:
        yield Finding((), "a winner is picked among arms that send something.", "Add a second one.", at_key=True)
    if transit and draft.arms_on("direct_mail") and rollout.decide_after <= transit:
        what = f"the winner is picked before post arrives: it is {transit / timedelta(days=1):g} days under way."
        yield Finding(("decide_after",), what, "Write a longer time, such as 14 days.")
    if draft.text("experiment", "analysis") == "bayesian":
        what = "a winner that was picked from the data is judged by a test over both stages, and not by bayesian."
        yield Finding((), what, "Write analysis: fixed, or remove rollout.", at_key=True)
    if draft.schedule and draft.schedule.cron:
        what = "a test and its roll-out are one audience, and cron makes a new one each time."
        yield Finding((), what, "Write schedule: {at: …}, or remove rollout.", at_key=True)


def _check_bandit(bandit: Bandit, draft: Draft) -> Iterator[Finding]:
    arms = len(draft.sending_arms)
    if draft.every_arm_is_read and arms < 2:
        yield Finding((), "shares follow clicks between arms that send something.", "Add a second one.", at_key=True)
    elif draft.every_arm_is_read and bandit.floor * arms + bandit.uniform > 1:
        what = f"a floor for {arms} arms and the uniform share are more than 100%."
        yield Finding(("floor",), what, "Write smaller shares, such as floor: 5%.")
    if draft.schedule and (draft.schedule.at or draft.schedule.in_home):
        what = "shares can only follow the clicks of earlier waves, and this schedule has one wave."
        yield Finding((), what, "Write schedule: {cron: 0 9 * * *}, or remove bandit.", at_key=True)
    primary = draft.text("experiment", "primary", "metric")
    if primary and primary != bandit.by:
        what = f"shares that change from wave to wave are compared by {bandit.by} only, and the metric is {primary}."
        yield Finding((), what, f"Write primary: {{metric: {bandit.by}}}, or remove bandit.", at_key=True)
    analysis = draft.text("experiment", "analysis") or "fixed"
    if analysis != "fixed":
        what = f"{analysis} takes shares that stay as they are."
        yield Finding((), what, "Write analysis: fixed, or remove bandit.", at_key=True)
    if draft.has("experiment", "rollout"):
        yield Finding((), "bandit and rollout both decide who gets what.", "Remove one.", at_key=True)
