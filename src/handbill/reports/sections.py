"""The order of a report: the first screen's picture and figures, then section by section down to the methods."""

from zoneinfo import ZoneInfo

from handbill.reports.believed import chance_of
from handbill.reports.beside_tables import attributed_section, beside_section, guardrail_section
from handbill.reports.content import Figure, Section
from handbill.reports.course_tables import course_section, looks_section, segments_section
from handbill.reports.document import Analysis, Report
from handbill.reports.effect_tables import NONE, effect_picture, effect_section, exploratory_section
from handbill.reports.ground import method_section, quality_section, registration_section
from handbill.reports.hit_tables import hits_section
from handbill.reports.metrics import Reading
from handbill.reports.money import Gain, contrast_of, range_of
from handbill.reports.money_tables import factorial_section, money_section
from handbill.reports.people_tables import audience_section, funnel_section, timing_section
from handbill.reports.phrases import nouns_of, reading_of
from handbill.reports.pictures import EffectPicture
from handbill.reports.rolled_out_words import winner_section
from handbill.reports.sentences import LEAST_SAID
from handbill.reports.wording import Range, chance_said, count, day, duration, money, plural, span, with_plus


def sections_of(report: Report) -> list[Section]:
    """Every section that this report has something for."""
    analysis = report.analysis
    if analysis is None:
        plain = [audience_section(report), funnel_section(report), hits_section(report), quality_section(report)]
        return [section for section in plain if section is not None]
    if not analysis.is_read:
        early = [
            looks_section(report, analysis),
            winner_section(report, analysis),
            audience_section(report),
            funnel_section(report),
            hits_section(report),
            registration_section(report, analysis),
            quality_section(report),
        ]
        return [section for section in early if section is not None]
    found = [
        effect_section(report, analysis),
        looks_section(report, analysis),
        winner_section(report, analysis),
        guardrail_section(analysis),
        money_section(report, analysis),
        factorial_section(analysis),
        beside_section(report, analysis),
        course_section(analysis),
        timing_section(analysis),
        segments_section(report, analysis),
        attributed_section(analysis),
        audience_section(report),
        funnel_section(report),
        hits_section(report),
        exploratory_section(report, analysis),
        registration_section(report, analysis),
        quality_section(report),
        method_section(analysis),
    ]
    return [section for section in found if section is not None]


def first_picture(report: Report) -> EffectPicture | None:
    """The one picture of the first screen: what the primary metric shows."""
    analysis = report.analysis
    if analysis is None or report.screen.status in ("too_early", "split_broken", "no_comparison"):
        return None
    picture = effect_picture(report, analysis, analysis.registered.primary)
    return picture if picture.marks else None


def first_figures(report: Report) -> list[Figure]:
    """Up to four numbers for the first screen, where one comparison decides."""
    analysis = report.analysis
    if analysis is None or not analysis.gains or len(analysis.registered.deciding) != 1:
        return []
    arm, control = analysis.registered.deciding[0]
    gain = next((each for each in analysis.gains if (each.arm, each.control) == (arm, control)), None)
    if gain is None:
        return []
    counted = reading_of(analysis.registered, gain.extra_of or "conversion")
    found = [
        _extra(gain, counted),
        _each(report, gain, counted),
        _margin(report, gain),
        _chance(report, analysis, gain),
    ]
    return [figure for figure in found if figure is not None]


def _extra(gain: Gain, counted: Reading) -> Figure | None:
    if gain.extra is None:
        return None
    extra = gain.extra
    bounds = span(count(extra.low, extra.width), count(extra.high, extra.width))
    return Figure(f"Extra {counted.many}", with_plus(count(extra.estimate, extra.width)), bounds)


def _each(report: Report, gain: Gain, counted: Reading) -> Figure | None:
    if gain.cost_each is not None and gain.cost_each.high >= LEAST_SAID:
        return _in_money(f"Cost per extra {counted.one}", gain.cost_each, report, signed=False)
    if gain.cost_at_least is not None:
        least = money(gain.cost_at_least, report.currency, gain.cost_at_least)
        return Figure(f"Cost per extra {counted.one}", f"≥ {least}", "possibly unbounded")
    return None


def _margin(report: Report, gain: Gain) -> Figure | None:
    if gain.margin is None:
        return None
    if gain.rough:
        return Figure("Margin after costs", NONE, "too few buyers to tell")
    return _in_money("Margin after costs", gain.margin, report, signed=True)


def _chance(report: Report, analysis: Analysis, gain: Gain) -> Figure | None:
    contrast = contrast_of(analysis.results, analysis.registered.primary, gain.arm, gain.control)
    chance = chance_of(nouns_of(analysis.registered, report.currency), contrast.result) if contrast else None
    if chance is None:
        return None
    prior = "with the declared prior" if analysis.registered.prior else "with a flat prior"
    return Figure(f"Chance to beat {gain.control}", chance_said(chance), prior)


def _in_money(label: str, values: Range, report: Report, *, signed: bool) -> Figure:
    low, high, estimate = (
        money(value, report.currency, values.width) for value in (values.low, values.high, values.estimate)
    )
    return Figure(label, with_plus(estimate) if signed else estimate, span(low, high))


def facts_of(report: Report) -> list[str]:
    """What the report is about, in a line: unit, window, when it went out, when it was read."""
    zone = ZoneInfo(report.timezone)
    sent = [wave.scheduled_at for wave in report.quality.waves]
    facts = [f"Report of {day(report.made_at.astimezone(zone))}"]
    if sent:
        facts.append(f"Sent {day(min(sent).astimezone(zone))}")
    if report.analysis:
        registered = report.analysis.registered
        facts.append(plural(report.analysis.maturity.units, registered.unit))
        facts.append(duration(registered.within))
    return facts


def coverage(report: Report) -> str:
    """For simulated responses: how many intervals cover the true effect. Empty for real ones."""
    if not report.truths or report.analysis is None:
        return ""
    found = [
        (range_of(one), report.truths[one.metric, one.arm, one.control])
        for one in report.analysis.results.comparisons
        if (one.metric, one.arm, one.control) in report.truths
    ]
    given = [(effect, truth) for effect, truth in found if effect is not None]
    inside = sum(effect.low <= truth <= effect.high for effect, truth in given)
    text = "The responses to this campaign were simulated, so the true effects are known."
    verb = "covers" if len(given) == 1 else "cover"
    return f"{text} {inside} of {plural(len(given), 'interval')} {verb} them." if given else text
