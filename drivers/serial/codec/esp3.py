"""Packets of EnOcean dongles (USB 300, TCM 310): the EnOcean Serial Protocol 3, and the radio telegrams in them.

`55 | length of data, u16 BE | length of optional data | type | CRC8 of the four | data | optional | CRC8 of both`, the
CRC with polynomial 07 from 0 (EnOcean Serial Protocol 3, 1.6 and 2.3). A radio telegram of type 1 (ERP1) has as
data RORG, payload, sender (4 bytes), status; as optional data subtelegrams, destination (4), dBm negated, security.
55 may stand anywhere inside, so only the CRC of the head tells where a packet begins.
"""

from itertools import accumulate

import msgspec

from shouwang.errors import DecodeError

SYNC = b"\x55"
HEAD_SIZE = 6
MAX_DATA, MAX_OPTIONAL = 64, 16
"""The longest that a sensor causes: the answer to CO_RD_VERSION has 33 bytes, a telegram 21. A garbled head waits for
no more than this; packets of remote management, which are longer, are none of ours."""
MAX_PACKET = HEAD_SIZE + MAX_DATA + MAX_OPTIONAL + 1

RADIO_ERP1, RESPONSE, EVENT, COMMON_COMMAND = 0x01, 0x02, 0x04, 0x05
TYPES = {
    RADIO_ERP1: "RADIO_ERP1",
    RESPONSE: "RESPONSE",
    0x03: "RADIO_SUB_TEL",
    EVENT: "EVENT",
    COMMON_COMMAND: "COMMON_COMMAND",
    0x06: "SMART_ACK_COMMAND",
    0x07: "REMOTE_MAN_COMMAND",
    0x09: "RADIO_MESSAGE",
    0x0A: "RADIO_ERP2",
    0x10: "RADIO_802_15_4",
    0x11: "COMMAND_2_4",
}
"""Packet types (section 1.8)."""
COMMANDS = {
    0x01: "CO_WR_SLEEP",
    0x02: "CO_WR_RESET",
    0x03: "CO_RD_VERSION",
    0x04: "CO_RD_SYS_LOG",
    0x05: "CO_WR_SYS_LOG",
    0x06: "CO_WR_BIST",
    0x07: "CO_WR_IDBASE",
    0x08: "CO_RD_IDBASE",
    0x09: "CO_WR_REPEATER",
    0x0A: "CO_RD_REPEATER",
}
"""Common commands (section 2.5) up to the repeater."""
CO_RD_VERSION = 0x03
RPS, ONE_BYTE, FOUR_BYTES, VARIABLE, UTE = 0xF6, 0xD5, 0xA5, 0xD2, 0xD4
SECURE = frozenset({0x30, 0x31, 0x32, 0x33, 0x35})
"""RORGs of encrypted telegrams and their teach-in (Security of EnOcean Radio Networks 2.5)."""

_TAIL_SIZE = 5
"""Sender and status."""
_REPEATED = 0x0F
_MAX_LEVEL = 2
_UNKNOWN_DBM = 0xFF
"""What stands there in packets for sending."""


class Packet(msgspec.Struct, frozen=True, kw_only=True):
    """One packet."""

    packet_type: int
    data: bytes
    optional: bytes


class Telegram(msgspec.Struct, frozen=True, kw_only=True):
    """One radio telegram. `level`: 0 as the device sent it, 1 or 2 as a repeater of that level did."""

    rorg: int
    payload: bytes
    sender: str
    status: int
    level: int
    dbm: int | None


def size_of(beginning: bytes) -> int | None:
    """The size of the packet that begins so, None where its head is not in yet; raises DecodeError for what is none."""
    if len(beginning) < HEAD_SIZE:
        return None
    if crc8(beginning[1:HEAD_SIZE]):
        raise DecodeError(f"not the head of a packet (its CRC is wrong): {beginning[:HEAD_SIZE].hex()}")
    data, optional = int.from_bytes(beginning[1:3], "big"), beginning[3]
    if beginning[4] not in TYPES or not 0 < data <= MAX_DATA or optional > MAX_OPTIONAL:
        raise DecodeError(f"a packet that no sensor causes: {beginning[:HEAD_SIZE].hex()}")
    return HEAD_SIZE + data + optional + 1


def decode_packet(frame: bytes) -> Packet:
    """One whole packet. Raises DecodeError."""
    if not frame.startswith(SYNC):
        raise DecodeError(f"a packet begins with 55: {frame[:40].hex()}")
    size = size_of(frame)
    if size is None or len(frame) < size:
        raise DecodeError(f"incomplete: {frame[:40].hex()}")
    if len(frame) > size:
        raise DecodeError(f"{len(frame) - size} bytes behind the end of the packet: {frame[:40].hex()}")
    if crc8(frame[HEAD_SIZE:]):
        raise DecodeError(f"wrong CRC of the data: {frame.hex()}")
    end = HEAD_SIZE + int.from_bytes(frame[1:3], "big")
    return Packet(packet_type=frame[4], data=frame[HEAD_SIZE:end], optional=frame[end:-1])


def telegram_in(packet: Packet) -> Telegram:
    """The radio telegram in a packet of that type. Raises DecodeError."""
    if packet.packet_type != RADIO_ERP1:
        raise DecodeError(f"no radio telegram, but {TYPES.get(packet.packet_type, packet.packet_type)}")
    if len(packet.data) < 1 + _TAIL_SIZE:
        raise DecodeError(f"a radio telegram of {len(packet.data)} bytes: {packet.data.hex()}")
    level = packet.data[-1] & _REPEATED
    has_strength = len(packet.optional) > _TAIL_SIZE and packet.optional[5] != _UNKNOWN_DBM
    return Telegram(
        rorg=packet.data[0],
        payload=packet.data[1:-_TAIL_SIZE],
        sender=packet.data[-_TAIL_SIZE:-1].hex().upper(),
        status=packet.data[-1],
        level=level if level <= _MAX_LEVEL else 0,  # F: no repeater may repeat it
        dbm=-packet.optional[5] if has_strength else None,
    )


def encoded(packet_type: int, data: bytes) -> bytes:
    """A packet without optional data, for the dongle."""
    head = len(data).to_bytes(2, "big") + bytes((0, packet_type))
    return SYNC + head + bytes((crc8(head),)) + data + bytes((crc8(data),))


def crc8(data: bytes) -> int:
    """The CRC of these bytes; 0 for bytes that end with their CRC."""
    crc = 0
    for byte in data:
        crc = _CRC[crc ^ byte]
    return crc


def _crc_of(byte: int) -> int:
    *_, crc = accumulate(range(8), lambda crc, _: (crc << 1 ^ (0x07 if crc & 0x80 else 0)) & 0xFF, initial=byte)
    return crc


_CRC = bytes(map(_crc_of, range(256)))
