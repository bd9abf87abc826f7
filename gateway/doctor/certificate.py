"""The few things that people must know of a certificate: whose it is, and until when. DER by hand, pure.

RFC 5280, 4.1: Certificate ::= SEQUENCE { tbsCertificate SEQUENCE { [0] version, serial, algorithm, issuer, validity
SEQUENCE { notBefore, notAfter }, subject, ... } ... }.
"""

import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from shouwang.bilingual import Bilingual, both
from shouwang.errors import DecodeError

_BEGIN, _END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
_SEQUENCE, _SET, _VERSION, _OID = 0x30, 0x31, 0xA0, 0x06
_UTC_TIME, _GENERALIZED_TIME = 0x17, 0x18
_COMMON_NAME = bytes((0x55, 0x04, 0x03))
"""2.5.4.3."""
_LONG, _TWO_DIGITS = 0x80, 50
"""A year of two digits below 50 is of this century (RFC 5280, 4.1.2.5.1)."""
_MAX_CHARS = 1_000_000
_TOO_LONG = Bilingual("too long for a file of certificates", zh="太长，不像证书文件")
_UNREAD = "certificate {number} of the file cannot be read", "文件里的第 {number} 份证书读不出来"
_NONE = Bilingual("there is no certificate in it", zh="里面没有证书")


@dataclass(frozen=True, kw_only=True, slots=True)
class Certificate:
    """`name`: the common name of its subject; empty where it has none."""

    name: str
    begins: datetime
    ends: datetime


def certificates_in(pem: str) -> list[Certificate]:
    """All certificates of a PEM file, in order. Raises DecodeError, also where there is none."""
    if len(pem) > _MAX_CHARS:
        raise DecodeError(_TOO_LONG)
    found = []
    for part in pem.split(_BEGIN)[1:]:
        body, end, _ = part.partition(_END)
        try:
            found.append(_read(ssl.PEM_cert_to_DER_cert(_BEGIN + body + end)))
        except (ValueError, IndexError, StopIteration) as error:
            raise DecodeError(both(*_UNREAD, number=len(found) + 1)) from error
    if not found:
        raise DecodeError(_NONE)
    return found


def _read(der: bytes) -> Certificate:
    _, whole = next(_parts(der))
    _, signed = next(_parts(whole))
    parts = list(_parts(signed))
    if parts[0][0] == _VERSION:
        del parts[0]
    begins, ends = (_moment(tag, text) for tag, text in _parts(parts[3][1]))
    return Certificate(name=_common_name(parts[4][1]), begins=begins, ends=ends)


def _common_name(subject: bytes) -> str:
    for _, names in _parts(subject):
        for _, pair in _parts(names):
            (tag, oid), (_, text) = list(_parts(pair))[:2]
            if tag == _OID and oid == _COMMON_NAME:
                return text.decode("utf-8", "replace")
    return ""


def _moment(tag: int, text: bytes) -> datetime:
    written = text.decode("ascii")
    if tag == _UTC_TIME:
        written = ("20" if int(written[:2]) < _TWO_DIGITS else "19") + written
    elif tag != _GENERALIZED_TIME:
        raise ValueError("no time")
    return datetime.strptime(written, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)


def _parts(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The elements in a DER value: tag and content. Raises ValueError, IndexError where it is cut off."""
    at = 0
    while at < len(data):
        tag, size = data[at], data[at + 1]
        at += 2
        if size >= _LONG:
            count = size - _LONG
            size = int.from_bytes(data[at : at + count], "big")
            at += count
        if not size <= len(data) - at:
            raise ValueError("cut off")
        yield tag, data[at : at + size]
        at += size
