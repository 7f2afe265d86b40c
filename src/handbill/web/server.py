"""How the web service runs: one socket, one process or several behind it, and an orderly end."""

import errno
import gc
import os
import signal
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from handbill.clock import real_clock
from handbill.errors import CannotListen
from handbill.operations.opening import opened
from handbill.web.app import make_app
from handbill.web.limits import CLIENT, limits_of
from handbill.web.metrics import SHARED_FOLDER
from handbill.web.patience import PatientProtocol
from handbill.web.service import Service
from handbill.web.workers import run_workers, working_beside

THIS_MACHINE = "127.0.0.1"
GRACE_SECONDS = 20
"""So long requests that are under way at the end may take."""
IDLE_SECONDS = 15
MOST_CONNECTIONS = 1_000
"""Of one process; more are told to come back later."""
BACKLOG = 1_024

LOGGING: Mapping[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"()": "handbill.web.log.Lines"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "loggers": {
        "handbill.web": {"handlers": ["stderr"], "level": "INFO", "propagate": False},
        "uvicorn.error": {"handlers": ["stderr"], "level": "WARNING", "propagate": False},
    },
}


@dataclass(frozen=True)
class Serving:
    """Where and how to serve a project.

    `proxies` are the addresses whose word about the client's address counts; `per_client` is how many requests one
    client may make in a second, 0 for any number.
    """

    project_dir: Path
    host: str = THIS_MACHINE
    port: int = 8080
    workers: int = 1
    proxies: str = THIS_MACHINE
    metrics_token: str = field(default="", repr=False)
    per_client: float = CLIENT.per_second


def serve(serving: Serving, announce: Callable[[str], None] = lambda _: None) -> None:
    """Serves until SIGTERM or Ctrl-C, then finishes the requests that are under way.

    `announce` gets the address once the socket is open.

    Raises:
        CannotListen: the address or the port cannot be used.
        ProjectInvalid, StoreUnavailable: see `handbill.operations.opening.opened`.
    """
    with opened(serving.project_dir):
        pass  # mistakes in the files and in the database are said now, once, and not by every process
    listener = _listen(serving.host, serving.port)
    announce(_address(listener))
    if serving.workers == 1:
        # At the end uvicorn raises the signal that ended it again; by then all is done, and that is no failure.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        _work(serving, listener)
        return
    _supervise(serving, listener)


@contextmanager
def serving_beside(serving: Serving) -> Iterator[str]:
    """Serves in other processes while the block runs, and gives the address.

    Raises:
        CannotListen: the address or the port cannot be used.
    """
    listener = _listen(serving.host, serving.port)
    with listener, working_beside(partial(_supervise, serving), listener):
        yield _address(listener)


def server_config(
    app: ASGIApp, *, proxies: str = THIS_MACHINE, log_config: dict[str, Any] | None = None
) -> uvicorn.Config:
    """How uvicorn runs our application, for the command and for tests."""
    return uvicorn.Config(
        app,
        interface="asgi3",
        http=PatientProtocol,
        ws="none",
        lifespan="on",
        log_config=log_config,
        access_log=False,  # it would write down addresses with their tokens; ours does not
        server_header=False,
        proxy_headers=True,
        forwarded_allow_ips=proxies,
        limit_concurrency=MOST_CONNECTIONS,
        backlog=BACKLOG,
        timeout_keep_alive=IDLE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )


def _supervise(serving: Serving, listener: socket.socket) -> None:
    """Keeps processes at work that count their requests together."""
    with tempfile.TemporaryDirectory(prefix="handbill-metrics-") as folder:
        os.environ[SHARED_FOLDER] = folder
        run_workers(partial(_work, serving), listener, serving.workers)


def _work(serving: Serving, listener: socket.socket) -> None:
    """Serves in this process until a signal."""
    with opened(serving.project_dir) as (project, settings, engine):
        service = Service(project, settings, engine, real_clock)
        app = make_app(service, limits_of(serving.per_client), metrics_token=serving.metrics_token)
        config = server_config(app, proxies=serving.proxies, log_config=dict(LOGGING))
        gc.freeze()  # what is loaded by now stays: looking through it for garbage would stop every answer for a while
        uvicorn.Server(config).run(sockets=[listener])


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise CannotListen(_why(error, host, port)) from None
    listener.set_inheritable(True)
    listener.listen(BACKLOG)  # from now on clients wait instead of being refused
    return listener


def _why(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"{host}:{port}: another program listens there. Stop it, or choose another port with --port."
    if error.errno == errno.EACCES:
        return f"{host}:{port}: this port is for the administrator. Choose one above 1023 with --port."
    return f"{host}:{port}: this is no address of this machine ({error.strerror}). Choose another with --host."


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
