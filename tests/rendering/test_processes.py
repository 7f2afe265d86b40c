"""Jobs are shared out to processes; one that is lost is said to be, however far it had come."""

from pathlib import Path

import psutil
import pytest

from handbill.rendering.processes import Processes

PROGRAM = """
from handbill.rendering.processes import serve

def main():
    serve(lambda setup: lambda job: (setup, job))
"""
LOST = r"^a parrot ended by itself with exit code -9$"


@pytest.fixture
def echo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module whose `main` answers every job with the setup and the job."""
    (tmp_path / "echo_of_jobs.py").write_text(PROGRAM)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return "echo_of_jobs"


def kill(before: set[psutil.Process]) -> None:
    """Ends the children that were started since, and waits until they are gone."""
    for process in set(psutil.Process().children()) - before:
        process.kill()
        while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
            pass


def test_answers_come_in_the_order_of_the_jobs(echo: str) -> None:
    with Processes(echo, "setup", "parrot") as processes:
        assert list(processes.answers(range(7), 2)) == [("setup", job) for job in range(7)]


def test_one_that_was_lost_before_its_next_job_is_reported(echo: str) -> None:
    before = set(psutil.Process().children())
    with Processes(echo, "setup", "parrot") as processes:
        assert list(processes.answers([1], 1)) == [("setup", 1)]
        kill(before)
        with pytest.raises(RuntimeError, match=LOST):
            list(processes.answers([2], 1))


def test_one_that_is_lost_at_its_job_is_reported(echo: str) -> None:
    before = set(psutil.Process().children())
    with Processes(echo, "setup", "parrot") as processes:
        answers = processes.answers(range(3), 1)
        assert next(answers) == ("setup", 0)
        kill(before)
        with pytest.raises(RuntimeError, match=LOST):
            list(answers)
