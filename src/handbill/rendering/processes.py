"""How work is shared out to processes: each makes answers out of jobs, until there are no more.

The processes read jobs from their standard input and write answers to their standard output. They end when their
input does, and so never outlive the process that started them, however that one ends.
"""

import os
import pickle
import selectors
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

from handbill.errors import Mendable, Problem

# What is loaded stays: looking through it for rubbish, again and again and at the end, took a quarter of a start.
_PROGRAM = "import gc; gc.disable(); from {} import main; gc.freeze(); gc.enable(); main()"


@dataclass(frozen=True)
class Breakdown:
    """A bug of ours, as its traceback."""

    text: str


@dataclass(frozen=True)
class Refusal:
    """What the user can mend."""

    kind: type[Mendable]
    problems: tuple[Problem, ...]


def program(module: str) -> list[str]:
    """The command line of a process that runs `main` of a module."""
    # -P: a file in the working directory must not take the place of a module.
    return [sys.executable, "-P", "-c", _PROGRAM.format(module)]


class Processes:
    """Holds processes that run `main` of a module; they start with the first jobs and end with this.

    `setup` is handed to each once; `name` is what messages call one of them.
    """

    def __init__(self, module: str, setup: object, name: str) -> None:
        self._module = module
        self._setup = setup
        self._name = name
        self._started: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        for process in self._started:
            if kind is not None:  # nobody waits for what they are at
                process.kill()
            process.communicate()
        self._started.clear()

    def answers(self, jobs: Sequence[Any], count: int) -> Iterator[Any]:
        """The answers to the jobs, in the order of the jobs, made by `count` processes.

        Raises:
            Mendable: whatever a job raised that the user can mend.
            RuntimeError: a process broke down or ended by itself.
        """
        while len(self._started) < count:
            self._start()
        made: dict[int, Any] = {}
        waiting = iter(range(len(jobs)))
        with selectors.DefaultSelector() as busy:
            for process, number in zip(self._started[:count], waiting, strict=False):
                self._send(process, jobs[number])
                busy.register(process.stdout or 0, selectors.EVENT_READ, (process, number))
            for wanted in range(len(jobs)):
                while wanted not in made:
                    for key, _ in busy.select():
                        process, number = key.data
                        made[number] = self._answer(process)
                        busy.unregister(key.fileobj)
                        if (following := next(waiting, None)) is not None:
                            self._send(process, jobs[following])
                            busy.register(key.fileobj, selectors.EVENT_READ, (process, following))
                yield made.pop(wanted)

    def _start(self) -> None:
        command = program(self._module)
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603 - our own module
        self._started.append(process)
        self._send(process, self._setup)

    def _send(self, process: subprocess.Popen[bytes], value: object) -> None:
        if process.stdin is None:
            raise RuntimeError(f"a {self._name} has no input")
        try:
            pickle.dump(value, process.stdin)
            process.stdin.flush()
        except BrokenPipeError:
            raise self._has_ended(process) from None

    def _answer(self, process: subprocess.Popen[bytes]) -> Any:
        if process.stdout is None:
            raise RuntimeError(f"a {self._name} has no output")
        try:
            answer = pickle.load(process.stdout)  # noqa: S301 - both ends of the pipe are ours
        except (EOFError, pickle.UnpicklingError):
            raise self._has_ended(process) from None
        if isinstance(answer, Refusal):
            raise answer.kind(*answer.problems)
        if isinstance(answer, Breakdown):
            raise RuntimeError(f"a {self._name} broke down:\n{answer.text}")
        return answer

    def _has_ended(self, process: subprocess.Popen[bytes]) -> RuntimeError:
        return RuntimeError(f"a {self._name} ended by itself with exit code {process.wait()}")


def serve(prepare: Callable[[Any], Callable[[Any], Any]]) -> None:
    """What such a process does: takes the setup, then answers jobs until there are no more."""
    inlet, outlet = sys.stdin.buffer, os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # whatever a library prints must not end up among the answers
    try:
        work = prepare(pickle.load(inlet))  # noqa: S301 - both ends of the pipe are ours
        while True:
            job = pickle.load(inlet)  # noqa: S301 - both ends of the pipe are ours
            pickle.dump(_answered(work, job), outlet)
            outlet.flush()
    except (EOFError, BrokenPipeError, KeyboardInterrupt):
        return


def _answered(work: Callable[[Any], Any], job: Any) -> Any:
    try:
        return work(job)
    except Mendable as error:
        return Refusal(type(error), error.problems)
    except Exception:  # noqa: BLE001 - told to the parent, which raises it
        return Breakdown(traceback.format_exc())
