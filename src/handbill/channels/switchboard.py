"""How many connections are served in one thread: whoever has to wait lets the others go on meanwhile.

Threads of Python share one interpreter, and handing it to and fro took a third of a sender's time. Here the code of a
connection is written as if it were alone, and runs in a greenlet; where it would wait, it switches to the board. In a
thread without a board the same code waits as usual.
"""

import os
import select
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from types import TracebackType
from typing import Any, Self, TypeVar

from greenlet import getcurrent, greenlet  # type: ignore[import-untyped]  # its types are a package of their own

Result = TypeVar("Result")
_NEVER = float("inf")


def await_socket(connection: socket.socket, *, to_write: bool, seconds: float) -> bool:
    """Waits until something can be read from the connection, or written to it. False: not in so many seconds."""
    events = select.POLLOUT if to_write else select.POLLIN
    call = getcurrent()
    if isinstance(call, _Call):
        return call.board.wait(call, seconds, connection.fileno(), events)
    poll = select.poll()
    poll.register(connection, events)
    return bool(poll.poll(max(0.0, seconds) * 1000))


def await_file(file: int, to_read: bool, to_write: bool) -> None:
    """Waits for a file as `await_socket` does for a connection, however long it takes."""
    events = select.POLLIN * to_read | select.POLLOUT * to_write
    call = getcurrent()
    if isinstance(call, _Call):
        call.board.wait(call, _NEVER, file, events)
        return
    poll = select.poll()
    poll.register(file, events)
    poll.poll()


def rest(seconds: float) -> None:
    """Waits so many seconds."""
    call = getcurrent()
    if isinstance(call, _Call):
        call.board.wait(call, seconds)
    else:
        time.sleep(seconds)


def elsewhere(function: Callable[[], Result]) -> Result:
    """The result of a function that blocks its thread; on a board it gets a thread of its own, and the others go on."""
    call = getcurrent()
    return call.board.in_a_thread(call, function) if isinstance(call, _Call) else function()


class Bell:
    """Something that many wait for, and that somebody on the same board rings."""

    def __init__(self) -> None:
        self._waiting: list[_Call] = []

    def wait(self, seconds: float) -> bool:
        """Waits for the next ring. False: it did not ring in so many seconds, or nobody is there who could ring it."""
        call = getcurrent()
        if not isinstance(call, _Call):
            return False
        self._waiting.append(call)
        try:
            return call.board.wait(call, seconds)
        finally:
            if call in self._waiting:
                self._waiting.remove(call)

    def ring(self) -> None:
        """Lets everybody go on who waits."""
        waiting, self._waiting = self._waiting, []
        for call in waiting:
            call.board.resume(call)


class _Call(greenlet):  # type: ignore[misc]  # as above
    """One piece of work on a board: how long it waits at most, and for which file."""

    def __init__(self, board: "Switchboard", work: Callable[[], None]) -> None:
        super().__init__(work, board.home)
        self.board = board
        self.deadline = _NEVER
        self.file = -1
        self.future: Future[Any] | None = None


class Switchboard:
    """Runs pieces of work in turns, in the thread that calls `run`.

    While nobody may go on, `meanwhile` does a little that somebody will want later; False: there is nothing to do.
    """

    def __init__(self, meanwhile: Callable[[], bool] = lambda: False) -> None:
        self.home = getcurrent()
        self._meanwhile = meanwhile
        self._poll = select.poll()
        self._waiting: dict[int, _Call] = {}
        self._resting: set[_Call] = set()
        self._ready: deque[tuple[_Call, bool]] = deque()
        self._unfinished = 0
        self._look_at = _NEVER
        self._outside = 0
        self._done: deque[tuple[_Call, Future[Any]]] = deque()
        self._wake_reader, self._wake_writer = os.pipe()
        self._poll.register(self._wake_reader, select.POLLIN)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if not self._outside:  # a thread that outlives the board still wants to wake it
            os.close(self._wake_writer)
            os.close(self._wake_reader)

    def start(self, work: Callable[[], None]) -> None:
        """Adds a piece of work; it begins when `run` comes to it."""
        self._unfinished += 1
        self._ready.append((_Call(self, work), True))

    def run(self) -> None:
        """Goes on until every piece of work has ended.

        Raises what a piece of work raises, or an interruption. What is unfinished then goes on when it is called again.
        """
        while self._unfinished:
            for _ in range(len(self._ready)):
                self._switch(*self._ready.popleft())
            if self._unfinished:
                self._look()

    # ------------------------------------------------------------ for those who wait

    def wait(self, call: _Call, seconds: float, file: int = -1, events: int = 0) -> bool:
        """Switches to others until the file is ready or `resume` is called. False: the time is over."""
        call.deadline = time.monotonic() + seconds
        self._look_at = min(self._look_at, call.deadline)
        self._resting.add(call)
        if file >= 0:
            call.file = file
            self._waiting[file] = call
            self._poll.register(file, events)
        return bool(self.home.switch())

    def resume(self, call: _Call, *, in_time: bool = True) -> None:
        """Lets somebody who waits go on at their next turn."""
        if call in self._resting:
            self._resting.remove(call)
            if call.file >= 0:
                self._poll.unregister(call.file)
                del self._waiting[call.file]
                call.file = -1
            self._ready.append((call, in_time))

    def in_a_thread(self, call: _Call, function: Callable[[], Result]) -> Result:
        """What the function answers, or raises, while others go on."""
        future: Future[Result] = Future()
        call.future = future
        self._outside += 1
        # As a daemon: somebody who interrupts twice need not wait for a server that does not answer.
        threading.Thread(target=self._work_outside, args=(call, future, function), daemon=True).start()
        self.wait(call, _NEVER)
        return future.result()

    # ------------------------------------------------------------ turns

    def _switch(self, call: _Call, in_time: bool) -> None:
        try:
            call.switch(*([] if not call else [in_time]))
        finally:
            self._unfinished -= call.dead

    def _look(self) -> None:
        """Finds out who may go on; waits for somebody when nobody may, and there is nothing to do meanwhile."""
        files = self._poll.poll(0)
        if not files and not self._ready and not self._meanwhile():
            seconds = self._look_at - time.monotonic()
            files = self._poll.poll(None if seconds == _NEVER else max(0, seconds) * 1000)
        for file, _ in files:
            if file == self._wake_reader:
                os.read(file, 4096)
            elif file in self._waiting:
                self.resume(self._waiting[file])
        while self._done:
            call, future = self._done.popleft()
            self._outside -= 1
            if call.future is future:
                self.resume(call)
        if (now := time.monotonic()) >= self._look_at:
            for call in [each for each in self._resting if each.deadline <= now]:
                self.resume(call, in_time=False)
            self._look_at = min((each.deadline for each in self._resting), default=_NEVER)

    def _work_outside(self, call: _Call, future: Future[Result], function: Callable[[], Result]) -> None:
        try:
            future.set_result(function())
        except BaseException as error:  # noqa: BLE001 - whoever waits for the result gets it
            future.set_exception(error)
        self._done.append((call, future))
        os.write(self._wake_writer, b"!")
