"""Prints how often each method keeps what it promises, over thousands of simulated experiments.

Run from the repository's root: `python -m benchmarks.calibrate [part of a name]`. Exit code 1 if a promise is broken.
"""

import multiprocessing
import sys
import zlib

import numpy as np
from tests.statistics.calibration.scenes import allowed, share
from tests.statistics.calibration.table import SCENES


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
    return 1 if broken else 0


def _measured(place: int) -> tuple[int, float]:
    scene = SCENES[place]
    return place, share(scene, scene.long, np.random.default_rng([7, zlib.crc32(scene.name.encode())]))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
