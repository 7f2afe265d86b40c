"""The first words about a test whose winner goes to everybody else."""

from dataclasses import replace
from zoneinfo import ZoneInfo

from handbill.reports.phrases import arm_phrase, control_phrase
from handbill.reports.registered import Registered
from handbill.reports.rolled_out import RolledOut
from handbill.reports.verdict import HEADINGS, FirstScreen, Verdict, nothing_held_out, too_soon
from handbill.reports.wording import count, day

ALONE = "These are the figures of the roll-out alone, which the choice of the winner does not flatter."


def before_the_rollout(registered: Registered, rolled: RolledOut, timezone: str) -> FirstScreen | None:
    """The words until the winner has gone out, and where nobody was held out; None when a result may come."""
    zone, units = ZoneInfo(timezone), f"{count(rolled.tested)} {registered.unit}s"
    if rolled.decision is None:
        when = ""
        if rolled.last_due_at is not None and registered.rollout is not None:
            due = (rolled.last_due_at + registered.rollout.decide_after).astimezone(zone)
            when = f", from {day(due, style='short')}, {due:%H:%M}"
        says = f"This is the test, on {units}. {rolled.by.capitalize()} pick the winner{when}."
        return too_soon(says, "nothing.")
    picked = f"“{rolled.decision.winner}” won the test on {units}, {_how(rolled)}"
    if rolled.rollout_run is None:
        return too_soon(f"{picked}. It has not gone to the others yet.", "send it to them.")
    if not rolled.has_holdout:
        return nothing_held_out(f"{picked}, and went to everybody else. Nobody was held out, so what it brought "
                                "cannot be told from what would have come anyway.")  # fmt: skip
    return None


def with_winner(screen: FirstScreen, registered: Registered, rolled: RolledOut) -> FirstScreen:
    """The words of the roll-out's result, with what picked the winner and what both stages show together."""
    if rolled.decision is None or len(screen.verdicts) != 1:
        return screen
    (verdict,) = screen.verdicts
    claim = rolled.claim
    if verdict.status == "cannot_tell" and claim is not None and claim.proven:
        arm, control = registered.deciding[0]
        says = (
            f"Test and roll-out together show that {arm_phrase(registered, arm)} does more than "
            f"{control_phrase(registered, control, arm)}. How much more, the roll-out alone leaves open: {verdict.says}"
        )
        verdict = Verdict("worked", says, "send it again, keep a holdout.")
        return replace(screen, status="worked", headline=HEADINGS["worked"], verdicts=(verdict,))
    worked = verdict.status in ("worked", "worked_at_a_loss")
    more = "" if worked else f" Picked by {rolled.by}, which does not show more orders."
    return replace(screen, verdicts=(replace(verdict, says=f"{verdict.says} {ALONE}{more}"),))


def _how(rolled: RolledOut) -> str:
    if rolled.decision is not None and rolled.decision.because is not None:
        return f"picked by {rolled.decision.decided_by} by hand"
    return f"picked by {rolled.by}"
