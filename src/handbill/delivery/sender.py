"""One connection at work: it makes one message after another, hands it over, and says how that ended."""

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from handbill.channels.contract import Answer, Line, Outcome, Outgoing, Provider, Scope
from handbill.channels.switchboard import Bell, elsewhere
from handbill.clock import Clock, awake_and_asleep
from handbill.delivery.breakers import Breaker
from handbill.delivery.group_commit import GroupCommit
from handbill.delivery.leases import COMMIT_LEASE
from handbill.delivery.night import NO_NIGHT, NOWHERE, Night
from handbill.delivery.outbox import Claimed, Settlement, Verdict
from handbill.delivery.retry import RetryRules, settlement_of
from handbill.errors import NotRenderable
from handbill.store.patience import ASLEEP, Patience

Work = tuple[Claimed, Mapping[str, Any]]
"""A claimed message and its contact's profile."""
Compose = Callable[[Claimed, Mapping[str, Any]], Outgoing]
"""Makes the message of a row from its contact's profile; raises NotRenderable."""

LOOK_EVERY = 0.5
"""Seconds between looks at what nobody rings a bell for."""
LONGEST_REST = 60.0
"""Seconds that a connection waits at a provider's wish; a drain that would have to wait longer ends."""

OVERSLEPT = Answer(Outcome.RETRY, "dot", text="the lease was over before the dot could be written")
"""The machine slept, or was that slow. Somebody may have sent it again; this time it was not sent, for certain."""

AnswerOrNone = TypeVar("AnswerOrNone", Answer, Answer | None)


class SenderRefused(Exception):
    """The provider refuses us, not a recipient."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.text)
        self.answer = answer


class Unreachable(SenderRefused):
    """The provider is not there, or not ready for us."""


class RunStopped(Exception):
    """The run was paused or cancelled by somebody."""


class BudgetSpent(Exception):
    """The channel's budget allows no further message."""


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
        while not self._work and not self._is_closed:
            self.group.flush()
            self._work_came.wait(LOOK_EVERY)
        return self._work.popleft() if self._work else None

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


class Sender:
    """One connection, with a place of its own on the switchboard."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._line: Line | None = None
        self._trouble: Answer | None = None
        self._failures = 0

    def run(self) -> None:
        """Works until there is nothing more to wait for, or the brake is pulled."""
        try:
            while (item := self._bench.take()) is not None and not self._bench.brake.is_pulled:
                if self._send(*item):
                    self._bench.finish_one()
                else:
                    self._bench.put_back(item)
                if self._trouble:
                    self._rest(self._trouble)
                else:
                    self._failures = 0
        except BaseException as error:  # noqa: BLE001 - the drain raises it, when all have ended
            self._bench.brake.pull(error)
        finally:
            self._end()

    def _send(self, row: Claimed, profile: Mapping[str, Any]) -> bool:
        """Takes care of one message. False: no line to the provider, so it was not even tried."""
        self._trouble = None
        if self._bench.must_wait(row):
            return True
        try:
            message = self._bench.compose(row, profile)
        except NotRenderable as problem:
            self._bench.group.add(
                Settlement(row, "render_error", "render_error", was_marked=False, reason=str(problem))
            )
            return True
        answer = self._offer(message)
        if answer is None:
            return self._cross(row)
        if answer.outcome is Outcome.SENDER_REFUSED:
            raise SenderRefused(answer)
        if answer.scope is not Scope.MESSAGE:
            self._trouble = answer
            return False
        self._note(row, answer, was_marked=False)
        return True

    def _offer(self, message: Outgoing) -> Answer | None:
        """Offers on the line that is open; over a new one when there is none, or when the old one has ended."""
        if self._line is not None:
            answer = self._line.offer(message)
            if answer is None or answer.scope is not Scope.LINE:
                return self._checked(answer)
            self._hang_up()  # a connection that was kept open may end at any time, through nobody's fault
        opened = elsewhere(self._bench.provider.open)
        if isinstance(opened, Answer):
            return opened
        self._line = opened
        self._bench.count_lines(+1)
        return self._checked(opened.offer(message))

    def _cross(self, row: Claimed) -> bool:
        """Over the point of no return, if the message may still go."""
        assert self._line is not None  # noqa: S101 - for the type checker: it was just offered
        marked_at = awake_and_asleep()
        verdict = self._bench.group.mark(row)
        is_stale = awake_and_asleep() - marked_at > self._bench.lease
        if verdict is not Verdict.GO or is_stale:
            self._line.withdraw()
            self._hang_up()
            if verdict is not Verdict.GO:
                return self._step_back(verdict)
        answer = OVERSLEPT if is_stale else self._checked(self._line.commit())
        self._note(row, answer, was_marked=True)
        if answer.outcome is Outcome.SENDER_REFUSED:
            raise SenderRefused(answer)
        if answer.scope is Scope.PROVIDER:
            self._trouble = answer  # this message is settled, and the next one would fare no better now
            self._hang_up()
        return True

    def _step_back(self, verdict: Verdict) -> bool:
        if verdict is Verdict.NOT_RUNNING:
            raise RunStopped
        if verdict is Verdict.OVER_BUDGET:
            raise BudgetSpent
        return True

    def _rest(self, trouble: Answer) -> None:
        """Waits before the next try to get a line; gives up when nobody has one and waiting did not help.

        A provider that asks to be left alone is, for as long as it asks; a drain does not wait longer than a minute.
        """
        bench, waits = self._bench, self._bench.reconnect_after
        asked_for = trouble.after.total_seconds() if trouble.after else 0.0
        is_nobody_there = trouble.stage == "connect" and not bench.was_reached
        is_hopeless = not bench.open_lines and (is_nobody_there or self._failures >= len(waits))
        if is_hopeless or asked_for > LONGEST_REST:
            raise Unreachable(trouble)
        self._failures += 1
        bench.peace_until = max(bench.peace_until, time.monotonic() + asked_for)
        own = waits[min(self._failures, len(waits)) - 1] if waits else 0
        bench.brake.wait(max(own, asked_for))

    def _checked(self, answer: AnswerOrNone) -> AnswerOrNone:
        """The answer as it is; forgets a line that ended with it."""
        if self._line is not None and not self._line.is_open:
            self._hang_up()
        return answer

    def _hang_up(self) -> None:
        if self._line is not None:
            self._line.close()
            self._line = None
            self._bench.count_lines(-1)

    def _note(self, row: Claimed, answer: Answer, *, was_marked: bool) -> None:
        bench = self._bench
        bench.group.add(settlement_of(row, answer, was_marked=was_marked, now=bench.clock(), rules=bench.rules))
        bench.breaker.note(answer.outcome)

    def _end(self) -> None:
        """Writes down what is known, whatever happened, and ends the line."""
        try:
            self._bench.group.flush()
        except BaseException as error:  # noqa: BLE001 - as in `run`
            self._bench.brake.pull(error)
        if self._bench.brake.is_pulled and self._line is not None:
            self._line.withdraw()  # perhaps a message was offered on it: never say another word
        self._hang_up()
        self._bench.runs_low.ring()
