"""What an SMS in PDU form says: DELIVER, SUBMIT and STATUS-REPORT of 3GPP TS 23.040. Pure.

A text that needs a national language table (23.038, annex A) is not read: sender and time are, and `trouble` says why.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

from drivers.serial.codec.gsm7 import from_septets, unpack
from drivers.serial.codec.sms_fields import (
    Concat,
    Cursor,
    Header,
    header_from,
    take_address,
    take_centre,
    take_moment,
)
from shouwang.errors import DecodeError

MAX_OCTETS = 12 + 164
"""27.005 and 23.040: a service centre's number, and the longest TPDU."""
MAX_USER_OCTETS = 140
_MAX_SEPTETS = 160
_DELIVER, _SUBMIT, _STATUS_REPORT = 0, 1, 2
_HAS_HEADER = 0x40
_WANTS_REPORT = 0x20


class Alphabet(StrEnum):
    """How the user data is written (23.038)."""

    GSM7 = "gsm7"
    OCTETS = "octets"
    UCS2 = "ucs2"


class Discharge(StrEnum):
    """What a status report says of the message (23.040, 9.2.3.15)."""

    DELIVERED = "delivered"
    FORWARDED = "forwarded"
    """Handed on, delivery cannot be confirmed; or replaced at the centre."""
    PENDING = "pending"
    FAILED = "failed"


class UserData(msgspec.Struct, frozen=True, kw_only=True):
    """Text, or octets where there is no text. `raw` are the octets behind the header, for joining parts."""

    alphabet: Alphabet
    text: str | None
    raw: bytes
    header: Header
    trouble: str = ""


class Deliver(msgspec.Struct, frozen=True, kw_only=True):
    """A message that came in. `at` is the service centre's time."""

    centre: str | None
    sender: str
    at: datetime | None
    data: UserData
    is_flash: bool = False


class Submit(msgspec.Struct, frozen=True, kw_only=True):
    """A message to be sent, as a modem stores it."""

    centre: str | None
    to: str
    ref: int
    data: UserData
    wants_report: bool
    validity: timedelta | datetime | None = None


class StatusReport(msgspec.Struct, frozen=True, kw_only=True):
    """The fate of a message that was sent with reference `ref`. `at` is when the service centre took it."""

    centre: str | None
    ref: int
    to: str
    at: datetime | None
    discharged_at: datetime | None
    status: int

    @property
    def discharge(self) -> Discharge:
        """What `status` means."""
        if self.status == 0:
            return Discharge.DELIVERED
        if self.status < 0x20:
            return Discharge.FORWARDED
        return Discharge.PENDING if self.status < 0x40 else Discharge.FAILED


Message = Deliver | Submit | StatusReport


def decode_pdu(pdu: bytes) -> Message:
    """The message, with the service centre's number in front, as modems give it. Raises DecodeError."""
    if len(pdu) > MAX_OCTETS:
        raise DecodeError(f"an SMS of {len(pdu)} octets; at most {MAX_OCTETS}")
    cursor = Cursor(pdu)
    centre = take_centre(cursor)
    first = cursor.octet("first octet")
    kind = first & 3
    if kind not in _READERS:
        raise DecodeError(f"a message of type 3 is reserved: {pdu[:20].hex()}")
    return _READERS[kind](cursor, centre, first)


def joined(parts: Sequence[Deliver]) -> str | None:
    """The text of a message whose parts are all there, in their order; None where a part has no text.

    UCS2 is joined as octets: senders do split a character that takes two units.
    """
    if any(part.data.text is None for part in parts):
        return None
    if all(part.data.alphabet is Alphabet.UCS2 for part in parts):
        return _utf16(b"".join(part.data.raw for part in parts))
    return "".join(part.data.text or "" for part in parts)


def _deliver(cursor: Cursor, centre: str | None, first: int) -> Deliver:
    sender = take_address(cursor)
    cursor.octet("protocol identifier")
    coding = cursor.octet("coding scheme")
    at = take_moment(cursor, "time stamp")
    return Deliver(
        centre=centre,
        sender=sender,
        at=at,
        data=_user_data(cursor, coding, has_header=bool(first & _HAS_HEADER)),
        is_flash=_message_class(coding) == 0,
    )


def _submit(cursor: Cursor, centre: str | None, first: int) -> Submit:
    ref = cursor.octet("reference")
    to = take_address(cursor)
    cursor.octet("protocol identifier")
    coding = cursor.octet("coding scheme")
    validity = _take_validity(cursor, first >> 3 & 3)
    return Submit(
        centre=centre,
        to=to,
        ref=ref,
        data=_user_data(cursor, coding, has_header=bool(first & _HAS_HEADER)),
        wants_report=bool(first & _WANTS_REPORT),
        validity=validity,
    )


def _status_report(cursor: Cursor, centre: str | None, _first: int) -> StatusReport:
    return StatusReport(
        centre=centre,
        ref=cursor.octet("reference"),
        to=take_address(cursor),
        at=take_moment(cursor, "time stamp"),
        discharged_at=take_moment(cursor, "discharge time"),
        status=cursor.octet("status"),
    )


_READERS: dict[int, Callable[[Cursor, str | None, int], Message]] = {
    _DELIVER: _deliver,
    _SUBMIT: _submit,
    _STATUS_REPORT: _status_report,
}


def _take_validity(cursor: Cursor, form: int) -> timedelta | datetime | None:
    if form == 2:
        return relative_validity(cursor.octet("validity"))
    if form == 3:
        return take_moment(cursor, "validity")
    if form == 1:  # the enhanced form: nobody who stores a message for sending here uses it
        cursor.take(7, "validity")
    return None


def relative_validity(octet: int) -> timedelta:
    """What the octet means (23.040, 9.2.3.12.1)."""
    if octet <= 143:
        return timedelta(minutes=5 * (octet + 1))
    if octet <= 167:
        return timedelta(hours=12, minutes=30 * (octet - 143))
    return timedelta(days=octet - 166) if octet <= 196 else timedelta(weeks=octet - 192)


def _message_class(coding: int) -> int | None:
    has_class = coding & 0xF0 == 0xF0 or coding & 0xD0 == 0x10
    return coding & 3 if has_class else None


def alphabet_of(coding: int) -> Alphabet:
    """The alphabet of a data coding scheme (23.038, 4). Raises DecodeError for compressed text."""
    group = coding >> 4
    if group < 0x8:  # general, and marked for deletion
        if coding & 0x20:
            raise DecodeError(f"compressed text (coding scheme {coding:02x}) is not supported")
        return {0: Alphabet.GSM7, 1: Alphabet.OCTETS, 2: Alphabet.UCS2}.get(coding >> 2 & 3, Alphabet.GSM7)
    if group == 0xE:
        return Alphabet.UCS2
    if group == 0xF and coding & 4:
        return Alphabet.OCTETS
    return Alphabet.GSM7  # C, D: message waiting; 8 to B are reserved and to be read as GSM 7 bit


def _user_data(cursor: Cursor, coding: int, *, has_header: bool) -> UserData:
    alphabet = alphabet_of(coding)
    length = cursor.octet("length of the text")
    is_packed = alphabet is Alphabet.GSM7
    if length > (_MAX_SEPTETS if is_packed else MAX_USER_OCTETS):
        raise DecodeError(f"a text of {length} units in one message")
    octets = cursor.take((7 * length + 7) // 8 if is_packed else length, "text")
    header, header_size = Header(), 0
    if has_header:
        header_size = 1 + (octets[0] if octets else 0)
        if header_size > len(octets):
            raise DecodeError(f"a header of {header_size} octets in {len(octets)}")
        header = header_from(octets[1:header_size])
    raw = octets[header_size:]
    if alphabet is Alphabet.OCTETS:
        return UserData(alphabet=alphabet, text=None, raw=raw, header=header)
    if alphabet is Alphabet.UCS2:
        return UserData(alphabet=alphabet, text=_utf16(raw), raw=raw, header=header)
    return _packed(raw, length, header, header_size)


def _packed(raw: bytes, length: int, header: Header, header_size: int) -> UserData:
    header_septets = (8 * header_size + 6) // 7
    count = length - header_septets
    if count < 0:
        raise DecodeError(f"a header of {header_size} octets in a text of {length} characters")
    septets = unpack(raw, count, fill_bits=7 * header_septets - 8 * header_size)
    table = header.locking_shift or header.single_shift
    trouble = f"the national language table {table} is not supported" if table else ""
    return UserData(
        alphabet=Alphabet.GSM7,
        text=None if table else from_septets(septets),
        raw=raw,
        header=header,
        trouble=trouble,
    )


def _utf16(octets: bytes) -> str:
    # half of a pair, or an odd octet, is shown as such: the rest of the message is worth reading
    return octets.decode("utf-16-be", "replace")


def concat_of(message: Message) -> Concat | None:
    """Which part of a longer message it is; None for one that is whole."""
    return None if isinstance(message, StatusReport) else message.data.header.concat
