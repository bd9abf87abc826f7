"""The 7-bit alphabet of GSM (3GPP TS 23.038, 6.2.1) and its packing into octets. Pure."""

from shouwang.errors import DecodeError

ESCAPE = 0x1B
_BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅå"
    "Δ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ"
    " !\"#¤%&'()*+,-./"
    "0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNO"
    "PQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmno"
    "pqrstuvwxyzäöñüà"
)
_EXTENSION = {
    0x0A: "\f",
    0x14: "^",
    0x28: "{",
    0x29: "}",
    0x2F: "\\",
    0x3C: "[",
    0x3D: "~",
    0x3E: "]",
    0x40: "|",
    0x65: "€",
}
_SEPTETS: dict[str, tuple[int, ...]] = {
    **{char: (ESCAPE, code) for code, char in _EXTENSION.items()},
    **{char: (code,) for code, char in enumerate(_BASIC) if code != ESCAPE},
}


def can_write(text: str) -> bool:
    """Whether the alphabet has all these characters."""
    return all(char in _SEPTETS for char in text)


def to_septets(text: str) -> list[int]:
    """The text as septets; raises DecodeError for a character that the alphabet has not."""
    septets: list[int] = []
    for char in text:
        if char not in _SEPTETS:
            raise DecodeError(f"the 7-bit alphabet has no {char!r}")
        septets += _SEPTETS[char]
    return septets


def from_septets(septets: list[int]) -> str:
    """The text. An escape before what no table has is shown as a space, as 23.038 says; one at the end is nothing."""
    chars: list[str] = []
    is_escaped = False
    for septet in septets:
        if is_escaped:
            # 23.038, 6.2.1.1: without an entry in the extension table, the character of the basic table is shown
            chars.append(" " if septet == ESCAPE else _EXTENSION.get(septet, _BASIC[septet]))
            is_escaped = False
        elif septet == ESCAPE:
            is_escaped = True
        else:
            chars.append(_BASIC[septet])
    return "".join(chars)


def pack(septets: list[int], *, fill_bits: int = 0) -> bytes:
    """Octets, the first septet in the low bits, after `fill_bits` zero bits (which align it behind a header)."""
    number = 0
    for place, septet in enumerate(septets):
        number |= septet << (7 * place + fill_bits)
    return number.to_bytes((7 * len(septets) + fill_bits + 7) // 8, "little")


def unpack(octets: bytes, count: int, *, fill_bits: int = 0) -> list[int]:
    """So many septets; raises DecodeError where the octets do not hold them."""
    if 7 * count + fill_bits > 8 * len(octets):
        raise DecodeError(f"{count} characters of 7 bits do not fit into {len(octets)} octets")
    number = int.from_bytes(octets, "little") >> fill_bits
    return [number >> (7 * place) & 0x7F for place in range(count)]
