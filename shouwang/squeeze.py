"""Payloads made smaller for links that are paid by the byte: zlib (RFC 1950) with a preset dictionary.

Most messages of a home hold one or two readings; alone they are too short for zlib to find anything twice. The
dictionary holds what every message has. It belongs to the name `zlib-1` for ever: another one takes another name.
"""

import zlib

from shouwang.errors import DecodeError
from shouwang.wire import MAX_PAYLOAD_BYTES

ZLIB_1 = "zlib-1"
"""The value of the user property `enc`; without that property a payload is plain JSON."""
WORTH_BYTES = 128
"""A shorter payload is left as it is."""


def squeeze(payload: bytes) -> bytes:
    """The payload as `zlib-1`."""
    packer = zlib.compressobj(level=6, memLevel=9, zdict=_DICTIONARY_1)
    return packer.compress(payload) + packer.flush()


def unsqueeze(payload: bytes, encoding: str) -> bytes:
    """The payload as it was; `encoding` empty: as it is.

    Raises DecodeError for an encoding that is not known, damaged or cut bytes, and for a payload that would be larger
    than a message may be: of such a one no more is unpacked.
    """
    if not encoding:
        return payload
    if encoding != ZLIB_1:
        raise DecodeError(f"packed in a way that is not known here: {encoding[:40]!r}")
    unpacker = zlib.decompressobj(zdict=_DICTIONARY_1)
    try:
        plain = unpacker.decompress(payload, MAX_PAYLOAD_BYTES + 1)
    except zlib.error as error:
        raise DecodeError(f"not {ZLIB_1}: {error}") from error
    if len(plain) > MAX_PAYLOAD_BYTES:
        raise DecodeError(f"unpacked it is more than the {MAX_PAYLOAD_BYTES} bytes that a message may have")
    if not unpacker.eof or unpacker.unused_data:
        raise DecodeError(f"not {ZLIB_1}: cut off, or followed by something else")
    return plain


# What comes last is found with the shortest references (RFC 1951: small distances).
_DICTIONARY_1 = (
    b'"first_at":"last_at":"code":"count":"kind":"gap","reason":"'
    b'{"kind":"clock","mono":,"wall":"","error_ms":,"source":"ntp","stepped_ms":'
    b'{"kind":"path","path":"internet","is_up":false,"is_up":true,"since":"2026-"tested_at":"'
    b'{"kind":"status","status":{"sensor_id":"","state":"silent","state":"down","state":"up","since":"2026-'
    b'"reason":"nothing heard for ,"battery":'
    b'"quality":"questionable","quality":"implausible","is_late":true,"resident_id":"guest","is_clock_unsure":true'
    b'"quantity":"signal-strength","quantity":"glucose","quantity":"body-temperature","quantity":"weight"'
    b'"quantity":"systolic","quantity":"diastolic","quantity":"mean-arterial-pressure","quantity":"spo2"'
    b'"quantity":"respiratory-rate","quantity":"co2","quantity":"pm2-5","quantity":"illuminance","quantity":"power"'
    b'"quantity":"smoke","quantity":"leak","quantity":"motion","quantity":"door","quantity":"bed","quantity":"mode"'
    b'"quantity":"humidity","quantity":"temperature","quantity":"battery","quantity":"heart-rate","value":0,"at":"2026-'
    b'"body":{"kind":"heartbeat","backlog":0,"uptime_s":,"rejected":0}}'
    b'{"id":{"gateway":"gw-","epoch":"","lane":1,"seq":},"created_at":"2026-11-26T00:00:00.000000Z","boot":"-4'
    b'","mono":,"body":{"kind":"telemetry","readings":[{"sensor_id":"","quantity":"presence","value":1,"at":"2026-'
    b'11-26T00:00:00.000000Z","mono":},{"sensor_id":"'
)
