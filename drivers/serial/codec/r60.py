"""Frames of the 60 GHz radars of the R60 family: `53 59 | control | command | length u16 BE | data | sum | 54 43`.

The sum is the low byte of the sum of all bytes before it. Fall radar R60AFD1, sold by Seeed as MR60FDA1; bed radar
R60ABD1, sold as MR60BHA1 and by DFRobot as C1001. Sources: Seeed's wiki pages Radar_MR60FDA1 and Radar_MR60BHA1 with
the Arduino libraries limengdu/Seeed-Studio-MR60FDA1-Sersor and -MR60BHA1-Sensor; ZyoungInc/R60ABD1_Driver for the
maker's protocol V3.0; a capture of an early MR60BHA1 (vladkozlov69/MR60BHA1, dump.txt). Pure.
"""

from enum import StrEnum

import msgspec

from shouwang.errors import DecodeError

HEAD, TAIL = b"\x53\x59", b"\x54\x43"
QUERY = 0x80
"""Set in the command of a question; its answer may carry it or not."""
ASKING = b"\x0f"
OVERHEAD = 9
MAX_DATA = 64
"""No report or product text of the module is longer; a garbled length waits for no more than this."""
MAX_FRAME = OVERHEAD + MAX_DATA

What = tuple[int, int]
"""Control and command, the command without the mark of a question."""


class Table(StrEnum):
    """What 81/xx means. The same numbers mean other things on the early MR60BHA1 than on every module since."""

    R60ABD1 = "R60ABD1"
    MR60BHA1 = "MR60BHA1"


class R60Frame(msgspec.Struct, frozen=True, kw_only=True):
    """A sound frame, still without meaning."""

    control: int
    command: int
    data: bytes

    @property
    def what(self) -> What:
        """What it is about, whether said unasked or in answer."""
        return _ANSWERS.get((self.control, self.command), (self.control, self.command & ~QUERY))

    @property
    def may_be_question(self) -> bool:
        """Whether it looks like a question: one of our own comes back from an adapter that echoes."""
        return bool(self.command & QUERY) and self.data == ASKING


MODEL: What = (0x02, 0x21)
FIRMWARE: What = (0x02, 0x24)
PRESENCE: What = (0x80, 0x01)
MOTION: What = (0x80, 0x02)
BODY_MOVEMENT: What = (0x80, 0x03)
DISTANCE: What = (0x80, 0x04)
FALL: What = (0x83, 0x01)
BED: What = (0x84, 0x01)
SLEEP_STATE: What = (0x84, 0x02)
HEART_RATE: What = (0x85, 0x02)
RESPIRATION = 0x81
"""The control whose meaning a table must say."""
BREATH: What = (RESPIRATION, 0x02)
"""As R60ABD1 means it."""
EARLY_HEART: What = (RESPIRATION, 0x02)
EARLY_BREATH: What = (RESPIRATION, 0x05)
EARLY_DISTANCE: What = (RESPIRATION, 0x08)
"""As an early MR60BHA1 means them."""

# The sleep group's questions do not have the numbers of what they ask for (ZyoungInc/R60ABD1_Driver, radar_protocol.h).
_ANSWERS: dict[What, What] = {
    (0x84, 0x8C): (0x84, 0x0F),
    (0x84, 0x8D): (0x84, 0x0C),
    (0x84, 0x8E): (0x84, 0x0E),
    (0x84, 0x8F): (0x84, 0x0D),
}


def opened(frame: bytes) -> R60Frame:
    """One whole frame. Raises DecodeError."""
    if not frame.startswith(HEAD) or size_of(frame) != len(frame):
        raise DecodeError(f"not a frame: {frame[:40].hex()}")
    body, check, tail = frame[:-3], frame[-3], frame[-2:]
    if tail != TAIL:
        raise DecodeError(f"bad footer: {frame.hex()}")
    if sum(body) & 0xFF != check:
        raise DecodeError(f"wrong checksum: {frame.hex()}")
    return R60Frame(control=frame[2], command=frame[3], data=frame[6:-3])


def size_of(beginning: bytes) -> int | None:
    """The size of the frame that begins so, None where its length is not in yet; raises DecodeError."""
    if len(beginning) < 6:
        return None
    length = int.from_bytes(beginning[4:6], "big")
    if length > MAX_DATA:
        raise DecodeError(f"a frame of {length} bytes of data: {beginning[:6].hex()}")
    return OVERHEAD + length


def question(what: What) -> bytes:
    """The frame that asks for this."""
    control, command = what
    body = HEAD + bytes((control, command | QUERY, 0, len(ASKING))) + ASKING
    return body + bytes((sum(body) & 0xFF,)) + TAIL


def number(frame: R60Frame, size: int) -> int:
    """The number that the data is, of so many bytes; raises DecodeError where it is not."""
    if len(frame.data) != size:
        what = f"{frame.control:02x}/{frame.command:02x}"
        raise DecodeError(f"{what} in {len(frame.data)} bytes instead of {size}: {frame.data[:40].hex()}")
    return int.from_bytes(frame.data, "big")


def text(frame: R60Frame) -> str:
    """The text that the data is; what is no text is left out."""
    return "".join(chr(byte) for byte in frame.data if 0x20 <= byte < 0x7F).strip()


def table_of_model(model: str) -> Table | None:
    """What a module of this model means by 81/xx, None where the model does not tell."""
    if "BHA1" in model.upper():
        return Table.MR60BHA1
    return Table.R60ABD1 if "ABD1" in model.upper() else None


def table_shown_by(frame: R60Frame) -> Table | None:
    """The table that alone has a frame like this, None where both have it.

    Seeed shipped MR60BHA1 with the early firmware and later with that of the R60ABD1, so its name alone is no proof.
    """
    size = len(frame.data)
    if frame.may_be_question:
        return None
    if (frame.what == EARLY_BREATH and size == 1) or frame.what in _EARLY_ONLY:
        return Table.MR60BHA1
    if (frame.what == EARLY_BREATH and size == 5) or frame.what in (HEART_RATE, BED, SLEEP_STATE):
        return Table.R60ABD1
    return None


_EARLY_ONLY = frozenset(((RESPIRATION, 0x06), EARLY_DISTANCE, (RESPIRATION, 0x09)))
