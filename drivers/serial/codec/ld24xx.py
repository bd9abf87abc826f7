"""Commands and replies of Hi-Link's 24 GHz radars: `FD FC FB FA | length | code | data | 04 03 02 01`.

Those of the LD2410, and what is the LD2412's and the LD2450's own. All numbers are little-endian. A
reply has the command's code with 01 in its second byte, and a status before its data.
Every command needs CONFIG_ENABLE first and CONFIG_DISABLE after; the radar reports nothing in between.

Sources: morian/aio-ld2410 (MIT; protocol/command.py), ESPHome's components ld2410, ld2412 and ld2450, and Hi-Link's
LD2450 Serial Port Communication Protocol V1.03. Pure.
"""

import struct
from collections.abc import Callable
from enum import IntEnum

from drivers.rows import Found, Plain, Reader, Row
from drivers.serial.codec.recorded import frames_reader
from drivers.serial.framing import Framer
from shouwang.driver import Alive
from shouwang.errors import DecodeError

BAUDRATE = 256000
HEAD, TAIL = b"\xfd\xfc\xfb\xfa", b"\x04\x03\x02\x01"
OVERHEAD = 10
MAX_DATA = 64
"""What a radar says that it can hold (CONFIG_ENABLE's reply)."""
MAX_FRAME = OVERHEAD + MAX_DATA
_REPLY = 0x0100


class Code(IntEnum):
    """What is asked; the names are those of aio-ld2410, where it has one."""

    LD2412_RESOLUTION_SET = 0x01
    LD2412_BASIC_WRITE = 0x02
    LD2412_MOVING_THRESHOLDS_WRITE = 0x03
    LD2412_STATIC_THRESHOLDS_WRITE = 0x04
    LD2412_BACKGROUND_CORRECT = 0x0B
    LD2412_LIGHT_CONTROL_SET = 0x0C
    LD2412_RESOLUTION_GET = 0x11
    LD2412_BASIC_READ = 0x12
    LD2412_MOVING_THRESHOLDS_READ = 0x13
    LD2412_STATIC_THRESHOLDS_READ = 0x14
    LD2412_BACKGROUND_CORRECTION_GET = 0x1B
    LD2412_LIGHT_CONTROL_GET = 0x1C
    PARAMETERS_WRITE = 0x60
    PARAMETERS_READ = 0x61
    ENGINEERING_ENABLE = 0x62
    ENGINEERING_DISABLE = 0x63
    GATE_SENSITIVITY_SET = 0x64
    LD2450_SINGLE_TARGET = 0x80
    LD2450_MULTI_TARGET = 0x90
    LD2450_TARGET_MODE_GET = 0x91
    FIRMWARE_VERSION = 0xA0
    BAUD_RATE_SET = 0xA1
    FACTORY_RESET = 0xA2
    MODULE_RESTART = 0xA3
    BLUETOOTH_SET = 0xA4
    BLUETOOTH_MAC_GET = 0xA5
    BLUETOOTH_AUTHENTICATE = 0xA8
    BLUETOOTH_PASSWORD_SET = 0xA9
    DISTANCE_RESOLUTION_SET = 0xAA
    DISTANCE_RESOLUTION_GET = 0xAB
    AUXILIARY_CONTROL_SET = 0xAD
    AUXILIARY_CONTROL_GET = 0xAE
    LD2450_ZONES_GET = 0xC1
    LD2450_ZONES_SET = 0xC2
    CONFIG_DISABLE = 0xFE
    CONFIG_ENABLE = 0xFF


class Status(IntEnum):
    """How a command went."""

    SUCCESS = 0
    FAILURE = 1


def command(code: Code, data: bytes = b"") -> bytes:
    """The frame that asks for this."""
    return HEAD + (2 + len(data)).to_bytes(2, "little") + code.to_bytes(2, "little") + data + TAIL


def size_of(beginning: bytes) -> int | None:
    """The size of the frame that begins so, None where its length is not in yet; raises DecodeError."""
    if len(beginning) < 6:
        return None
    length = int.from_bytes(beginning[4:6], "little")
    if not 2 <= length <= MAX_DATA:
        raise DecodeError(f"a frame of {length} bytes of data: {beginning[:6].hex()}")
    return OVERHEAD + length


def read_command(frame: bytes) -> tuple[Code, dict[str, Plain] | None]:
    """What a frame asks, and its data. Raises DecodeError."""
    number, data = _opened(frame)
    code = _code(number)
    layout = _ASKED.get(code)
    return code, None if layout is None else _laid_out(layout, data)


def read_reply(frame: bytes) -> tuple[Code, Status, dict[str, Plain] | None]:
    """What a frame answers, how it went, and its data where it went well. Raises DecodeError."""
    number, data = _opened(frame)
    if number & 0xFF00 != _REPLY:
        raise DecodeError(f"not a reply: {frame.hex()}")
    code = _code(number & 0xFF)
    if len(data) < 2 or int.from_bytes(data[:2], "little") not in tuple(Status):
        raise DecodeError(f"a reply without a status: {frame.hex()}")
    status = Status(int.from_bytes(data[:2], "little"))
    reader = _ANSWERED.get(code) if status is Status.SUCCESS else None
    return code, status, None if reader is None else reader(data[2:])


def _opened(frame: bytes) -> tuple[int, bytes]:
    if not frame.startswith(HEAD) or size_of(frame) != len(frame):
        raise DecodeError(f"not a frame: {frame[:40].hex()}")
    if not frame.endswith(TAIL):
        raise DecodeError(f"bad footer: {frame.hex()}")
    return int.from_bytes(frame[6:8], "little"), frame[8:-4]


def _code(number: int) -> Code:
    try:
        return Code(number)
    except ValueError:
        raise DecodeError(f"command {number:02x} is not known") from None


_Layout = tuple[str, tuple[str, ...]]
"""A struct format, and the name of each of its numbers; a name that begins with _ is left out."""
_ASKED: dict[Code, _Layout] = {
    Code.PARAMETERS_WRITE: (
        "<HIHIHI",
        ("_0", "moving_max_distance_gate", "_1", "static_max_distance_gate", "_2", "presence_timeout"),
    ),
    Code.GATE_SENSITIVITY_SET: (
        "<HIHIHI",
        ("_0", "distance_gate", "_1", "moving_threshold", "_2", "static_threshold"),
    ),
    Code.BAUD_RATE_SET: ("<H", ("index",)),
    Code.BLUETOOTH_SET: ("<H", ("enabled",)),
    Code.BLUETOOTH_MAC_GET: ("<H", ("value",)),
    Code.CONFIG_ENABLE: ("<H", ("value",)),
    Code.DISTANCE_RESOLUTION_SET: ("<H", ("resolution",)),
    Code.AUXILIARY_CONTROL_SET: ("<BBH", ("control", "threshold", "default")),
    Code.LD2412_BASIC_WRITE: ("<BBHB", ("min_distance_gate", "max_distance_gate", "presence_timeout", "out_pin")),
    Code.LD2412_LIGHT_CONTROL_SET: ("<BB", ("control", "threshold")),
}


def _laid_out(layout: _Layout, data: bytes) -> dict[str, Plain]:
    form, names = layout
    if len(data) != struct.calcsize(form):
        raise DecodeError(f"{len(data)} bytes of data instead of {struct.calcsize(form)}: {data.hex()}")
    numbers = struct.unpack(form, data)
    return {name: number for name, number in zip(names, numbers, strict=True) if not name.startswith("_")}


def _by(form: str, *names: str) -> Callable[[bytes], dict[str, Plain]]:
    return lambda data: _laid_out((form, names), data)


def _parameters(data: bytes) -> dict[str, Plain]:
    if len(data) != 24 or data[0] != 0xAA:
        raise DecodeError(f"parameters in {len(data)} bytes: {data.hex()}")
    return {
        "max_distance_gate": data[1],
        "moving_max_distance_gate": data[2],
        "static_max_distance_gate": data[3],
        "moving_threshold": list(data[4:13]),
        "static_threshold": list(data[13:22]),
        "presence_timeout": int.from_bytes(data[22:24], "little"),
    }


def _firmware(data: bytes) -> dict[str, Plain]:
    if len(data) != 8:
        raise DecodeError(f"a firmware version in {len(data)} bytes: {data.hex()}")
    return {"type": int.from_bytes(data[:2], "big"), "version": f"{data[3]}.{data[2]:02X}.{data[7:3:-1].hex().upper()}"}


def _address(data: bytes) -> dict[str, Plain]:
    if len(data) != 6:
        raise DecodeError(f"an address of {len(data)} bytes: {data.hex()}")
    return {"address": data.hex(":").upper()}


def _thresholds(data: bytes) -> dict[str, Plain]:
    return {"thresholds": list(data)}


def _zones(data: bytes) -> dict[str, Plain]:
    if len(data) != 26:
        raise DecodeError(f"zones in {len(data)} bytes: {data.hex()}")
    corners = struct.unpack("<12h", data[2:])
    return {
        "type": int.from_bytes(data[:2], "little"),
        "zones_mm": [list(corners[at : at + 4]) for at in range(0, len(corners), 4)],
    }


_ANSWERED: dict[Code, Callable[[bytes], dict[str, Plain]]] = {
    Code.PARAMETERS_READ: _parameters,
    Code.FIRMWARE_VERSION: _firmware,
    Code.BLUETOOTH_MAC_GET: _address,
    Code.CONFIG_ENABLE: _by("<HH", "protocol_version", "buffer_size"),
    Code.DISTANCE_RESOLUTION_GET: _by("<H", "resolution"),
    Code.AUXILIARY_CONTROL_GET: _by("<BBH", "control", "threshold", "default"),
    Code.LD2412_BASIC_READ: _by("<BBHB", "min_distance_gate", "max_distance_gate", "presence_timeout", "out_pin"),
    Code.LD2412_MOVING_THRESHOLDS_READ: _thresholds,
    Code.LD2412_STATIC_THRESHOLDS_READ: _thresholds,
    Code.LD2450_TARGET_MODE_GET: _by("<H", "mode"),
    Code.LD2450_ZONES_GET: _zones,
}


def _read_asked(row: Row, frame: bytes) -> Found:  # noqa: ARG001 - the bytes say all
    code, data = read_command(frame)
    return {"code": code.name, "data": data}, []


def _read_answered(row: Row, frame: bytes) -> Found:  # noqa: ARG001
    code, status, data = read_reply(frame)
    return {"code": code.name, "status": status.name, "data": data}, [Alive()]


def _framer(decode: Callable[[bytes], Found]) -> Framer[Found]:
    return Framer(HEAD, size_of, decode, max_frame=MAX_FRAME)


READERS: dict[str, Reader] = {
    "ld2410-command": frames_reader(_read_asked, _framer),
    "ld2410-reply": frames_reader(_read_answered, _framer),
}
"""`shouwang decode`: rows with `hex` or `stream`."""
