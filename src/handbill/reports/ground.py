"""What a report stands on: what was registered before the send, whether the data are sound, and by which methods."""

from datetime import datetime
from zoneinfo import ZoneInfo

from handbill.reports.believed import BAYESIAN
from handbill.reports.by_wave import ONLY_WITHIN_WAVES
from handbill.reports.content import Section, Table
from handbill.reports.document import Analysis, Report
from handbill.reports.effect_tables import p_value
from handbill.reports.over_time import ANY_TIME, LOOKS
from handbill.reports.phrases import reading_of
from handbill.reports.registered import Registered, RegisteredArm
from handbill.reports.wording import capital, count, day, duration, listed, money, number, percent, plural


def registration_section(report: Report, analysis: Analysis) -> Section:
    """What was promised, and whether it is still what the files say."""
    registered = analysis.sealed or analysis.registered
    rows = [
        ("Hypothesis", registered.hypothesis),
        ("Drawn into arms", f"{registered.unit}s"),
        ("Arms", ", ".join(_arm(arm) for arm in registered.arms)),
        ("Compared", ", ".join(f"{arm} − {control}" for arm, control in registered.pairs)),
        ("Decided by", _primary(registered)),
        ("Smallest effect sought", _sought(report, registered)),
        ("Window", f"{duration(registered.within)} after the planned contact, the same for every arm"),
        ("Goal", "an order" if registered.goal_event == "order" else registered.goal_event),
        ("Also shown", ", ".join(registered.secondary) or "nothing"),
        ("Analysis", _analysis(registered)),
        ("Sealed", f"{_moment(report, registered.sealed_at)}, digest {registered.digest[:12]}"),
    ]
    if report.deviations:
        lead = "The files have changed since. This report analyses what was registered."
        notes = tuple(f"{capital(each)}." for each in report.deviations)
    else:
        lead, notes = "As registered: sealed before the first send, and unchanged since.", ()
    return Section(
        "registration", "What was registered", lead, tables=(Table(("", ""), tuple(rows), words=2),), notes=notes
    )


def quality_section(report: Report) -> Section:
    """Whether the numbers can be trusted."""
    rows = [*_split(report), *_maturity(report), *_runs(report), *_sources(report), *_doubts(report)]
    return Section(
        key="quality",
        title="Can the numbers be trusted",
        lead="Look here first when something seems odd.",
        tables=(Table(("Check", "Finding"), tuple(rows), words=2),),
    )


def method_section(analysis: Analysis) -> Section:
    """By which method each metric was compared, and where it comes from."""
    found = {(one.metric, one.result.method, one.result.source): None for one in analysis.results.comparisons}
    rows = tuple((analysis.registered.readings[metric].title, method, source) for metric, method, source in found)
    confidence = f"{analysis.registered.confidence * 100:g} %"
    together = "Bonferroni, on top of what looking often costs" if analysis.over_time else "Dunnett"
    if analysis.registered.analysis == BAYESIAN:
        together = "Bonferroni, on posteriors"
    return Section(
        key="method",
        title="How it was computed",
        lead=(
            f"Differences are arm minus control, two-sided, with {confidence} intervals. "
            f"Intervals and p of the primary metric hold for all its comparisons together ({together}); elsewhere each "
            "interval holds by itself, and p is corrected so that at most a tenth of the claims about secondary "
            "metrics are false (Benjamini and Hochberg)."
        ),
        tables=(Table(("Metric", "Method", "Source"), rows, words=3),) if rows else (),
        notes=(
            "By intention to treat: everybody counts in the arm that they were drawn into, reached or not.",
            "Orders count from the planned contact to the end of the window, for every arm alike.",
            *([ONLY_WITHIN_WAVES.format(analysis.registered.primary)] if analysis.registered.has_bandit else ()),
        ),
    )


def _arm(arm: RegisteredArm) -> str:
    what = listed([{"email": "e-mail", "direct_mail": "post"}[channel] for channel in arm.channels] or ["nothing"])
    return f"{arm.name} {number(arm.share * 100)} % ({what})"


def _primary(registered: Registered) -> str:
    metric = registered.readings[registered.primary]
    goal = registered.deciding[0] if len(registered.deciding) == 1 < len(registered.pairs) else None
    beside = f" of {goal[0]} − {goal[1]}" if goal else ""
    return f"{metric.title.lower()}{beside}, {registered.confidence * 100:g} % confidence"


def _analysis(registered: Registered) -> str:
    planned = f"of {plural(registered.size, registered.unit)} planned in all"
    if registered.analysis == LOOKS:
        looks = listed([percent(look, 0.01) for look in registered.looks])
        return f"planned looks when the windows have closed of {looks} {planned}"
    if registered.analysis == ANY_TIME:
        return f"at any time, over the windows that have closed {planned}"
    if registered.has_bandit:
        return "shares that follow the clicks of earlier waves; compared within each wave when every window has closed"
    if registered.rollout:
        share, by = percent(registered.rollout.test, 0.01), registered.rollout.by
        return f"a test on {share}, whose winner by {by} goes to the others; one reading when every window has closed"
    if registered.analysis == BAYESIAN:
        return f"Bayesian, one reading when every window has closed; before, {_prior(registered)}"
    return "one reading, when every window has closed"


def _prior(registered: Registered) -> str:
    prior = registered.prior
    if prior is None:
        return "every value was equally probable"
    rate = registered.readings[registered.primary].metric.kind == "rate"
    effect, spread = (f"{value * 100:g} pp" if rate else f"{value:g}" for value in (prior.effect, prior.spread))
    return f"a difference of {effect} was expected, give or take {spread}"


def _sought(report: Report, registered: Registered) -> str:
    if registered.minimum_effect is None:
        return "none declared"
    reading, effect = reading_of(registered, registered.primary), registered.minimum_effect
    power = f", to be shown with a probability of {registered.power * 100:g} %"
    if reading.scale == "money":
        return f"{money(effect, report.currency)} per {registered.unit}{power}"
    return f"{number(effect * 100)} more {reading.many} per 100 {registered.unit}s{power}"


def _split(report: Report) -> list[tuple[str, str]]:
    if report.analysis is None:
        return []
    balance, units = report.analysis.results.balance, {arm.name: arm.units for arm in report.analysis.results.arms}
    sizes = ", ".join(
        f"{name} {percent(units[name] / max(sum(units.values()), 1), 0.01)} of {percent(share, 0.01)}"
        for name, share in balance.expected.items()
    )
    if balance.ok:
        return [("Split", f"As declared (p = {p_value(balance.p_value)}): {sizes}.")]
    return [("Split", " ".join(balance.reasons))]


def _maturity(report: Report) -> list[tuple[str, str]]:
    if report.analysis is None:
        return []
    maturity, unit = report.analysis.maturity, report.analysis.registered.unit
    done = f"{count(maturity.completed)} of {plural(maturity.units, unit)} have completed their window."
    last = f" The last one closes on {_moment(report, maturity.opens_at)}." if maturity.opens_at else ""
    return [("Windows", done + last)]


def _runs(report: Report) -> list[tuple[str, str]]:
    said = []
    for wave in report.quality.waves:
        ended = f", {wave.state} on {_moment(report, wave.finished_at)}" if wave.finished_at else f", {wave.state}"
        said.append(f"{wave.name}: due {_moment(report, wave.scheduled_at)}{ended}")
    return [("Runs", "; ".join(said) + ".")] if said else []


def _sources(report: Report) -> list[tuple[str, str]]:
    if not report.quality.sources:
        return [("Orders", "Never imported.")]
    said = (
        f"{each.kind} from {each.name} up to {_moment(report, each.complete_until)}" for each in report.quality.sources
    )
    return [("Complete", "; ".join(said) + ".")]


def _doubts(report: Report) -> list[tuple[str, str]]:
    unsure = sum(channel.unsure for channel in report.funnel.channels)
    waiting = sum(channel.still_open for channel in report.funnel.channels)
    rows = [("In doubt", _unsure(unsure))]
    if waiting:
        rows.append(("Not sent yet", f"{plural(waiting, 'message')} still wait."))
    if report.quality.orders_in_all:
        strangers, in_all = report.quality.strangers, report.quality.orders_in_all
        said = f"{count(strangers)} of {plural(in_all, 'order')} belong to no known contact, and count nowhere."
        rows.append(("Strangers", said if strangers else "Every order belongs to a known contact."))
    return rows


def _unsure(messages: int) -> str:
    if not messages:
        return "No message: the server answered for each one."
    return f"{plural(messages, 'message')}: the server went silent after taking it, so it was not sent again."


def _moment(report: Report, moment: datetime) -> str:
    local = moment.astimezone(ZoneInfo(report.timezone))
    return f"{day(local)}, {local:%H:%M}"
