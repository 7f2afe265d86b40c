"""The web service on a real port of this machine, for tests that ask it as strangers do."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from sqlalchemy import Engine
from starlette.types import ASGIApp

from handbill.clock import Clock
from handbill.definitions.project import Project
from handbill.web.app import make_app
from handbill.web.limits import Limits
from handbill.web.server import server_config
from handbill.web.service import Service
from tests.operations.shop import make_settings


@contextmanager
def serving(service: Service, limits: Limits | None = None) -> Iterator[str]:
    """The address of the service while the block runs, such as http://127.0.0.1:40001."""
    with serving_app(make_app(service, limits)) as url:
        yield url


@contextmanager
def serving_app(app: ASGIApp) -> Iterator[str]:
    """The same for any application, on the server that `handbill serve` runs."""
    ready = threading.Event()
    config = server_config(app)
    config.port = 0
    server = _Announcing(config, ready)
    thread = threading.Thread(target=server.run)
    thread.start()
    assert ready.wait(120), "the service does not start"
    try:
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


def service_for(root: Path, project: Project, store: Engine, clock: Clock) -> Service:
    """The service of a project of the tests."""
    return Service(project, make_settings(root, store), store, clock)


class _Announcing(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, ready: threading.Event) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready.set()
