"""All promises, in the order in which they are printed."""

from tests.statistics.calibration import amounts, arms, beliefs, looks, splits
from tests.statistics.calibration.scenes import Scene

SCENES: tuple[Scene, ...] = amounts.SCENES + arms.SCENES + looks.SCENES + beliefs.SCENES + splits.SCENES
