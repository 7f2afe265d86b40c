"""What several campaigns brought, side by side."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from handbill.reports.believed import is_believed, is_clear
from handbill.reports.compare import FALSE_SHARE
from handbill.reports.content import Section, Table
from handbill.reports.document import Report
from handbill.reports.effect_tables import NONE, said_difference
from handbill.reports.money import Gain, contrast_of, range_of
from handbill.reports.phrases import reading_of
from handbill.reports.pictures import EffectPicture, Mark, Scale, Tone
from handbill.reports.sentences import PER
from handbill.reports.verdict import HEADINGS
from handbill.reports.wording import Range, count, day, money, number, plural, span, with_plus
from handbill.statistics.multiplicity import benjamini_hochberg
from handbill.statistics.results import Contrast

CORRECTED = (
    "p is corrected over all campaigns shown, so that at most a tenth of those called different from nothing are so by "
    "chance (Benjamini and Hochberg). The results are those of each campaign by itself."
)
WORKED = ("worked", "worked_at_a_loss")


@dataclass(frozen=True)
class Line:
    """One deciding comparison of one campaign; `p_value` is corrected over all campaigns shown."""

    report: Report
    arm: str = ""
    control: str = ""
    contrast: Contrast | None = None
    gain: Gain | None = None
    p_value: float | None = None

    @property
    def effect(self) -> Range | None:
        """The difference per unit, with its interval."""
        return range_of(self.contrast)


def lines_of(reports: Sequence[Report]) -> tuple[Line, ...]:
    """Every deciding comparison, campaign by campaign, newest first; one without a result has a line of its own."""
    newest = sorted(reports, key=_sent_at, reverse=True)
    found = [line for report in newest for line in _lines(report)]
    adjusted = benjamini_hochberg([line.contrast.result.p_value if line.contrast else None for line in found])
    return tuple(
        Line(line.report, line.arm, line.control, line.contrast, line.gain, p)
        for line, p in zip(found, adjusted, strict=True)
    )


def headline_of(reports: Sequence[Report]) -> str:
    """`2 of 5 campaigns worked.`"""
    worked = sum(report.screen.status in WORKED for report in reports)
    return f"{count(worked)} of {plural(len(reports), 'campaign')} worked."


def several_sections(lines: Sequence[Line]) -> list[Section]:
    """One picture of all effects as lifts, and one table."""
    marks = tuple(mark for line in lines if (mark := _mark(line)) is not None)
    scale = Scale("less than the control", "more", lambda value: f"{number(value)} %")
    told = " ".join(f"{mark.label}: {mark.says}." for mark in marks)
    picture = EffectPicture("campaigns", "Lift of the primary metric over the control", told, marks, scale)
    columns = ("Campaign", "Comparison", "Metric", "Result", f"Difference per {PER}", "Extra", "Cost of each",
               "Margin after costs", "p")  # fmt: skip
    table = Table(columns, tuple(_row(line) for line in lines), words=4)
    return [
        Section(
            key="campaigns",
            title="Side by side",
            lead=(
                "Each campaign's primary metric, as it was registered. Campaigns went to different people at different "
                "times: a larger lift does not make a better campaign."
            ),
            pictures=(picture,) if marks else (),
            tables=(table,),
            notes=(CORRECTED,),
        )
    ]


def several_as_values(lines: Sequence[Line]) -> list[dict[str, Any]]:
    """The same numbers, unrounded."""
    found = []
    for line in lines:
        values: dict[str, Any] = {"campaign": line.report.campaign, "status": line.report.screen.status}
        if line.contrast is not None:
            result = line.contrast.result
            values |= {
                "metric": line.contrast.metric, "arm": line.arm, "control": line.control,
                "difference": result.difference, "low": result.low, "high": result.high, "relative": result.relative,
                "relative_low": result.relative_low, "relative_high": result.relative_high,
                "p_value_adjusted": line.p_value,
            }  # fmt: skip
        found.append({name: value for name, value in values.items() if value is not None})
    return found


def _sent_at(report: Report) -> datetime:
    return max((wave.scheduled_at for wave in report.quality.waves), default=report.made_at)


def _lines(report: Report) -> list[Line]:
    analysis = report.analysis
    if analysis is None or not analysis.results.comparisons or report.screen.status == "split_broken":
        return [Line(report)]
    found = []
    for arm, control in analysis.registered.deciding:
        contrast = contrast_of(analysis.results, analysis.registered.primary, arm, control)
        gain = next((each for each in analysis.gains if (each.arm, each.control) == (arm, control)), None)
        found.append(Line(report, arm, control, contrast, gain))
    return found


def _mark(line: Line) -> Mark | None:
    if line.contrast is None or line.report.analysis is None:
        return None
    result = line.contrast.result
    if result.relative is None or result.relative_low is None or result.relative_high is None:
        return None
    lift = Range(100 * result.relative, 100 * result.relative_low, 100 * result.relative_high)
    bounds = span(number(lift.low, lift.width), number(lift.high, lift.width))
    says = f"{with_plus(number(lift.estimate, lift.width))} % ({bounds})"
    reading = reading_of(line.report.analysis.registered, line.contrast.metric)
    tone: Tone = "unsure"
    if _is_clear(line) and not lift.low <= 0 <= lift.high:
        tone = "gain" if (lift.estimate > 0) == reading.more_is_better else "loss"
    return Mark(f"{line.report.campaign}, {line.arm} − {line.control}", lift, says, tone)


def _is_clear(line: Line) -> bool:
    """Corrected over all campaigns shown; a Bayesian one says so by itself."""
    registered = line.report.analysis.registered if line.report.analysis else None
    if line.contrast and registered and is_believed(registered, line.contrast.metric):
        return is_clear(registered, line.contrast, 1 - registered.confidence)
    return line.p_value is not None and line.p_value < FALSE_SHARE


def _row(line: Line) -> tuple[str, ...]:
    report, analysis = line.report, line.report.analysis
    sent = min((wave.scheduled_at for wave in report.quality.waves), default=None)
    head = (f"{report.campaign}, {day(sent)}" if sent else report.campaign,)
    result = HEADINGS[report.screen.status].rstrip(".")
    if analysis is None or line.contrast is None or line.effect is None:
        return (*head, NONE, NONE, result, *[NONE] * 5)
    reading = reading_of(analysis.registered, line.contrast.metric)
    gain = line.gain
    verdict = next(
        (each for each, pair in zip(report.screen.verdicts, analysis.registered.deciding, strict=False)
         if pair == (line.arm, line.control)), None,
    )  # fmt: skip
    return (
        *head,
        f"{line.arm} − {line.control}",
        reading.title,
        HEADINGS[verdict.status].rstrip(".") if verdict else result,
        said_difference(reading, line.effect.times(PER), report),
        _counted(gain.extra) if gain else NONE,
        _each(gain, report.currency) if gain else NONE,
        _money(gain.margin, report.currency) if gain and gain.margin and not gain.rough else NONE,
        NONE if line.p_value is None else number(line.p_value, decimals=3),
    )


def _counted(values: Range | None) -> str:
    if values is None:
        return NONE
    low, high = count(values.low, values.width), count(values.high, values.width)
    return f"{with_plus(count(values.estimate, values.width))} ({span(low, high)})"


def _each(gain: Gain, currency: str) -> str:
    if gain.cost_each is not None:
        return money(gain.cost_each.estimate, currency, gain.cost_each.width)
    return f"≥ {money(gain.cost_at_least, currency, gain.cost_at_least)}" if gain.cost_at_least is not None else NONE


def _money(values: Range, currency: str) -> str:
    low, high = money(values.low, currency, values.width), money(values.high, currency, values.width)
    return f"{with_plus(money(values.estimate, currency, values.width))} ({span(low, high)})"
