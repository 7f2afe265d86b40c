"""What a process does that helps to send a run: it sends e-mails until none is due, or until its starter lets go.

It loads nothing that plans or measures: a helper that takes two seconds to begin is no help.
"""

import json
import pickle
import sys
import threading
from datetime import datetime
from pathlib import Path
from typing import Any

from handbill.clock import fixed_clock, real_clock
from handbill.delivery.deliver import drain
from handbill.delivery.leases import holding
from handbill.delivery.worker import PATIENCE, Worker
from handbill.errors import Mendable
from handbill.operations.crew import BUG, MENDABLE
from handbill.operations.opening import opened
from handbill.rendering.processes import Refusal


def main() -> None:
    """Reads what to do from standard input. When that ends, its starter has let go, or has died."""
    task: dict[str, Any] = json.loads(sys.stdin.readline())
    stop = threading.Event()
    threading.Thread(target=_listen, args=(stop,), daemon=True).start()
    try:
        _work(task, stop)
    except Mendable as error:
        sys.stdout.buffer.write(pickle.dumps(Refusal(type(error), tuple(error.problems))))
        sys.exit(MENDABLE)
    except Exception:  # noqa: BLE001 - printed, and told by the exit code
        sys.excepthook(*sys.exc_info())
        sys.exit(BUG)


def _listen(stop: threading.Event) -> None:
    sys.stdin.read()
    stop.set()


def _work(task: dict[str, Any], stop: threading.Event) -> None:
    clock = fixed_clock(datetime.fromisoformat(task["now"])) if task["now"] else real_clock
    with opened(Path(task["project_dir"])) as (project, settings, engine), holding(settings) as owner:
        worker = Worker(owner, clock, stop=stop, connections=task["connections"])
        while True:
            done = drain(engine, project, settings, task["run_id"], worker)
            wait = done.next_due_at - clock() if done.next_due_at else None
            if done.stopped or stop.is_set() or wait is None or wait > PATIENCE or clock is not real_clock:
                return
            stop.wait(max(0.0, wait.total_seconds()))
