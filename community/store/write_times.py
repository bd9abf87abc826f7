"""How long transactions that write take, counted in buckets: a disk that grows slow is seen before it is too slow."""

import threading
from bisect import bisect_left
from itertools import accumulate

BOUNDS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""From a write in memory to the limit at which a write is given up (community.store.database)."""


class WriteTimes:
    """Filled by the writer's thread, read by others."""

    def __init__(self) -> None:
        """Nothing was written yet."""
        self._lock = threading.Lock()
        self._counts = [0] * (len(BOUNDS_S) + 1)
        self._sum_s = 0.0

    def note(self, seconds: float) -> None:
        """One transaction, committed or rolled back."""
        with self._lock:
            self._counts[bisect_left(BOUNDS_S, seconds)] += 1
            self._sum_s += seconds

    def so_far(self) -> tuple[tuple[int, ...], float]:
        """For each bound how many took at most so long, then how many there were; and the sum of all (s)."""
        with self._lock:
            return tuple(accumulate(self._counts)), self._sum_s
