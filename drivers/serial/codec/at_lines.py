"""What the lines of a modem mean: registration, signal, SIM, messages, USSD, calls (3GPP TS 27.005 and 27.007). Pure.

A line is text without its line end. `fields_of` splits `+XYZ: a,"b,c",d`; nothing here guesses at a damaged field.
"""

import re
from enum import IntEnum

import msgspec

from drivers.serial.codec.gsm7 import from_septets, unpack
from drivers.serial.codec.sms_pdu import Alphabet, alphabet_of
from shouwang.errors import DecodeError

_PREFIX = re.compile(r"\s*([+^*][A-Z0-9]+|RING|[A-Z ]+CALL)\s*:\s*(.*?)\s*", re.DOTALL)
_FIELD = re.compile(r'\s*(?:"([^"]*)"|([^,"]*?))\s*(?:,|$)')
_HEX = re.compile(r"[0-9A-Fa-f]{1,8}")
_NUMBER = re.compile(r"[0-9]{1,9}")
_HEX_TEXT = re.compile(r"(?:[0-9A-Fa-f]{2})+")
_UNKNOWN_SIGNAL = 99
_EXTENDED_SIGNAL = range(100, 192)
"""TD-SCDMA and LTE values of SIMCom and Quectel modules: 100 is -116 dBm, 191 is -25 dBm."""


class Stat(IntEnum):
    """<stat> of +CREG (27.007, 7.2)."""

    IDLE = 0
    HOME = 1
    SEARCHING = 2
    DENIED = 3
    UNKNOWN = 4
    ROAMING = 5
    HOME_SMS_ONLY = 6
    ROAMING_SMS_ONLY = 7
    EMERGENCY_ONLY = 8
    HOME_CSFB_NOT_PREFERRED = 9
    ROAMING_CSFB_NOT_PREFERRED = 10
    ATTACHED_RLOS = 11


CAN_SEND = frozenset(
    {
        Stat.HOME,
        Stat.ROAMING,
        Stat.HOME_SMS_ONLY,
        Stat.ROAMING_SMS_ONLY,
        Stat.HOME_CSFB_NOT_PREFERRED,
        Stat.ROAMING_CSFB_NOT_PREFERRED,
    }
)
"""Registered so that SMS can be sent."""
_ACCESS = (
    "gsm",
    "gsm_compact",
    "utran",
    "edge",
    "hsdpa",
    "hsupa",
    "hspa",
    "lte",
    "ec_gsm_iot",
    "nb_iot",
    "eutra_5gcn",
    "nr",
    "ng_ran",
    "eutra_nr",
)
"""<AcT> of 27.007, 7.2, by number; EDGE is GSM with EGPRS."""


class Registration(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a network has taken the modem in. `lac` and `cell_id` are 0 where they are not told or damaged."""

    stat: Stat
    lac: int = 0
    cell_id: int = 0
    access: str = "unknown"
    is_answer: bool = False
    """An answer to `AT+CREG?`, as against a report of the modem's own."""
    is_damaged: bool = False

    @property
    def can_send(self) -> bool:
        """Whether SMS can be sent."""
        return self.stat in CAN_SEND


class Ussd(msgspec.Struct, frozen=True, kw_only=True):
    """What the network said to a service code. `status` 1 waits for an answer, 2 is an end by the network."""

    status: int
    dcs: int
    text: str


class Centre(msgspec.Struct, frozen=True, kw_only=True):
    """The service centre that the SIM names."""

    smsc: str
    toa: int


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One call of +CLCC. `state`: 0 active, 1 held, 2 dialling, 3 alerting, 4 incoming, 5 waiting."""

    is_outgoing: bool
    state: int
    is_voice: bool


def prefix_of(line: str) -> str:
    """`+CREG` of `+CREG: 1`; the whole line where it has no such part."""
    found = _PREFIX.fullmatch(line)
    return found[1] if found else line.strip()


def fields_of(line: str) -> list[str]:
    """What stands behind the colon, without quotes and blanks. Raises DecodeError where nothing does."""
    return [text for text, _ in _fields(line)]


def _fields(line: str) -> list[tuple[str, bool]]:
    """Each field, and whether it stood in quotes."""
    found = _PREFIX.fullmatch(line)
    if found is None:
        raise DecodeError(f"not a line of a modem: {line[:60]!r}")
    fields: list[tuple[str, bool]] = []
    at, text = 0, found[2]
    while True:
        match = _FIELD.match(text, at)
        if match is None:
            raise DecodeError(f"a quote is not closed: {line[:60]!r}")
        fields.append((match[1], True) if match[1] is not None else (match[2], False))
        at = match.end()
        if at >= len(text) and not text.endswith(","):
            return fields
        if at >= len(text):
            return [*fields, ("", False)]


def registration(line: str) -> Registration:
    """A `+CREG`, `+CGREG` or `+CEREG` line, answer or report; which of both is seen by its shape.

    An answer has its mode (0 to 5) in front of the state: `2,1,"00C3"`; a report never has two short numbers there.
    Raises DecodeError where there is no state.
    """
    if prefix_of(line) not in ("+CREG", "+CGREG", "+CEREG"):
        raise DecodeError(f"not a registration: {line[:60]!r}")
    fields = _fields(line)
    is_answer = _is_answer(fields)
    stat, *rest = fields[1:] if is_answer else fields
    if not _NUMBER.fullmatch(stat[0]) or int(stat[0]) not in Stat.__members__.values():
        raise DecodeError(f"a registration without a state: {line[:60]!r}")
    return _registration(Stat(int(stat[0])), rest, is_answer=is_answer)


def _is_answer(fields: list[tuple[str, bool]]) -> bool:
    if len(fields) < 2 or not _NUMBER.fullmatch(fields[0][0]) or int(fields[0][0]) > 5:
        return False
    second, is_quoted = fields[1]
    if is_quoted or not _NUMBER.fullmatch(second) or int(second) > max(Stat):
        return False
    if len(second) < 4:
        return True
    # `0011` may be a state with zeroes in front, or an area: then a cell and an access technology follow
    last = fields[-1][0]
    return (len(fields) == 4 and len(last) > 2) or (len(fields) > 4 and len(fields[2][0]) > 2)


def _registration(stat: Stat, rest: list[tuple[str, bool]], *, is_answer: bool) -> Registration:
    texts = [text for text, _ in rest]
    if len(texts) < 2 or not any(texts[:2]):
        return Registration(stat=stat, is_answer=is_answer)
    area, cell = texts[:2]
    access = texts[2] if len(texts) > 2 else ""
    if len(texts) >= 3 and len(cell) <= 2 and len(texts[2]) > 2:  # a routing area stands in between
        cell, access = texts[2], texts[3] if len(texts) > 3 else ""
    if not (_HEX.fullmatch(area) and _HEX.fullmatch(cell)):
        return Registration(stat=stat, is_answer=is_answer, is_damaged=True)
    return Registration(
        stat=stat, lac=int(area, 16), cell_id=int(cell, 16), access=_access(access), is_answer=is_answer
    )


def _access(text: str) -> str:
    number = int(text) if _NUMBER.fullmatch(text) else len(_ACCESS)
    return _ACCESS[number] if number < len(_ACCESS) else "unknown"


def signal_dbm(line: str) -> float | None:
    """The strength that `+CSQ` tells, None where it is not known. Raises DecodeError."""
    fields = fields_of(line)
    if prefix_of(line) != "+CSQ" or not _NUMBER.fullmatch(fields[0]):
        raise DecodeError(f"not a signal strength: {line[:60]!r}")
    level = int(fields[0])
    if level in _EXTENDED_SIGNAL:
        return float(level - 216)
    if level == _UNKNOWN_SIGNAL or level > 199:
        return None
    if level > 31:
        raise DecodeError(f"a signal of {level}: at most 31, or 99 for not known")
    return float(2 * level - 113)


def centre(line: str) -> Centre:
    """`+CSCA`; the number may be written in hexadecimal UCS2. Raises DecodeError."""
    fields = fields_of(line)
    if prefix_of(line) != "+CSCA":
        raise DecodeError(f"not a service centre: {line[:60]!r}")
    number = fields[0]
    if len(number) >= 8 and len(number) % 4 == 0 and number.startswith("00") and _HEX_TEXT.fullmatch(number):
        number = bytes.fromhex(number).decode("utf-16-be", "replace")
    if not re.fullmatch(r"\+?[0-9]{0,20}", number):
        raise DecodeError(f"a service centre that is no number: {line[:60]!r}")
    return Centre(smsc=number, toa=_int_at(fields, 1, 129))


def ussd(line: str) -> Ussd:
    """`+CUSD`: text, packed 7-bit, or UCS2, as its coding scheme says. Raises DecodeError."""
    fields = fields_of(line)
    if prefix_of(line) != "+CUSD" or not _NUMBER.fullmatch(fields[0]):
        raise DecodeError(f"not an answer to a service code: {line[:60]!r}")
    dcs = _int_at(fields, 2, 15)
    written = fields[1] if len(fields) > 1 else ""
    return Ussd(status=int(fields[0]), dcs=dcs, text=_ussd_text(written, dcs))


def _ussd_text(written: str, dcs: int) -> str:
    is_hex = len(written) >= 4 and _HEX_TEXT.fullmatch(written) is not None
    if dcs == 17 and is_hex:  # 23.038, 5: UCS2 behind a language
        return bytes.fromhex(written).decode("utf-16-be", "replace")
    group = dcs >> 4
    alphabet = alphabet_of(dcs & 0x0F if 4 <= group < 8 else 0) if group < 0x0F else Alphabet.GSM7
    if alphabet is Alphabet.UCS2 and is_hex:
        return bytes.fromhex(written).decode("utf-16-be", "replace")
    is_packed = is_hex and not written.isdecimal() and written == written.upper() and len(written) >= 8
    if alphabet is Alphabet.GSM7 and is_packed:
        octets = bytes.fromhex(written)
        return from_septets(unpack(octets, len(octets) * 8 // 7)).rstrip("\r@")
    return written


def message_place(line: str) -> tuple[str, int]:
    """Memory and index of `+CMTI` or `+CDSI`. Raises DecodeError."""
    fields = fields_of(line)
    if prefix_of(line) not in ("+CMTI", "+CDSI") or len(fields) < 2 or not _NUMBER.fullmatch(fields[1]):
        raise DecodeError(f"not a place of a message: {line[:60]!r}")
    return fields[0], int(fields[1])


def sent_ref(line: str) -> int:
    """The reference that `+CMGS` gives. Raises DecodeError."""
    fields = fields_of(line)
    if prefix_of(line) != "+CMGS" or not _NUMBER.fullmatch(fields[0]) or int(fields[0]) > 255:
        raise DecodeError(f"not a reference: {line[:60]!r}")
    return int(fields[0])


def listed_index(line: str) -> int:
    """The index that `+CMGL` names. Raises DecodeError."""
    fields = fields_of(line)
    if prefix_of(line) != "+CMGL" or not _NUMBER.fullmatch(fields[0]):
        raise DecodeError(f"not a stored message: {line[:60]!r}")
    return int(fields[0])


def pdu_from(line: str) -> bytes:
    """The octets of a PDU line. Raises DecodeError."""
    written = line.strip()
    if not _HEX_TEXT.fullmatch(written):
        raise DecodeError(f"not a PDU: {len(written)} characters")
    return bytes.fromhex(written)


def call(line: str) -> Call:
    """`+CLCC`. Raises DecodeError."""
    fields = fields_of(line)
    numbers = [int(field) for field in fields[:4] if _NUMBER.fullmatch(field)]
    if prefix_of(line) != "+CLCC" or len(numbers) < 4:
        raise DecodeError(f"not a call: {len(fields)} fields")
    return Call(is_outgoing=numbers[1] == 0, state=numbers[2], is_voice=numbers[3] == 0)


def tone(line: str) -> str | None:
    """The key that the person at the other end has pressed; None for a line about something else.

    `+DTMF: 1` (SIM800), `+RXDTMF: 1` (SIM7600), `+QTONEDET: 49` (EC25: the character's number in ASCII).
    """
    if prefix_of(line) not in ("+DTMF", "+RXDTMF", "+QTONEDET"):
        return None
    field = fields_of(line)[0]
    if prefix_of(line) == "+QTONEDET":
        field = chr(int(field)) if _NUMBER.fullmatch(field) and int(field) < 128 else ""
    return field if len(field) == 1 and field in "0123456789*#ABCD" else None


def caller(line: str) -> str:
    """The number that `+CLIP` names; empty where it is withheld. Raises DecodeError."""
    if prefix_of(line) != "+CLIP":
        raise DecodeError(f"not a caller: {prefix_of(line)[:20]!r}")
    return fields_of(line)[0]


def _int_at(fields: list[str], at: int, default: int) -> int:
    if len(fields) <= at or not fields[at]:
        return default
    if not _NUMBER.fullmatch(fields[at]):
        raise DecodeError(f"field {at + 1} is no number: {fields[at][:20]!r}")
    return int(fields[at])
