"""Frames of Contec's finger oximeters CMS50D+ and CMS50E, old and new firmware.

Old firmware, 60 frames a second of 5 bytes, bit 7 set in the first alone (atbrask/CMS50Dplus, cms50dplus.py):

    1 sync | beep 40 | SpO2 dropping 20 | finger out 10 | signal 0F
    0 pleth
    0 pulse bit 7 40 | searching 20 | probe error 10 | bar 0F
    0 pulse bits 0-6
    0 SpO2

Firmware 4.6, 60 frames a second of 9 bytes, bit 7 clear in the first alone (MarkMLl/Contec_cms50dplus, consoleapp.pas;
headrotor/contec_data, stream_data.py):

    01 | 80 + bit 7 of the next seven, lowest first | beep 40, signal 0F | pleth | bar 0F | pulse | SpO2 | FF | FF

There the "bit 7" of the signal's byte says that no finger is in, that of the pleth's byte that there is no valid data
(flags E1 and E2 in headrotor's captures), that of the pulse's byte that it is above 127: a decoder that masks it away
makes 20 of 148. The other bits of signal and bar are not understood and not used. Recorded values of the old firmware
have three bytes (atbrask): 1111000p | 1 pulse bits 0-6 | 0 SpO2.
"""

import msgspec

from drivers.rows import Found, Reader, Row, plain_fields
from drivers.serial.codec.recorded import frame_of
from shouwang.driver import Alive, Said, Sample
from shouwang.errors import DecodeError
from shouwang.quantities import Quantity

EMITS = frozenset({Quantity.SPO2, Quantity.HEART_RATE})

LIVE5_SIZE, LIVE9_SIZE, RECORDED3_SIZE = 5, 9, 3
LIVE9_HEAD = b"\x01"
START = bytes.fromhex("7d81a1808080808080")
"""Starts the live values of firmware 4.6; by themselves they end after 30 s (MarkMLl)."""
KEEP_ALIVE = bytes.fromhex("7d81af808080808080")
"""Sent by the maker's program about every 100 frames (headrotor's capture)."""

_HIGH, _LOW7 = 0x80, 0x7F
_SIGNAL, _FINGER_OUT, _DROPPING, _BEEP = 0x0F, 0x10, 0x20, 0x40
_BAR, _PROBE_ERROR, _SEARCHING, _PULSE_HIGH = 0x0F, 0x10, 0x20, 0x40
_FLAGS9, _FLAGS9_MASK = 0xE0, 0xF4
"""Bits 5 and 6 belong to FF FF; SpO2 and bar stay below 128, so bits 4 and 2 are clear."""
_TAIL9 = b"\xff\xff"
_NO_SPO2, _NO_PULSE = (0, 127), (0, 255)
"""What stands there while nothing is measured (design of the serial part: finger out, searching, just switched on)."""


class Live5(msgspec.Struct, frozen=True, kw_only=True):
    """A live frame of the old firmware."""

    signal: int
    finger_out: bool
    spo2_dropping: bool
    beep: bool
    pleth: int
    bar: int
    probe_error: bool
    searching: bool
    pulse_bpm: int
    spo2_pct: int

    @property
    def is_measuring(self) -> bool:
        """Whether its numbers are of now: not of before the finger went, nor of a pulse that is still looked for."""
        return not (self.finger_out or self.probe_error or self.searching)


class Live9(msgspec.Struct, frozen=True, kw_only=True):
    """A live frame of firmware 4.6."""

    signal: int
    finger_out: bool
    no_valid_data: bool
    beep: bool
    pleth: int
    bar: int
    pulse_bpm: int
    spo2_pct: int

    @property
    def is_measuring(self) -> bool:
        """Whether its numbers are of now."""
        return not (self.finger_out or self.no_valid_data)


class Recorded3(msgspec.Struct, frozen=True, kw_only=True):
    """A value from the memory of the old firmware, one for each second."""

    pulse_bpm: int
    spo2_pct: int


def decode_live5(frame: bytes) -> Live5:
    """A live frame of the old firmware. Raises DecodeError."""
    if len(frame) != LIVE5_SIZE or [bool(byte & _HIGH) for byte in frame] != [True, False, False, False, False]:
        raise DecodeError(f"not a live frame of five bytes of which the first alone has bit 7: {frame[:40].hex()}")
    state, pleth, more, pulse, spo2 = frame
    return Live5(
        signal=state & _SIGNAL,
        finger_out=bool(state & _FINGER_OUT),
        spo2_dropping=bool(state & _DROPPING),
        beep=bool(state & _BEEP),
        pleth=pleth,
        bar=more & _BAR,
        probe_error=bool(more & _PROBE_ERROR),
        searching=bool(more & _SEARCHING),
        pulse_bpm=(more & _PULSE_HIGH) << 1 | pulse,
        spo2_pct=spo2,
    )


def decode_live9(frame: bytes) -> Live9:
    """A live frame of firmware 4.6. Raises DecodeError."""
    if len(frame) != LIVE9_SIZE or not frame.startswith(LIVE9_HEAD) or min(frame[1:]) < _HIGH:
        raise DecodeError(f"not a live frame of nine bytes of which all but the first have bit 7: {frame[:40].hex()}")
    flags = frame[1]
    if flags & _FLAGS9_MASK != _FLAGS9 or frame[-2:] != _TAIL9:
        raise DecodeError(f"flags or end that no live frame has: {frame.hex()}")
    state, pleth, bar, pulse, spo2 = (byte & _LOW7 for byte in frame[2:7])
    return Live9(
        signal=state & _SIGNAL,
        finger_out=bool(flags & 1),
        no_valid_data=bool(flags & 2),
        beep=bool(state & _BEEP),
        pleth=pleth,
        bar=bar & _BAR,
        pulse_bpm=(flags & 8) << 4 | pulse,
        spo2_pct=spo2,
    )


def decode_recorded3(frame: bytes) -> Recorded3:
    """A value from the memory. Raises DecodeError."""
    if len(frame) != RECORDED3_SIZE or frame[0] & 0xFE != 0xF0 or not frame[1] & _HIGH or frame[2] & _HIGH:
        raise DecodeError(f"not a recorded value of three bytes F0 or F1, 80 to FF, 00 to 7F: {frame[:40].hex()}")
    return Recorded3(pulse_bpm=(frame[0] & 1) << 7 | frame[1] & _LOW7, spo2_pct=frame[2])


def samples(live: Live5 | Live9, frame: bytes) -> list[Said]:
    """Oxygen saturation and pulse, or a life sign alone.

    None of the other bits is a doubt: a weak signal and a falling saturation are what an alarm is for.
    """
    if not live.is_measuring:
        return [Alive()]
    found: list[Said] = [
        Sample(quantity=quantity, value=float(value), frame=frame)
        for quantity, value, nothing in (
            (Quantity.SPO2, live.spo2_pct, _NO_SPO2),
            (Quantity.HEART_RATE, live.pulse_bpm, _NO_PULSE),
        )
        if value not in nothing
    ]
    return found or [Alive()]


def _read_live5(row: Row) -> Found:
    frame = frame_of(row)
    live = decode_live5(frame)
    return plain_fields(live), samples(live, frame)


def _read_live9(row: Row) -> Found:
    frame = frame_of(row)
    live = decode_live9(frame)
    return plain_fields(live), samples(live, frame)


def _read_recorded3(row: Row) -> Found:
    """Fields alone: a value whose moment nobody knows is no reading."""
    return plain_fields(decode_recorded3(frame_of(row))), []


READERS: dict[str, Reader] = {
    "cms50d-live5": _read_live5,
    "cms50d-live9": _read_live9,
    "cms50d-recorded3": _read_recorded3,
}
