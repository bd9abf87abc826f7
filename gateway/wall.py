"""What time it is on the wall, as far as this box can know. Rules measure no duration with it.

A box without a battery-backed clock begins with a time of its own making. It is believed once the kernel says that
somebody (NTP) keeps it right, or once the centre has told the time with a receipt. From then on a clock that somebody
moves, without NTP, is not followed: time goes on from what was last known, by the oscillator.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from gateway.kernel_clock import KernelClock

RELEASED = datetime(2026, 11, 1, tzinfo=UTC)
"""No clock that says less is right. Raised with each release."""
PLAUSIBLE = timedelta(days=20 * 365)
"""No program of ours runs for longer: a clock nobody has set that says more is a dead battery (2099, 2106)."""
STEP = timedelta(milliseconds=500)
"""The clock was moved: ntpd and timesyncd turn smaller errors into a slower or faster clock (shared design, time)."""
AGREES = timedelta(seconds=2)
"""A clock that is off by less needs nobody's attention (shared design of telecare, time drift)."""
_DRIFT = 100e-6
"""How far the crystal of a small box runs off (50 ppm as sold, as much again by heat and age)."""
_CENTRE_ERROR_S = 1.0
"""What the centre may wait between reading its clock and sending the receipt, and its own clock's error."""
_SLOWEST_S = 60.0
"""A receipt that took longer tells no time."""
_HELD_UP_MS = 50
"""Two clocks that are read further apart (a busy box) cannot be compared."""
_RENEW_MS = 86_400_000
_ONE_MS = timedelta(milliseconds=1)

Source = Literal["ntp", "centre"]


@dataclass(frozen=True, slots=True)
class Anchor:
    """At `boottime_ms` of this boot it was `wall`, give or take `error_s`, as `source` says."""

    boottime_ms: int
    wall: datetime
    error_s: float
    source: Source


class Wall:
    """The wall clock of this box."""

    def __init__(
        self,
        *,
        system: Callable[[], datetime],
        boottime_ms: Callable[[], int],
        kernel: Callable[[], KernelClock | None],
        floor: datetime | None = None,
    ) -> None:
        """The kernel's clocks; it is not earlier than `floor` for sure. None: nobody knows."""
        self._system = system
        self._boottime_ms = boottime_ms
        self._kernel = kernel
        self._floor = floor
        self._origin_ms = boottime_ms()
        self._seen: tuple[int, datetime] | None = None
        self._known_off = timedelta()
        self._least: datetime | None = None
        """When this boot began, by the earliest time that the centre has told: it may be wrong for a while."""
        self.anchor: Anchor | None = None
        """The best that is known of the time in this boot."""
        self.set_at_ms: int | None = None
        """Since which boot time the clock is right; None: not yet."""
        self.look()

    def now(self) -> datetime:
        """Aware UTC, as believed."""
        system, told = self._system(), self._told()
        if told is None:
            return system if self._is_plausible(system) else self._from_floor()
        off = system - told
        if abs(off) <= AGREES:
            return system
        if abs(off - self._known_off) > STEP and self._is_kept_right():  # somebody has just moved it: NTP?
            self._take(system, "ntp", self._kernel_error_s())
            return system
        self._known_off = off
        return told

    def look(self) -> timedelta:
        """Compare the clocks, once a second: how far the wall clock was moved since the last look. Follows NTP."""
        before, system, after = self._boottime_ms(), self._system(), self._boottime_ms()
        if after - before > _HELD_UP_MS:
            return timedelta()
        moved = timedelta()
        if self._seen is not None:
            moved = system - self._seen[1] - timedelta(milliseconds=before - self._seen[0])
        self._seen = before, system
        if self._is_kept_right() and self._is_worth_taking(system):
            self._take(system, "ntp", self._kernel_error_s())
        return moved

    def heard(self, server_at: datetime, round_trip_s: float) -> None:
        """The centre wrote `server_at` into a receipt, at most `round_trip_s` ago. It counts where NTP does not."""
        if not 0 <= round_trip_s <= _SLOWEST_S or not self._is_plausible(server_at) or self._is_kept_right():
            return
        wall, error_s = server_at + timedelta(seconds=round_trip_s / 2), round_trip_s / 2 + _CENTRE_ERROR_S
        told = self._told()
        if told is not None:
            is_wrong = abs(wall - told) > AGREES + timedelta(seconds=error_s)
            if not is_wrong and error_s > self._anchor_error_s() / 2:
                return  # as good as what is known: the time should not tremble
        self._take(wall, "centre", error_s)

    def error_s(self) -> float | None:
        """How far the box's own clock is off, in seconds: what is proven, or what the kernel fears; None: not known."""
        kernel, told = self._kernel(), self._told()
        if told is None or (kernel is not None and kernel.is_synchronised):
            return None if kernel is None else kernel.error_s
        return max(0.0, abs(self._system() - told).total_seconds() - self._anchor_error_s())

    def anchor_error_s(self) -> float:
        """How far `now` may be off, in seconds; infinite where nobody has set it."""
        if self.anchor is None:
            return float("inf")
        return self._kernel_error_s() if self._is_kept_right() else self._anchor_error_s()

    def earliest(self) -> datetime | None:
        """It is not earlier than this; None where the system's own clock is right and may judge certificates."""
        now = self.now()
        if self.anchor is not None and abs(self._system() - now) <= AGREES:
            return None
        return now if self._least is None else min(now, self._least + self._boottime_ms() * _ONE_MS)

    # ---- inside ----

    def _told(self) -> datetime | None:
        anchor = self.anchor
        if anchor is None:
            return None
        return anchor.wall + timedelta(milliseconds=self._boottime_ms() - anchor.boottime_ms)

    def _take(self, wall: datetime, source: Source, error_s: float) -> None:
        at = self._boottime_ms()
        self.anchor = Anchor(at, wall, error_s, source)
        began = wall - at * _ONE_MS
        self._least = None if source == "ntp" else min(self._least or began, began)
        self._known_off = timedelta()
        if self.set_at_ms is None:
            self.set_at_ms = at

    def _is_worth_taking(self, system: datetime) -> bool:
        anchor, told = self.anchor, self._told()
        if anchor is None or told is None or anchor.source != "ntp":
            return True
        return abs(system - told) > AGREES or self._boottime_ms() - anchor.boottime_ms >= _RENEW_MS

    def _is_kept_right(self) -> bool:
        kernel = self._kernel()
        return kernel is not None and kernel.is_synchronised

    def _kernel_error_s(self) -> float:
        kernel = self._kernel()
        return _CENTRE_ERROR_S if kernel is None else kernel.error_s

    def _anchor_error_s(self) -> float:
        anchor = self.anchor
        if anchor is None:
            return float("inf")
        return anchor.error_s + _DRIFT * (self._boottime_ms() - anchor.boottime_ms) / 1000

    def _is_plausible(self, moment: datetime) -> bool:
        return self._floor is None or self._floor <= moment <= self._floor + PLAUSIBLE

    def _from_floor(self) -> datetime:
        passed = timedelta(milliseconds=self._boottime_ms() - self._origin_ms)
        return (self._floor or RELEASED) + passed


def built_at(folder: Path = Path(__file__).parent) -> datetime:
    """When this program was put on this box: it is not earlier. By its files, where they do not say nonsense."""
    newest = RELEASED
    for file in folder.glob("*.py"):
        try:
            written = datetime.fromtimestamp(file.stat().st_mtime, UTC)
        except (OSError, OverflowError, ValueError):
            continue
        if newest < written <= RELEASED + PLAUSIBLE:
            newest = written
    return newest
