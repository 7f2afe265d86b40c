"""Prints how often each method keeps what it promises, over thousands of simulated experiments.

Then 400 campaigns with known effects go through a store, from the draw to the interval that a report shows.

Run from the repository's root: `python -m benchmarks.calibrate [part of a name]`. Exit code 1 if a promise is broken.
"""

import multiprocessing
import sys
import tempfile
import zlib

import numpy as np
from tests.reports.simulated import simulate
from tests.statistics.calibration.scenes import allowed, share
from tests.statistics.calibration.table import SCENES

from handbill.store.connection import open_store, writing
from handbill.store.migrate import upgrade

THROUGH_THE_STORE = "campaigns through the store"
CAMPAIGNS, COVERED = 400, (368, 392)


def main(part: str = "") -> int:
    """Runs every scene whose name contains `part`, and prints a line for each."""
    chosen = [place for place, scene in enumerate(SCENES) if part in scene.name]
    width = max((len(SCENES[place].name) for place in chosen), default=0)
    broken = 0
    print(f"{'method and situation':{width}}  promised  observed  allowed          trials")
    with multiprocessing.Pool() as pool:
        for place, observed in pool.imap(_measured, chosen):
            scene = SCENES[place]
            low, high = allowed(scene, scene.long, errors=3)
            kept = low <= observed <= high
            broken += not kept
            limits = f"{100 * low:5.2f}–{100 * high:5.2f} %"
            verdict = "" if kept else "  BROKEN"
            line = f"{scene.name:{width}}  {scene.promised:>8}  {100 * observed:6.2f} %  {limits:15}  {scene.long:>6}"
            print(line + verdict, flush=True)
    if part in THROUGH_THE_STORE:
        broken += _through_the_store()
    return 1 if broken else 0


def _through_the_store() -> int:
    """How many of 400 campaigns' intervals hold the truth; answers how many metrics break the promise."""
    broken = 0
    with tempfile.TemporaryDirectory() as folder:
        engine = open_store(f"sqlite:///{folder}/calibrate.db")
        upgrade(engine)
        with writing(engine) as connection:
            simulated = list(simulate(connection, np.random.default_rng(7), CAMPAIGNS, 6_000))
        engine.dispose()
    for metric in ("conversion", "orders", "revenue", "margin"):
        covered = sum(each.covers(metric) for each in simulated)
        kept = COVERED[0] <= covered <= COVERED[1]
        broken += not kept
        limits = f"{COVERED[0]} to {COVERED[1]} of {CAMPAIGNS}"
        print(f"{THROUGH_THE_STORE}: {metric}: 95 % intervals hold the truth in {covered}, allowed {limits}"
              f"{'' if kept else '  BROKEN'}", flush=True)  # fmt: skip
    return broken


def _measured(place: int) -> tuple[int, float]:
    scene = SCENES[place]
    return place, share(scene, scene.long, np.random.default_rng([7, zlib.crc32(scene.name.encode())]))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
