"""Hi-Link's 24 GHz radars on a pseudo terminal: the presence radar LD2410 or LD2412, and the tracking radar LD2450.

Encoded from Hi-Link's serial communication protocols of the LD2410 (reports `F4 F3 F2 F1 ... F8 F7 F6 F5`, commands
`FD FC FB FA ... 04 03 02 01`) and of the LD2450 (`AA FF 03 00 ... 55 CC`). In configuration mode they report nothing.
"""

import asyncio
from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from math import dist, hypot
from pathlib import Path
from typing import Literal

from shouwang.quantities import Quantity
from simulators.serial.instrument import Utterance
from simulators.serial.shown import Shown
from simulators.tally import Tally

_COMMAND_HEAD, _COMMAND_TAIL = b"\xfd\xfc\xfb\xfa", b"\x04\x03\x02\x01"
_CONFIG_ENABLE, _CONFIG_DISABLE, _FIRMWARE = 0xFF, 0xFE, 0xA0
_ANSWERS = {_CONFIG_ENABLE: b"\x01\x00\x40\x00", _FIRMWARE: bytes.fromhex("0001 0204 11250223")}
_KEEP = 128

Point = tuple[float, float]
"""x and y in cm: across the radar and away from it."""


def reply(code: int, *, is_success: bool, data: bytes = b"") -> bytes:
    """The answer to a command."""
    body = bytes((code, 0x01, 0 if is_success else 1, 0)) + data
    return _COMMAND_HEAD + len(body).to_bytes(2, "little") + body + _COMMAND_TAIL


def report(
    *,
    state: int,
    moving_cm: int,
    moving: int,
    still_cm: int,
    still: int,
    gates: bytes | None = None,
    has_detection: bool = True,
) -> bytes:
    """A report of the LD2410, or without a distance of detection the LD2412's; `gates` makes it an engineering one."""
    found = moving_cm if state & 1 else still_cm if state & 2 else 0
    body = bytes((2 if gates is None else 1, 0xAA, state)) + moving_cm.to_bytes(2, "little") + bytes((moving,))
    body += still_cm.to_bytes(2, "little") + bytes((still,))
    body += (found.to_bytes(2, "little") if has_detection else b"") + (gates or b"") + b"\x55\x00"
    return b"\xf4\xf3\xf2\xf1" + len(body).to_bytes(2, "little") + body + b"\xf8\xf7\xf6\xf5"


def targets(seen: Sequence[tuple[int, int, int]]) -> bytes:
    """A report of the LD2450: up to three of x and y in mm, and speed in cm/s."""
    body = b"".join(_signed(x) + _signed(y) + _signed(speed) + b"\x40\x01" for x, y, speed in seen)
    return b"\xaa\xff\x03\x00" + body.ljust(24, b"\x00") + b"\x55\xcc"


def _signed(value: int) -> bytes:
    """The magnitude, its top bit set where it is not negative."""
    return (abs(value) | (0x8000 if value >= 0 else 0)).to_bytes(2, "little")


class HiLink(Shown):
    """What both have in common: commands."""

    def __init__(self, tally: Tally, *, sensor_id: str, link: Path, every_s: float = 0.1) -> None:
        """Unplugged until `running`."""
        super().__init__(tally, sensor_id=sensor_id, link=link, every_s=every_s)
        self.is_configuring = False
        """Another program has left it in configuration mode."""
        self.commands: list[int] = []
        """Every command that came, in order."""
        self._pending = b""

    @abstractmethod
    def seen(self) -> Utterance:
        """The report of this moment."""

    def report(self) -> Iterable[Utterance]:
        """What is seen, ten times a second."""
        if not self.is_configuring and not self.is_playing:
            yield self.seen()

    def answers(self, data: bytes) -> Iterable[Utterance]:
        """To the commands that begin and end the configuration, and that for the firmware."""
        self._pending = (self._pending + data)[-_KEEP:]
        while _COMMAND_TAIL in self._pending:
            whole, _, self._pending = self._pending.partition(_COMMAND_TAIL)
            code = whole.partition(_COMMAND_HEAD)[2][2:3]
            if not code:
                continue
            self.commands.append(code[0])
            is_success = self.is_configuring or code[0] == _CONFIG_ENABLE
            self.is_configuring = code[0] != _CONFIG_DISABLE and is_success
            data = _ANSWERS.get(code[0], b"") if is_success else b""
            yield Utterance(frame=reply(code[0], is_success=is_success, data=data))


class PresenceRadar(HiLink):
    """One LD2410 or LD2412."""

    leads = frozenset({Quantity.PRESENCE, Quantity.MOTION, Quantity.DISTANCE})

    def __init__(
        self,
        tally: Tally,
        *,
        sensor_id: str,
        link: Path,
        model: Literal["ld2410", "ld2412"] = "ld2410",
        every_s: float = 0.1,
    ) -> None:
        """Unplugged until `running`; the room is empty."""
        super().__init__(tally, sensor_id=sensor_id, link=link, every_s=every_s)
        self._has_detection = model == "ld2410"
        self._motion, self._distance_cm = 0, 0

    def move(self, distance_cm: int) -> None:
        """Somebody moves, so far away."""
        self._motion, self._distance_cm = 2, distance_cm

    def hold_still(self) -> None:
        """Who moved sits still."""
        self._motion = 1

    def leave(self) -> None:
        """The room is empty."""
        self._motion, self._distance_cm = 0, 0

    def seen(self) -> Utterance:
        """Of the state that the story made."""
        return self._seen({})

    def carries(self, quantity: Quantity, value: float) -> bool:
        """Whole centimetres, and its states."""
        if quantity is Quantity.DISTANCE:
            return round(value * 100) == value * 100 and 0 < value <= 6
        return value in ((0, 1) if quantity is Quantity.PRESENCE else (0, 1, 2))

    async def tell(self, values: Mapping[Quantity, float]) -> bool:
        """These, in one report; what is missing is as before."""
        if values.get(Quantity.PRESENCE) == 0:
            self.leave()
        else:
            self._motion = int(values.get(Quantity.MOTION, max(1, self._motion)))
            self._distance_cm = round(100 * values.get(Quantity.DISTANCE, self._distance_cm / 100))
        told = self._seen(values)
        return await self.say(told.frame, told.values)

    def _seen(self, values: Mapping[Quantity, float]) -> Utterance:
        is_moving, is_still = self._motion == 2, self._motion == 1
        frame = report(
            state=1 if is_moving else 2 if is_still else 0,
            moving_cm=self._distance_cm if is_moving else 0,
            moving=100 if is_moving else 0,
            still_cm=self._distance_cm if is_still else 0,
            still=60 if is_still else 0,
            has_detection=self._has_detection,
        )
        return Utterance(frame=frame, values=values)


class TrackingRadar(HiLink):
    """One LD2450. People are named; each stands somewhere, walks a path, or is lost to the radar though there."""

    leads = frozenset({Quantity.DISTANCE})

    def __init__(self, tally: Tally, *, sensor_id: str, link: Path, every_s: float = 0.1) -> None:
        """Unplugged until `running`; the room is empty."""
        super().__init__(tally, sensor_id=sensor_id, link=link, every_s=every_s)
        self._paths: dict[str, tuple[Sequence[Point], float, float]] = {}
        self._lost: set[str] = set()

    def walk(self, *path: Point, over_s: float = 0.0, who: str = "resident") -> None:
        """Go along these points (cm) in so many seconds, and stay at the last."""
        self._lost.discard(who)
        self._paths[who] = (path, asyncio.get_running_loop().time(), over_s)

    def lose(self, who: str = "resident") -> None:
        """Who holds still is there and not seen."""
        self._lost.add(who)

    def leave(self, who: str = "resident") -> None:
        """Nobody of this name is there any more."""
        self._paths.pop(who, None)
        self._lost.discard(who)

    def seen(self) -> Utterance:
        """Those that are seen, three at most."""
        now = asyncio.get_running_loop().time()
        there = [self._target(*path, now) for who, path in self._paths.items() if who not in self._lost]
        return Utterance(frame=targets(there[:3]))

    def carries(self, quantity: Quantity, value: float) -> bool:  # noqa: ARG002 - it has one
        """Whole millimetres within its reach."""
        return round(value * 1000) == value * 1000 and 0 < value <= 6

    async def tell(self, values: Mapping[Quantity, float]) -> bool:
        """Somebody this far straight ahead."""
        distance_mm = round(1000 * values.get(Quantity.DISTANCE, 0))
        seen = [(0, distance_mm, 0)] if distance_mm else []
        return await self.say(targets(seen), values)

    @staticmethod
    def _target(path: Sequence[Point], began: float, over_s: float, now: float) -> tuple[int, int, int]:
        length = sum(dist(a, b) for a, b in pairwise(path))
        if over_s <= 0 or now >= began + over_s or length == 0:
            x, y = path[-1]
            return round(10 * x), round(10 * y), 0
        left = length * (now - began) / over_s
        for a, b in pairwise(path):
            step = dist(a, b)
            if left <= step:
                share = left / step
                x, y = a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share
                away = hypot(*b) - hypot(*a)
                speed = round(length / over_s) * (1 if away >= 0 else -1)
                return round(10 * x), round(10 * y), speed or 1
            left -= step
        return round(10 * path[-1][0]), round(10 * path[-1][1]), 0
