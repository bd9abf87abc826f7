"""Seeed's second 60 GHz radars on a pseudo terminal: the fall radar MR60FDA2 and the bed radar MR60BHA2.

`01 | id u16 | length u16 | type u16 | ~xor | data | ~xor of the data`; the data is little-endian, the rest big-endian.
Encoded from Seeed's library for both (Seeed-mmWave-library) and ESPHome's components seeed_mr60fda2 and seeed_mr60bha2.
"""

import asyncio
import struct
from collections.abc import Iterable, Mapping
from functools import reduce
from operator import xor
from pathlib import Path

from shouwang.quantities import Quantity
from simulators.serial.glide import Glide
from simulators.serial.instrument import Utterance
from simulators.serial.shown import Shown
from simulators.tally import Tally

FALL, PARAMETERS, PRESENCE = 0x0E02, 0x0E06, 0x0F09
PHASES, BREATH_RATE, HEART_RATE, DISTANCE = 0x0A13, 0x0A14, 0x0A15, 0x0A16
LOG = 0x0100
_ASKS_FOR_PARAMETERS = bytes.fromhex("01 0000 0000 0e06 f6")
_KEEP = 64


def frame(frame_type: int, data: bytes, *, frame_id: int = 0x8000) -> bytes:
    """One frame."""
    head = b"\x01" + frame_id.to_bytes(2, "big") + len(data).to_bytes(2, "big") + frame_type.to_bytes(2, "big")
    return head + _check(head) + (data + _check(data) if data else b"")


def _check(data: bytes) -> bytes:
    return bytes((~reduce(xor, data, 0) & 0xFF,))


class FallRadarFda2(Shown):
    """One MR60FDA2: it says presence and fall all the time, and its parameters when asked."""

    leads = frozenset({Quantity.FALL, Quantity.PRESENCE})

    def __init__(self, tally: Tally, *, sensor_id: str, link: Path, every_s: float = 0.125) -> None:
        """Unplugged until `running`; somebody stands in the room."""
        super().__init__(tally, sensor_id=sensor_id, link=link, every_s=every_s)
        self.asked = 0
        """How often its parameters were asked for."""
        self._state = {Quantity.PRESENCE: 1, Quantity.FALL: 0}
        self._pending = b""

    def fall(self) -> None:
        """A person falls and lies still."""
        self._state = {Quantity.PRESENCE: 1, Quantity.FALL: 1}

    def get_up(self) -> None:
        """The person is up again."""
        self._state[Quantity.FALL] = 0

    def leave(self) -> None:
        """The room is empty."""
        self._state = {Quantity.PRESENCE: 0, Quantity.FALL: 0}

    def report(self) -> Iterable[Utterance]:
        """Both states."""
        if not self.is_playing:
            yield from (self._told(quantity) for quantity in self._state)

    def answers(self, data: bytes) -> Iterable[Utterance]:
        """The parameters, to the one question for them."""
        self._pending = (self._pending + data)[-_KEEP:]
        while _ASKS_FOR_PARAMETERS in self._pending:
            self._pending = self._pending.partition(_ASKS_FOR_PARAMETERS)[2]
            self.asked += 1
            yield Utterance(frame=frame(PARAMETERS, struct.pack("<ffIffff", 2.2, 0.5, 3, 0.5, 0.5, 0.5, 0.5)))

    def carries(self, quantity: Quantity, value: float) -> bool:  # noqa: ARG002 - both are yes or no
        """Yes and no."""
        return value in (0, 1)

    async def tell(self, values: Mapping[Quantity, float]) -> bool:
        """These states."""
        self._state |= {quantity: int(value) for quantity, value in values.items()}
        told = [self._told(quantity) for quantity in values]
        return all([await self.say(one.frame, one.values) for one in told])

    def _told(self, quantity: Quantity) -> Utterance:
        value = self._state[quantity]
        kind = FALL if quantity is Quantity.FALL else PRESENCE
        return Utterance(frame=frame(kind, bytes((value,))), values={quantity: float(value)})


class BedRadarBha2(Shown):
    """One MR60BHA2: it says all that it measures all the time, zero where it measures nothing."""

    leads = frozenset({Quantity.HEART_RATE, Quantity.RESPIRATORY_RATE, Quantity.PRESENCE})

    def __init__(self, tally: Tally, *, sensor_id: str, link: Path, every_s: float = 0.125) -> None:
        """Unplugged until `running`; somebody lies before it with 62 /min and 14 breaths."""
        super().__init__(tally, sensor_id=sensor_id, link=link, every_s=every_s)
        self._heart, self._breath = Glide(62), Glide(14)
        self._distance_cm = 74.62
        self._is_there = True

    def breathe(self, *, breath: float, heart: float, over_s: float = 0.0) -> None:
        """The sleeper's rates become these, in `/min`, within `over_s` seconds."""
        now = asyncio.get_running_loop().time()
        self._breath.turn_to(breath, now=now, over_s=over_s)
        self._heart.turn_to(heart, now=now, over_s=over_s)

    def leave(self) -> None:
        """Nobody is there."""
        self._is_there = False

    def lie_down(self) -> None:
        """Somebody is there."""
        self._is_there = True

    def report(self) -> Iterable[Utterance]:
        """Presence, rates, distance and phases."""
        if self.is_playing:
            return
        now = asyncio.get_running_loop().time()
        yield self._presence()
        yield from self._rate(Quantity.RESPIRATORY_RATE, self._breath.at(now))
        yield from self._rate(Quantity.HEART_RATE, self._heart.at(now))
        values = {Quantity.DISTANCE: round(self._distance_cm / 100, 3)} if self._is_there else {}
        data = struct.pack("<If", int(self._is_there), self._distance_cm)
        yield Utterance(frame=frame(DISTANCE, data), values=values)
        yield Utterance(frame=frame(PHASES, struct.pack("<fff", 0.1, 0.0, 0.2)))
        if not self._is_there:
            yield Utterance(frame=frame(LOG, b"invalid BR = 7082"))

    def carries(self, quantity: Quantity, value: float) -> bool:
        """What a float of four bytes holds exactly; presence is yes or no."""
        if quantity is Quantity.PRESENCE:
            return value in (0, 1)
        return value > 0 and struct.unpack("<f", struct.pack("<f", value))[0] == value

    async def tell(self, values: Mapping[Quantity, float]) -> bool:
        """These values, one frame each."""
        self._is_there = bool(values.get(Quantity.PRESENCE, self._is_there))
        told = [
            self._presence() if quantity is Quantity.PRESENCE else next(iter(self._rate(quantity, value)))
            for quantity, value in values.items()
        ]
        return all([await self.say(one.frame, one.values) for one in told])

    def _presence(self) -> Utterance:
        return Utterance(
            frame=frame(PRESENCE, bytes((self._is_there,))), values={Quantity.PRESENCE: float(self._is_there)}
        )

    def _rate(self, quantity: Quantity, value: float) -> Iterable[Utterance]:
        kind = HEART_RATE if quantity is Quantity.HEART_RATE else BREATH_RATE
        shown = value if self._is_there else 0.0
        yield Utterance(frame=frame(kind, struct.pack("<f", shown)), values={quantity: shown} if shown else {})
