"""What can go wrong, and who can mend it.

HandbillError                 everything that we raise on purpose
├── Mendable                  the user can mend it: one clear line each, exit code 2
│   ├── ProjectInvalid        campaigns.yaml, a segment or a template is wrong: every problem at once
│   ├── ImportRefused         a file cannot be read as what it was said to be
│   ├── StoreUnavailable      the database is locked, unreachable or of another version
│   ├── ChannelUnavailable    the mail server or vendor cannot be reached, or refuses the sender
│   ├── PlanDrifted           the world moved further from the plan than `max_drift` allows
│   ├── RunRefused            this run cannot start or go on (finished, paused, too late, a clock that is not real)
│   ├── NotRenderable         a message cannot be made for a recipient
│   │   └── NeverEnds         its template repeats or grows without end
│   ├── NotMeasurable         a statistic cannot be given, with the reason
│   ├── KeyRefused            a key for another system cannot be made or found as asked
│   ├── CannotListen          the web service cannot use its address or port
│   └── SetupIncomplete       this machine lacks something, with the command that installs it
└── NothingToDo               a finished run, no differences: exit code 1

Everything else is our bug and keeps its traceback: exit code 3.
"""

from dataclasses import dataclass
from enum import IntEnum


class ExitCode(IntEnum):
    """What the process says to the shell."""

    DONE = 0
    NOTHING_TO_DO = 1
    MENDABLE = 2
    BUG = 3
    INTERRUPTED = 130


@dataclass(frozen=True, order=True)
class Problem:
    """One mistake: *where: what. How to mend.*

    `file`, `line` and `column` (both from 1) place it; each may be absent when there is no such place.
    """

    file: str = ""
    line: int = 0
    column: int = 0
    what: str = ""
    mend: str = ""

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.file, self.line, self.column) if part)
        text = f"{self.what} {self.mend}".rstrip()
        return f"{place}: {text}" if place else text


class HandbillError(Exception):
    """Base of everything that we raise on purpose."""

    exit_code = ExitCode.BUG


class Mendable(HandbillError):
    """Something that the user can mend, said in one line a problem.

    Raise with a sentence (`StoreUnavailable("…")`) or with all the problems that were found.
    """

    exit_code = ExitCode.MENDABLE

    def __init__(self, *problems: Problem | str) -> None:
        self.problems = tuple(Problem(what=p) if isinstance(p, str) else p for p in problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class ProjectInvalid(Mendable):
    """campaigns.yaml, a segment or a template is wrong."""


class ImportRefused(Mendable):
    """A file cannot be read as what it was said to be."""


class StoreUnavailable(Mendable):
    """The database is locked, unreachable or of another version."""


class ChannelUnavailable(Mendable):
    """The mail server or vendor cannot be reached, or refuses the sender."""


class PlanDrifted(Mendable):
    """The world moved further from the plan than `max_drift` allows."""


class RunRefused(Mendable):
    """This run cannot start or go on."""


class NotRenderable(Mendable):
    """A message cannot be made for a recipient."""


class NeverEnds(NotRenderable):
    """A template repeats or grows without end, and was stopped."""


class NotMeasurable(Mendable):
    """A statistic cannot be given, with the reason."""


class KeyRefused(Mendable):
    """A key for another system cannot be made or found as asked."""


class CannotListen(Mendable):
    """The web service cannot use its address or port."""


class SetupIncomplete(Mendable):
    """This machine lacks something; the message holds the command that installs it."""


class NothingToDo(HandbillError):
    """There was nothing to do, or there are no differences."""

    exit_code = ExitCode.NOTHING_TO_DO
