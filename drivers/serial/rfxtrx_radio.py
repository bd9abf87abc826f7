"""The 433 MHz receiver RFXtrx433 (E, XL) or RFXrec433: one receiver for all such sensors of the home.

It is reset, asked who it is, told which protocols to hear where the home names them, and started (RFXtrx user guide;
order and pauses of Danielhiversen/pyRFXtrx and rfxcom/node-rfxcom). Settings are not stored in it.
"""

from collections.abc import Iterator, Sequence
from functools import partial

from drivers.serial.codec import rfxtrx, rfxtrx_words
from drivers.serial.codec.rfxtrx_names import PROTOCOLS
from drivers.serial.framing import Framer
from drivers.serial.instrument import Instrument
from drivers.serial.link import Line
from drivers.serial.receiver import ALIVE_S, Dialect, Word
from shouwang.driver import Alive, Said
from shouwang.errors import DecodeError

BAUDRATE = 38400
RESET_PAUSE_S = 1.0
"""After a reset nothing may be sent for 50 ms at least, and what it says then is noise (node-rfxcom: 500 ms)."""
STEP_PAUSE_S = 0.5
PART = "rfxtrx"

_RESET, _GET_STATUS, _SET_MODE, _START = 0x00, 0x02, 0x03, 0x07
_RFXTRX433 = 0x53
_SIZE = 14
_MODE_AT = 7


def dialect(protocols: Sequence[str] = ()) -> Dialect:
    """How it speaks; `protocols` to be heard, left out: those that it is set to."""
    return Dialect(
        part=PART,
        zh="RFXtrx433 无线接收器",
        en="RFXtrx receiver",
        line=Line(baudrate=BAUDRATE),
        framer=lambda: Framer(b"", rfxtrx.size_of, _word, max_frame=rfxtrx.MAX_PACKET),
        questions=partial(questions, tuple(protocols)),
        introduce=_introduce,
    )


def questions(protocols: Sequence[str] = ()) -> Iterator[tuple[bytes, float]]:
    """The handshake, then forever the question for its status."""
    yield _command(0, _RESET), RESET_PAUSE_S
    yield _command(1, _GET_STATUS), STEP_PAUSE_S
    if protocols:
        yield _command(2, _SET_MODE, _mode(protocols)), STEP_PAUSE_S
    yield _command(3, _START), STEP_PAUSE_S
    number = 4
    while True:
        yield _command(number, _GET_STATUS), ALIVE_S
        number = (number + 1) & 0xFF


def _mode(protocols: Sequence[str]) -> bytes:
    """Bytes 5 to 13 of the mode command: transceiver, power (it only listens), a bit for each protocol."""
    mode = bytearray(_SIZE - 5)
    mode[0] = _RFXTRX433
    for name in protocols:
        byte, bit = PROTOCOLS[name]
        mode[_MODE_AT - 5 + byte] |= 1 << bit
    return bytes(mode)


def _command(number: int, command: int, rest: bytes = bytes(9)) -> bytes:
    return bytes((_SIZE - 1, 0x00, 0x00, number, command)) + rest


def _word(frame: bytes) -> Word:
    """Whose packet this is. Raises DecodeError."""
    packet = rfxtrx.decode_packet(frame)
    address = rfxtrx_words.address_of(packet)
    is_proof = not isinstance(packet, rfxtrx.Other)
    return Word(frame=frame, address="" if address is None else str(address), is_proof=is_proof)


def _introduce(frame: bytes) -> str:
    packet = rfxtrx.decode_packet(frame)
    address = rfxtrx_words.address_of(packet)
    if address is None or isinstance(packet, rfxtrx.Status | rfxtrx.Other):
        return ""
    return rfxtrx_words.introduction(packet, address)


def _status(frame: bytes) -> list[Said]:
    """A life sign of the receiver; other packets could be anybody's bytes. Raises DecodeError."""
    packet = rfxtrx.decode_packet(frame)
    if not isinstance(packet, rfxtrx.Status) or packet.type_string == "Unknown":
        raise DecodeError(f"no word of an RFXtrx itself: {frame.hex()}")
    return [Alive()]


def _status_question() -> Iterator[tuple[bytes, float]]:
    """It may have been started already: it is not reset to find out."""
    return iter([(_command(number, _GET_STATUS), STEP_PAUSE_S) for number in range(4)])


INSTRUMENT = Instrument(
    kind=PART,
    part=PART,
    zh="RFXtrx433 无线接收器",
    en="RFXtrx receiver",
    line=Line(baudrate=BAUDRATE),
    framer=lambda: Framer(b"", rfxtrx.size_of, _status, max_frame=rfxtrx.MAX_PACKET),
    questions=_status_question,
)
"""For `shouwang gateway ports`: it is a receiver of many sensors, not a sensor."""
