"""Whether a modem for SMS answers on a serial port. Asks for its name alone: the SIM and its PIN are left in peace."""

import asyncio
import re

from drivers.serial.link import Line, SerialLink, SerialPort

LINE = Line(baudrate=115200)
"""USB modems take any speed; those on pins find it out by the first letters, or leave the factory at it."""
ANSWER_S = 1.0
_TRIES = 2
"""The first letters may be lost while it finds out the speed."""
MODEM_S = (_TRIES + 1) * ANSWER_S
_MAX_ANSWER = 4096
_NAME = re.compile(rb"(?:^|[\r\n])(?:\+CGMM: *)?\"?([A-Za-z][A-Za-z0-9 _-]{2,31})\"?[\r\n]")


async def ask_modem(port: str) -> str | None:
    """The model of the modem that answers, empty where it does not tell; None where none does.

    Raises DeviceError where the port cannot be used.
    """
    async with SerialLink(port, LINE).opened() as opened:
        for _ in range(_TRIES):
            if b"OK" in await _said(opened, b"AT\r"):
                named = _NAME.search((await _said(opened, b"AT+CGMM\r")).replace(b"AT+CGMM", b""))
                return named[1].decode("ascii").strip() if named and named[1] != b"OK" else ""
    return None


async def _said(port: SerialPort, command: bytes) -> bytes:
    await port.write(command)
    until = asyncio.get_running_loop().time() + ANSWER_S
    said = b""
    while len(said) < _MAX_ANSWER and not re.search(rb"[\r\n](?:OK|ERROR)[\r\n]", said):
        more = await port.read_until(until)
        if not more:
            break
        said += more
    return said
