"""The one place at home that reads a clock: wall time for people, engine time for rules.

Engine time is milliseconds of CLOCK_BOOTTIME (it runs on in suspend) carried on across boots: after a reboot it goes on
by the wall time that passed, never back, at most 7 days. A Pi without RTC may believe that no time passed; a countdown
then runs on from where it stood, which is the safe side. Whatever becomes of the wall clock later moves no engine time.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from gateway.kernel_clock import KernelClock, read_kernel_clock
from gateway.wall import AGREES, Wall

_MAX_OFF = timedelta(days=7)
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Era(NamedTuple):
    """A stretch of engine time whose wall times can be mended together: one boot, before or after its clock was set."""

    boot: str
    is_clock_unsure: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class ClockMark:
    """Engine time (ms) at a moment, to go on from after a restart.

    This boot's engine time began at `boot_from`; before it was `boot_before`. Wall times of this boot are right since
    `sure_from`; None: not yet.
    """

    boot: str
    boottime_ms: int
    engine_ms: int
    wall: datetime
    sure_from: int | None = None
    boot_from: int = 0
    boot_before: str = "unknown"

    def era_of(self, engine_ms: int) -> Era:
        """To which era a moment belongs, of the story up to this mark."""
        if engine_ms < self.boot_from:
            return Era(self.boot_before, is_clock_unsure=True)
        return Era(self.boot, is_clock_unsure=self.sure_from is None or engine_ms < self.sure_from)


class Clock:
    """Wall and engine time. `scale` > 1 makes engine time run faster, to play recordings; it is 1 in a home."""

    def __init__(
        self,
        last: ClockMark | None = None,
        *,
        floor: datetime | None = None,
        scale: float = 1.0,
        boot: str | None = None,
        boottime_ms: Callable[[], int] = lambda: time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000,
        wall: Callable[[], datetime] = lambda: datetime.now(UTC),
        kernel: Callable[[], KernelClock | None] = read_kernel_clock,
    ) -> None:
        """Go on from `last`; it is not earlier than `floor`. The others are the kernel's clocks, replaced in tests."""
        self.boot = boot or read_boot_id()
        self.is_real = scale == 1
        """Whether engine time runs as the world's does."""
        self.wall = Wall(system=wall, boottime_ms=boottime_ms, kernel=kernel, floor=floor)
        self._scale = scale
        self._boottime_ms = boottime_ms
        self._system = wall
        self._origin_ms = boottime_ms()
        is_same_boot = last is not None and last.boot == self.boot and self._origin_ms >= last.boottime_ms
        self._base_ms = 0 if last is None else last.engine_ms + self._passed_since(last, is_same_boot=is_same_boot)
        self._boot_from = 0 if is_same_boot or last is None else self._base_ms
        self._boot_before = "unknown" if is_same_boot or last is None else last.boot

    def now(self) -> datetime:
        """Wall time, aware UTC, as believed."""
        return self.wall.now() if self.is_real else self._system()

    def corrected(self, moment: datetime) -> datetime:
        """What the system's clock calls `moment`, as believed: drivers tell times of devices by that clock."""
        off = self.now() - self._system()
        return moment if abs(off) <= AGREES else moment + off

    def mono(self) -> int:
        """Engine time in ms; never steps back."""
        return self._base_ms + int((self._boottime_ms() - self._origin_ms) * self._scale)

    def seconds_until(self, engine_ms: int) -> float:
        """How long to sleep until that engine millisecond; 0 where it is past."""
        return max(0.0, (engine_ms - self.mono()) / 1000 / self._scale)

    def mark(self) -> ClockMark:
        """What to save, so that a restart goes on from here."""
        return ClockMark(
            boot=self.boot,
            boottime_ms=self._boottime_ms(),
            engine_ms=self.mono(),
            wall=self.now(),
            sure_from=self._sure_from(),
            boot_from=self._boot_from,
            boot_before=self._boot_before,
        )

    def _sure_from(self) -> int | None:
        if not self.is_real:
            return 0
        at = self.wall.set_at_ms
        return None if at is None else self._base_ms + at - self._origin_ms

    def _passed_since(self, last: ClockMark, *, is_same_boot: bool) -> int:
        if is_same_boot:
            return self._origin_ms - last.boottime_ms
        passed = min(max(self.now() - last.wall, timedelta(0)), _MAX_OFF)
        return int(passed.total_seconds() * 1000)


def read_boot_id() -> str:
    """The kernel's id of this boot; `unknown` where the kernel does not tell."""
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return "unknown"
