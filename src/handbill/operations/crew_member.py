"""What a process does that helps to send a run: it sends e-mails until none is due, or until its starter lets go."""

import json
import pickle
import sys
import threading
from pathlib import Path

from handbill.errors import Mendable
from handbill.operations.crew import BUG, MENDABLE
from handbill.operations.driving import clock_of
from handbill.operations.opening import opened
from handbill.operations.run import drain_run
from handbill.rendering.processes import Refusal


def main() -> None:
    """Reads what to do from standard input. When that ends, its starter has let go, or has died."""
    task = json.loads(sys.stdin.readline())
    stop = threading.Event()
    threading.Thread(target=_listen, args=(stop,), daemon=True).start()
    try:
        with opened(Path(task["project_dir"])) as (project, settings, engine):
            drain_run(
                engine,
                project,
                settings,
                task["run_id"],
                clock=clock_of(task["now"]),
                stop=stop,
                connections=task["connections"],
                helps=True,
            )
    except Mendable as error:
        sys.stdout.buffer.write(pickle.dumps(Refusal(type(error), tuple(error.problems))))
        sys.exit(MENDABLE)
    except Exception:  # noqa: BLE001 - printed, and told by the exit code
        sys.excepthook(*sys.exc_info())
        sys.exit(BUG)


def _listen(stop: threading.Event) -> None:
    sys.stdin.read()
    stop.set()
