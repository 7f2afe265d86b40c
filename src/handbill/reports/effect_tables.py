"""What changed, metric by metric: each comparison with its interval, in one table and one forest plot."""

import re
from collections.abc import Sequence

from handbill.reports.believed import BAYESIAN, is_believed, is_clear
from handbill.reports.compare import FALSE_SHARE
from handbill.reports.content import Section, Table
from handbill.reports.document import Analysis, Report
from handbill.reports.metrics import Reading
from handbill.reports.money import range_of
from handbill.reports.phrases import reading_of
from handbill.reports.pictures import EffectPicture, Mark, Scale, Tone
from handbill.reports.registered import Registered
from handbill.reports.sentences import PER
from handbill.reports.wording import Range, capital, chance_said, listed, money, number, percent, span, with_plus
from handbill.statistics.results import Contrast, mean_of

_COUNTS = re.compile(r" \(the control has [^)]*\)")
COVERED, MISSED = "✓", "✗"
"""Whether the interval holds the true effect of a simulation."""

NONE = "–"
"""What stands where nothing can be said; the reason stands below the table."""


def effect_section(report: Report, analysis: Analysis) -> Section:
    """The registered metrics, the primary one first."""
    registered = analysis.registered
    names = [registered.primary, *(name for name in registered.secondary if name != registered.primary)]
    found = [one for name in names for one in _contrasts(analysis, name)]
    forest = _forest(found, registered)
    return Section(
        key="effects",
        title="What it changed",
        lead=(
            f"Over all assigned {registered.unit}s, reached or not, by the arm that they were drawn into. "
            f"Rates and amounts are per {PER} {registered.unit}s."
        ),
        pictures=(forest,) if forest and len(names) > 1 else (),
        tables=(_table(report, analysis, found),) if found else (),
        notes=(*_marks_explained(report), *_chance_explained(registered), *_reasons(analysis, names)),
    )


def exploratory_section(report: Report, analysis: Analysis) -> Section | None:
    """Metrics that nobody registered: worth a look, proof of nothing."""
    registered = analysis.registered
    known = (registered.primary, *registered.secondary)
    outcomes = (name for name, reading in registered.readings.items() if reading.metric.of == "outcome")
    names = [name for name in outcomes if name not in known]
    found = [one for name in names for one in _contrasts(analysis, name)]
    if not found:
        return None
    return Section(
        key="exploratory",
        title="Exploratory",
        lead="Not registered before the send: take these as ideas for the next test, not as results of this one.",
        tables=(_table(report, analysis, found),),
        notes=_reasons(analysis, names),
        kind="boxed",
    )


def effect_picture(report: Report, analysis: Analysis, metric: str) -> EffectPicture:
    """Every comparison in one metric, with the true effect where it is known."""
    reading, registered = reading_of(analysis.registered, metric), analysis.registered
    marks = []
    for one in _contrasts(analysis, metric):
        effect = range_of(one)
        if effect is not None:
            per, truth = effect.times(PER), report.truths.get((metric, one.arm, one.control))
            marks.append(
                Mark(
                    label=_pair(one),
                    effect=per,
                    says=said_difference(reading, per, report),
                    tone=tone_of(reading, one, registered),
                    truth=None if truth is None else truth * PER,
                )
            )
    sought = registered.minimum_effect if metric == registered.primary else None
    scale = Scale(
        less=f"{'less' if reading.scale == 'money' else 'fewer'} {reading.many}",
        more=f"more {reading.many}",
        tick=lambda value: _value(reading, value, 0.0, report),
        sought=None if sought is None else sought * PER,
    )
    title = f"Difference in {_unit(reading, report)} per {PER} {registered.unit}s"
    return EffectPicture(f"effect-{metric}", title, _described(marks), tuple(marks), scale)


def tone_of(reading: Reading, one: Contrast, registered: Registered) -> Tone:
    """What a comparison proves, after the correction for several."""
    effect = range_of(one)
    level = 1 - registered.confidence if one.metric == registered.primary else FALSE_SHARE
    if effect is None or effect.low <= 0 <= effect.high or not is_clear(registered, one, level):
        return "unsure"
    return "gain" if (effect.estimate > 0) == reading.more_is_better else "loss"


def p_value(p: float | None) -> str:
    """A p-value as tables print it."""
    if p is None:
        return NONE
    return "<0.0001" if p < 0.0001 else number(p, decimals=4 if p < 0.01 else 3)


def said_difference(reading: Reading, per: Range, report: Report) -> str:
    """`+2.1 (1.6–2.6)`, in the metric's unit."""
    low, high, estimate = (_value(reading, value, per.width, report) for value in (per.low, per.high, per.estimate))
    return f"{with_plus(estimate)} ({span(low, high)})"


def interval_of(analysis: Analysis, metric: str, arm: str, control: str) -> Range | None:
    """The difference per unit with its interval, where there is one."""
    same = (one for one in _contrasts(analysis, metric) if (one.arm, one.control) == (arm, control))
    return range_of(next(same, None))


def _contrasts(analysis: Analysis, metric: str) -> list[Contrast]:
    return [one for one in analysis.results.comparisons if one.metric == metric]


def _forest(contrasts: Sequence[Contrast], registered: Registered) -> EffectPicture | None:
    """All metrics on one axis: as shares of the control's value."""
    marks = []
    for one in contrasts:
        result = one.result
        if result.relative is None or result.relative_low is None or result.relative_high is None:
            continue
        lift = Range(result.relative * 100, result.relative_low * 100, result.relative_high * 100)
        reading = registered.readings[one.metric]
        tone = tone_of(reading, one, registered)
        marks.append(Mark(f"{reading.title}, {_pair(one)}", lift, _lift(one), tone))
    if not marks:
        return None
    scale = Scale("less than the control", "more", lambda value: f"{number(value)} %")
    return EffectPicture("lift", "Lift over the control", _described(marks), tuple(marks), scale)


def _table(report: Report, analysis: Analysis, contrasts: Sequence[Contrast]) -> Table:
    truths = any((one.metric, one.arm, one.control) in report.truths for one in contrasts)
    confidence = f"({analysis.registered.confidence * 100:g} % interval)"
    columns = ("Metric", "Comparison", "Arm", "Control", f"Difference {confidence}", f"Lift {confidence}", "p")
    rows, above = [], ""
    for one in contrasts:
        metric = _metric(reading_of(analysis.registered, one.metric), report)
        rows.append((metric if metric != above else "", *_row(report, analysis, one, with_truth=truths)))
        above = metric
    return Table((*columns, "True effect") if truths else columns, tuple(rows), words=2)


def _row(report: Report, analysis: Analysis, one: Contrast, *, with_truth: bool) -> tuple[str, ...]:
    reading, effect = reading_of(analysis.registered, one.metric), range_of(one)
    per = effect.times(PER) if effect else None
    width = per.width if per else 0.0
    means = {arm.name: mean_of(arm.metrics[one.metric]) for arm in analysis.results.arms if one.metric in arm.metrics}
    arm, control = (means.get(name) for name in (one.arm, one.control))
    cells = (
        _pair(one),
        NONE if arm is None else _value(reading, arm * PER, width, report),
        NONE if control is None else _value(reading, control * PER, width, report),
        NONE if per is None else said_difference(reading, per, report),
        _lift(one),
        _certainty(analysis.registered, one),
    )
    return (*cells, _truth(report, reading, one, per)) if with_truth else cells


def _certainty(registered: Registered, one: Contrast) -> str:
    """The p-value, or the probability that stands in its place."""
    chance = one.result.probability_to_beat_control
    if is_believed(registered, one.metric):
        return NONE if chance is None else f"P {chance_said(chance)}"
    return p_value(one.result.p_value_adjusted)


def _truth(report: Report, reading: Reading, one: Contrast, per: Range | None) -> str:
    truth = report.truths.get((one.metric, one.arm, one.control))
    if truth is None or per is None:
        return NONE
    said = with_plus(_value(reading, truth * PER, per.width, report))
    return f"{said} {COVERED if per.low <= truth * PER <= per.high else MISSED}"


def _lift(one: Contrast) -> str:
    result = one.result
    if result.relative is None:
        return NONE
    if result.relative_low is None or result.relative_high is None:
        return with_plus(percent(result.relative, 1.0))
    width = result.relative_high - result.relative_low
    low, high = (percent(bound, width).removesuffix(" %") for bound in (result.relative_low, result.relative_high))
    return f"{with_plus(percent(result.relative, width))} ({span(low, high)})"


def _pair(one: Contrast) -> str:
    return f"{one.arm} − {one.control}"


def _metric(reading: Reading, report: Report) -> str:
    unit = report.currency if reading.scale == "money" else reading.many
    return reading.title if unit == reading.title.lower() else f"{reading.title} ({unit})"


def _unit(reading: Reading, report: Report) -> str:
    return f"{reading.many}, {report.currency}" if reading.scale == "money" else reading.many


def _value(reading: Reading, value: float, width: float, report: Report) -> str:
    if reading.scale == "money":
        return money(value, report.currency, width or None)
    return number(value, width or None, decimals=4)


def _described(marks: Sequence[Mark]) -> str:
    parts = []
    for mark in marks:
        truth = "" if mark.truth is None else f"; the true effect is {number(mark.truth, mark.effect.width)}"
        parts.append(f"{mark.label}: {mark.says}{truth}.")
    return " ".join(parts)


def _reasons(analysis: Analysis, metrics: Sequence[str]) -> tuple[str, ...]:
    """Why values of these metrics are absent or rough; each reason once, without the counts of each comparison."""
    concerned: dict[str, dict[str, None]] = {}
    for gap in analysis.results.problems:
        if gap.metric in metrics:
            title = analysis.registered.readings[gap.metric].title
            reason = _COUNTS.sub("", gap.reason).replace("Revenue is not", f"{title} is not")
            concerned.setdefault(reason, {})[title.lower()] = None
    return tuple(
        reason if reason.lower().startswith(tuple(names)) else f"{capital(listed(list(names)))}: {reason}"
        for reason, names in concerned.items()
    )


def _chance_explained(registered: Registered) -> tuple[str, ...]:
    if registered.analysis != BAYESIAN:
        return ()
    return ("P is the chance that the arm's value is the larger one, after the data and what was believed before.",)


def _marks_explained(report: Report) -> tuple[str, ...]:
    if not report.truths:
        return ()
    return (
        f"True effects are known because the responses were simulated; {COVERED} means that the interval covers it.",
    )
