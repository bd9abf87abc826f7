"""A text as the SMS-SUBMITs that carry it: alphabet, parts, status report, validity (3GPP TS 23.040). Pure."""

from datetime import timedelta

import msgspec

from drivers.serial.codec.gsm7 import ESCAPE, can_write, pack, to_septets
from drivers.serial.codec.sms_fields import Concat, address, centre_address, header
from drivers.serial.codec.sms_pdu import MAX_USER_OCTETS
from shouwang.errors import DecodeError

MAX_PARTS = 255
_SUBMIT, _RELATIVE_VALIDITY, _WANTS_REPORT, _HAS_HEADER = 0x01, 0x10, 0x20, 0x40
_GSM7, _UCS2 = 0x00, 0x08


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """Who gets it and how. `concat_ref` numbers a message of several parts; 16-bit where it is above 255."""

    to: str
    centre: str | None = None
    wants_report: bool = False
    validity: timedelta | None = None
    ref: int = 0
    concat_ref: int = 0
    is_16_bit: bool = False


class SubmitPdu(msgspec.Struct, frozen=True, kw_only=True):
    """One message for the modem: `tpdu_size` is the number that AT+CMGS wants, without the centre's number."""

    octets: bytes
    tpdu_size: int


def encode_submit(text: str, envelope: Envelope) -> list[SubmitPdu]:
    """The message, in as many parts as it needs. Raises DecodeError where a number or the text cannot be sent."""
    is_packed = can_write(text)
    header_size = 7 if envelope.is_16_bit else 6
    pieces = _pieces(text, header_size, is_packed=is_packed)
    if len(pieces) > MAX_PARTS:
        raise DecodeError(f"a text of {len(pieces)} parts; at most {MAX_PARTS}")
    if len(pieces) == 1:
        return [_pdu(pieces[0], b"", envelope, is_packed=is_packed)]
    heads = [
        header(Concat(ref=envelope.concat_ref, total=len(pieces), seq=seq, is_16_bit=envelope.is_16_bit))
        for seq in range(1, len(pieces) + 1)
    ]
    return [_pdu(piece, head, envelope, is_packed=is_packed) for piece, head in zip(pieces, heads, strict=True)]


def count_parts(text: str) -> int:
    """How many messages this text needs."""
    return len(_pieces(text, 6, is_packed=can_write(text)))


def validity_octet(validity: timedelta) -> int:
    """The longest relative validity that is not longer than this (at least 5 minutes)."""
    if validity <= timedelta(hours=12):
        return max(0, validity // timedelta(minutes=5) - 1)
    if validity <= timedelta(days=1):
        return 143 + (validity - timedelta(hours=12)) // timedelta(minutes=30)
    if validity <= timedelta(days=30):
        return 166 + validity // timedelta(days=1)
    return min(255, max(196, 192 + validity // timedelta(weeks=1)))


Piece = list[int] | bytes
"""Septets, or the octets of UTF-16."""


def _pieces(text: str, header_size: int, *, is_packed: bool) -> list[Piece]:
    if is_packed:
        septets = to_septets(text)
        whole = MAX_USER_OCTETS * 8 // 7
        room = (MAX_USER_OCTETS - header_size) * 8 // 7
        return [septets] if len(septets) <= whole else list(_cut_septets(septets, room))
    octets = _utf16(text)
    room = (MAX_USER_OCTETS - header_size) // 2 * 2
    return [octets] if len(octets) <= MAX_USER_OCTETS else list(_cut_utf16(octets, room))


def _utf16(text: str) -> bytes:
    try:
        return text.encode("utf-16-be")
    except UnicodeEncodeError:
        raise DecodeError("the text holds half of a surrogate pair") from None


def _cut_septets(septets: list[int], room: int) -> list[Piece]:
    pieces: list[Piece] = []
    at = 0
    while at < len(septets):
        end = min(len(septets), at + room)
        if end < len(septets) and septets[end - 1] == ESCAPE:  # never between an escape and its character
            end -= 1
        pieces.append(septets[at:end])
        at = end
    return pieces


def _cut_utf16(octets: bytes, room: int) -> list[Piece]:
    pieces: list[Piece] = []
    at = 0
    while at < len(octets):
        end = min(len(octets), at + room)
        if end < len(octets) and octets[end - 2] & 0xFC == 0xD8:  # never between the two units of a character
            end -= 2
        pieces.append(octets[at:end])
        at = end
    return pieces


def _pdu(piece: Piece, head: bytes, envelope: Envelope, *, is_packed: bool) -> SubmitPdu:
    if isinstance(piece, bytes):
        length, user_data = len(head) + len(piece), head + piece
    else:
        head_septets = (8 * len(head) + 6) // 7
        length = head_septets + len(piece)
        user_data = head + pack(piece, fill_bits=7 * head_septets - 8 * len(head))
    first = _SUBMIT
    first |= _WANTS_REPORT if envelope.wants_report else 0
    first |= _HAS_HEADER if head else 0
    first |= 0 if envelope.validity is None else _RELATIVE_VALIDITY
    tpdu = bytes((first, envelope.ref)) + address(envelope.to) + bytes((0, _GSM7 if is_packed else _UCS2))
    if envelope.validity is not None:
        tpdu += bytes((validity_octet(envelope.validity),))
    tpdu += bytes((length,)) + user_data
    return SubmitPdu(octets=centre_address(envelope.centre) + tpdu, tpdu_size=len(tpdu))
