"""Rows of `shouwang decode` about a modem: messages in PDU form, and lines. For people and for tests."""

import re
from datetime import datetime, timedelta

from drivers.rows import Found, Plain, Reader, Row
from drivers.serial.codec.at_lines import centre, prefix_of, registration, ussd
from drivers.serial.codec.sms_pdu import (
    MAX_OCTETS,
    Alphabet,
    Deliver,
    Discharge,
    Message,
    StatusReport,
    Submit,
    concat_of,
    decode_pdu,
)
from shouwang.errors import DecodeError

_MAX_TEXT = 4096
_TYPES = {Deliver: "Deliver", Submit: "Submit", StatusReport: "Status_Report"}
_CODINGS = {Alphabet.GSM7: "Default", Alphabet.UCS2: "Unicode", Alphabet.OCTETS: "8bit"}
_FATES = {
    Discharge.DELIVERED: "Delivered",
    Discharge.FORWARDED: "Forwarded",
    Discharge.PENDING: "Pending",
    Discharge.FAILED: "Failed",
}


def _pdu(row: Row) -> Found:
    message = decode_pdu(_octets(row.get("hex")))
    fields: dict[str, Plain] = {
        "type": _TYPES[type(message)],
        "smsc": message.centre,
        "number": message.sender if isinstance(message, Deliver) else message.to,
        "timestamp": None if isinstance(message, Submit) else _moment(message.at),
    }
    return {**fields, **_particulars(message)}, []


def _particulars(message: Message) -> dict[str, Plain]:
    if isinstance(message, StatusReport):
        return {
            "text": _FATES[message.discharge],
            "status": message.status,
            "reference": message.ref,
            "discharged": _moment(message.discharged_at),
        }
    data, concat = message.data, concat_of(message)
    fields: dict[str, Plain] = {
        "text": data.text,
        "coding": _CODINGS[data.alphabet],
        "data": data.raw.hex() if data.text is None else None,
        "multipart": concat is not None,
    }
    if concat is not None:
        fields |= {"reference": concat.ref, "part": concat.seq, "parts": concat.total}
    if data.trouble:
        fields["trouble"] = data.trouble
    if isinstance(message, Submit):
        fields |= {"status_report": message.wants_report, "validity": _validity(message.validity)}
    return fields


def _creg(row: Row) -> Found:
    found = registration(_line(row, "+CREG", "+CGREG", "+CEREG"))
    fields: dict[str, Plain] = {"stat": int(found.stat), "state": found.stat.name.lower(), "access": found.access}
    if found.is_damaged:
        return {**fields, "lac": None, "cell_id": None}, []
    return {**fields, "lac": found.lac, "cell_id": found.cell_id}, []


def _csca(row: Row) -> Found:
    found = centre(_line(row, "+CSCA"))
    return {"smsc": found.smsc, "toa": found.toa}, []


def _cusd(row: Row) -> Found:
    found = ussd(_line(row, "+CUSD"))
    return {"status": found.status, "dcs": found.dcs, "text": found.text}, []


def _line(row: Row, *prefixes: str) -> str:
    text = row.get("text")
    if not isinstance(text, str) or len(text) > _MAX_TEXT:
        raise DecodeError(f"text is missing, or longer than {_MAX_TEXT}: write the line, e.g. {prefixes[0]}: 1")
    for line in re.split(r"[\r\n]+", text):
        if prefix_of(line) in prefixes and not line.lstrip().startswith("AT"):
            return line
    raise DecodeError(f"no line begins with {' or '.join(prefixes)}")


def _octets(written: object) -> bytes:
    if not isinstance(written, str) or len(written) > 2 * MAX_OCTETS + 2:
        raise DecodeError("hex is missing, or longer than a message can be: write the octets of one")
    try:
        return bytes.fromhex(written)
    except ValueError:
        raise DecodeError(f"hex is not pairs of hexadecimal digits: {written[:40]}") from None


def _moment(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat().replace("+00:00", "Z")


def _validity(validity: timedelta | datetime | None) -> Plain:
    return validity.total_seconds() if isinstance(validity, timedelta) else _moment(validity)


READERS: dict[str, Reader] = {
    "sms-pdu": _pdu,
    "sms-pdu-encode": _pdu,
    "at-creg": _creg,
    "at-csca": _csca,
    "at-cusd": _cusd,
}
"""How a row of each format is read."""
