"""What a report says of an experiment that is read while its units arrive: looks taken, looks to come."""

from dataclasses import replace

from handbill.reports.over_time import ANY_TIME, OverTime
from handbill.reports.registered import Registered
from handbill.reports.verdict import FirstScreen, Verdict, too_soon
from handbill.reports.wording import count, duration, plural


def between_looks(registered: Registered, over_time: OverTime) -> FirstScreen:
    """The words while nothing may be read: before the first look, or between two of them."""
    window, planned = duration(registered.within), f"{count(over_time.size)} {registered.unit}s"
    if over_time.analysis == ANY_TIME:
        says = f"No {registered.unit} has completed {window}, of {planned} that are planned."
        return too_soon(says, "nothing.")
    so_far = f"{count(over_time.counted)} of {planned} have completed {window}."
    due = over_time.next_look
    at = f" The next look comes at {count(due * over_time.size)}." if due is not None else ""
    if not over_time.looks:
        return too_soon(f"{so_far}{at}", "nothing.")
    taken = plural(len(over_time.looks), "look")
    says = f"After {taken} of {len(registered.looks)}, nothing is clear enough to stop. {so_far}{at}"
    return too_soon(says, "go on, and read nothing in between.")


def still_open(screen: FirstScreen, registered: Registered, over_time: OverTime) -> FirstScreen:
    """The words of a result that may be read at any time, while more units are to come."""
    so_far = f"So far {count(over_time.counted)} of {count(over_time.size)} {registered.unit}s count."
    return replace(screen, verdicts=tuple(_open(verdict, so_far) for verdict in screen.verdicts))


def _open(verdict: Verdict, so_far: str) -> Verdict:
    next_ = "go on, and look again whenever you like." if verdict.status == "cannot_tell" else verdict.next
    return replace(verdict, says=f"{verdict.says} {so_far}", next=next_)
