"""A report as values: everything that its page, its Markdown and its JSON say, so that all three say the same."""

from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection, select

from handbill.definitions.project import Project
from handbill.definitions.words import unknown
from handbill.errors import NotMeasurable, Problem, ProjectInvalid
from handbill.planning.registration import deviations
from handbill.reports.attributed import Claim, claims_of
from handbill.reports.believed import BAYESIAN, as_believed
from handbill.reports.beside import Calmed, Doubled, calmed, doubled
from handbill.reports.by_wave import as_drawn, within_waves
from handbill.reports.compare import compare, immature
from handbill.reports.course import Course, course_of
from handbill.reports.explained import Explained, explained
from handbill.reports.factorial import Factorial, factorial_of
from handbill.reports.funnel import Funnel, funnel_of, spent_on
from handbill.reports.guardrails import Judged, judge
from handbill.reports.maturity import Maturity, maturity_of
from handbill.reports.measure import measure
from handbill.reports.memory import Remembered, in_their_light
from handbill.reports.money import Gain, gains
from handbill.reports.over_time import OverTime, as_decided, is_over_time, read_over_time
from handbill.reports.over_time_words import between_looks, still_open
from handbill.reports.quality import Quality, Truths, quality_of, truths_of
from handbill.reports.registered import Registered, read_registered
from handbill.reports.rolled_out import RolledOut, as_claimed, claimed, rolled_out_of, second_stage
from handbill.reports.rolled_out_screen import before_the_rollout, with_winner
from handbill.reports.segments import Segments, segments_of
from handbill.reports.timing import Timing, timing_of
from handbill.reports.verdict import FirstScreen, broken_split, first_screen, no_experiment, too_early
from handbill.reports.waterfall import Waterfall, waterfall_of
from handbill.statistics.results import Results
from handbill.store.tables import run


@dataclass(frozen=True)
class Analysis:
    """What an experiment shows. Before its time, nothing is compared and there are no gains.

    `registered` is what the figures are about; `sealed` is all of what was registered, where that is more.
    """

    registered: Registered
    maturity: Maturity
    results: Results
    gains: tuple[Gain, ...] = ()
    factorial: Factorial | None = None
    timing: Timing | None = None
    guardrails: tuple[Judged, ...] = ()
    calmed: tuple[Calmed, ...] = ()
    doubled: tuple[Doubled, ...] = ()
    remembered: tuple[Remembered, ...] = ()
    segments: Segments | None = None
    course: Course | None = None
    claims: tuple[Claim, ...] = ()
    explained: tuple[Explained, ...] = ()
    over_time: OverTime | None = None
    rolled_out: RolledOut | None = None
    sealed: Registered | None = None

    @property
    def is_read(self) -> bool:
        """Whether a result may be read: all windows have closed, or a planned look says so, or any look may."""
        if self.rolled_out and not self.rolled_out.may_be_read:
            return False
        return self.over_time.read_until is not None if self.over_time else self.maturity.mature

    @property
    def is_settled(self) -> bool:
        """Whether no later reading will change what is read now."""
        return self.is_read and (self.over_time is None or self.over_time.ended)


@dataclass(frozen=True)
class Report:
    """What is known of one campaign at one moment. A campaign without an experiment has no analysis."""

    campaign: str
    brand: str
    currency: str
    timezone: str
    made_at: datetime
    screen: FirstScreen
    analysis: Analysis | None
    waterfall: Waterfall
    funnel: Funnel
    quality: Quality
    truths: Truths
    deviations: tuple[str, ...]

    @property
    def is_final(self) -> bool:
        """Whether there is a result that will not change: every window has closed, and the arms are as declared."""
        settled = self.analysis is not None and self.analysis.is_settled
        return settled and self.screen.status not in ("split_broken", "no_comparison")


def gather(connection: Connection, project: Project, campaign: str, now: datetime) -> Report:
    """The report of a campaign at `now`.

    Raises:
        ProjectInvalid: there is no such campaign.
        NotMeasurable: it has not been run yet.
    """
    _require_run(connection, project, campaign)
    registered = read_registered(connection, campaign)
    funnel = funnel_of(connection, campaign, registered.experiment_id if registered else None)
    analysis = _analyse(connection, project, registered, funnel, now) if registered else None
    return Report(
        campaign=campaign,
        brand=project.brand.name,
        currency=project.currency,
        timezone=project.timezone,
        made_at=now,
        screen=_screen(analysis, project, now),
        analysis=analysis,
        waterfall=waterfall_of(connection, campaign),
        funnel=funnel,
        quality=quality_of(connection, campaign),
        truths=truths_of(connection, campaign),
        deviations=_deviations(connection, project, campaign),
    )


def _require_run(connection: Connection, project: Project, campaign: str) -> None:
    if connection.scalar(select(run.c.id).where(run.c.campaign == campaign).limit(1)) is not None:
        return
    if campaign not in project.campaigns:
        what, mend = unknown("campaign", campaign, project.campaigns)
        raise ProjectInvalid(Problem(what=what, mend=mend))
    raise NotMeasurable(f"{campaign} has not been run, so there is nothing to report. Run `handbill run {campaign}`.")


def _analyse(
    connection: Connection, project: Project, registered: Registered, funnel: Funnel, now: datetime
) -> Analysis:
    maturity, over_time = maturity_of(connection, registered, now), None
    if is_over_time(registered):
        over_time = read_over_time(connection, registered, maturity, project.currency, now)
        registered = replace(registered, until=over_time.read_until)
    if registered.has_bandit:
        registered = as_drawn(connection, registered)
    rolled = rolled_out_of(connection, registered)
    early = Analysis(registered, maturity, immature(registered, maturity), over_time=over_time, rolled_out=rolled)
    if not early.is_read:
        # Nothing is even measured: a number that somebody could read would be read.
        return early
    second = second_stage(registered, rolled) if rolled else None
    whole, registered = registered, second or registered
    measured = measure(connection, registered, project.currency)
    if second or over_time:
        funnel = spent_on(connection, registered.campaign, registered.units)
    results, timing = compare(registered, measured), timing_of(connection, registered)
    if over_time:
        results = as_decided(registered, measured, over_time, results)
    if registered.analysis == BAYESIAN:
        results = as_believed(registered, results)
    if registered.has_bandit:
        results = within_waves(connection, registered, project.currency, results)
    if rolled and second:
        rolled = claimed(connection, whole, rolled, second, measured, project.currency)
        results = as_claimed(second, rolled, results)
    return Analysis(
        registered=registered,
        maturity=maturity,
        results=results,
        gains=gains(registered, results, funnel),
        factorial=factorial_of(registered, results.arms, registered.primary),
        timing=timing,
        guardrails=judge(registered, measured),
        calmed=calmed(connection, registered, results.arms),
        doubled=doubled(connection, registered, maturity, now, project.currency),
        remembered=in_their_light(connection, registered, results),
        segments=segments_of(connection, project, registered),
        course=course_of(connection, registered, timing, {arm.name: arm.units for arm in results.arms}),
        claims=claims_of(registered, results),
        explained=explained(connection, registered, results.arms, project.currency),
        over_time=over_time,
        rolled_out=rolled,
        sealed=whole if second else None,
    )


def _screen(analysis: Analysis | None, project: Project, now: datetime) -> FirstScreen:
    if analysis is None:
        return no_experiment()
    if analysis.results.balance.ok is False:
        return broken_split(analysis.results)
    registered, over_time, rolled = analysis.registered, analysis.over_time, analysis.rolled_out
    if not analysis.is_read:
        return _early(analysis, project, now)
    screen = first_screen(registered, analysis.results, analysis.gains, project.currency, analysis.guardrails)
    if rolled:
        return with_winner(screen, registered, rolled)
    return still_open(screen, registered, over_time) if over_time and not over_time.ended else screen


def _early(analysis: Analysis, project: Project, now: datetime) -> FirstScreen:
    registered, over_time, rolled = analysis.registered, analysis.over_time, analysis.rolled_out
    if over_time:
        return between_looks(registered, over_time)
    before = before_the_rollout(registered, rolled, project.timezone) if rolled else None
    return before or too_early(registered, analysis.maturity, now, project.timezone)


def _deviations(connection: Connection, project: Project, campaign: str) -> tuple[str, ...]:
    declared = project.campaigns.get(campaign)
    if declared is None:
        return ("the campaign does not stand in campaigns.yaml any more",)
    return tuple(deviations(connection, declared))
