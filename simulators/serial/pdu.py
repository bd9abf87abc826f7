"""SMS as a network and a modem write them: 3GPP TS 23.040 and 23.038, written for the simulated modem alone.

It reads what a modem is given to send, and writes what a network delivers: messages and status reports.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

_ALPHABET = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED = {
    "\f": 0x0A,
    "^": 0x14,
    "{": 0x28,
    "}": 0x29,
    "\\": 0x2F,
    "[": 0x3C,
    "~": 0x3D,
    "]": 0x3E,
    "|": 0x40,
    "€": 0x65,
}
CENTRE = "+8613800100500"
_PART_SEPTETS, _PART_UNITS = 153, 67


@dataclass(frozen=True, kw_only=True, slots=True)
class Submitted:
    """What the modem was given. `header` is the user data header, empty for a message of one part."""

    to: str
    text: str
    wants_report: bool
    header: bytes

    @property
    def part(self) -> tuple[int, int, int] | None:
        """Reference, total, place; None for a message of one part."""
        return None if not self.header else (self.header[2], self.header[3], self.header[4])


def read_submit(pdu: bytes) -> Submitted:
    """A SUBMIT with the centre's number in front; ValueError or IndexError where it is none."""
    tpdu = pdu[1 + pdu[0] :]
    first, digits = tpdu[0], tpdu[2]
    if first & 3 != 1:
        raise ValueError(f"not a message to be sent: {tpdu[:1].hex()}")
    end = 4 + (digits + 1) // 2
    to = ("+" if tpdu[3] == 0x91 else "") + _unswap(tpdu[4:end])[:digits]
    coding = tpdu[end + 1]
    at = end + 2 + {0: 0, 2: 1, 1: 7, 3: 7}[first >> 3 & 3]
    length, data = tpdu[at], tpdu[at + 1 :]
    header = data[1 : 1 + data[0]] if first & 0x40 else b""
    if coding == 8:
        if len(data) != length:
            raise ValueError(f"{len(data)} octets instead of {length}")
        text = data[len(header) + bool(header) :].decode("utf-16-be")
    else:
        if len(data) != (7 * length + 7) // 8:
            raise ValueError(f"{len(data)} octets for {length} septets")
        text = _unpacked(data, length, skip=(8 * (len(header) + bool(header)) + 6) // 7)
    return Submitted(to=to, text=text, wants_report=bool(first & 0x20), header=header)


def deliver(sender: str, text: str, *, ref: int = 0, at: datetime | None = None) -> list[bytes]:
    """The message as the network delivers it, in as many parts as it needs."""
    stamp = _stamp(at or datetime(2026, 11, 25, 8, 0, tzinfo=UTC))
    is_packed = all(char in _ALPHABET or char in _EXTENDED for char in text)
    whole = len(_septets(text)) <= 160 if is_packed else len(text.encode("utf-16-be")) <= 140
    pieces = [text] if whole else _pieces(text, is_packed=is_packed)
    found = []
    for seq, piece in enumerate(pieces, 1):
        header = b"" if whole else bytes((5, 0, 3, ref, len(pieces), seq))
        length, data = _user_data(piece, header, is_packed=is_packed)
        first = 0x04 | (0x40 if header else 0)
        coding = 0 if is_packed else 8
        found.append(
            _centre() + bytes((first,)) + _address(sender) + bytes((0, coding)) + stamp + bytes((length,)) + data
        )
    return found


def status_report(ref: int, to: str, status: int, *, at: datetime | None = None) -> bytes:
    """The network's word on a message that was sent."""
    stamp = _stamp(at or datetime(2026, 11, 25, 8, 0, tzinfo=UTC))
    return _centre() + bytes((0x06, ref)) + _address(to) + stamp + stamp + bytes((status,))


def _pieces(text: str, *, is_packed: bool) -> list[str]:
    room = _PART_SEPTETS if is_packed else _PART_UNITS
    pieces, piece = [], ""
    for char in text:
        longer = piece + char
        size = len(_septets(longer)) if is_packed else len(longer.encode("utf-16-be")) // 2
        if size > room:
            pieces.append(piece)
            longer = char
        piece = longer
    return [*pieces, piece]


def _user_data(text: str, header: bytes, *, is_packed: bool) -> tuple[int, bytes]:
    if not is_packed:
        octets = header + text.encode("utf-16-be")
        return len(octets), octets
    skip = (8 * len(header) + 6) // 7
    bits = "".join(f"{septet:07b}"[::-1] for septet in _septets(text))
    bits = "0" * (7 * skip - 8 * len(header)) + bits
    bits += "0" * (-len(bits) % 8)
    packed = bytes(int(bits[at : at + 8][::-1], 2) for at in range(0, len(bits), 8))
    return skip + len(_septets(text)), header + packed


def _septets(text: str) -> list[int]:
    found: list[int] = []
    for char in text:
        found += [0x1B, _EXTENDED[char]] if char in _EXTENDED else [_ALPHABET.index(char)]
    return found


def _unpacked(data: bytes, count: int, *, skip: int) -> str:
    bits = "".join(f"{octet:08b}"[::-1] for octet in data)
    text, is_escaped = "", False
    extended = {code: char for char, code in _EXTENDED.items()}
    for place in range(skip, count):
        septet = int(bits[7 * place : 7 * place + 7][::-1], 2)
        if septet == 0x1B:
            is_escaped = True
            continue
        text += extended[septet] if is_escaped else _ALPHABET[septet]
        is_escaped = False
    return text


def _address(number: str) -> bytes:
    digits = number.removeprefix("+")
    return bytes((len(digits), 0x91 if number.startswith("+") else 0x81)) + _swap(digits)


def _centre() -> bytes:
    octets = b"\x91" + _swap(CENTRE[1:])
    return bytes((len(octets),)) + octets


def _swap(digits: str) -> bytes:
    padded = digits + "f" * (len(digits) % 2)
    return bytes.fromhex("".join(padded[at + 1] + padded[at] for at in range(0, len(padded), 2)))


def _unswap(octets: bytes) -> str:
    written = octets.hex()
    return "".join(written[at + 1] + written[at] for at in range(0, len(written), 2))


def _stamp(at: datetime) -> bytes:
    return _swap(f"{at:%y%m%d%H%M%S}00")
