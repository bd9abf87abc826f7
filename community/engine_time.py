"""Engine time: by what the clocks of cases run. Milliseconds of CLOCK_BOOTTIME carried on over restarts and machines.

In the same boot a restart goes on exactly. After another boot (or on another machine, which has the database now) as
much has passed as the wall clock says, at most 7 days. Where the wall has gone back nobody knows what has passed: then
life alarms are told within a minute (`is_doubtful`). Later steps of a wall clock move nothing.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import msgspec

from shouwang.reading import Moment

AT_MOST = timedelta(days=7)
"""Longer than the server was ever away; a wall clock that says more is wrong."""
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_MS = timedelta(milliseconds=1)


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """A moment in all three reckonings, as it is kept in the database, to go on from."""

    boot: str
    boottime_ms: int
    engine_ms: int
    wall: Moment


class EngineTime:
    """Goes on from the last mark."""

    def __init__(
        self,
        last: Mark | None = None,
        *,
        boot: str | None = None,
        boottime_ms: Callable[[], int] = lambda: time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000,
        wall: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """The other arguments are the kernel's clocks, replaced in tests."""
        self._boot = boot or boot_id()
        self._boottime_ms = boottime_ms
        self._wall = wall
        self._origin_ms = boottime_ms()
        self.is_doubtful = False
        """The wall clock has gone back since the last mark: how long the engine was away is not known."""
        self._base_ms = 0 if last is None else last.engine_ms + self._passed_since(last)

    def now(self) -> int:
        """Engine time, ms; never steps back."""
        return self._base_ms + self._boottime_ms() - self._origin_ms

    def mark(self) -> Mark:
        """What to keep, so that a restart goes on from here."""
        return Mark(boot=self._boot, boottime_ms=self._boottime_ms(), engine_ms=self.now(), wall=self._wall())

    def _passed_since(self, last: Mark) -> int:
        if last.boot == self._boot and self._origin_ms >= last.boottime_ms:
            return self._origin_ms - last.boottime_ms
        passed = self._wall() - last.wall
        self.is_doubtful = passed < timedelta(0)
        return min(max(passed, timedelta(0)), AT_MOST) // _MS


@cache
def boot_id() -> str:
    """Of this machine since it was started."""
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return "unknown"
