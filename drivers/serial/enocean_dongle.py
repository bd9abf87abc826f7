"""The EnOcean dongle (USB 300, USB 310, TCM 310): one receiver for all EnOcean sensors of the home.

It is asked for its version, which changes nothing in it, to know that it lives.
"""

from collections.abc import Iterator
from itertools import chain, repeat

from drivers.serial.codec import enocean, esp3
from drivers.serial.framing import Framer
from drivers.serial.instrument import Instrument
from drivers.serial.link import Line
from drivers.serial.receiver import ALIVE_S, Dialect, Word
from shouwang.driver import Alive, Said

BAUDRATE = 57600
AGAIN_S = 3.0
"""At the start the question may be lost: a USB adapter that has just been plugged in is not always ready."""


def _word(frame: bytes) -> Word:
    """Whose packet this is. Raises DecodeError."""
    packet = esp3.decode_packet(frame)
    if packet.packet_type != esp3.RADIO_ERP1:
        return Word(frame=frame, is_proof=packet.packet_type != esp3.COMMON_COMMAND)
    telegram = esp3.telegram_in(packet)
    return Word(frame=frame, address=telegram.sender, guess=enocean.guess_of(telegram) or "")


def _introduce(frame: bytes) -> str:
    return enocean.introduction(esp3.telegram_in(esp3.decode_packet(frame)))


def _questions() -> Iterator[tuple[bytes, float]]:
    return chain(repeat((_VERSION_QUESTION, AGAIN_S), 4), repeat((_VERSION_QUESTION, ALIVE_S)))


def _life_sign(frame: bytes) -> list[Said]:
    esp3.decode_packet(frame)
    return [Alive()]


_VERSION_QUESTION = esp3.encoded(esp3.COMMON_COMMAND, bytes((esp3.CO_RD_VERSION,)))
"""Changes nothing in the dongle; all of them answer it."""

DIALECT = Dialect(
    part="enocean",
    zh="EnOcean 无线接收棒",
    en="EnOcean dongle",
    line=Line(baudrate=BAUDRATE),
    framer=lambda: Framer(esp3.SYNC, esp3.size_of, _word, max_frame=esp3.MAX_PACKET),
    questions=_questions,
    introduce=_introduce,
)
INSTRUMENT = Instrument(
    kind="enocean",
    part=DIALECT.part,
    zh=DIALECT.zh,
    en=DIALECT.en,
    line=DIALECT.line,
    framer=lambda: Framer(esp3.SYNC, esp3.size_of, _life_sign, max_frame=esp3.MAX_PACKET),
    questions=_questions,
)
"""For `shouwang gateway ports`: it is a receiver of many sensors, not a sensor."""
