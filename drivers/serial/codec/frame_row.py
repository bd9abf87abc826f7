"""The one frame in a row of `shouwang decode`: `hex`, or `stream` where it came in chunks."""

from drivers.rows import Row
from shouwang.errors import DecodeError

MAX_BYTES = 4096
"""No instrument's frame comes near it; a row may come from anywhere."""


def frame_of(row: Row) -> bytes:
    """The bytes of the frame; raises DecodeError."""
    written = row.get("hex", row.get("stream"))
    chunks = written if isinstance(written, list) else [written]
    text = "".join(chunk for chunk in chunks if isinstance(chunk, str))
    if not text or not all(isinstance(chunk, str) for chunk in chunks):
        raise DecodeError("hex is missing: write the bytes of one frame, e.g. 8064000000")
    if len(text) > 3 * MAX_BYTES:
        raise DecodeError(f"longer than any frame: {len(text) // 2} bytes")
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise DecodeError(f"hex is not pairs of hexadecimal digits: {text[:40]}") from None
