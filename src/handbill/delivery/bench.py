"""What the connections of one drain share: the work that lies ready, the brake that stops them, and the tally."""

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from handbill.channels.contract import Outgoing, Provider
from handbill.channels.switchboard import Bell
from handbill.clock import Clock
from handbill.delivery.breakers import Breaker
from handbill.delivery.group_commit import GroupCommit
from handbill.delivery.leases import COMMIT_LEASE
from handbill.delivery.night import NO_NIGHT, NOWHERE, Night
from handbill.delivery.outbox import Claimed
from handbill.delivery.retry import RetryRules
from handbill.errors import NotRenderable
from handbill.store.patience import ASLEEP, Patience

Compose = Callable[[Claimed, Mapping[str, Any]], Outgoing]
"""Makes the message of a row from its contact's profile; raises NotRenderable."""

MOST_AHEAD = 120
"""Messages that lie made and not yet offered: enough for what is done while a group is written and the server reads."""
LOOK_EVERY = 0.5
"""Seconds between looks at what nobody rings a bell for."""


@dataclass(eq=False, slots=True)
class Work:
    """A claimed message and its contact's profile; the message itself once it was made, or why it cannot be."""

    row: Claimed
    profile: Mapping[str, Any]
    message: Outgoing | NotRenderable | None = None


class Brake:
    """Stops all connections of a drain; the first reason counts. `stop` is the caller's own wish."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self._pulled = False
        self._bell = Bell()
        self.reason: BaseException | None = None

    @property
    def is_pulled(self) -> bool:
        """Whether no further message may be begun."""
        return self._pulled or self._stop.is_set()

    def pull(self, reason: BaseException | None = None) -> None:
        """Stops everybody."""
        self.reason = self.reason or reason
        self._pulled = True
        self._bell.ring()

    def wait(self, seconds: float) -> None:
        """Waits, unless the brake is pulled in the meantime."""
        until = time.monotonic() + seconds
        while not self.is_pulled and (left := until - time.monotonic()) > 0:
            self._bell.wait(min(left, LOOK_EVERY))  # nobody rings when the caller wants to stop


@dataclass
class Bench:
    """What the connections of one drain share: the work that lies ready, and a `tally` of what is written down."""

    provider: Provider
    compose: Compose
    group: GroupCommit
    brake: Brake
    rules: RetryRules
    clock: Clock
    reconnect_after: Sequence[float]
    tally: Counter[str]
    patience: Patience = ASLEEP
    """How connections wait for the database."""
    night: Night = NO_NIGHT
    lease: float = COMMIT_LEASE.total_seconds()
    """Seconds that a message may stay marked; the dot of an older one is not written."""
    breaker: Breaker = field(default_factory=Breaker)
    runs_low: Bell = field(default_factory=Bell)
    low_water: int = 0
    unfinished: int = 0
    open_lines: int = 0
    was_reached: bool = False
    peace_until: float = 0.0
    """Until when the provider asked to be left alone, by `time.monotonic`; it means all connections."""
    _made: deque[Work] = field(default_factory=deque)
    _work: deque[Work] = field(default_factory=deque)
    _work_came: Bell = field(default_factory=Bell)
    _is_closed: bool = False

    def put(self, work: Sequence[Work]) -> None:
        """Lays work ready for whichever connection is free."""
        self.unfinished += len(work)
        self._work.extend(work)
        self._work_came.ring()

    def put_back(self, item: Work) -> None:
        """Lays work ready again that nobody could take care of."""
        self._work.append(item)
        self._work_came.ring()

    def close(self) -> None:
        """Tells the connections that no more work comes."""
        self._is_closed = True
        self._work_came.ring()

    def take(self) -> Work | None:
        """The next piece of work, waited for; None when there is no more. Not while the provider wants its peace."""
        self.brake.wait(self.peace_until - time.monotonic())
        while not (self._made or self._work or self._is_closed):
            self.group.flush()
            self._work_came.wait(LOOK_EVERY)
        lies_ready = self._made or self._work
        return lies_ready.popleft() if lies_ready else None

    def message_of(self, work: Work) -> Outgoing:
        """The message, made now unless it was made ahead.

        Raises:
            NotRenderable: it cannot be made for this recipient.
        """
        if work.message is None:
            self._make(work)
        if isinstance(work.message, NotRenderable):
            raise work.message
        assert work.message is not None  # noqa: S101 - for the type checker
        return work.message

    def make_ahead(self) -> bool:
        """Makes a message before a connection asks for it. False: none waits to be made, or enough lie ready."""
        if not self._work or len(self._made) >= MOST_AHEAD or self.brake.is_pulled:
            return False
        work = self._work.popleft()
        self._make(work)
        self._made.append(work)
        return True

    def _make(self, work: Work) -> None:
        try:
            work.message = self.compose(work.row, work.profile)
        except NotRenderable as problem:
            work.message = problem

    def finish_one(self) -> None:
        """Notes that a piece of work needs no more care."""
        self.unfinished -= 1
        if self.unfinished <= self.low_water:
            self.runs_low.ring()

    def must_wait(self, row: Claimed) -> bool:
        """Whether the recipient's quiet hours began while the message lay ready.

        It stays claimed, and is queued again when its lease is over or the drain ends.
        """
        return (row.timezone or NOWHERE) in self.night.asleep(self.clock())

    def count_lines(self, difference: int) -> None:
        """Notes that a line was opened (+1) or ended (-1)."""
        self.open_lines += difference
        self.was_reached = True
