"""An EnOcean dongle on a pseudo terminal, and the devices in its reach."""

import asyncio
from collections.abc import Iterable, Mapping
from pathlib import Path

from shouwang.quantities import Quantity
from simulators.serial import esp3
from simulators.serial.instrument import SimulatedInstrument, Utterance
from simulators.tally import Tally

REPEATER_S = 0.08
"""How much later a repeater's copy comes."""


class EnoceanDongle(SimulatedInstrument):
    """One dongle. `is_dumb`: it answers no question."""

    def __init__(self, tally: Tally, *, link: Path, sensor_id: str = "enocean") -> None:
        """Unplugged until `running`."""
        super().__init__(tally, sensor_id=sensor_id, link=link)
        self.tally = tally
        self.is_dumb = False
        self._asked = b""

    def answers(self, data: bytes) -> Iterable[Utterance]:
        """Its version, when asked."""
        self._asked += data
        while len(self._asked) >= len(esp3.READ_VERSION):
            if self._asked.startswith(esp3.READ_VERSION):
                self._asked = self._asked[len(esp3.READ_VERSION) :]
                if not self.is_dumb:
                    yield Utterance(frame=esp3.version())
            else:
                self._asked = self._asked[1:]

    def device(self, sender: str, sensor_id: str = "") -> "EnoceanSender":
        """A device in reach; `sensor_id` names its values in the tally."""
        return EnoceanSender(self, sender, sensor_id)


class EnoceanSender:
    """One device. `repeaters`: so many copies of each telegram follow, as repeaters send them."""

    def __init__(self, dongle: EnoceanDongle, sender: str, sensor_id: str) -> None:
        """Made by `EnoceanDongle.device`."""
        self._dongle = dongle
        self._sender = sender
        self._sensor_id = sensor_id
        self.repeaters = 0
        self.dbm = -61

    async def send(
        self, rorg: int, payload: bytes, *, status: int = 0, values: Mapping[Quantity, float] | None = None
    ) -> None:
        """One telegram and its copies; its values count once."""
        for level in range(self.repeaters + 1):
            if level:
                await asyncio.sleep(REPEATER_S)
            frame = esp3.telegram(self._sender, rorg, payload, status=status, level=level, dbm=self.dbm)
            if await self._dongle.line.say(frame) and not level:
                for quantity, value in (values or {}).items():
                    self._dongle.tally.add(self._sensor_id, quantity, value)

    async def learn(self) -> None:
        """The learn button of a contact (D5-00-01)."""
        await self.send(esp3.CONTACT, b"\x00")

    async def learn_four_bytes(self, func: int, kind: int) -> None:
        """A teach-in telegram with profile (4BS, variation 2)."""
        await self.send(esp3.FOUR_BYTES, (func << 26 | kind << 19 | 0x00D << 8 | 0x80).to_bytes(4, "big"))

    async def contact(self, *, is_open: bool) -> None:
        """D5-00-01."""
        payload = b"\x08" if is_open else b"\x09"
        await self.send(esp3.CONTACT, payload, values={Quantity.DOOR: float(is_open)})

    async def press(self, key: str = "AI", *, hold_s: float = 0.2) -> None:
        """F6-02: press a key, and let go. Counts no value: what a key means, the home decides."""
        await self.send(esp3.RPS, bytes((esp3.KEYS[key] << 5 | 0x10,)), status=esp3.PRESSED)
        await asyncio.sleep(hold_s)
        await self.send(esp3.RPS, b"\x00", status=esp3.RELEASED)

    async def grab(self) -> None:
        """F6-02: a hand on the whole plate, three or four keys at once (U-message)."""
        await self.send(esp3.RPS, b"\x70", status=esp3.RELEASED)
        await self.send(esp3.RPS, b"\x00", status=esp3.RELEASED)

    async def temperature(self, degrees: float) -> None:
        """A5-02-05: 0 to 40 degrees as 255 to 0."""
        raw = round(255 - degrees * 255 / 40)
        value = round((255 - raw) * 40 / 255, 2)
        await self.send(esp3.FOUR_BYTES, bytes((0, 0, raw, 0x08)), values={Quantity.TEMPERATURE: value})

    async def smoke(self, *, is_there: bool) -> None:
        """F6-05-02."""
        await self.send(esp3.RPS, b"\x10" if is_there else b"\x00", values={Quantity.SMOKE: float(is_there)})

    async def water(self, *, is_there: bool) -> None:
        """F6-05-01: the same byte; whether the key is held is in the status."""
        status = esp3.PRESSED if is_there else esp3.RELEASED
        await self.send(esp3.RPS, b"\x11", status=status, values={Quantity.LEAK: float(is_there)})

    async def encrypted(self) -> None:
        """A telegram that a secure device would send."""
        await self.send(esp3.SECURE, bytes.fromhex("8f2a11c4"))
