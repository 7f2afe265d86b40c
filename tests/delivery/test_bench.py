"""Messages are made ahead while connections wait, and handed out as if each were made when its turn comes."""

import threading
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest

from handbill.channels.contract import Answer, Outcome, Outgoing
from handbill.channels.switchboard import Switchboard, rest
from handbill.delivery.bench import MOST_AHEAD, Bench, Brake, Work
from handbill.delivery.group_commit import GroupCommit
from handbill.delivery.outbox import Claimed, Verdict
from handbill.delivery.retry import RetryRules
from handbill.delivery.sender import Sender
from handbill.errors import NotRenderable, Problem
from tests.conftest import NOW
from tests.delivery.test_group_commit import ROW

NAMELESS = 3
"""The row whose message cannot be made."""


class Server:
    """Takes every message, each after a while, and notes when what was made and accepted."""

    connections = 1

    def __init__(self) -> None:
        self.said: list[str] = []
        self.is_open = True

    def open(self) -> "Server":
        return self

    def offer(self, _message: Outgoing) -> None:
        return None

    def commit(self) -> Answer:
        rest(0.05)
        self.said.append("accepted")
        return Answer(Outcome.ACCEPTED, "dot", 250)

    def withdraw(self) -> None:
        """Nothing lies here."""

    def close(self) -> None:
        """Nothing is open."""

    def compose(self, row: Claimed, _profile: Mapping[str, Any]) -> Outgoing:
        if row.id == NAMELESS:
            raise NotRenderable(Problem("e", what="no name.", mend="Give one."))
        self.said.append(f"made {row.id}")
        return Outgoing("b@shop.test", row.address, (b"x",), str(row.id))


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def bench(server: Server) -> Bench:
    return Bench(
        provider=server,
        compose=server.compose,
        group=GroupCommit(lambda _, rows: {row.id: Verdict.GO for row in rows}),
        brake=Brake(threading.Event()),
        rules=RetryRules(),
        clock=lambda: NOW,
        reconnect_after=(),
        tally=Counter(),
    )


def work(*numbers: int) -> list[Work]:
    return [Work(ROW._replace(id=number), {}) for number in numbers]


def test_the_next_message_is_made_while_the_answer_to_the_last_one_is_awaited(bench: Bench, server: Server) -> None:
    bench.put(work(0, 1))
    bench.close()
    with Switchboard(bench.make_ahead) as board:
        board.start(Sender(bench).run)
        board.run()
    assert server.said == ["made 0", "made 1", "accepted", "accepted"]


def test_what_was_made_ahead_leaves_first_and_is_not_made_again(bench: Bench, server: Server) -> None:
    bench.put(work(0, 1, 2))
    assert [bench.make_ahead(), bench.make_ahead()] == [True, True]
    bench.close()
    taken = []
    while (each := bench.take()) is not None:
        taken.append(bench.message_of(each).key)
        if len(taken) == 1:
            bench.put_back(each)
    assert taken == ["0", "1", "2", "0"]
    assert server.said == ["made 0", "made 1", "made 2"]


def test_a_message_that_cannot_be_made_is_told_to_whoever_takes_it(bench: Bench) -> None:
    bench.put(work(NAMELESS))
    assert bench.make_ahead()
    taken = bench.take()
    assert taken is not None
    for _ in range(2):
        with pytest.raises(NotRenderable, match="no name"):
            bench.message_of(taken)


def test_only_so_many_are_made_ahead_and_none_once_the_brake_is_pulled(bench: Bench, server: Server) -> None:
    bench.put(work(*range(100, 110 + MOST_AHEAD)))
    while bench.make_ahead():
        pass
    assert len(server.said) == MOST_AHEAD
    assert bench.take() is not None
    bench.brake.pull()
    assert not bench.make_ahead()
