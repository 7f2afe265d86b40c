"""Many connections share one transaction, and each gets its own answer."""

import threading
from collections.abc import Sequence
from dataclasses import replace

import pytest

from handbill.delivery.group_commit import Entry, GroupCommit
from handbill.delivery.outbox import Claimed, Verdict
from tests.conftest import NOW

ROW = Claimed(
    id=0, fence=1, run_id=1, contact_id=1, channel="email", step="send", arm="all", address="ann@example.org",
    domain="example.org", attempt=0, message_id="1@shop.test", message_at=NOW, idempotency_key="1", code=None, cost=0,
    not_before=NOW, expires_at=None,
)  # fmt: skip


def test_whoever_waits_while_one_writes_goes_into_one_transaction() -> None:
    written: list[list[int]] = []
    first_is_writing, others_wait = threading.Event(), threading.Event()

    def write(entries: Sequence[Entry]) -> None:
        written.append(sorted(entry.row.id for entry in entries if entry.row))
        if len(written) == 1:
            first_is_writing.set()
            others_wait.wait()
        for entry in entries:
            entry.verdict = Verdict.GO

    group = GroupCommit(write)
    verdicts: dict[int, Verdict | None] = {}

    def submit(number: int) -> None:
        verdicts[number] = group.submit([], replace(ROW, id=number))

    threads = [threading.Thread(target=submit, args=(number,)) for number in range(5)]
    threads[0].start()
    first_is_writing.wait()
    for thread in threads[1:]:
        thread.start()
    while group.waiting < 4:
        pass
    others_wait.set()
    for thread in threads:
        thread.join()
    assert written == [[0], [1, 2, 3, 4]]
    assert verdicts == dict.fromkeys(range(5), Verdict.GO)


def test_a_failed_transaction_is_heard_by_everybody_in_it() -> None:
    def write(_entries: Sequence[Entry]) -> None:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        GroupCommit(write).submit([], ROW)
