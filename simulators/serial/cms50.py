"""A Contec CMS50D+ on a pseudo terminal, with old firmware or 4.6.

Encoded from what the owners of real ones found out (atbrask/CMS50Dplus for the old one; MarkMLl/Contec_cms50dplus and
headrotor/contec_data for 4.6): 60 frames a second, the old one at once and for ever, the new one when asked, for 30 s
from the last start or keep-alive on.
"""

import asyncio
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal

from shouwang.quantities import Quantity
from simulators.serial.finger import Clip, Finger, Seen
from simulators.serial.instrument import Utterance
from simulators.serial.shown import Shown
from simulators.tally import Tally

FRAMES_A_SECOND = 60
STREAM_S = 30.0
START = bytes.fromhex("7d81a1808080808080")
KEEP_ALIVE = bytes.fromhex("7d81af808080808080")
PLAYED_FRAMES = 6
"""A moment of a recording stands for a tenth of a second."""


def live5(seen: Seen, *, signal: int = 6, pleth: int = 50, bar: int = 7) -> bytes:
    """A frame of the old firmware."""
    pulse, spo2 = seen.pulse or 0, seen.spo2 or 0
    first = 0x80 | (0x10 if seen.clip is Clip.NOTHING else 0) | signal
    third = bar | {Clip.BROKEN: 0x10, Clip.SEARCHING: 0x20}.get(seen.clip, 0) | (0x40 if pulse > 127 else 0)
    return bytes((first, pleth, third, pulse & 0x7F, spo2))


def live9(seen: Seen, *, signal: int = 6, pleth: int = 50, bar: int = 7) -> bytes:
    """A frame of firmware 4.6: the top bits of seven bytes, lowest first, are in the second byte."""
    data = (
        signal | (0x80 if seen.clip in (Clip.NOTHING, Clip.BROKEN) else 0),
        pleth | (0x80 if seen.clip is Clip.SEARCHING else 0),
        bar,
        seen.pulse or 0,
        seen.spo2 or 0,
        0xFF,
        0xFF,
    )
    tops = sum((byte >> 7) << place for place, byte in enumerate(data))
    return bytes((0x01, 0x80 | tops, *(byte | 0x80 for byte in data)))


class Cms50(Shown):
    """One oximeter; `finger` is what its clip holds."""

    leads = frozenset({Quantity.SPO2, Quantity.HEART_RATE})

    def __init__(
        self,
        tally: Tally,
        *,
        sensor_id: str,
        link: Path,
        firmware: Literal["old", "4.6"] = "old",
        every_s: float = 1 / FRAMES_A_SECOND,
    ) -> None:
        """Unplugged until `running`."""
        super().__init__(tally, sensor_id=sensor_id, link=link, every_s=every_s)
        self.finger = Finger()
        self.asked: list[bytes] = []
        """What was written to it."""
        self._firmware = firmware
        self._streams_until = 0.0
        self._pending = b""

    def report(self) -> Iterable[Utterance]:
        """A frame, where it streams."""
        if not self.is_playing and self._is_streaming:
            yield Utterance(frame=self._frame(self.finger.seen()))

    def answers(self, data: bytes) -> Iterable[Utterance]:
        """Nothing; the new firmware begins to stream, or goes on."""
        self._pending += data
        while len(self._pending) >= len(START):
            if not self._pending.startswith(START[:2]):
                self._pending = self._pending[1:]
                continue
            question, self._pending = self._pending[: len(START)], self._pending[len(START) :]
            self.asked.append(question)
            if question == START or (question == KEEP_ALIVE and self._is_streaming):
                self._streams_until = asyncio.get_running_loop().time() + STREAM_S
        return ()

    def carries(self, quantity: Quantity, value: float) -> bool:
        """Whole numbers that do not mean "nothing"."""
        return value == int(value) and 0 < value < (127 if quantity is Quantity.SPO2 else 255)

    async def tell(self, values: Mapping[Quantity, float]) -> bool:
        """A tenth of a second with these values."""
        spo2, pulse = values.get(Quantity.SPO2), values.get(Quantity.HEART_RATE)
        seen = Seen(
            clip=Clip.FINGER,
            spo2=None if spo2 is None else int(spo2),
            pulse=None if pulse is None else int(pulse),
        )
        return await self.say(self._frame(seen) * PLAYED_FRAMES, values)

    def switch_off(self) -> None:
        """It forgets that it was asked to stream."""
        self._streams_until = 0.0

    @property
    def _is_streaming(self) -> bool:
        return self._firmware == "old" or asyncio.get_running_loop().time() < self._streams_until

    def _frame(self, seen: Seen) -> bytes:
        return live5(seen) if self._firmware == "old" else live9(seen)
