"""Tells Hi-Link's presence radars from the tracking radar by their reports: boards, plugs and speed look the same."""

from collections.abc import Callable
from dataclasses import dataclass

from drivers.serial.codec import ld2410, ld2450
from drivers.serial.framing import Framer
from shouwang.driver import Said
from shouwang.errors import DecodeError, DeviceError

PRESENCE_RADAR, TRACKING_RADAR = "presence_radar_ld2410", "tracking_radar_ld2450"

_SURE_REPORTS = 3
"""Of the other radar, 0.3 s: reports carry no check sum, so a single one may be noise."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Radar:
    name: str
    head: bytes
    size_of: Callable[[bytes], int | None]
    read: Callable[[bytes], object]
    max_frame: int


_RADARS = {
    PRESENCE_RADAR: _Radar(
        name="the presence radar LD2410 or LD2412",
        head=ld2410.HEAD,
        size_of=ld2410.size_of,
        read=ld2410.read_report,
        max_frame=ld2410.MAX_FRAME,
    ),
    TRACKING_RADAR: _Radar(
        name="the tracking radar LD2450",
        head=ld2450.HEAD,
        size_of=ld2450.size_of,
        read=ld2450.read_targets,
        max_frame=ld2450.FRAME,
    ),
}
_OTHER = {PRESENCE_RADAR: TRACKING_RADAR, TRACKING_RADAR: PRESENCE_RADAR}


class Ld24Framer(Framer[list[Said]]):
    """As every framer; raises DeviceError where the reports of the other radar come before any of the one meant."""

    def __init__(self, kind: str, decode: Callable[[bytes], list[Said]]) -> None:
        """`kind`: the one that is meant."""
        meant, other = _RADARS[kind], _RADARS[_OTHER[kind]]
        super().__init__(meant.head, meant.size_of, decode, max_frame=meant.max_frame)
        self._other: Framer[object] = Framer(other.head, other.size_of, other.read, max_frame=other.max_frame)
        self._others = 0
        self._mistaken = (
            f"what hangs on this port is {other.name}; write kind: {_OTHER[kind]} for it, or plug in {meant.name}"
        )

    def feed(self, data: bytes, reject: Callable[[DecodeError], None]) -> list[list[Said]]:
        """As `Framer.feed`."""
        found = super().feed(data, reject)
        if self.taken == 0:
            self._others += len(self._other.feed(data, _ignore))
            if self._others >= _SURE_REPORTS:
                raise DeviceError(self._mistaken)
        return found


def _ignore(_error: DecodeError) -> None:
    """What is no report of the other radar is looked at by the framer itself."""
