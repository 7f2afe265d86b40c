"""The project's own Prefect API server: found when it runs, started when it does not, with one server a project.

Prefect's ephemeral server takes 10–16 s for each run and loses the tasks' history, so we never use it. Ours is spawned
detached, keeps its database in `.handbill/prefect/`, and answers the next run at once.
"""

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from http import HTTPStatus
from pathlib import Path

from handbill.errors import SetupIncomplete
from handbill.settings import Settings

START_LIMIT_S = 90.0
"""The very first start migrates a new database: 8–13 s on a quiet machine, several times that on a busy one."""

SERVER_ENVIRONMENT = {
    "PREFECT_SERVER_EPHEMERAL_ENABLED": "false",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    # One row at a time keeps up with some 50 tasks a second only.
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "100",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_READ_BATCH_SIZE": "100",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "1",
}


@dataclass(frozen=True)
class ApiServer:
    """A running server: its process and the address of its API."""

    pid: int
    url: str


def client_environment(settings: Settings, url: str) -> dict[str, str]:
    """What a process must have in its environment before it imports prefect, to use the server at `url`."""
    _home(settings).mkdir(parents=True, exist_ok=True)  # or Prefect warns of it at its import
    return {"PREFECT_HOME": str(_home(settings)), "PREFECT_API_URL": url, **SERVER_ENVIRONMENT}


def ensure_server(settings: Settings, environment: Mapping[str, str] = os.environ) -> str:
    """The URL of a healthy API: the one that PREFECT_API_URL names, else this project's own, started when needed.

    Raises:
        SetupIncomplete: a server does not answer; the message names its log file.
    """
    if declared := environment.get("PREFECT_API_URL"):
        if not _healthy(declared):
            raise SetupIncomplete(f"PREFECT_API_URL: no API answers at {declared}. Start it, or unset the variable.")
        return declared
    _home(settings).mkdir(parents=True, exist_ok=True)
    with _only_one(settings):
        running = find_server(settings)
        return running.url if running else _start(settings, environment).url


def find_server(settings: Settings) -> ApiServer | None:
    """This project's server, when it runs and answers."""
    try:
        server = ApiServer(**json.loads(_record(settings).read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return None
    return server if _healthy(server.url) else None


def stop_server(settings: Settings) -> bool:
    """Stops this project's server and waits until it is gone; False when none was running."""
    with _only_one(settings):
        server = find_server(settings)
        _record(settings).unlink(missing_ok=True)
        if server is None:
            return False
        os.killpg(server.pid, signal.SIGTERM)
        _await(lambda: not _healthy(server.url), limit_s=20)
        return True


def _start(settings: Settings, environment: Mapping[str, str]) -> ApiServer:
    port = _free_port()
    url = f"http://127.0.0.1:{port}/api"
    log = _home(settings) / "server.log"
    with log.open("ab") as output:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter, fixed arguments
            [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)],
            env={**environment, **client_environment(settings, url)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    if (
        not _await(lambda: process.poll() is not None or _healthy(url), limit_s=START_LIMIT_S)
        or process.poll() is not None
    ):
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        raise SetupIncomplete(f"{log}: the API server did not start. Read the end of this file for the reason.")
    process.returncode = 0  # it outlives us on purpose; Popen would warn that nobody waits for it
    server = ApiServer(process.pid, url)
    _record(settings).write_text(json.dumps(asdict(server)))
    return server


def _await(condition: Callable[[], bool], *, limit_s: float) -> bool:
    deadline = time.monotonic() + limit_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def _healthy(url: str) -> bool:
    # Not by requests, which takes 0.3 s to load: this question comes before every run.
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=2) as answer:  # noqa: S310 - our own or a declared address
            return bool(answer.status == HTTPStatus.OK)
    except (OSError, ValueError):
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def _only_one(settings: Settings) -> Iterator[None]:
    _home(settings).mkdir(parents=True, exist_ok=True)
    with (_home(settings) / "server.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _home(settings: Settings) -> Path:
    return settings.work_dir / "prefect"


def _record(settings: Settings) -> Path:
    return _home(settings) / "server.json"
