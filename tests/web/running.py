"""`handbill serve` as a program of its own, for tests of what only a program can show: signals, ports, processes."""

import os
import re
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PROGRAM = (sys.executable, "-m", "handbill")
MOST_LINES = 200
_ADDRESS = re.compile(r"answers at (http://\S+)")


@dataclass
class Running:
    """A started service: its process, and where it answers."""

    process: subprocess.Popen[str]
    url: str
    said: Sequence[str]
    reader: threading.Thread

    @property
    def children(self) -> list[int]:
        """The ids of the processes that it started."""
        path = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(each) for each in path.read_text().split()]

    def end(self, how: int = signal.SIGTERM) -> tuple[int, str]:
        """Ends it; answers its exit code and the last of what it wrote to stderr."""
        self.process.send_signal(how)
        self.process.wait(120)
        self.reader.join(120)
        return self.process.returncode, "".join(self.said)


@contextmanager
def running(
    project: Path, *options: str, port: int = 0, environment: Mapping[str, str] | None = None
) -> Iterator[Running]:
    """The service of the project, once it says where it answers; `environment` adds to that of this process."""
    environment = os.environ | dict(environment or {})
    with subprocess.Popen(
        [*PROGRAM, "serve", "--project", str(project), "--port", str(port), *options],
        stderr=subprocess.PIPE, text=True, env=environment,
    ) as process:  # fmt: skip
        assert process.stderr is not None
        try:
            begun = ""
            for line in process.stderr:
                begun += line
                if found := _ADDRESS.search(line):
                    # Nobody may write into a pipe that nobody reads.
                    said: deque[str] = deque(maxlen=MOST_LINES)
                    reader = threading.Thread(target=said.extend, args=(process.stderr,))
                    reader.start()
                    yield Running(process, found[1], said, reader)
                    break
            else:
                raise AssertionError(f"the service did not start: {begun}")
        finally:
            if process.poll() is None:
                process.kill()
