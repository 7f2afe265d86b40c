"""Many connections wait in one thread, each as if it were alone."""

import socket
import threading
from collections.abc import Callable
from functools import partial

import pytest

from handbill.channels.switchboard import Bell, Switchboard, await_socket, elsewhere


def together(*works: Callable[[], None]) -> None:
    with Switchboard() as board:
        for work in works:
            board.start(work)
        board.run()


def test_whoever_waits_for_a_connection_lets_the_others_go_on() -> None:
    said: list[str] = []
    ours, theirs = socket.socketpair()

    def listen() -> None:
        said.append("listens")
        assert await_socket(ours, to_write=False, seconds=30)
        said.append(ours.recv(10).decode())

    def speak() -> None:
        said.append("speaks")
        theirs.send(b"heard")

    with ours, theirs:
        together(listen, speak)
    assert said == ["listens", "speaks", "heard"]


def test_a_connection_that_stays_silent_is_given_up_in_time() -> None:
    answers: list[bool] = []
    ours, theirs = socket.socketpair()
    with ours, theirs:
        together(lambda: answers.append(await_socket(ours, to_write=False, seconds=0.01)))
        answers.append(await_socket(ours, to_write=False, seconds=0.01))  # alone in its thread, it is the same
    assert answers == [False, False]


def test_a_bell_wakes_all_who_wait_for_it() -> None:
    bell, heard = Bell(), list[bool]()
    together(*[lambda: heard.append(bell.wait(30))] * 3, bell.ring, lambda: heard.append(bell.wait(0.001)))
    assert heard == [True, True, True, False]


def test_what_blocks_its_thread_blocks_no_other_connection() -> None:
    others_went_on = threading.Event()
    answers: list[bool] = []
    together(lambda: answers.append(elsewhere(partial(others_went_on.wait, 30))), others_went_on.set)
    assert answers == [True]


def test_while_nobody_may_go_on_something_else_is_done() -> None:
    said: list[str] = []
    ours, theirs = socket.socketpair()

    def listen() -> None:
        assert await_socket(ours, to_write=False, seconds=30)
        said.append("heard")

    def meanwhile() -> bool:
        """Twice there is something to do; the second time somebody is called who then goes first."""
        said.append("meanwhile")
        if len(said) == 2:
            theirs.send(b"!")
        return len(said) <= 2

    with ours, theirs, Switchboard(meanwhile) as board:
        board.start(listen)
        board.run()
    assert said == ["meanwhile", "meanwhile", "heard"]


def test_nothing_else_is_done_while_somebody_may_go_on() -> None:
    bell, done = Bell(), list[str]()

    def wait() -> None:
        bell.wait(30)
        done.append("waited")

    def meanwhile() -> bool:
        done.append("meanwhile")
        return False

    with Switchboard(meanwhile) as board:
        for work in (wait, bell.ring):
            board.start(work)
        board.run()
    assert done == ["waited"]


def test_what_fails_in_another_thread_fails_here() -> None:
    def ask() -> None:
        with pytest.raises(OSError, match="disk full"):
            elsewhere(partial(_fail, OSError("disk full")))

    together(ask)


def test_an_interruption_leaves_the_others_where_they_are_until_they_are_called_again() -> None:
    done: list[str] = []
    bell = Bell()

    def wait() -> None:
        bell.wait(30)
        done.append("waited")

    with Switchboard() as board:
        board.start(wait)
        board.start(partial(_fail, KeyboardInterrupt()))
        with pytest.raises(KeyboardInterrupt):
            board.run()
        assert done == []
        bell.ring()
        board.run()
    assert done == ["waited"]


def _fail(error: BaseException) -> None:
    raise error
