"""How pytest meets campaign tests: it collects the files, each expected persona is one test, each file is planned once.

Every pytest on a machine that has Handbill loads this module, so nothing heavy is imported before a file is found.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from handbill.errors import Mendable
from handbill.rehearsal.files import is_campaign_test

if TYPE_CHECKING:
    from handbill.rehearsal.report import Verdict
    from handbill.rehearsal.session import Session

_SESSION: "pytest.StashKey[Session]" = pytest.StashKey()


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> "CampaignTest | None":
    """Takes the files whose names say that they are campaign tests, and no others."""
    return CampaignTest.from_parent(parent, path=file_path) if is_campaign_test(file_path) else None


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Removes the stores of the tests, in every process that made some."""
    if _SESSION in session.config.stash:
        session.config.stash[_SESSION].close()


class CampaignTest(pytest.File):
    """One file."""

    def collect(self) -> "Iterator[PersonaTest]":
        """One test for each persona of whom something is expected."""
        self._rehearsal = _session(self.config).read(self.path)
        for name in self._rehearsal.written.expect:
            line = self._rehearsal.problem(("expect", name), "", "").line
            yield PersonaTest.from_parent(self, name=name, line=line)

    @property
    def verdicts(self) -> "dict[str, Verdict]":
        """What became of everybody; planned when the first of them is asked for."""
        if not hasattr(self, "_verdicts"):
            self._verdicts = _session(self.config).perform(self.path, self._rehearsal)
        return self._verdicts

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException]) -> str:  # type: ignore[override] # text is one
        """Mistakes of the marketer as lines, everything else as pytest shows it."""
        return _shown(excinfo) or str(super().repr_failure(excinfo))


class PersonaTest(pytest.Item):
    """One persona of a file."""

    def __init__(self, *, line: int, **given: object) -> None:
        super().__init__(**given)  # type: ignore[arg-type]  # what from_parent hands on
        self._line = line

    def runtest(self) -> None:
        """Fails with what differs."""
        assert isinstance(self.parent, CampaignTest)  # noqa: S101 - for the type checker: it has made us
        verdict = self.parent.verdicts[self.name]
        if not verdict.fits:
            raise Unexpected(str(verdict))

    def reportinfo(self) -> tuple[Path, int, str]:
        """Where the expectation stands."""
        return self.path, self._line - 1, self.name

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException]) -> str:  # type: ignore[override] # text is one
        """The difference as lines, everything else as pytest shows it."""
        return _shown(excinfo) or str(super().repr_failure(excinfo))


class Unexpected(Exception):
    """Somebody does not get what the test expects."""


def _shown(excinfo: pytest.ExceptionInfo[BaseException]) -> str:
    return str(excinfo.value) if isinstance(excinfo.value, (Unexpected, Mendable)) else ""


def _session(config: pytest.Config) -> "Session":
    from handbill.rehearsal.session import Session  # noqa: PLC0415 - see the top of the module

    if _SESSION not in config.stash:
        config.stash[_SESSION] = Session()
    return config.stash[_SESSION]
