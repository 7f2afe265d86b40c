"""How often somebody may ask: a bucket of tokens for each of them, in memory that does not grow."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

MOST = 20_000
"""So many askers are remembered; whoever has not asked for the longest time is forgotten, and starts anew."""


@dataclass(frozen=True)
class Allowance:
    """So many requests a second, and so many at once after a rest."""

    per_second: float
    burst: int


class Buckets:
    """One bucket an asker. They belong to one process: a service of several allows each of them as much."""

    def __init__(self, allowance: Allowance, clock: Callable[[], float] = time.monotonic, most: int = MOST) -> None:
        self._allowance = allowance
        self._clock = clock
        self._most = most
        self._lock = threading.Lock()
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, asker: str) -> float:
        """Takes one token; answers 0, or how many seconds to wait where there is none."""
        with self._lock:
            now = self._clock()
            tokens, filled_at = self._buckets.pop(asker, (float(self._allowance.burst), now))
            tokens = min(self._allowance.burst, tokens + (now - filled_at) * self._allowance.per_second)
            wait = 0.0 if tokens >= 1 else (1 - tokens) / self._allowance.per_second
            self._buckets[asker] = (tokens if wait else tokens - 1, now)
            if len(self._buckets) > self._most:
                self._buckets.popitem(last=False)
            return wait

    def __len__(self) -> int:
        return len(self._buckets)
