"""What one comparison says, sentence by sentence: it worked, it did harm, or we cannot tell."""

from handbill.reports.money import Gain
from handbill.reports.phrases import Nouns, amount, amounts, arm_phrase, control_phrase, of_gained, whole
from handbill.reports.registered import Registered
from handbill.reports.wording import Range, duration, money, number, span, times_as_many, with_plus
from handbill.statistics.samples import Comparison
from handbill.statistics.tails import normal_quantile

LEAST_SAID = 0.005
"""A cost or a risk that rounds to nothing is not said."""

PER = 100
"""Effects are said per so many units."""


def difference_sentence(registered: Registered, nouns: Nouns, arm: str, control: str, effect: Range) -> str:
    """`Per 100 households, the letter brought 2.1 more buyers than no letter (95 % interval 1.6–2.6) in 60 days`."""
    per = effect.times(PER)
    more = per.estimate > 0
    shown = per if more else per.times(-1)
    interval = amounts(nouns, shown) if more else f"{amounts(nouns, shown)} {_fewer(nouns)}"
    return (
        f"Per {PER} {nouns.units}, {arm_phrase(registered, arm)} brought "
        f"{amount(nouns, shown.estimate, shown.width)} {'more' if more else _fewer(nouns)} {nouns.many} "
        f"than {control_phrase(registered, control, arm)} "
        f"({registered.confidence * 100:g} % interval {interval}) in {duration(registered.within)}"
    )


def total_clause(nouns: Nouns, effect: Range, gain: Gain) -> str:
    """`525 extra buyers (400–650)`, or lost ones: over all units of the arm."""
    total = effect.times(gain.units)
    lost = total.estimate < 0
    shown = total.times(-1) if lost else total
    bounds = span(whole(nouns, shown.low, shown.width), whole(nouns, shown.high, shown.width))
    noun = of_gained(nouns, shown.estimate)
    return f"{whole(nouns, shown.estimate, shown.width)} {'lost' if lost else 'extra'} {noun} ({bounds})"


def each_clause(gain: Gain, currency: str) -> str:
    """`£37 each (£30–£49)`."""
    each = gain.cost_each
    if each is None or each.high < LEAST_SAID:
        return ""
    low, high = money(each.low, currency, each.width), money(each.high, currency, each.width)
    return f"{money(each.estimate, currency, each.width)} each ({span(low, high)})"


def cost_sentence(nouns: Nouns, gain: Gain) -> str:
    """`Cost per extra buyer: at least £87, possibly unbounded.`"""
    if gain.cost_at_least is None:
        return ""
    one = nouns.one if nouns.gained.scale != "money" else "buyer"
    least = money(gain.cost_at_least, nouns.currency, gain.cost_at_least)
    return f"Cost per extra {one}: at least {least}, possibly unbounded."


def margin_sentence(gain: Gain, currency: str) -> str:
    """`Margin after costs +£6,200 (£1,900–£10,500).`, or that it is not known."""
    if gain.margin is None:
        return "Margin after costs is not known."
    if gain.rough:
        return "Margin after costs cannot be told from so few buyers."
    margin = gain.margin
    bounds = span(money(margin.low, currency, margin.width), money(margin.high, currency, margin.width))
    return f"Margin after costs {with_plus(money(margin.estimate, currency, margin.width))} ({bounds})."


def range_sentence(nouns: Nouns, effect: Range) -> str:
    """`Anything from 0.3 fewer to 0.9 more buyers per 100 fits.`"""
    per = effect.times(PER)
    low, high = (amount(nouns, abs(bound), per.width) for bound in (per.low, per.high))
    if per.low < 0 < per.high:
        between = f"{low} {_fewer(nouns)} to {high} more"
    elif per.high <= 0:
        between = f"{low} to {high} {_fewer(nouns)}"
    else:
        between = f"{low} to {high} more"
    return f"Anything from {between} {nouns.many} per {PER} fits."


def doubt_sentence(result: Comparison, family: int) -> str:
    """Why an interval beside zero is no proof: the exact test, or the number of comparisons."""
    p, adjusted = result.p_value, result.p_value_adjusted
    if p is None or adjusted is None or adjusted <= p:
        return ""
    return (
        f"Among {family} comparisons, chance alone brings a difference like this too often "
        f"(p = {number(adjusted, decimals=3)} after the correction for several)."
    )


def repeat_advice(registered: Registered, nouns: Nouns, effect: Range) -> str:
    """How many more people would show the minimum effect: `repeat with three times as many people`."""
    needed = registered.minimum_effect
    if needed is None or effect.width <= 0:
        return "crown nobody; repeat with more people."
    z = normal_quantile(0.5 + registered.confidence / 2)
    spread = effect.width / (2 * z)
    factor = (spread * (z + normal_quantile(registered.power)) / needed) ** 2
    if factor > 1:
        return f"crown nobody; repeat with {times_as_many(factor)} people."
    least = amount(nouns, needed * PER, needed * PER)
    return (
        f"crown nobody; this was large enough to show {least} more {nouns.many} per {PER}, "
        "so repeat it only if less than that would pay."
    )


def _fewer(nouns: Nouns) -> str:
    return "less" if nouns.gained.scale == "money" else "fewer"
