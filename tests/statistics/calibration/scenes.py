"""What a method promises over many experiments, and how to run one of them."""

from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt

from numpy.random import Generator


@dataclass(frozen=True)
class Scene:
    """One promise: `trial` answers whether the event (a false alarm, a covered truth) happened in one experiment.

    In the long run its share lies between `at_least` and `at_most`; `promised` is the textbook's number.
    """

    name: str
    promised: str
    at_least: float
    at_most: float
    trial: Callable[[Generator], bool]
    short: int = 400
    long: int = 10_000


def share(scene: Scene, trials: int, random: Generator) -> float:
    """How often the event happened."""
    return sum(scene.trial(random) for _ in range(trials)) / trials


def allowed(scene: Scene, trials: int, errors: float) -> tuple[float, float]:
    """Between what the share of so many trials may lie: the promise, widened by so many standard errors of chance."""
    low, high = (
        errors * sqrt(max(edge * (1 - edge), 0.25 / trials) / trials) for edge in (scene.at_least, scene.at_most)
    )
    return max(scene.at_least - low, 0.0), min(scene.at_most + high, 1.0)
