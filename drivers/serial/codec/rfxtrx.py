"""Packets of the 433 MHz receivers RFXtrx433 and RFXrec433 of RFXCOM, as far as a home's sensors use them.

`length of the rest | type | subtype | sequence number | id ... | values ... | signal << 4 + battery`. There is no check
sum: a packet is believed only where its length fits its type. Names of fields, types and texts: the RFXtrx user guide
and SDK of RFXCOM, as Danielhiversen/pyRFXtrx 0.34 (lowlevel.py) and rfxcom/node-rfxcom (rfxcom.js) have them.
"""

from collections.abc import Callable, Mapping

import msgspec

from drivers.serial.codec.rfxtrx_names import (
    HUMIDITY,
    LIGHTING1,
    LIGHTING2,
    PROTOCOLS,
    SECURITY1,
    TRANSCEIVERS,
    TYPES,
)
from shouwang.errors import DecodeError

STATUS, ANSWER = 0x01, 0x02
LIGHTING1_TYPE, LIGHTING2_TYPE, LIGHTING4_TYPE, CHIME_TYPE = 0x10, 0x11, 0x13, 0x16
SECURITY1_TYPE = 0x20
BBQ_TYPE, TEMP_TYPE, HUMID_TYPE, TEMP_HUMID_TYPE = 0x4E, 0x50, 0x51, 0x52
LENGTHS: Mapping[int, tuple[int, ...]] = {
    STATUS: (13, 20),
    ANSWER: (4,),
    LIGHTING1_TYPE: (7,),
    LIGHTING2_TYPE: (11,),
    LIGHTING4_TYPE: (9,),
    CHIME_TYPE: (7,),
    SECURITY1_TYPE: (8, 10),
    BBQ_TYPE: (10,),
    TEMP_TYPE: (8,),
    HUMID_TYPE: (8,),
    TEMP_HUMID_TYPE: (10,),
}
"""Value of the first byte, which does not count itself, of the types that are read here."""
OTHERS: Mapping[int, tuple[int, ...]] = {
    0x12: (8,),
    0x14: (10,),
    0x15: (11,),
    0x17: (8,),
    0x18: (7,),
    0x19: (9,),
    0x1A: (7, 8, 12),
    0x1E: (9,),
    0x28: (6,),
    0x30: (6,),
    0x40: (9,),
    0x41: (6,),
    0x42: (8,),
    0x4F: (10,),
    0x53: (9,),
    0x54: (13,),
    0x55: (11,),
    0x56: (16,),
    0x57: (9,),
    0x58: (13,),
    0x59: (13,),
    0x5A: (17,),
    0x5B: (19,),
    0x5C: (15,),
    0x5D: (8,),
    0x60: (17, 21),
    0x70: (7,),
    0x71: (10,),
    0x72: (9,),
}
"""Types of devices that are no sensors: passed over whole, so that nothing inside is taken for a packet."""
MIN_LENGTH, MAX_LENGTH = 4, 21
MAX_PACKET = MAX_LENGTH + 1

_SMOKE_SUBTYPES = frozenset({0x03, 0x09, 0x0A})
"""KD101, SA30 and RM174RF have no bits for a battery."""
_TAMPER = 0x80
_UNKNOWN_HUMIDITY = "unknown humidity"


class _Common(msgspec.Struct, frozen=True, kw_only=True):
    """What all packets of a device begin and end with."""

    packetlength: int
    packettype: int
    subtype: int
    seqnbr: int
    type_string: str
    rssi_byte: int
    rssi: int
    id_string: str


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """The receiver's own word: what it is and which protocols it listens to."""

    packetlength: int
    packettype: int
    type_string: str
    tranceiver_type: int
    firmware_version: int
    output_power: int
    devices: tuple[str, ...]


class Other(msgspec.Struct, frozen=True, kw_only=True):
    """A packet of a type that is not read."""

    packetlength: int
    packettype: int


class Lighting1(_Common, frozen=True, kw_only=True):
    """X10, ARC and the like: house code and unit."""

    housecode: int
    unitcode: int
    cmnd: int
    cmnd_string: str


class Lighting2(_Common, frozen=True, kw_only=True):
    """AC, HomeEasy EU, ANSLUT: buttons, contacts and motion sensors of the KlikAanKlikUit kind."""

    id1: int
    id2: int
    id3: int
    id4: int
    id_combined: int
    unitcode: int
    cmnd: int
    level: int
    cmnd_string: str


class Lighting4(_Common, frozen=True, kw_only=True):
    """PT2262 and its clones: 24 bits, of which the last four say what happened."""

    cmd: int
    pulse: int


class Chime(_Common, frozen=True, kw_only=True):
    """A door bell's button."""

    id1: int
    id2: int
    sound: int


class Security1(_Common, frozen=True, kw_only=True):
    """Contacts, motion sensors, remotes and smoke detectors. `battery` is None where the kind has none."""

    id1: int
    id2: int
    id3: int
    id_combined: int
    security1_status: int
    security1_status_string: str
    tamper: bool
    battery: int | None


class Bbq(_Common, frozen=True, kw_only=True):
    """A kitchen thermometer."""

    id1: int
    id2: int
    id3: int
    id_combined: int
    temp1: int
    temp2: int
    battery: int


class Climate(_Common, frozen=True, kw_only=True):
    """A thermometer, hygrometer or both; None for what it does not measure."""

    id1: int
    id2: int
    temphigh: int | None
    templow: int | None
    temp: float | None
    humidity: int | None
    humidity_status: int | None
    humidity_status_string: str | None
    battery: int


Packet = Status | Other | Lighting1 | Lighting2 | Lighting4 | Chime | Security1 | Bbq | Climate
Device = Lighting1 | Lighting2 | Lighting4 | Chime | Security1 | Bbq | Climate


def size_of(beginning: bytes) -> int | None:
    """The size of the packet that begins so, None where its type is not in yet; raises DecodeError for what is none."""
    if not beginning:
        return None
    length = beginning[0]
    if not MIN_LENGTH <= length <= MAX_LENGTH:
        raise DecodeError(f"no packet has {length} bytes: {beginning[:4].hex()}")
    if len(beginning) < 2:
        return None
    kind = beginning[1]
    if length not in LENGTHS.get(kind, OTHERS.get(kind, ())):
        raise DecodeError(f"a packet of type {kind:02X} does not have {length} bytes: {beginning[:4].hex()}")
    return length + 1


def decode_packet(frame: bytes) -> Packet:
    """One whole packet. Raises DecodeError."""
    size = size_of(frame)
    if size != len(frame):
        raise DecodeError(f"not one whole packet: {frame[:40].hex()}")
    return _READ[frame[1]](frame) if frame[1] in _READ else Other(packetlength=frame[0], packettype=frame[1])


def _common(frame: bytes, end: int, id_string: str) -> dict[str, int | str]:
    kind, subtype, last = frame[1], frame[2], frame[end]
    return {
        "packetlength": frame[0],
        "packettype": kind,
        "subtype": subtype,
        "seqnbr": frame[3],
        "type_string": TYPES.get(kind, {}).get(subtype, f"Unknown type ({kind:02x}/{subtype:02x})"),
        "rssi_byte": last,
        "rssi": last >> 4,
        "id_string": id_string,
    }


def _status(frame: bytes) -> Status:
    return Status(
        packetlength=frame[0],
        packettype=frame[1],
        type_string=TRANSCEIVERS.get(frame[5], "Unknown"),
        tranceiver_type=frame[5],
        firmware_version=frame[6],
        output_power=frame[13],
        devices=tuple(
            sorted(name for name, (byte, bit) in PROTOCOLS.items() if frame[7 + byte] >> bit & 1),
        ),
    )


def _lighting1(frame: bytes) -> Lighting1:
    house, unit, command = frame[4:7]
    if not ord("A") <= house <= ord("P"):
        raise DecodeError(f"house code {house:02X} is none of A to P: {frame.hex()}")
    return msgspec.convert(
        _common(frame, 7, f"{chr(house)}{unit}")
        | {"housecode": house, "unitcode": unit, "cmnd": command, "cmnd_string": _command(LIGHTING1, command)},
        Lighting1,
    )


def _lighting2(frame: bytes) -> Lighting2:
    combined = int.from_bytes(frame[4:8], "big")
    return msgspec.convert(
        _common(frame, 11, f"{combined:07x}:{frame[8]}")
        | _ids(frame[4:8])
        | {"id_combined": combined, "unitcode": frame[8], "cmnd": frame[9], "level": frame[10]}
        | {"cmnd_string": _command(LIGHTING2, frame[9])},
        Lighting2,
    )


def _lighting4(frame: bytes) -> Lighting4:
    code = int.from_bytes(frame[4:7], "big")
    return msgspec.convert(
        _common(frame, 9, f"{code:06x}") | {"cmd": code, "pulse": int.from_bytes(frame[7:9], "big")}, Lighting4
    )


def _chime(frame: bytes) -> Chime:
    return msgspec.convert(
        _common(frame, 7, f"{frame[4]:02x}:{frame[5]:02x}") | _ids(frame[4:6]) | {"sound": frame[6]}, Chime
    )


def _security1(frame: bytes) -> Security1:
    combined, status = int.from_bytes(frame[4:7], "big"), frame[7]
    return msgspec.convert(
        _common(frame, 8, f"{combined:06x}:{frame[1]}")
        | _ids(frame[4:7])
        | {
            "id_combined": combined,
            "security1_status": status,
            "security1_status_string": SECURITY1.get(status, "unknown"),
            "tamper": bool(status & _TAMPER),
            "battery": None if frame[2] in _SMOKE_SUBTYPES else frame[8] & 0x0F,
        },
        Security1,
    )


def _bbq(frame: bytes) -> Bbq:
    combined = int.from_bytes(frame[4:7], "big")
    return msgspec.convert(
        _common(frame, 10, f"{combined:06x}:{frame[1]}")
        | _ids(frame[4:7])
        | {"id_combined": combined, "temp1": frame[7], "temp2": frame[9], "battery": frame[10] & 0x0F},
        Bbq,
    )


def _climate(frame: bytes) -> Climate:
    kind = frame[1]
    end = 10 if kind == TEMP_HUMID_TYPE else 8
    has_temperature, has_humidity = kind != HUMID_TYPE, kind != TEMP_TYPE
    humidity_at = 6 if kind == HUMID_TYPE else 8
    status = frame[humidity_at + 1] if has_humidity else None
    return msgspec.convert(
        _common(frame, end, f"{frame[4]:02x}:{frame[5]:02x}")
        | _ids(frame[4:6])
        | {
            "temphigh": frame[6] if has_temperature else None,
            "templow": frame[7] if has_temperature else None,
            "temp": _degrees(frame[6], frame[7]) if has_temperature else None,
            "humidity": frame[humidity_at] if has_humidity else None,
            "humidity_status": status,
            "humidity_status_string": None if status is None else HUMIDITY.get(status, _UNKNOWN_HUMIDITY),
            "battery": frame[end] & 0x0F,
        },
        Climate,
    )


def _degrees(high: int, low: int) -> float:
    """Tenths, with a bit of its own for the sign."""
    tenths = ((high & 0x7F) << 8) + low
    return (-tenths if high & 0x80 else tenths) / 10


def _ids(octets: bytes) -> dict[str, int]:
    return {f"id{place}": octet for place, octet in enumerate(octets, 1)}


def _command(names: Mapping[int, str], command: int) -> str:
    return names.get(command, f"Unknown command ({command:02x})")


_READ: dict[int, Callable[[bytes], Packet]] = {
    STATUS: _status,
    LIGHTING1_TYPE: _lighting1,
    LIGHTING2_TYPE: _lighting2,
    LIGHTING4_TYPE: _lighting4,
    CHIME_TYPE: _chime,
    SECURITY1_TYPE: _security1,
    BBQ_TYPE: _bbq,
    TEMP_TYPE: _climate,
    HUMID_TYPE: _climate,
    TEMP_HUMID_TYPE: _climate,
}
