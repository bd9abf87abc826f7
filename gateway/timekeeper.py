"""Watches the wall clock once a second, and tells the centre what engine time was on the wall: a clock anchor.

With an anchor the centre mends the times of what this boot measured before its clock was right. One goes out when the
clock is first known to be right, when it was moved, when it has drifted, and once a day. A clock that two programs
fight over gives one message a minute, not one for each step.
"""

import asyncio
import logging
import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Never

from gateway.clock import Clock
from gateway.wall import AGREES, PLAUSIBLE, RELEASED, STEP, Anchor, built_at
from shouwang.wire import Body, ClockBody, Lane

log = logging.getLogger(__name__)

LOOK_S = 1.0
REPEAT_MS = 86_400_000
"""An anchor each day: crystals drift by seconds."""
SELDOM_MS = 60_000
"""At most one message in so long."""
NOTES = "gateway/clock"
"""Under this name, which no sensor can have, the card keeps when it was, at the latest look at a clock kept by NTP.

Never by the centre's word alone: a centre whose clock was years ahead for a minute would be refused for ever after, its
certificates having expired by then."""
_SURE = "sure"
_NOTE_MS = 3_600_000
"""So often it is noted; after a power cut the box knows the hour."""
_ONE_MS = timedelta(milliseconds=1)


class Timekeeper:
    """The gateway's own supervision of its clock."""

    def __init__(
        self, clock: Clock, *, send: Callable[[Lane, Body], None], note: Callable[[str, str, str], None]
    ) -> None:
        """`send` stores a message for the centre, `note(NOTES, name, text)` a note on the card; neither blocks."""
        self._clock = clock
        self._send = send
        self._note = note
        self._told: Anchor | None = None
        self._told_at = -SELDOM_MS
        self._noted_at = -_NOTE_MS
        self._moved = timedelta()

    async def run(self) -> Never:
        """Look each second, until cancelled."""
        if self._clock.wall.anchor is None:
            log.warning("nobody has set the clock of this box yet; times are mended at the centre once somebody has")
        while True:
            self.look()
            await asyncio.sleep(LOOK_S)

    def look(self) -> None:
        """Look once."""
        moved = self._clock.wall.look()
        if abs(moved) > STEP:
            log.warning("the clock of this box was moved by %+.1f s; no rule goes by it", moved.total_seconds())
            self._moved += moved
        anchor, mono = self._clock.wall.anchor, self._clock.mono()
        if anchor is None:
            return
        if self._is_news(anchor, mono) and mono - self._told_at >= SELDOM_MS:
            self._tell(anchor, mono)
        if anchor.source == "ntp" and mono - self._noted_at >= _NOTE_MS:
            self._noted_at = mono
            self._note(NOTES, _SURE, self._clock.now().isoformat())

    def _is_news(self, anchor: Anchor, mono: int) -> bool:
        told = self._told
        if told is None or self._moved or anchor.source != told.source or mono - self._told_at >= REPEAT_MS:
            return True
        passed = timedelta(milliseconds=anchor.boottime_ms - told.boottime_ms)
        return abs(anchor.wall - told.wall - passed) > AGREES

    def _tell(self, anchor: Anchor, mono: int) -> None:
        if self._told is None or self._told.source != anchor.source:
            by = "time servers (NTP)" if anchor.source == "ntp" else "the centre; time servers (NTP) do not answer"
            log.info("the time is known by %s", by)
        self._told, self._told_at = anchor, mono
        self._send(
            Lane.STATE,
            ClockBody(
                mono=mono,
                wall=self._clock.now(),
                error_ms=math.ceil(self._clock.wall.anchor_error_s() * 1000),
                source=anchor.source,
                stepped_ms=self._moved // _ONE_MS,
            ),
        )
        self._moved = timedelta()


def floor_of(notes: Mapping[str, Mapping[str, str]]) -> datetime:
    """It is not earlier: when the program was put here, or what was noted of a right clock."""
    built = built_at()
    try:
        noted = datetime.fromisoformat(notes.get(NOTES, {}).get(_SURE, ""))
        return max(built, noted) if noted.astimezone(UTC) <= RELEASED + PLAUSIBLE else built
    except (ValueError, TypeError, OverflowError):  # nothing noted, or by another version
        return built
