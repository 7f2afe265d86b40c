"""One connection at work: it makes one message after another, hands it over, and says how that ended."""

import time
from typing import TypeVar

from handbill.channels.contract import Answer, Line, Outcome, Outgoing, Scope
from handbill.channels.switchboard import elsewhere
from handbill.clock import awake_and_asleep
from handbill.delivery.bench import Bench, Work
from handbill.delivery.outbox import Claimed, Settlement, Verdict
from handbill.delivery.retry import settlement_of
from handbill.errors import NotRenderable

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
            while (work := self._bench.take()) is not None and not self._bench.brake.is_pulled:
                if self._send(work):
                    self._bench.finish_one()
                else:
                    self._bench.put_back(work)
                if self._trouble:
                    self._rest(self._trouble)
                else:
                    self._failures = 0
        except BaseException as error:  # noqa: BLE001 - the drain raises it, when all have ended
            self._bench.brake.pull(error)
        finally:
            self._end()

    def _send(self, work: Work) -> bool:
        """Takes care of one message. False: no line to the provider, so it was not even tried."""
        self._trouble, row = None, work.row
        if self._bench.must_wait(row):
            return True
        try:
            message = self._bench.message_of(work)
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
