"""The counter of encrypted adverts: it only grows, so a recorded frame that is sent again says nothing.

A device that lost its counter (a new battery) looks like somebody who replays old frames in their order. It is heard,
since a button that nobody hears is worse than a false alarm; but until its counter passes the highest that was ever
heard, its frames are not proven to be new, and what is not proven takes no alarm back (`told.unproven`).
"""

import hashlib
import re
from enum import Enum

from shouwang.errors import DecodeError

RESTART_RUN = 3
"""Frames in growing order below the last one that are a restart, and not single frames sent again: ours."""

_MEMORY = re.compile(r"([0-9a-f]{8}):(\d{1,20}):(\d{1,20}):(\d{1,20})")


class Freshness(Enum):
    """What a counter says about its frame."""

    PROVEN = "proven"
    """Higher than any before."""

    UNPROVEN = "unproven"
    """Of a device that began again below what was heard before."""

    REPEATED = "repeated"
    """The same as the last one."""


class ReplayGuard:
    """The counters of one device under one key."""

    def __init__(self, key: bytes, memory: str = "") -> None:
        """`memory` is what `memory()` gave before a restart; that of another key, and what is none, is forgotten."""
        self._key_mark = hashlib.sha256(b"shouwang counter of " + key).hexdigest()[:8]
        self._highest: int | None = None
        self._last = 0
        self._lowest = 0
        self._refused = 0
        self._refused_run = 0
        match = _MEMORY.fullmatch(memory)
        if match and match[1] == self._key_mark:
            self._highest, self._last, self._lowest = (int(match[group]) for group in (2, 3, 4))

    def memory(self) -> str:
        """What a later guard of this device must know; empty before the first frame."""
        if self._highest is None:
            return ""
        return f"{self._key_mark}:{self._highest}:{self._last}:{self._lowest}"

    def take(self, counter: int) -> Freshness:
        """The next authenticated frame's counter; raises DecodeError for one that was passed already."""
        if self._highest is None:
            self._highest = self._last = self._lowest = counter
            return Freshness.PROVEN
        if counter == self._last:
            return Freshness.REPEATED
        if counter > self._last:
            return self._grown(counter, self._highest)
        return self._fallen(counter)

    def _grown(self, counter: int, highest: int) -> Freshness:
        self._last = counter
        self._refused_run = 0
        if counter <= highest:
            return Freshness.UNPROVEN
        self._highest = counter
        return Freshness.PROVEN

    def _fallen(self, counter: int) -> Freshness:
        """Below the last: a restart where it was never heard since the last start, or goes on in growing order."""
        if counter >= self._lowest:
            is_growing = self._refused_run > 0 and counter > self._refused
            if not (self._refused_run > 0 and counter == self._refused):
                self._refused_run = self._refused_run + 1 if is_growing else 1
            self._refused = counter
            if self._refused_run < RESTART_RUN:
                raise DecodeError(f"counter {counter} is not above {self._last}: sent again, or the device restarted")
        self._last = self._lowest = counter
        self._refused_run = 0
        return Freshness.UNPROVEN
