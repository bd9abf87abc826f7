"""Frames of Seeed's second 60 GHz radars, the fall radar MR60FDA2 and the bed radar MR60BHA2.

    01 | id u16 | length u16 | type u16 | check | data | check of the data

Id, length and type are big-endian, the data is little-endian; a check is the inverted XOR of the bytes before it. A
frame without data ends after its first check. 01 is common in data, so a beginning is believed only by its check.

Sources: Love4yzp/Seeed-mmWave-library (MIT; SEEED_MR60BHA2.h, SEEED_MR60FDA2.cpp), ESPHome's components
seeed_mr60fda2 and seeed_mr60bha2, and two decoders that were tried on modules: jcmendez/mr60fda2-proto and
sovereignintegritysystems/mr60bha2-rs. Pure.
"""

import math
import struct
from collections.abc import Callable

import msgspec

from drivers.rows import Found, Plain, Reader, Row
from drivers.serial.codec.recorded import frames_reader
from drivers.serial.framing import Framer
from shouwang.driver import Alive, Said, Sample
from shouwang.errors import DecodeError
from shouwang.quantities import Quantity

HEAD = b"\x01"
BEGINNING = 8
"""Bytes up to and with the first check."""
MAX_DATA = 512
"""Targets and log lines stay below this (mr60bha2-rs allows 256); longer raw data is sent only on demand."""
MAX_FRAME = BEGINNING + MAX_DATA + 1

FALL = 0x0E02
PARAMETERS = 0x0E06
TARGET_HEIGHT = 0x0E0E
PRESENCE = 0x0F09
TARGETS = 0x0A04
POINTS = 0x0A08
PHASES = 0x0A13
BREATH_RATE = 0x0A14
HEART_RATE = 0x0A15
DISTANCE = 0x0A16
LOG = 0x0100

_CM = 0.01
"""The distance is in centimetres (ESPHome, seeed_mr60bha2/sensor.py: UNIT_CENTIMETER; 74.6 was seen in a room)."""
_MOST = {BREATH_RATE: 150.0, HEART_RATE: 350.0, DISTANCE: 3000.0}
"""More is no value but a frame put together wrong: after one that was cut off, eight bytes of the next may pass for its
data, since a beginning with its check has the check 00. So a value that cannot be is refused, and looked for inside."""
_TARGET = struct.Struct("<ffii")
_SETTINGS = struct.Struct("<ffI")
_AREA = struct.Struct("<ffff")
_STATES = {FALL: Quantity.FALL, PRESENCE: Quantity.PRESENCE}
_RATES = {BREATH_RATE: Quantity.RESPIRATORY_RATE, HEART_RATE: Quantity.HEART_RATE}


class Mr60Frame(msgspec.Struct, frozen=True, kw_only=True):
    """A sound frame, still without meaning."""

    frame_id: int
    frame_type: int
    data: bytes


def size_of(beginning: bytes) -> int | None:
    """The size of the frame that begins so, None where too little of it is in; raises DecodeError."""
    if len(beginning) < BEGINNING:
        return None
    if _check(beginning[: BEGINNING - 1]) != beginning[BEGINNING - 1]:
        raise DecodeError(f"not the beginning of a frame: {beginning[:BEGINNING].hex()}")
    length = int.from_bytes(beginning[3:5], "big")
    if length > MAX_DATA:
        raise DecodeError(f"a frame of {length} bytes of data: {beginning[:BEGINNING].hex()}")
    return BEGINNING + length + 1 if length else BEGINNING


def opened(frame: bytes) -> Mr60Frame:
    """One whole frame. Raises DecodeError."""
    if not frame.startswith(HEAD) or size_of(frame) != len(frame):
        raise DecodeError(f"not a frame: {frame[:40].hex()}")
    data = frame[BEGINNING:-1]
    if data and _check(data) != frame[-1]:
        raise DecodeError(f"wrong checksum: {frame[:40].hex()}")
    return Mr60Frame(
        frame_id=int.from_bytes(frame[1:3], "big"), frame_type=int.from_bytes(frame[5:7], "big"), data=data
    )


def question(frame_type: int) -> bytes:
    """The frame that asks for this: one without data."""
    body = HEAD + bytes(4) + frame_type.to_bytes(2, "big")
    return body + bytes((_check(body),))


def said(frame: Mr60Frame, evidence: bytes) -> list[Said]:
    """The measurements in a frame, a life sign where there is none. Raises DecodeError.

    Zero is no rate and no distance: nobody is there, or the module has not found the chest yet.
    """
    state, rate = _STATES.get(frame.frame_type), _RATES.get(frame.frame_type)
    if state is not None and frame.data:
        return [Sample(quantity=state, value=float(_flag(frame)), frame=evidence)]
    if rate is not None:
        return _measured(rate, _number(frame), evidence)
    if frame.frame_type == DISTANCE:
        is_measured, distance_cm = _distance(frame)
        return _measured(Quantity.DISTANCE, distance_cm * _CM, evidence) if is_measured else [Alive()]
    return [Alive()]


def fields(frame: Mr60Frame) -> dict[str, Plain]:
    """A frame as people read it. Raises DecodeError."""
    found: dict[str, Plain] = {"id": frame.frame_id, "type": f"{frame.frame_type:04x}"}
    if frame.frame_type not in _FIELDS:
        return {**found, "field": "unknown", "data": frame.data.hex()}
    name, value = _FIELDS[frame.frame_type]
    return {**found, "field": name, "value": value(frame)} if frame.data else {**found, "field": f"query_{name}"}


def _text(frame: Mr60Frame) -> str:
    return "".join(chr(byte) for byte in frame.data if 0x20 <= byte < 0x7F)


def _distance_or_none(frame: Mr60Frame) -> float | None:
    is_measured, distance_cm = _distance(frame)
    return distance_cm if is_measured else None


def _phases(frame: Mr60Frame) -> dict[str, Plain]:
    return dict(zip(("total", "breath", "heart"), _floats(frame, 3), strict=True))


def _number(frame: Mr60Frame) -> float:
    return _possible(frame.frame_type, _floats(frame, 1)[0])


def _possible(frame_type: int, value: float) -> float:
    if frame_type in _MOST and not 0 <= value <= _MOST[frame_type]:
        raise DecodeError(f"{frame_type:04x} cannot be {value:g}")
    return value


def _parameters(frame: Mr60Frame) -> dict[str, Plain]:
    if len(frame.data) < _SETTINGS.size:
        raise DecodeError(f"parameters in {len(frame.data)} bytes: {frame.data.hex()}")
    height, threshold, sensitivity = _SETTINGS.unpack_from(frame.data)
    found: dict[str, Plain] = {
        "install_height_m": _finite(height),
        "height_threshold_m": _finite(threshold),
        "sensitivity": sensitivity,
    }
    if len(frame.data) >= _SETTINGS.size + _AREA.size:
        area = _AREA.unpack_from(frame.data, _SETTINGS.size)
        found["area_m"] = dict(zip(("left", "right", "front", "back"), map(_finite, area), strict=True))
    return found


def _targets(frame: Mr60Frame) -> list[Plain]:
    count = int.from_bytes(frame.data[:4], "little")
    if len(frame.data) != 4 + count * _TARGET.size:
        raise DecodeError(f"{count} targets in {len(frame.data)} bytes: {frame.data[:40].hex()}")
    return [
        {"x_m": _finite(x), "y_m": _finite(y), "doppler": doppler, "cluster": cluster}
        for x, y, doppler, cluster in _TARGET.iter_unpack(frame.data[4:])
    ]


def _distance(frame: Mr60Frame) -> tuple[bool, float]:
    if len(frame.data) != 8:
        raise DecodeError(f"a distance in {len(frame.data)} bytes instead of 8: {frame.data[:40].hex()}")
    flag, distance = struct.unpack("<If", frame.data)
    return flag != 0, _possible(frame.frame_type, _finite(distance))


def _flag(frame: Mr60Frame) -> int:
    if frame.data[0] > 1:
        raise DecodeError(f"neither yes nor no: {frame.data[:40].hex()}")
    return frame.data[0]


def _floats(frame: Mr60Frame, count: int) -> list[float]:
    if len(frame.data) != 4 * count:
        raise DecodeError(f"{frame.frame_type:04x} in {len(frame.data)} bytes instead of {4 * count}")
    return [_finite(number) for number in struct.unpack(f"<{count}f", frame.data)]


def _finite(number: float) -> float:
    if not math.isfinite(number):
        raise DecodeError("not a number where one must be")
    return round(number, 3)


def _measured(quantity: Quantity, value: float, evidence: bytes) -> list[Said]:
    if value == 0:
        return [Alive()]
    return [Sample(quantity=quantity, value=round(value, 3), frame=evidence)]


def _check(data: bytes) -> int:
    xor = 0
    for byte in data:
        xor ^= byte
    return xor ^ 0xFF


_FIELDS: dict[int, tuple[str, Callable[[Mr60Frame], Plain]]] = {
    FALL: ("fall", _flag),
    PRESENCE: ("presence", _flag),
    PARAMETERS: ("parameters", _parameters),
    TARGET_HEIGHT: ("target_height_m", _number),
    BREATH_RATE: ("respiration_rate", _number),
    HEART_RATE: ("heart_rate", _number),
    DISTANCE: ("distance_cm", _distance_or_none),
    PHASES: ("phases", _phases),
    TARGETS: ("targets", _targets),
    POINTS: ("points", _targets),
    LOG: ("log", _text),
}


def _read(row: Row, frame: bytes) -> Found:  # noqa: ARG001 - the bytes say all
    found = opened(frame)
    return fields(found), said(found, frame)


READERS: dict[str, Reader] = {
    "mr60-v2": frames_reader(_read, lambda decode: Framer(HEAD, size_of, decode, max_frame=MAX_FRAME))
}
"""`shouwang decode`: rows with `hex` or `stream`."""
