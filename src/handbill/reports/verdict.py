"""Did it work, how sure is that, what did it earn, what now: the first screen, in words that cannot be misread."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal
from zoneinfo import ZoneInfo

from handbill.reports.believed import belief_sentence, is_believed, is_clear
from handbill.reports.guardrails import Judged
from handbill.reports.maturity import Maturity
from handbill.reports.money import Gain, contrast_of, range_of
from handbill.reports.phrases import Nouns, arm_phrase, control_phrase, nouns_of
from handbill.reports.registered import Registered
from handbill.reports.sentences import (
    cost_sentence,
    difference_sentence,
    doubt_sentence,
    each_clause,
    margin_sentence,
    range_sentence,
    repeat_advice,
    total_clause,
)
from handbill.reports.wording import Range, capital, count, day, duration, listed, percent
from handbill.statistics.results import Contrast, Results

Status = Literal["worked", "worked_at_a_loss", "did_harm", "cannot_tell", "too_early", "split_broken", "no_comparison"]

HEADINGS: dict[Status, str] = {
    "worked": "It worked.",
    "worked_at_a_loss": "It worked, but at a loss.",
    "did_harm": "It did harm.",
    "cannot_tell": "We cannot tell.",
    "too_early": "Too early: no result.",
    "split_broken": "Do not use these numbers.",
    "no_comparison": "Nothing to compare.",
}


@dataclass(frozen=True)
class Verdict:
    """What one comparison says, and what to do now.

    `arm` and `against` name what is compared with what where that is in question: with several arms, or controls.
    """

    status: Status
    says: str
    next: str
    arm: str = ""
    against: str = ""

    @property
    def about(self) -> str:
        """`the letter`, `the letter against no letter`; empty where there is one comparison only."""
        return f"{self.arm} against {self.against}" if self.against else self.arm

    @property
    def words(self) -> str:
        """All of it as plain text."""
        about = f"{capital(self.about)}: " if self.about else ""
        return f"{about}{self.says} Next: {self.next}"


@dataclass(frozen=True)
class FirstScreen:
    """A headline, and what each deciding comparison says."""

    status: Status
    headline: str
    verdicts: tuple[Verdict, ...]
    alarms: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """All of it as plain text, one paragraph a comparison."""
        if len(self.verdicts) == 1:
            return " ".join((f"{self.headline} {self.verdicts[0].words}", *self.alarms))
        return "\n\n".join((self.headline, *(verdict.words for verdict in self.verdicts), *self.alarms))


def first_screen(
    registered: Registered, results: Results, gains: Sequence[Gain], currency: str, guardrails: Sequence[Judged] = ()
) -> FirstScreen:
    """The words for a mature experiment whose arms were split as declared."""
    screen = _screen(registered, results, gains, currency)
    broken = [each for each in guardrails if each.verdict == "harmful"]
    harmful = {each.arm for each in broken}
    verdicts = tuple(
        replace(verdict, next="mend what broke the guardrail before you send it again.")
        if arm in harmful and verdict.status == "worked"
        else verdict
        for verdict, (arm, _) in zip(screen.verdicts, registered.deciding, strict=True)
    )
    return replace(screen, verdicts=verdicts, alarms=tuple(alarm(registered, each) for each in broken))


def alarm(registered: Registered, judged: Judged) -> str:
    """`Guardrail broken: arm “discount” has more unsubscribers than was called harmless.`"""
    reading, rail = registered.readings[judged.rail.metric], judged.rail
    less = "fewer" if reading.more_is_better else "more"
    limit = f"the ceiling of {percent(rail.below)}" if rail.below is not None else "was called harmless"
    than = f"{less} {reading.many} than {limit}"
    return f"Guardrail broken: arm “{judged.arm}” has {than}."


def _screen(registered: Registered, results: Results, gains: Sequence[Gain], currency: str) -> FirstScreen:
    nouns = nouns_of(registered, currency)
    verdicts = []
    for arm, control in registered.deciding:
        contrast = contrast_of(results, registered.primary, arm, control)
        gain = next((gain for gain in gains if (gain.arm, gain.control) == (arm, control)), None)
        verdicts.append(_named(registered, arm, control, _verdict(registered, nouns, contrast, gain, results)))
    statuses = {verdict.status for verdict in verdicts}
    if len(statuses) == 1:
        status = verdicts[0].status
        return FirstScreen(status, HEADINGS[status], tuple(verdicts))
    return FirstScreen(_strongest(statuses), _mixed_headline(registered, verdicts), tuple(verdicts))


def too_early(registered: Registered, maturity: Maturity, now: datetime, timezone: str) -> FirstScreen:
    """The words before the last window has closed, or before the orders of that time are known."""
    zone = ZoneInfo(timezone)
    if not maturity.units or maturity.opens_at is None:
        return _one("no_comparison", "Nobody was assigned to an arm.", "nothing.")
    units, window = f"{registered.unit}s", duration(registered.within)
    opens = _date(maturity.opens_at.astimezone(zone), now)
    if not maturity.windows_closed:
        has = "has" if maturity.completed == 1 else "have"
        says = (
            f"{count(maturity.completed)} of {count(maturity.units)} {units} {has} completed {window}. Opens {opens}."
        )
        return _one("too_early", says, "nothing.")
    what = "orders" if registered.goal_event == "order" else "events"
    source = f" from “{maturity.lagging}”" if maturity.lagging else ""
    known = f"are known only up to {_date(maturity.known_until.astimezone(zone), now)}" if maturity.known_until else ""
    says = (
        f"All {count(maturity.units)} {units} have completed {window}, but {what}{source} "
        f"{known or 'have never been imported'}."
    )
    return _one("too_early", says, f"import the {what} up to {opens}.")


def too_soon(says: str, next_: str) -> FirstScreen:
    """The words while a result may not be read yet."""
    return _one("too_early", says, next_)


def broken_split(results: Results) -> FirstScreen:
    """The words for arms of other sizes than declared, which no comparison survives."""
    return _one("split_broken", results.balance.reasons[0], "find the fault before anything else.")


def nothing_held_out(says: str) -> FirstScreen:
    """The words where only versions were compared."""
    return _one("no_comparison", says, "keep a holdout next time.")


def no_experiment() -> FirstScreen:
    """The words for a campaign that was declared without an experiment."""
    says = (
        "This campaign has one arm and no holdout, so what it brought cannot be told from what would have come anyway."
    )
    return _one("no_comparison", says, "declare an experiment with a holdout next time.")


def _verdict(
    registered: Registered, nouns: Nouns, contrast: Contrast | None, gain: Gain | None, results: Results
) -> Verdict:
    effect = range_of(contrast)
    if contrast is None or effect is None or gain is None:
        reasons = [gap.reason for gap in results.problems if gap.metric in ("", registered.primary)]
        why = reasons[0] if reasons else "It was not measured."
        return Verdict("cannot_tell", why, "mend that, and report again.")
    family = sum(one.metric == registered.primary for one in results.comparisons)
    better = effect if nouns.gained.more_is_better else effect.times(-1)
    proven = is_clear(registered, contrast, 1 - registered.confidence)
    belief = belief_sentence(nouns, contrast.result) if is_believed(registered, contrast.metric) else ""
    if proven and better.low > 0:
        return _with(_win(registered, nouns, effect, gain), belief)
    if proven and better.high < 0:
        return _with(_harm(registered, nouns, effect, gain), belief)
    no_test = " ".join(contrast.result.reasons) if contrast.result.p_value is None else ""
    doubt = "" if effect.low <= 0 <= effect.high else doubt_sentence(contrast.result, family)
    says = (
        no_test,
        range_sentence(nouns, effect),
        belief,
        "This does not show 'no effect'.",
        doubt,
        cost_sentence(nouns, gain),
    )
    return Verdict("cannot_tell", _sentences(says), repeat_advice(registered, nouns, effect))


def _with(verdict: Verdict, sentence: str) -> Verdict:
    return replace(verdict, says=_sentences((verdict.says, sentence)))


def _win(registered: Registered, nouns: Nouns, effect: Range, gain: Gain) -> Verdict:
    lossy = gain.margin is not None and not gain.rough and gain.margin.high < 0
    says = difference_sentence(registered, nouns, gain.arm, gain.control, effect)
    if nouns.gained.metric.of != "outcome":
        return Verdict("worked", f"{says}.", "remember that this does not show more orders.")
    each = each_clause(gain, nouns.currency) if nouns.gained.scale != "money" else ""
    says = f"{says}: {', '.join(part for part in (total_clause(nouns, effect, gain), each) if part)}."
    next_ = "do not repeat it as it is; it costs more than it brings." if lossy else _repeat(registered, gain)
    status: Status = "worked_at_a_loss" if lossy else "worked"
    return Verdict(status, _sentences((says, margin_sentence(gain, nouns.currency))), next_)


def _harm(registered: Registered, nouns: Nouns, effect: Range, gain: Gain) -> Verdict:
    says = difference_sentence(registered, nouns, gain.arm, gain.control, effect)
    says = f"{says}: {total_clause(nouns, effect, gain)}."
    mailed_control = bool(registered.arm(gain.control).channels)
    next_ = f"stay with {arm_phrase(registered, gain.control)}." if mailed_control else "stop it."
    return Verdict("did_harm", _sentences((says, margin_sentence(gain, nouns.currency))), next_)


def _repeat(registered: Registered, gain: Gain) -> str:
    arm, control = registered.arm(gain.arm), registered.arm(gain.control)
    if control.channels:
        return f"use {arm_phrase(registered, gain.arm)} from now on, keep a holdout."
    if len(arm.channels) > 1:
        return "send both again, keep a holdout."
    return f"{'send it' if arm.channels == ('email',) else 'mail'} again, keep a holdout."


def _named(registered: Registered, arm: str, control: str, verdict: Verdict) -> Verdict:
    if len(registered.deciding) == 1:
        return verdict
    several = len({each for _, each in registered.deciding}) > 1
    against = control_phrase(registered, control, arm) if several else ""
    return replace(verdict, arm=arm_phrase(registered, arm), against=against)


def _mixed_headline(registered: Registered, verdicts: Sequence[Verdict]) -> str:
    """`The letter worked and beat the e-mail. About the rest we cannot tell.`"""
    did: dict[str, list[str]] = {}
    for verdict, (_, control) in zip(verdicts, registered.deciding, strict=True):
        rival = verdict.against if registered.arm(control).channels else ""
        if verdict.status in _DID:
            alone, against = _DID[verdict.status]
            did.setdefault(verdict.arm, []).append(against.format(rival) if rival else alone)
    said = [capital(f"{arm} {listed(deeds)}.") for arm, deeds in did.items()]
    open_ = [verdict for verdict in verdicts if verdict.status == "cannot_tell"]
    if open_:
        about = "the rest" if open_[0].against else listed([verdict.arm for verdict in open_])
        said.append(f"About {about} we cannot tell.")
    return " ".join(said)


_DID: dict[Status, tuple[str, str]] = {
    "worked": ("worked", "beat {}"),
    "worked_at_a_loss": ("worked, but at a loss", "beat {}, but at a loss"),
    "did_harm": ("did harm", "lost to {}"),
}
"""What an arm did to nothing, and to a rival."""


def _strongest(statuses: set[Status]) -> Status:
    order: tuple[Status, ...] = ("did_harm", "worked", "worked_at_a_loss", "cannot_tell")
    return next(status for status in order if status in statuses)


def _one(status: Status, says: str, next_: str) -> FirstScreen:
    return FirstScreen(status, HEADINGS[status], (Verdict(status, says, next_),))


def _date(moment: datetime, now: datetime) -> str:
    return day(moment, style="short" if moment.year == now.year else "long")


def _sentences(parts: Sequence[str]) -> str:
    return " ".join(part for part in parts if part)
