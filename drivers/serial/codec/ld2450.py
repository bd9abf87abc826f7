"""Reports of Hi-Link's tracking radar LD2450, ten a second: `AA FF 03 00 | 3 times x, y, speed, resolution | 55 CC`.

x, y and speed are a magnitude of 15 bits whose top bit is set where they are positive: not two's complement. A target
of zeros is none. There is no checksum.

Sources: Hi-Link's instruction manual of the HLK-LD2450 V1.00, chapter 6, with its worked example; ESPHome's component
ld2450 and its recorded frames (tests/integration/fixtures/uart_mock_ld2450.yaml). Pure.
"""

import math
import struct
from collections.abc import Callable, Iterable

import msgspec

from drivers.rows import Found, Reader, Row, plain_fields
from drivers.serial.codec.recorded import frames_reader
from drivers.serial.framing import Framer
from shouwang.driver import Said, Sample
from shouwang.errors import DecodeError
from shouwang.quantities import Quantity

HEAD, TAIL = b"\xaa\xff\x03\x00", b"\x55\xcc"
FRAME = 30

_TARGET = struct.Struct("<HHHH")
_POSITIVE, _MAGNITUDE = 0x8000, 0x7FFF
_MM_PER_CM = 10
_M = 0.001


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody or something that moved. The radar is the origin; y is straight ahead; speed is positive going away."""

    x_mm: int
    y_mm: int
    speed_mm_s: int
    resolution_mm: int
    distance_mm: int


def size_of(beginning: bytes) -> int:  # noqa: ARG001 - every report has this size
    """The size of a report."""
    return FRAME


def read_targets(frame: bytes) -> tuple[Target, ...]:
    """The targets of one whole report. Raises DecodeError."""
    if len(frame) != FRAME or not frame.startswith(HEAD):
        raise DecodeError(f"not a report: {frame[:40].hex()}")
    if not frame.endswith(TAIL):
        raise DecodeError(f"bad footer: {frame.hex()}")
    slots = _TARGET.iter_unpack(frame[len(HEAD) : -len(TAIL)])
    return tuple(_target(x, y, speed, gate) for x, y, speed, gate in slots if (x | y) & _MAGNITUDE)


def said(targets: Iterable[Target], is_in_bed: Callable[[Target], bool] | None, evidence: bytes) -> list[Said]:
    """What these targets say of the room at this moment, and of the bed where there is one."""
    there = tuple(targets)
    motion = 0 if not there else 2 if any(target.speed_mm_s for target in there) else 1
    values = [(Quantity.PRESENCE, float(bool(there))), (Quantity.MOTION, float(motion))]
    if there:
        values.append((Quantity.DISTANCE, round(min(target.distance_mm for target in there) * _M, 3)))
    if is_in_bed is not None:
        values.append((Quantity.BED, float(any(is_in_bed(target) for target in there))))
    return [Sample(quantity=quantity, value=value, frame=evidence) for quantity, value in values]


def _target(x: int, y: int, speed: int, resolution: int) -> Target:
    x_mm, y_mm = _signed(x), _signed(y)
    return Target(
        x_mm=x_mm,
        y_mm=y_mm,
        speed_mm_s=_signed(speed) * _MM_PER_CM,
        resolution_mm=resolution,
        distance_mm=math.isqrt(x_mm * x_mm + y_mm * y_mm),
    )


def _signed(raw: int) -> int:
    return raw & _MAGNITUDE if raw & _POSITIVE else -(raw & _MAGNITUDE)


def _read(row: Row, frame: bytes) -> Found:  # noqa: ARG001 - the bytes say all
    targets = read_targets(frame)
    return {"targets": [plain_fields(target) for target in targets]}, said(targets, None, frame)


READERS: dict[str, Reader] = {
    "ld2450": frames_reader(_read, lambda decode: Framer(HEAD, size_of, decode, max_frame=FRAME))
}
"""`shouwang decode`: rows with `hex` or `stream`."""
