"""Rows of recorded bytes for `shouwang decode`: `hex` is one whole frame, `stream` is chunks in the order they came."""

from collections.abc import Callable, Iterable

from drivers.rows import Found, Plain, Reader, Row
from drivers.serial.framing import Framer
from shouwang.driver import Said
from shouwang.errors import DecodeError

MAX_CHUNK = 64 * 1024
"""Bytes of one chunk: seconds of the fastest line; a recorded row has a few hundred."""

ReadFrame = Callable[[Row, bytes], Found]
"""What one whole frame means; the row may say more of the device that it came from."""
MakeFramer = Callable[[Callable[[bytes], Found]], Framer[Found]]
"""A fresh framer that hands each frame to this function."""


def frames_reader(read: ReadFrame, framer: MakeFramer) -> Reader:
    """Reads rows of a protocol of frames. A stream's fields are `frames`, and how many were `rejected`."""

    def read_row(row: Row) -> Found:
        if "stream" not in row:
            return read(row, octets(row.get("hex"), "hex"))
        return _read_stream(_chunks(row["stream"]), framer(lambda frame: read(row, frame)))

    return read_row


def frame_of(row: Row) -> bytes:
    """The one frame of a row: `hex`, or `stream` where it came in chunks; raises DecodeError."""
    if "hex" in row or "stream" not in row:
        return octets(row.get("hex"), "hex")
    return b"".join(_chunks(row["stream"]))


def octets(written: object, key: str) -> bytes:
    """Bytes that a row has in hexadecimal; raises DecodeError."""
    if not isinstance(written, str):
        raise DecodeError(f"{key} is missing: write the bytes, e.g. 06aa")
    if len(written) > 2 * MAX_CHUNK:
        raise DecodeError(f"{key} is longer than {MAX_CHUNK} bytes; cut the recording")
    try:
        return bytes.fromhex(written)
    except ValueError:
        raise DecodeError(f"{key} is not pairs of hexadecimal digits: {written[:40]}") from None


def _chunks(written: object) -> list[bytes]:
    if not isinstance(written, list):
        raise DecodeError('stream is not a list of bytes in hexadecimal, e.g. ["06aa", "00"]')
    return [octets(chunk, "stream") for chunk in written]


def _read_stream(chunks: Iterable[bytes], framer: Framer[Found]) -> Found:
    bad: list[DecodeError] = []
    found: list[Found] = []
    for chunk in chunks:
        found += framer.feed(chunk, bad.append)
    while framer.is_waiting:  # nothing more comes: what looked like the beginning of a frame was none
        found += framer.give_up(bad.append)
    frames: list[Plain] = [{"valid": True, **fields} for fields, _ in found]
    said: list[Said] = [one for _, said in found for one in said]
    return {"frames": frames, "rejected": len(bad)}, said
