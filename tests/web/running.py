"""`handbill serve` as a program of its own, for tests of what only a program can show: signals, ports, processes."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PROGRAM = (sys.executable, "-m", "handbill")
_ADDRESS = re.compile(r"answers at (http://\S+)")


@dataclass
class Running:
    """A started service: its process, and where it answers."""

    process: subprocess.Popen[str]
    url: str

    @property
    def children(self) -> list[int]:
        """The ids of the processes that it started."""
        path = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(each) for each in path.read_text().split()]

    def end(self, how: int = signal.SIGTERM) -> tuple[int, str]:
        """Ends it; answers its exit code and what it wrote to stderr since it started."""
        self.process.send_signal(how)
        _, said = self.process.communicate(timeout=60)
        return self.process.returncode, said


@contextmanager
def running(project: Path, *options: str, url: str | None = None, port: int = 0) -> Iterator[Running]:
    """The service of the project, once it says where it answers. `url` names its database."""
    environment = os.environ | ({"HANDBILL_DATABASE_URL": url} if url else {})
    with subprocess.Popen(
        [*PROGRAM, "serve", "--project", str(project), "--port", str(port), *options],
        stderr=subprocess.PIPE, text=True, env=environment,
    ) as process:  # fmt: skip
        assert process.stderr is not None
        try:
            said = ""
            for line in process.stderr:
                said += line
                if found := _ADDRESS.search(line):
                    yield Running(process, found[1])
                    break
            else:
                raise AssertionError(f"the service did not start: {said}")
        finally:
            if process.poll() is None:
                process.kill()
