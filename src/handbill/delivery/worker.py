"""Who sends, by which clock and over which provider, until when, and whom they tell how far they are."""

import random
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from handbill.channels.contract import Provider
from handbill.clock import Clock, real_clock
from handbill.definitions.project import Project
from handbill.delivery.leases import USUAL_TERMS, MachineTime, Terms, machine_time
from handbill.delivery.providers import email_provider

Progress = Callable[[int, float, int], None]
"""Told how many were sent so far, how many a second, and how many are left."""

PATIENCE = timedelta(hours=1)
"""How long a worker waits for messages that are due later; beyond, it ends and is started again."""
RECONNECT_AFTER = (1.0, 2.0, 4.0, 8.0, 15.0)
"""Seconds between tries to reach a server that has gone away in the middle of a run."""


@dataclass(frozen=True)
class Worker:
    """One process at work on a run. `owner` is a name from `leases.holding`; `stop`, when set, ends the work soon.

    `clock` is the time that schedules and windows are judged by; `machine_time` measures leases, which last as long as
    `terms` say, and rates. `connections` is this process's part of those that the project allows; None means all.
    """

    owner: str
    clock: Clock = real_clock
    machine_time: MachineTime = machine_time
    terms: Terms = USUAL_TERMS
    provider: Callable[[Project], Provider] = email_provider
    connections: int | None = None
    stop: threading.Event = field(default_factory=threading.Event)
    progress: Progress | None = None
    random: Callable[[], float] = random.random
    reconnect_after: Sequence[float] = RECONNECT_AFTER
