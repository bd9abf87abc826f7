"""Reports of Hi-Link's presence radars LD2410 and LD2412, some ten a second.

    F4 F3 F2 F1 | length | type | AA | state | moving | still | detection cm | more | 55 00 | F8 F7 F6 F5

Moving and still are a distance in cm and an energy each. Type 02 is basic; type 01 is engineering, with an energy for
each gate of distance: `more`. The LD2412 has no detection distance, and 14 gates. There is no checksum: head, length,
the marks AA and 55 00 and the footer must all be right.

Sources: morian/aio-ld2410 (MIT; protocol/report.py) and ESPHome's components ld2410 and ld2412 with their recorded
frames (tests/integration/fixtures/uart_mock_ld2410*.yaml, uart_mock_ld2412*.yaml); what an LD2412 says is also noted by
owners, e.g. f4f3f2f1 0b00 02aa 02 0000 00 a000 64 5500 f8f7f6f5. Pure.
"""

import struct

import msgspec

from drivers.rows import Found, Plain, Reader, Row
from drivers.serial.codec import ld24xx
from drivers.serial.codec.recorded import frames_reader
from drivers.serial.framing import Framer
from shouwang.driver import Alive, Said, Sample
from shouwang.errors import DecodeError
from shouwang.quantities import Quantity

HEAD, TAIL = b"\xf4\xf3\xf2\xf1", b"\xf8\xf7\xf6\xf5"
OVERHEAD = 10
MIN_DATA, MAX_DATA = 11, 64
MAX_FRAME = OVERHEAD + MAX_DATA

_ENGINEERING, _BASIC = 0x01, 0x02
_MARK, _END = 0xAA, b"\x55\x00"
_TARGETS = struct.Struct("<BHBHB")
_MOVING, _STILL = 0x01, 0x02
_MAX_STATE = _MOVING | _STILL
"""More is told by late firmwares while they measure the room's noise: no word on who is there."""
_LD2410_BASIC, _LD2412_BASIC, _LD2412_ENGINEERING = 13, 11, 42
"""Bytes of data. With the gates of its engineering report, the LD2410 has more than 13, and the LD2412 just 42."""
_LD2412_GATES = 31
"""Bytes of `more` in its engineering report: two limits, energies of 14 gates each, and the light."""
_CM = 0.01


class Gates(msgspec.Struct, frozen=True, kw_only=True):
    """What an engineering report adds: energies in percent by gate; None where the radar does not say."""

    moving_max_distance_gate: int
    static_max_distance_gate: int
    moving_gate_energy: tuple[int, ...]
    static_gate_energy: tuple[int, ...]
    photosensitive_value: int | None
    out_pin_status: int | None


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """One report. `state` is a set of bits: moving 1, still 2. An LD2412 has no detection distance."""

    state: int
    moving_distance_cm: int
    moving_energy: int
    still_distance_cm: int
    still_energy: int
    detection_distance_cm: int | None
    gates: Gates | None

    @property
    def is_about_people(self) -> bool:
        """Whether its state says who is there."""
        return self.state <= _MAX_STATE

    @property
    def distance_cm(self) -> int:
        """To whom moves, else to whom is still; zero where it is not known."""
        if self.state & _MOVING and self.moving_distance_cm:
            return self.moving_distance_cm
        return self.still_distance_cm if self.state & _STILL else 0


def size_of(beginning: bytes) -> int | None:
    """The size of the report that begins so, None where its length is not in yet; raises DecodeError.

    One byte more than the length says is let pass where the footer stands there: ESPHome's recorded frames are so.
    """
    if len(beginning) < 6:
        return None
    length = int.from_bytes(beginning[4:6], "little")
    if not MIN_DATA <= length <= MAX_DATA:
        raise DecodeError(f"a report of {length} bytes: {beginning[:6].hex()}")
    size = OVERHEAD + length
    is_longer = len(beginning) >= size and not beginning[:size].endswith(TAIL)
    if is_longer and len(beginning) > size and not beginning[: size + 1].endswith(TAIL):
        raise DecodeError(f"bad footer: {beginning[: size + 1].hex()}")
    return size + 1 if is_longer else size


def read_report(frame: bytes) -> Report:
    """One whole report. Raises DecodeError."""
    if frame.startswith(ld24xx.HEAD):
        ld24xx.read_command(frame)
        raise DecodeError(f"not a report but a command: {frame.hex()}")
    if not frame.startswith(HEAD) or size_of(frame) != len(frame) or not frame.endswith(TAIL):
        raise DecodeError(f"not a report: {frame[:40].hex()}")
    length, data = int.from_bytes(frame[4:6], "little"), frame[6:-4]
    kind, mark, end = data[0], data[1], data[-2:]
    if mark != _MARK or end != _END or kind not in (_BASIC, _ENGINEERING):
        raise DecodeError(f"not marked as a report: {frame.hex()}")
    if kind == _BASIC and length not in (_LD2410_BASIC, _LD2412_BASIC):
        raise DecodeError(f"a basic report of {length} bytes: {frame.hex()}")
    is_ld2412 = length in (_LD2412_BASIC, _LD2412_ENGINEERING)
    state, moving, moving_energy, still, still_energy = _TARGETS.unpack_from(data, 2)
    at = 2 + _TARGETS.size
    return Report(
        state=state,
        moving_distance_cm=moving,
        moving_energy=moving_energy,
        still_distance_cm=still,
        still_energy=still_energy,
        detection_distance_cm=None if is_ld2412 else int.from_bytes(data[at : at + 2], "little"),
        gates=_gates(data[at if is_ld2412 else at + 2 : -2]) if kind == _ENGINEERING else None,
    )


def said(report: Report, evidence: bytes) -> list[Said]:
    """The measurements in a report. Zero is no distance."""
    if not report.is_about_people:
        return [Alive()]
    motion = 2 if report.state & _MOVING else 1 if report.state & _STILL else 0
    values = [(Quantity.PRESENCE, float(report.state != 0)), (Quantity.MOTION, float(motion))]
    if report.distance_cm:
        values.append((Quantity.DISTANCE, round(report.distance_cm * _CM, 3)))
    return [Sample(quantity=quantity, value=value, frame=evidence) for quantity, value in values]


def fields(report: Report) -> dict[str, Plain]:
    """A report as people read it, and in the shape of aio-ld2410."""
    basic: dict[str, Plain] = {
        "target_status": _STATUS.get(report.state, str(report.state)),
        "moving_distance": report.moving_distance_cm,
        "moving_energy": report.moving_energy,
        "static_distance": report.still_distance_cm,
        "static_energy": report.still_energy,
        "detection_distance": report.detection_distance_cm,
    }
    gates = None if report.gates is None else _plain(report.gates)
    return {
        "state": _WORDS.get(report.state, "measuring noise"),
        "moving_distance_cm": report.moving_distance_cm,
        "moving_energy": report.moving_energy,
        "still_distance_cm": report.still_distance_cm,
        "still_energy": report.still_energy,
        "detection_distance_cm": report.detection_distance_cm,
        "report": {
            "type": "BASIC" if gates is None else "ENGINEERING",
            "data": {"basic": basic, "engineering": gates},
        },
    }


_WORDS = {0: "none", _MOVING: "moving", _STILL: "still", _MOVING | _STILL: "moving+still"}
_STATUS = {0: "NONE", _MOVING: "MOVING", _STILL: "STATIC", _MOVING | _STILL: "MOVING|STATIC"}


def _gates(more: bytes) -> Gates:
    if len(more) < 2:
        raise DecodeError(f"an engineering report without its gates: {more.hex()}")
    of_still = (len(more) - 2) // 2 if len(more) == _LD2412_GATES else more[1] + 1
    of_moving = of_still if len(more) == _LD2412_GATES else more[0] + 1
    extra = more[2 + of_moving + of_still :]
    if len(more) < 2 + of_moving + of_still:
        raise DecodeError(f"an engineering report without its gates: {more.hex()}")
    return Gates(
        moving_max_distance_gate=more[0],
        static_max_distance_gate=more[1],
        moving_gate_energy=tuple(more[2 : 2 + of_moving]),
        static_gate_energy=tuple(more[2 + of_moving : 2 + of_moving + of_still]),
        photosensitive_value=extra[0] if extra else None,
        out_pin_status=extra[1] if len(extra) > 1 else None,
    )


def _plain(gates: Gates) -> dict[str, Plain]:
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in msgspec.structs.asdict(gates).items()
    }


def _read(row: Row, frame: bytes) -> Found:  # noqa: ARG001 - the bytes say all
    report = read_report(frame)
    return fields(report), said(report, frame)


READERS: dict[str, Reader] = {
    "ld2410": frames_reader(_read, lambda decode: Framer(HEAD, size_of, decode, max_frame=MAX_FRAME))
}
"""`shouwang decode`: rows with `hex` or `stream`."""
