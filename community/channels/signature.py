"""The signature of what the centre sends to other systems: HMAC-SHA256 over time, id and bytes. Pure.

Headers: X-Shouwang-Id (the same in every repeat), X-Shouwang-Timestamp (Unix seconds of this try) and
X-Shouwang-Signature (`v1=` and hex of HMAC-SHA256(secret, timestamp + "." + id + "." + body)). Who takes it in checks
the signature, refuses what is older than five minutes, and carries out each id once: then nothing can be played again.
"""

import hmac
from collections.abc import Mapping
from hashlib import sha256

from shouwang.errors import DecodeError

FRESH_S = 300
"""How far the clocks of both ends may lie apart (as common webhook providers have it: 5 min)."""
ID, TIMESTAMP, SIGNATURE = "x-shouwang-id", "x-shouwang-timestamp", "x-shouwang-signature"
_SCHEME = "v1="


def signed(secret: bytes, body: bytes, *, key: str, now_s: int) -> dict[str, str]:
    """The three headers."""
    return {ID: key, TIMESTAMP: str(now_s), SIGNATURE: _SCHEME + _seal(secret, body, key=key, stamp=str(now_s))}


def checked(secret: bytes, body: bytes, headers: Mapping[str, str], *, now_s: int) -> str:
    """The id of a message that is genuine and fresh; `headers` by names in small letters. Raises DecodeError."""
    key, stamp, seal = (headers.get(name, "") for name in (ID, TIMESTAMP, SIGNATURE))
    if not (key and stamp.isascii() and stamp.isdigit() and len(stamp) < 13):
        raise DecodeError(f"carries no {ID} or no {TIMESTAMP}")
    wanted = _SCHEME + _seal(secret, body, key=key, stamp=stamp)
    if not hmac.compare_digest(seal.encode(), wanted.encode()):
        raise DecodeError("carries a signature that is not ours")
    if abs(now_s - int(stamp)) > FRESH_S:
        raise DecodeError(f"was signed {now_s - int(stamp)} s ago; only {FRESH_S} s are believed")
    return key


def _seal(secret: bytes, body: bytes, *, key: str, stamp: str) -> str:
    return hmac.new(secret, f"{stamp}.{key}.".encode() + body, sha256).hexdigest()
