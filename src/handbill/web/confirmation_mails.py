"""How confirmation mails leave beside the pages that promise them: after the answer, and again where that failed."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from handbill.errors import Mendable
from handbill.operations.confirmation_mails import send_confirmations
from handbill.web.service import Service

LOGGER = logging.getLogger("handbill.web")
AGAIN_SECONDS = 30.0
"""Between looks for mails that a full or silent server, or a killed process, left behind."""


def send_waiting(service: Service) -> None:
    """Sends what waits; what cannot be sent goes on waiting, and the log says why."""
    try:
        send_confirmations(service.engine, service.project, service.settings, now=service.clock())
    except Mendable as error:
        LOGGER.warning("confirmation mails wait: %s", error)


@contextmanager
def carrying(service: Service) -> Iterator[None]:
    """Looks for waiting mails now and then while the service runs."""
    stop = threading.Event()

    def carry() -> None:
        send_waiting(service)
        while not stop.wait(AGAIN_SECONDS):
            send_waiting(service)

    carrier = threading.Thread(target=carry, name="confirmation mails")
    carrier.start()
    try:
        yield
    finally:
        stop.set()
        carrier.join()
