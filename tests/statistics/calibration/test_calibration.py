"""Promises kept over many experiments, in short; `make calibrate` runs the long version."""

import zlib

import numpy as np
import pytest
from tests.statistics.calibration.scenes import Scene, allowed, share
from tests.statistics.calibration.table import SCENES


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
def test_the_promise_is_kept(scene: Scene) -> None:
    random = np.random.default_rng(zlib.crc32(scene.name.encode()))

    observed = share(scene, scene.short, random)

    low, high = allowed(scene, scene.short, errors=4)
    assert low <= observed <= high, f"promised {scene.promised}, observed {observed:.1%}"
