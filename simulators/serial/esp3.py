"""What an EnOcean dongle puts on the wire (EnOcean Serial Protocol 3), and telegrams of common profiles (EEP 2.6.8)."""

RADIO, RESPONSE, COMMON_COMMAND = 0x01, 0x02, 0x05
RPS, CONTACT, FOUR_BYTES, VARIABLE, UTE, SECURE = 0xF6, 0xD5, 0xA5, 0xD2, 0xD4, 0x30
PRESSED, RELEASED = 0x30, 0x20
"""Status of a switch: T21, and which key it is (N-message) or that all are let go."""
KEYS = {"AI": 0, "AO": 1, "BI": 2, "BO": 3}
READ_VERSION = bytes.fromhex("55 0001 00 05 70 03 09")
_BROADCAST = b"\xff\xff\xff\xff"


def crc8(data: bytes) -> int:
    """Polynomial x8 + x2 + x + 1."""
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1 ^ 0x07) & 0xFF if crc & 0x80 else crc << 1
    return crc


def packet(kind: int, data: bytes, optional: bytes = b"") -> bytes:
    """One packet."""
    head = len(data).to_bytes(2, "big") + bytes((len(optional), kind))
    return b"\x55" + head + bytes((crc8(head),)) + data + optional + bytes((crc8(data + optional),))


def telegram(sender: str, rorg: int, payload: bytes, *, status: int = 0, level: int = 0, dbm: int = -61) -> bytes:
    """A radio telegram as the dongle reports it; `level`: through how many repeaters it came."""
    data = bytes((rorg,)) + payload + bytes.fromhex(sender) + bytes((status | level,))
    return packet(RADIO, data, b"\x01" + _BROADCAST + bytes((-dbm, 0)))


def version() -> bytes:
    """The answer to CO_RD_VERSION: return code, versions of program and interface, chip, its version, name."""
    return packet(RESPONSE, b"\x00" + bytes((2, 11, 1, 0, 2, 6, 3, 0)) + bytes(8) + b"GATEWAYCTRL\0\0\0\0\0")
