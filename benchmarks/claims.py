"""How many messages a second are claimed, marked and settled in batches of 500, without a message leaving."""

import time
from pathlib import Path

from sqlalchemy import Engine

from handbill.channels.contract import Answer, Outcome
from handbill.definitions.loading import load_project
from handbill.delivery.claiming import Lease, claim
from handbill.delivery.leases import CLAIM_LEASE
from handbill.delivery.outbox import Settlement
from handbill.delivery.retry import RetryRules, settlement_of
from handbill.delivery.settling import settle, settle_and_mark
from handbill.operations.run import start_run
from handbill.store.connection import writing
from sending_project import NOW

AT_ONCE = 500
MESSAGES = 10_000
LIMITS = {"sqlite": (50_000, 50_000), "postgresql": (15_000, 10_000)}
"""Rows a second that are claimed and settled; and the same with the marker."""

_LEASE = Lease("benchmark", NOW, NOW + CLAIM_LEASE)
_TAKEN = Answer(Outcome.ACCEPTED, "dot", 250, "2.0.0 Ok: queued as 4Fq1xK2z")


def rates(store: Engine, root: Path) -> tuple[float, float]:
    """Rows a second that are claimed and settled; and that are claimed, marked and settled. Nothing leaves."""
    return _rate(store, root, "claimed", marks=False), _rate(store, root, "marked", marks=True)


def _rate(store: Engine, root: Path, wave: str, *, marks: bool) -> float:
    run_id = start_run(store, load_project(root), "spring", clock=lambda: NOW, new_wave=wave).run_id
    done, seconds = 0, 0.0
    before: list[Settlement] = []
    while done < MESSAGES:
        started = time.perf_counter()
        before = _batch(store, run_id, before, marks=marks)
        done += AT_ONCE
        if done == MESSAGES:
            with writing(store) as connection:
                settle(connection, before, now=NOW)
        seconds += time.perf_counter() - started
    return done / seconds


def _batch(store: Engine, run_id: int, before: list[Settlement], *, marks: bool) -> list[Settlement]:
    """Claims, and marks while it settles those `before`, as a sender does; answers how its own messages end."""
    rules = RetryRules()
    with writing(store) as connection:
        rows = claim(connection, run_id, "email", lease=_LEASE, limit=AT_ONCE, now=NOW)
    if len(rows) < AT_ONCE:
        raise SystemExit("nothing is left to claim")
    with writing(store) as connection:
        if marks:
            settle_and_mark(connection, before, rows, now=NOW, lease_until=_LEASE.until, topic="offers")
        else:
            settle(connection, before, now=NOW)
    return [settlement_of(row, _TAKEN, was_marked=marks, now=NOW, rules=rules) for row in rows]
