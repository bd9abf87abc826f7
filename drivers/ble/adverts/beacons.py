"""Beacons of the open formats: iBeacon, AltBeacon, Eddystone (UID, URL, TLM; EID is a life sign).

iBeacon: Apple, Proximity Beacon Specification R1. AltBeacon: AltBeacon specification 1.0. Eddystone: google/eddystone,
protocol-specification.md and the documents of its frames.
"""

from drivers.ble.adverts.advert import Advert, uuid16
from drivers.ble.adverts.fields import Cursor
from drivers.ble.adverts.told import Field, Told, tell
from shouwang.errors import DecodeError

APPLE = 0x004C
EDDYSTONE = uuid16(0xFEAA)
URL_FRAME = b"\x10"

_IBEACON = b"\x02\x15"
_IBEACON_SIZE = 23
_ALTBEACON = b"\xbe\xac"
_ALTBEACON_SIZE = 24

_UID, _URL, _TLM, _EID = 0x00, 0x10, 0x20, 0x30
_NO_VOLTAGE = 0
_NO_TEMPERATURE = -0x8000

# google/eddystone, eddystone-url: URL scheme prefixes and HTTP URL encoding.
_SCHEMES = ("http://www.", "https://www.", "http://", "https://")
_DOMAINS = (".com", ".org", ".edu", ".net", ".info", ".biz", ".gov")


def read(advert: Advert) -> Told:
    """A beacon's identity and telemetry; raises DecodeError where there is no beacon in the advert."""
    for company, record in advert.records or advert.manufacturer_data.items():
        if company == APPLE and record[:2] == _IBEACON:
            return _ibeacon(record)
        if record[:2] == _ALTBEACON:
            return _altbeacon(record)
    frame = advert.service_data.get(EDDYSTONE)
    if frame:
        return _eddystone(frame)
    raise DecodeError("no iBeacon, AltBeacon or Eddystone in the advert")


def identity(advert: Advert) -> str | None:
    """Who a beacon says it is: `uuid/major/minor`, or `namespace/instance`; None where it does not say."""
    fields = read(advert).fields
    if "uuid" in fields:
        return f"{fields['uuid']}/{fields['major']:.0f}/{fields['minor']:.0f}"
    return f"{fields['namespace']}/{fields['instance']}" if "namespace" in fields else None


def _ibeacon(record: bytes) -> Told:
    if len(record) != _IBEACON_SIZE:
        raise DecodeError(f"an iBeacon of {len(record)} bytes: {record.hex()}")
    return _placed(Cursor(record, at=2), record)


def _altbeacon(record: bytes) -> Told:
    if len(record) != _ALTBEACON_SIZE:
        raise DecodeError(f"an AltBeacon of {len(record)} bytes: {record.hex()}")
    return _placed(Cursor(record, at=2), record)


def _placed(rest: Cursor, record: bytes) -> Told:
    """The twenty bytes that iBeacon and AltBeacon share: UUID, major and minor; then the strength at 1 m."""
    fields: dict[str, Field] = {
        "uuid": rest.take(16).hex(),
        "major": float(rest.big(2)),
        "minor": float(rest.big(2)),
        "measured power": float(rest.big(1, signed=True)),
    }
    return tell(fields, record)


def _eddystone(frame: bytes) -> Told:
    if frame[0] == _UID:
        rest = Cursor(frame, at=2)
        return tell({"namespace": rest.take(10).hex(), "instance": rest.take(6).hex()}, frame)
    if frame[0] == _URL:
        return tell({"url": expand_url(frame)}, frame)
    if frame[0] == _TLM:
        return _tlm(frame)
    if frame[0] == _EID:
        return tell({"ephemeral id": Cursor(frame, at=2).take(8).hex()}, frame)
    raise DecodeError(f"an Eddystone frame of type {frame[0]:02X}: {frame[:30].hex()}")


def _tlm(frame: bytes) -> Told:
    """Telemetry in the clear (version 0); a version that is encrypted or not known is a life sign."""
    rest = Cursor(frame, at=1)
    version = rest.big(1)
    fields: dict[str, Field] = {"tlm version": float(version)}
    if version != 0:
        return tell(fields, frame)
    millivolts, temperature = rest.big(2), rest.big(2, signed=True)
    if millivolts != _NO_VOLTAGE:
        fields["voltage"] = millivolts / 1000
    if temperature != _NO_TEMPERATURE:
        fields["temperature"] = temperature / 256  # 8.8 fixed point
    fields["advert count"] = float(rest.big(4))
    fields["seconds since start"] = rest.big(4) / 10
    return tell(fields, frame)


def expand_url(frame: bytes) -> str:
    """The link in an Eddystone-URL frame; raises DecodeError for what is none."""
    rest = Cursor(frame, at=2)
    scheme = rest.big(1)
    if scheme >= len(_SCHEMES):
        raise DecodeError(f"an Eddystone-URL of scheme {scheme}")
    return _SCHEMES[scheme] + "".join(_expanded(byte) for byte in rest.take(rest.left))


def _expanded(byte: int) -> str:
    if byte < 2 * len(_DOMAINS):
        return _DOMAINS[byte % len(_DOMAINS)] + ("/" if byte < len(_DOMAINS) else "")
    if not 0x20 < byte < 0x7F:
        raise DecodeError(f"byte {byte:02X} stands in no link")
    return chr(byte)
