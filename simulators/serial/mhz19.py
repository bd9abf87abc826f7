"""A Winsen MH-Z19B on a pseudo terminal: it answers the question for its value (user's manual), and remembers commands
that would have calibrated it."""

import asyncio
from collections.abc import Iterable, Mapping
from pathlib import Path

from shouwang.quantities import Quantity
from simulators.serial.glide import Glide
from simulators.serial.instrument import Utterance
from simulators.serial.shown import Shown
from simulators.tally import Tally

_SIZE = 9
_READ = 0x86
_COLD_PPM = 410


def checked(body: bytes) -> bytes:
    """The eight bytes with their check: FF - (sum of bytes 1 to 7) + 1."""
    return body + bytes(((0xFF - (sum(body[1:]) & 0xFF) + 1) & 0xFF,))


def answer(ppm: int) -> bytes:
    """The value, with 26 degrees inside the sensor."""
    return checked(b"\xff\x86" + ppm.to_bytes(2, "big") + b"\x42\x00\x00\x00")


class Mhz19(Shown):
    """One sensor. For `cold_s` after it was plugged in it says zero once, and then 410 ppm whatever the air."""

    leads = frozenset({Quantity.CO2})

    def __init__(self, tally: Tally, *, sensor_id: str, link: Path, cold_s: float = 180.0) -> None:
        """Unplugged until `running`; 800 ppm are in the room."""
        super().__init__(tally, sensor_id=sensor_id, link=link)
        self.commands: list[int] = []
        """Every command that came, in order."""
        self._cold_s = cold_s
        self._warm_at: float | None = None
        self._shown = 0
        self._co2 = Glide(800)
        self._pending = b""

    def breathe(self, ppm: float, *, over_s: float = 0.0) -> None:
        """The air of the room becomes so within `over_s` seconds."""
        self._co2.turn_to(ppm, now=asyncio.get_running_loop().time(), over_s=over_s)

    def answers(self, data: bytes) -> Iterable[Utterance]:
        """The value, to a sound question for it."""
        self._pending += data
        while len(self._pending) >= _SIZE:
            question = self._pending[:_SIZE]
            if question != checked(question[:-1]) or question[:2] != b"\xff\x01":
                self._pending = self._pending[1:]
                continue
            self._pending = self._pending[_SIZE:]
            self.commands.append(question[2])
            if question[2] == _READ:
                yield Utterance(frame=answer(self._shown)) if self.is_playing else self._value()

    def carries(self, quantity: Quantity, value: float) -> bool:  # noqa: ARG002 - it has one
        """Whole ppm of its range."""
        return value == int(value) and 0 < value <= 5000

    async def tell(self, values: Mapping[Quantity, float]) -> bool:
        """This value; zero where there is none."""
        self._shown = int(values.get(Quantity.CO2, 0))
        return await self.say(answer(self._shown), values)

    def _value(self) -> Utterance:
        now = asyncio.get_running_loop().time()
        if self._warm_at is None:
            self._warm_at = now + self._cold_s
            if self._cold_s > 0:
                return Utterance(frame=answer(0))
        if now < self._warm_at:
            return Utterance(frame=answer(_COLD_PPM))
        ppm = round(self._co2.at(now))
        return Utterance(frame=answer(ppm), values={Quantity.CO2: float(ppm)})
