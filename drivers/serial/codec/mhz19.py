"""The question to Winsen's CO2 sensor MH-Z19B and its answer.

`FF 01 86 00 00 00 00 00 79` asks; `FF 86 | ppm u16 BE | four more bytes | check` answers; check is the two's complement
of the sum of the seven bytes before it without the FF. Sources: Winsen's user's manual of the MH-Z19B; avaldebe/PyPMS,
winsen/mhz19b.py, with a capture. Other commands calibrate (87, 88), switch off the self-calibration (79) or set the
range (99): none is ever sent, since a sensor that is calibrated in a closed room is wrong from then on.
"""

import msgspec

from drivers.rows import Found, Reader, Row, plain_fields
from drivers.serial.codec.recorded import frame_of
from shouwang.driver import Alive, Said, Sample
from shouwang.errors import DecodeError
from shouwang.quantities import Quantity

EMITS = frozenset({Quantity.CO2})

QUESTION = bytes.fromhex("ff0186000000000079")
HEAD = b"\xff\x86"
SIZE = 9
MAX_PPM = 10_000
"""The widest range of Winsen's manuals (0 to 2000, 5000 or 10000 ppm); usual are 5000."""


class Mhz19(msgspec.Struct, frozen=True, kw_only=True):
    """One answer."""

    co2_ppm: int


def decode_answer(frame: bytes) -> Mhz19:
    """A sound answer. Raises DecodeError."""
    if len(frame) != SIZE or not frame.startswith(HEAD):
        raise DecodeError(f"not an answer of nine bytes that begins with FF 86: {frame[:40].hex()}")
    if sum(frame[1:]) & 0xFF:
        raise DecodeError(f"wrong check sum: {frame.hex()}")
    ppm = int.from_bytes(frame[2:4], "big")
    if ppm > MAX_PPM:
        raise DecodeError(f"{ppm} ppm, more than any sensor of this family can measure: {frame.hex()}")
    return Mhz19(co2_ppm=ppm)


def samples(answer: Mhz19, frame: bytes) -> list[Said]:
    """The CO2; a life sign alone while it has none to tell: air is never without."""
    if answer.co2_ppm == 0:
        return [Alive()]
    return [Sample(quantity=Quantity.CO2, value=float(answer.co2_ppm), frame=frame)]


def _read(row: Row) -> Found:
    frame = frame_of(row)
    answer = decode_answer(frame)
    if answer.co2_ppm == 0:
        raise DecodeError("all zero: the sensor is warming up; a life sign, not a reading")
    return plain_fields(answer), samples(answer, frame)


READERS: dict[str, Reader] = {"mhz19": _read}
