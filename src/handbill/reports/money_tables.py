"""What each comparison earned, in a table, and what two channels do together."""

from handbill.reports.content import Section, Table
from handbill.reports.document import Analysis, Report
from handbill.reports.effect_tables import NONE
from handbill.reports.factorial import Effect
from handbill.reports.money import Gain
from handbill.reports.phrases import reading_of
from handbill.reports.sentences import LEAST_SAID, PER
from handbill.reports.wording import Range, count, money, number, span, with_plus
from handbill.statistics.factorial import METHOD, SOURCE


def money_section(report: Report, analysis: Analysis) -> Section:
    """Extra buyers, what each cost, and the margin after all costs."""
    counted = reading_of(analysis.registered, "orders" if analysis.registered.primary == "orders" else "conversion")
    one, many = counted.one, counted.many
    rows = tuple(_row(report, gain) for gain in analysis.gains)
    columns = ("Comparison", "Units", f"Extra {many}", "Extra cost", f"Cost per extra {one}", "Margin after costs")
    return Section(
        key="money",
        title="What it earned",
        lead=(
            "Over all units of the arm, against as many units of its control. "
            f"Extra {many} would not have come otherwise."
        ),
        tables=(Table(columns, rows),) if rows else (),
        notes=_notes(analysis, one),
    )


def factorial_section(analysis: Analysis) -> Section | None:
    """What each channel adds by itself, and whether the two add up."""
    found = analysis.factorial
    if found is None:
        return None
    names = {"email": "E-mail", "direct_mail": "Post"}
    rows = [(f"{names[each.channel]}, with and without the other averaged", *_effect(each)) for each in found.main]
    rows.append(("Both together, beyond the sum of the two", *_effect(found.interaction)))
    confidence = f"{analysis.registered.confidence * 100:g} % interval"
    unclear = found.interaction.effect.low <= 0 <= found.interaction.effect.high
    lead = (
        "Whether the two channels add up, help or hinder each other cannot be told: showing that takes about four "
        "times the people that a channel's own effect takes."
        if unclear
        else "The two channels do not simply add up."
    )
    return Section(
        key="channels",
        title="Each channel by itself",
        lead=lead,
        tables=(
            Table(("Effect", "Difference", confidence), tuple(rows), caption=f"Per {PER} {analysis.registered.unit}s"),
        ),
        notes=(f"Method: {METHOD}. Source: {SOURCE}.",),
    )


def _row(report: Report, gain: Gain) -> tuple[str, ...]:
    currency = report.currency
    return (
        f"{gain.arm} − {gain.control}",
        count(gain.units),
        _extra(gain.extra),
        money(gain.cost, currency),
        _each(gain, currency),
        _margin(gain, currency),
    )


def _extra(extra: Range | None) -> str:
    if extra is None:
        return NONE
    low, high = count(extra.low, extra.width), count(extra.high, extra.width)
    return f"{with_plus(count(extra.estimate, extra.width))} ({span(low, high)})"


def _each(gain: Gain, currency: str) -> str:
    if gain.cost_each is not None:
        each = gain.cost_each
        if each.high < LEAST_SAID:
            return f"under {money(2 * LEAST_SAID, currency)}"
        bounds = span(money(each.low, currency, each.width), money(each.high, currency, each.width))
        return f"{money(each.estimate, currency, each.width)} ({bounds})"
    if gain.cost_at_least is not None:
        return f"at least {money(gain.cost_at_least, currency, gain.cost_at_least)}, possibly unbounded"
    if gain.extra is None:
        return NONE
    return "no extra cost" if gain.cost <= 0 else "none gained"


def _margin(gain: Gain, currency: str) -> str:
    if gain.margin is None:
        return "not known"
    margin = gain.margin
    bounds = span(money(margin.low, currency, margin.width), money(margin.high, currency, margin.width))
    text = f"{with_plus(money(margin.estimate, currency, margin.width))} ({bounds})"
    return f"rough: {text}" if gain.rough else text


def _notes(analysis: Analysis, one: str) -> tuple[str, ...]:
    notes = [f"The cost per extra {one} has an upper bound only when both bounds of the extra {one}s are above zero."]
    if any(gain.rough for gain in analysis.gains):
        notes.append("Rough: too few people bought for a test of money, so take no decision from this amount alone.")
    reasons = dict.fromkeys(gain.no_margin for gain in analysis.gains if gain.no_margin)
    notes += [f"Margin: {reason}" for reason in reasons]
    rate = analysis.registered.margin_rate
    if rate is not None:
        notes.append(
            "Margin is what was paid less the cost of goods; where that cost is not known, "
            f"{rate * 100:g} % of the price before discount, less the discount."
        )
    return tuple(notes)


def _effect(each: Effect) -> tuple[str, str]:
    per = each.effect.times(PER)
    return (
        with_plus(number(per.estimate, per.width)),
        span(number(per.low, per.width), number(per.high, per.width)),
    )
