"""What a campaign test shows: each person's outcome beside what was expected, in the words of a plan."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from handbill.definitions.project import Project
from handbill.errors import Problem
from handbill.planning.phrases import reason_in_words
from handbill.rehearsal.comparison import Difference, differences
from handbill.rehearsal.outcome import Outcome, perform
from handbill.rehearsal.reading import Rehearsal
from handbill.rehearsal.stage import Stage

_INDENT = "    "


@dataclass(frozen=True)
class Verdict:
    """Whether what becomes of one persona is what the test expects."""

    rehearsal: Rehearsal
    persona: str
    outcome: Outcome
    differences: tuple[Difference, ...]

    @property
    def fits(self) -> bool:
        """Whether everything is as expected."""
        return not self.differences

    @property
    def place(self) -> Problem:
        """Where the persona's expectation, or the first thing that differs from it, stands."""
        path = self.differences[0].path if self.differences else ()
        return self.rehearsal.problem(("expect", self.persona, *path), "", "")

    def __str__(self) -> str:
        """What differs, and what happened instead."""
        return "\n".join(_lines(self))

    def as_json(self) -> dict[str, Any]:
        """The same as plain values."""
        place = self.place
        return {
            "file": place.file,
            "line": place.line,
            "persona": self.persona,
            "fits": self.fits,
            "happened": happened(self.outcome),
            "differences": [
                {"key": ".".join(str(step) for step in each.path), "expected": each.expected, "got": each.got}
                for each in self.differences
            ],
        }


def rehearse(stage: Stage, project: Project, rehearsal: Rehearsal) -> dict[str, Verdict]:
    """The verdict on every persona of whom something is expected.

    Raises:
        ProjectInvalid: values of the test that no import would take, or a template with mistakes.
    """
    outcomes = perform(stage, project, rehearsal)
    return {
        name: Verdict(rehearsal, name, outcomes[name], tuple(differences(rehearsal.campaign, expected, outcomes[name])))
        for name, expected in rehearsal.written.expect.items()
    }


def happened(outcome: Outcome) -> list[str]:
    """What became of somebody, a sentence or two."""
    if not outcome.is_selected:
        return ["not selected", *outcome.refusals]
    if outcome.reason:
        ways = ", ".join(outcome.reachable_by) or "no channel"
        return [
            f"left out: {reason_in_words(outcome.reason, outcome.detail)}",
            *outcome.refusals,
            f"reachable by {ways}",
        ]
    due = f", due {outcome.due_at.astimezone(outcome.zone):%Y-%m-%d %H:%M} {outcome.zone.key}" if outcome.due_at else ""
    return [f"planned: arm {outcome.arm}{due}", *_sent(outcome)]


def _sent(outcome: Outcome) -> Iterator[str]:
    if not outcome.made:
        yield "gets nothing"
    for channel, made in outcome.made.items():
        subject = f': "{made.subject}"' if made.subject else ""
        local = made.leaves_at.astimezone(outcome.zone)
        yield f"gets {channel}{subject}, leaves {local:%Y-%m-%d %H:%M} {outcome.zone.key}"


def _lines(verdict: Verdict) -> Iterator[str]:
    place = verdict.place
    where = f"{place.file}:{place.line}:{place.column}"
    campaign = verdict.rehearsal.campaign.name
    if verdict.fits:
        yield f"{where}: {verdict.persona} gets what is expected of {campaign}."
    else:
        yield f"{where}: {verdict.persona} does not get what is expected of {campaign}."
        yield from _table(verdict.differences)
    yield from (f"{_INDENT}{each}" for each in ("what happened:", *happened(verdict.outcome)))


def _table(found: Sequence[Difference]) -> Iterator[str]:
    rows = [("", "expected", "got"), *((_key(each), each.expected, each.got) for each in found)]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    for key, expected, got in rows:
        first, *rest = got.split("\n")
        yield f"{_INDENT}{key:<{widths[0]}}  {expected:<{widths[1]}}  {first}"
        yield from (f"{_INDENT}{'':<{widths[0]}}  {'':<{widths[1]}}  {each}" for each in rest)


def _key(each: Difference) -> str:
    """`email.subject`; positions in lists are left out."""
    return ".".join(step for step in each.path if isinstance(step, str))
