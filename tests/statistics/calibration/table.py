"""All promises, in the order in which they are printed."""

from tests.statistics.calibration import amounts
from tests.statistics.calibration.scenes import Scene

SCENES: tuple[Scene, ...] = amounts.SCENES
