"""The one place at home that reads a clock: wall time for people, engine time for rules.

Engine time is milliseconds of CLOCK_BOOTTIME (it runs on in suspend) carried on across boots: after a reboot it goes on
by the wall time that passed, never back, at most 7 days. A Pi without RTC may believe that no time passed; a countdown
then runs on from where it stood, which is the safe side.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

_MAX_OFF = timedelta(days=7)
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, kw_only=True, slots=True)
class ClockMark:
    """Engine time (ms) at a moment, to go on from after a restart."""

    boot: str
    boottime_ms: int
    engine_ms: int
    wall: datetime


class Clock:
    """Wall and engine time. `scale` > 1 makes engine time run faster, to play recordings; it is 1 in a home."""

    def __init__(
        self,
        last: ClockMark | None = None,
        *,
        scale: float = 1.0,
        boot: str | None = None,
        boottime_ms: Callable[[], int] = lambda: time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000,
        wall: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Go on from `last`; the other arguments are the kernel's clocks, replaced in tests."""
        self.boot = boot or read_boot_id()
        self._scale = scale
        self._boottime_ms = boottime_ms
        self._wall = wall
        self._origin_ms = boottime_ms()
        self._base_ms = 0 if last is None else last.engine_ms + self._passed_since(last)

    def now(self) -> datetime:
        """Wall time, aware UTC, as believed."""
        return self._wall()

    def mono(self) -> int:
        """Engine time in ms; never steps back."""
        return self._base_ms + int((self._boottime_ms() - self._origin_ms) * self._scale)

    def seconds_until(self, engine_ms: int) -> float:
        """How long to sleep until that engine millisecond; 0 where it is past."""
        return max(0.0, (engine_ms - self.mono()) / 1000 / self._scale)

    def mark(self) -> ClockMark:
        """What to save, so that a restart goes on from here."""
        return ClockMark(boot=self.boot, boottime_ms=self._boottime_ms(), engine_ms=self.mono(), wall=self._wall())

    def _passed_since(self, last: ClockMark) -> int:
        if last.boot == self.boot and self._origin_ms >= last.boottime_ms:
            return self._origin_ms - last.boottime_ms
        passed = min(max(self._wall() - last.wall, timedelta(0)), _MAX_OFF)
        return int(passed.total_seconds() * 1000)


def read_boot_id() -> str:
    """The kernel's id of this boot; `unknown` where the kernel does not tell."""
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return "unknown"
