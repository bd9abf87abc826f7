"""How long to wait before trying again: full jitter under a doubling, capped ceiling."""

import asyncio
import random


class Backoff:
    """Pauses between attempts. Full jitter keeps a city of homes from coming back in the same second."""

    def __init__(self, start_s: float, cap_s: float) -> None:
        """`start_s` is the first ceiling, `cap_s` the last; both in seconds."""
        self._start_s = start_s
        self._cap_s = cap_s
        self.failures = 0
        """Failed attempts since the last success."""

    def succeeded(self) -> None:
        """Begin anew with short pauses."""
        self.failures = 0

    def next_pause_s(self) -> float:
        """Count one failure; seconds to wait before the next attempt."""
        ceiling = min(self._cap_s, self._start_s * 2 ** min(self.failures, 16))
        self.failures += 1
        return random.uniform(0, ceiling)  # noqa: S311 - jitter, not a secret

    async def pause(self) -> None:
        """Count one failure and wait."""
        await asyncio.sleep(self.next_pause_s())
