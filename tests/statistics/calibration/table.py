"""All promises, in the order in which they are printed."""

from tests.statistics.calibration import amounts, arms, looks, splits
from tests.statistics.calibration.scenes import Scene

SCENES: tuple[Scene, ...] = amounts.SCENES + arms.SCENES + looks.SCENES + splits.SCENES
