"""A run whose processes are killed at any instant, two hundred times in all, reaches everybody once.

The processes are real and so is kill -9. HANDBILL_SOAK=1 kills a thousand times in each of the four ways.
"""

import random
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine

from handbill.operations.control import status
from tests.scenarios.killing import CAMPAIGN, MESSAGES_A_KILL, SOAK, Field, battlefield

KILLS = {1: 30, 3: 70}
"""In a run, on each database, by the number of workers; while one of three starts again, the others go on."""
RUNS = {1: 34, 3: 15} if SOAK else {1: 1, 3: 1}


@pytest.mark.timeout(900)
@pytest.mark.parametrize(("workers", "seed"), [(workers, seed) for workers in KILLS for seed in range(RUNS[workers])])
def test_a_run_that_is_killed_and_repeated_reaches_everybody_once(
    store: Engine,
    store_url: str,
    tmp_path: Path,
    workers: int,
    seed: int,
    record_property: Callable[[str, object], None],
) -> None:
    people = MESSAGES_A_KILL * KILLS[workers]
    connections = 4 if workers == 1 else 2
    with battlefield(store, store_url, tmp_path, people=people, connections=connections) as field:
        fall(field, workers=workers, kills=KILLS[workers], chance=random.Random(10 * seed + workers))
        made = field.finish()
        counts = field.server.counts
        record_property("kills", field.row(f"{workers} worker{'s' * (workers > 1)}, {connections} connections"))
        assert (made.planned, made.accepted + made.uncertain) == (people, people)
        assert len(counts) >= made.accepted > people / 2
        assert [standing.state for standing in status(store)] == ["finished"]


def fall(field: Field, *, workers: int, kills: int, chance: random.Random) -> None:
    """Kills one of so many workers after another, at instants that chance picks; each is replaced at once.

    Two of three workers are on one machine.
    """
    crew = [field.begin(number // 2) for number in range(workers)]
    try:
        while field.kills < kills:
            number = chance.randrange(workers)
            crew[number].join(timeout=field.until(chance, crew[number]))
            with field.server.standing_still():
                made = field.kill(crew[number], alive=workers - 1)
                crew[number] = field.begin(number // 2)
            assert made.open or not made.planned, f"everybody was reached after {field.kills} kills"
    finally:
        for process in crew:
            process.kill()
            process.join()
    field.kills += workers


def test_this_count_sees_a_second_copy_where_a_campaign_declares_that_it_wants_one(
    store: Engine, store_url: str, tmp_path: Path
) -> None:
    """Killed between the server's taking a message and its answer; `on_uncertain: resend` then sends it again."""
    campaign = f"{CAMPAIGN}    on_uncertain: resend\n"
    with battlefield(store, store_url, tmp_path, people=10, connections=1, campaign=campaign) as field:
        first = field.begin()
        field.server.on_taken = lambda _taken: first.kill()
        first.join()
        field.server.on_taken = None
        field.begin().join()
        assert sorted(field.server.counts.values()) == [*[1] * 9, 2]
        with pytest.raises(AssertionError, match="somebody got two"):
            field.check()
