"""An RFXtrx433 on a pseudo terminal, and the 433 MHz devices in its reach (RFXtrx user guide and SDK).

It hears nothing before it was started, and forgets everything at a reset.
"""

import asyncio
from collections.abc import Iterable, Mapping
from pathlib import Path

from shouwang.quantities import Quantity
from simulators.serial.instrument import SimulatedInstrument, Utterance
from simulators.tally import Tally

RESET, STATUS, MODE, START = 0x00, 0x02, 0x03, 0x07
STORED = bytes((0x00, 0x00, 0x27, 0x00))
"""The protocols that it was set to once: X10, ARC, AC, Oregon."""
_COMMAND_SIZE = 14
_RESET_S = 0.05
NORMAL, ALARM, PANIC, MOTION = 0x00, 0x02, 0x06, 0x04
TAMPER = 0x80


def security(number: str, status: int, *, subtype: int = 0, battery: int = 9, rssi: int = 7) -> bytes:
    """Security1 without its sequence number."""
    return bytes((0x20, subtype)) + bytes.fromhex(number) + bytes((status, rssi << 4 | battery))


def climate(number: str, degrees: float, humidity: int, *, battery: int = 9, rssi: int = 6) -> bytes:
    """Temperature and humidity (THGR810)."""
    tenths = round(abs(degrees) * 10) | (0x8000 if degrees < 0 else 0)
    rest = bytes((humidity, 0x01, rssi << 4 | battery))
    return bytes((0x52, 0x02)) + bytes.fromhex(number) + tenths.to_bytes(2, "big") + rest


def lighting2(number: str, unit: int, command: int, *, rssi: int = 7) -> bytes:
    """AC: 00 off, 01 on."""
    return bytes((0x11, 0x00)) + bytes.fromhex(number) + bytes((unit, command, 0x0F, rssi << 4))


def lighting4(code: str, *, rssi: int = 5) -> bytes:
    """PT2262: 24 bits and the length of a pulse."""
    return bytes((0x13, 0x00)) + bytes.fromhex(code) + bytes((0x01, 0x5E, rssi << 4))


def chime(number: str, *, sound: int = 1, rssi: int = 5) -> bytes:
    """Byron SX."""
    return bytes((0x16, 0x00)) + bytes.fromhex(number) + bytes((sound, rssi << 4))


class Rfxtrx(SimulatedInstrument):
    """One receiver."""

    def __init__(self, tally: Tally, *, link: Path, sensor_id: str = "rfxtrx") -> None:
        """Unplugged until `running`."""
        super().__init__(tally, sensor_id=sensor_id, link=link)
        self.commands: list[int] = []
        """What it was told, in order."""
        self.protocols = STORED
        self.is_started = False
        self.is_dumb = False
        self._tally_of_devices = tally
        self._busy_until = 0.0
        self._asked = b""
        self._number = 0

    def answers(self, data: bytes) -> Iterable[Utterance]:
        """Its status, to all commands but the reset; nothing right after that."""
        now = asyncio.get_running_loop().time()
        if now < self._busy_until:
            return
        self._asked += data
        while len(self._asked) >= _COMMAND_SIZE:
            if not self._asked.startswith(b"\x0d\x00\x00"):
                self._asked = self._asked[1:]
                continue
            command, self._asked = self._asked[:_COMMAND_SIZE], self._asked[_COMMAND_SIZE:]
            if self.is_dumb:
                continue
            self.commands.append(command[4])
            if command[4] == RESET:
                self.is_started, self.protocols, self._asked = False, STORED, b""
                self._busy_until = now + _RESET_S
                return
            if command[4] == MODE:
                self.protocols = command[7:11]
            self.is_started = self.is_started or command[4] == START
            head = bytes((0x14, 0x01, 0x00, command[3], command[4], 0x53, 0x16)) + self.protocols
            yield Utterance(frame=head + bytes((0x03, 0x1C, 0x02)) + bytes(7))

    async def hear(
        self,
        packet: bytes,
        *,
        times: int = 1,
        apart_s: float = 0.1,
        sensor_id: str = "",
        values: Mapping[Quantity, float] | None = None,
    ) -> None:
        """A device sends this so many times; its values count once, where the receiver listens."""
        for turn in range(times):
            if turn:
                await asyncio.sleep(apart_s)
            if not self.is_started:
                continue
            self._number = (self._number + 1) & 0xFF
            frame = packet[:2] + bytes((self._number,)) + packet[2:]
            if await self.line.say(bytes((len(frame),)) + frame) and not turn:
                for quantity, value in (values or {}).items():
                    self._tally_of_devices.add(sensor_id, quantity, value)
