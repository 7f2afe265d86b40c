"""What stands beside the result: guardrails, earlier orders taken out, twice the window, what others would claim."""

from collections.abc import Mapping
from zoneinfo import ZoneInfo

from handbill.reports.attributed import Claim
from handbill.reports.beside import BEFORE
from handbill.reports.content import Section, Table
from handbill.reports.document import Analysis, Report
from handbill.reports.effect_tables import NONE, interval_of, said_difference
from handbill.reports.explained import Explained
from handbill.reports.guardrails import Judged
from handbill.reports.metrics import Reading
from handbill.reports.phrases import reading_of
from handbill.reports.sentences import PER
from handbill.reports.wording import Range, capital, count, day, duration, money, number, percent, span, with_plus
from handbill.statistics.priors import SOURCE as PRIOR_SOURCE

LEAST_BROUGHT = 0.005
"""Of the variance: less than this is not worth a word."""

RULES: Mapping[str, str] = {
    "matchback": "Matchback: bought in the window after it was sent",
    "click": "Clicked, and ordered in the window",
    "code": "Ordered with the printed code",
}


def guardrail_section(analysis: Analysis) -> Section | None:
    """Whether what must not get worse did."""
    judged = analysis.guardrails
    if not judged:
        return None
    harmful = [each for each in judged if each.verdict == "harmful"]
    open_ = [each for each in judged if each.verdict == "not shown"]
    lead = "Every guardrail holds."
    if harmful:
        lead = "A guardrail is broken."
    elif open_:
        lead = "Not shown means that neither harm nor its absence is proven: this many people cannot tell."
    level = (1 - analysis.registered.confidence) / 2
    rows = tuple(_guardrail(analysis, each) for each in judged)
    columns = ("Metric", "Arm", "Held against", "Limit", "Is (interval)", "Verdict")
    notes = [f"Safe and harmful are each claimed wrongly in at most {percent(level)} of cases."]
    notes += dict.fromkeys(each.reason for each in judged if each.reason)
    return Section("guardrails", "What must not get worse", lead, tables=(Table(columns, rows, words=3),),
                   notes=tuple(notes))  # fmt: skip


def beside_section(report: Report, analysis: Analysis) -> Section | None:
    """The same comparison, asked in other ways."""
    reading = reading_of(analysis.registered, analysis.registered.primary)
    pairs = analysis.registered.deciding
    rows = [("As registered", *_registered_row(report, analysis, pair, reading)) for pair in pairs]
    found, notes = _others(report, analysis, reading)
    if not found:
        return None
    lead = "The registered result decides. These say whether it would have been another one."
    columns = ("Asked", "Comparison", f"Difference in {reading.many} per {PER}", "What it says")
    return Section(
        "beside", "Asked in other ways", lead, tables=(Table(columns, (*rows, *found), words=2),), notes=tuple(notes)
    )


def attributed_section(analysis: Analysis) -> Section | None:
    """What attribution would claim, beside what was caused."""
    if not analysis.claims:
        return None
    many = reading_of(analysis.registered, "conversion").many
    placebo = any(claim.placebo is not None for claim in analysis.claims)
    rows = tuple(_claim(claim) for claim in analysis.claims)
    columns = ("Counted by", "Arm", "Claims", "Would claim of a holdout", f"{capital(many)} caused")
    lead = (
        "Attribution counts who bought after something; only a comparison with people who were sent nothing says why."
    )
    note = "Without a holdout nobody can say what the same rules would claim of people who were sent nothing."
    if placebo:
        note = (
            "The placebo: the same rule, used on the holdout and scaled to the arm's size, claims these people, though "
            "nothing was sent to them."
        )
    return Section("attributed", "What attribution would claim", lead, tables=(Table(columns, rows, words=2),),
                   notes=(note,), kind="boxed")  # fmt: skip


def _guardrail(analysis: Analysis, judged: Judged) -> tuple[str, ...]:
    reading, rail, result = reading_of(analysis.registered, judged.rail.metric), judged.rail, judged.result
    shares = reading.scale == "share"

    def said(value: float, width: float | None = None) -> str:
        if shares:
            return percent(value, width)
        return number(value * PER, None if width is None else width * PER)

    limit = f"below {said(rail.below)}" if rail.below is not None else f"at most {said(rail.margin or 0)} worse"
    found = NONE
    if result and result.harm is not None and result.low is not None and result.high is not None:
        width = result.high - result.low
        worse = "" if rail.below is not None else " worse"
        low, high = (said(bound, width).removesuffix(" %") for bound in (result.low, result.high))
        found = f"{said(result.harm, width)}{worse} ({span(low, high)})"
    against = rail.against or "a ceiling"
    return reading.title, judged.arm, against, limit, found, judged.verdict


def _registered_row(
    report: Report, analysis: Analysis, pair: tuple[str, str], reading: Reading
) -> tuple[str, str, str]:
    effect = interval_of(analysis, analysis.registered.primary, *pair)
    return f"{pair[0]} − {pair[1]}", _said(report, reading, effect), ""


def _others(report: Report, analysis: Analysis, reading: Reading) -> tuple[list[tuple[str, ...]], list[str]]:
    rows: list[tuple[str, ...]] = []
    notes: list[str] = []
    for calm in analysis.calmed:
        result, reduction = calm.adjusted.result, calm.adjusted.variance_reduction
        effect = None
        if result.difference is not None and result.low is not None and result.high is not None:
            effect = Range(result.difference, result.low, result.high)
        what = _brought(reduction)
        rows.append(("Earlier orders taken out", f"{calm.arm} − {calm.control}", _said(report, reading, effect), what))
        notes = [(f"Earlier orders are those of the {duration(BEFORE)} before the planned contact. {result.method}. "
                 f"Source: {result.source}.")]  # fmt: skip
    longer = duration(2 * analysis.registered.within)
    for twice in analysis.doubled:
        pair = f"{twice.arm} − {twice.control}"
        if twice.effect is not None:
            before = interval_of(analysis, analysis.registered.primary, twice.arm, twice.control)
            rows.append((f"After {longer}", pair, _said(report, reading, twice.effect), _stayed(before, twice.effect)))
        elif twice.known_from is not None:
            from_day = day(twice.known_from.astimezone(ZoneInfo(report.timezone)))
            notes.append(f"Whether it was added or only brought forward shows after {longer}: from {from_day} on.")
    for each in analysis.remembered:
        what = f"{each.experiments} earlier experiments of this sort brought {number(each.usual * PER)} on average"
        pair = f"{each.arm} − {each.control}"
        rows.append(("In the light of earlier ones", pair, _said(report, reading, each.effect), what))
        notes.append(f"Without the winner's curse: {PRIOR_SOURCE}.")
    for parts in analysis.explained:
        pair = f"{parts.arm} − {parts.control}"
        rows.append(("Where revenue comes from", pair, NONE, _parts(report, analysis, parts)))
        if parts.p_value is not None:
            shown = number(parts.p_value, decimals=3)
            rows.append(
                ("Revenue, with the arms shuffled", pair, NONE, f"p = {shown} of {count(parts.shuffles)} shuffles")
            )
    return rows, list(dict.fromkeys(notes))


def _parts(report: Report, analysis: Analysis, parts: Explained) -> str:
    """`Of +£44.00 per 100 contacts, +£30.00 from more buyers and +£14.00 from larger orders`."""
    per = f"per {PER} {analysis.registered.unit}s"
    buyers, orders = parts.parts.via_conversion * PER, parts.parts.via_value * PER
    whole, first, second = (with_plus(money(each, report.currency)) for each in (buyers + orders, buyers, orders))
    more = "more" if buyers >= 0 else "fewer"
    larger = "larger" if orders >= 0 else "smaller"
    return f"of {whole} {per}, {first} from {more} buyers and {second} from {larger} orders"


def _brought(reduction: float | None) -> str:
    if reduction is None or reduction < LEAST_BROUGHT:
        return "earlier orders tell hardly anything about these"
    return f"{percent(reduction, 1)} less variance, as {1 / (1 - reduction):.2f} times the people"


def _stayed(before: Range | None, after: Range) -> str:
    """Whether the effect over twice the window is still there."""
    if before is None or before.low <= 0 <= before.high:
        return ""
    up = before.estimate > 0
    if (after.low if up else -after.high) > 0:
        return "it stayed"
    if abs(after.estimate) < abs(before.estimate) / 2:
        return "more than half was only brought forward"
    return "whether it stayed cannot be told"


def _claim(claim: Claim) -> tuple[str, ...]:
    caused = NONE
    if claim.caused is not None:
        effect = claim.caused
        low, high = count(effect.low, effect.width), count(effect.high, effect.width)
        caused = f"{count(effect.estimate, effect.width)} ({span(low, high)})"
    placebo = NONE if claim.placebo is None else count(claim.placebo)
    return RULES[claim.rule], claim.arm, count(claim.claimed), placebo, caused


def _said(report: Report, reading: Reading, effect: Range | None) -> str:
    return NONE if effect is None else said_difference(reading, effect.times(PER), report)
