"""What the 60 GHz radars of the R60A family put on the wire: `53 59 | control | command | length | data | sum | 54 43`.

Length is big-endian; sum is the low byte of the sum of all bytes before it. Encoded from the makers' protocol tables
(user manuals of the R60AFD1 and the R60ABD1, Seeed's pages on the MR60FDA1 and MR60BHA1 that carry the same modules)
and, for the early MR60BHA1, from a capture (vladkozlov69/MR60BHA1, dump.txt).
"""

from enum import IntEnum

HEAD = b"\x53\x59"
TAIL = b"\x54\x43"
QUERY = 0x80
"""Added to the command of a question; its data is one byte 0F."""
ASK = b"\x0f"
_OVERHEAD = 9
_DATA_MAX = 64


What = tuple[int, int]
"""Control and command."""


class Control(IntEnum):
    """Which part of the module speaks."""

    SYSTEM = 0x01
    PRODUCT = 0x02
    HUMAN = 0x80
    RESPIRATION = 0x81
    FALL = 0x83
    SLEEP = 0x84
    HEART = 0x85


HEARTBEAT: What = (Control.SYSTEM, 0x01)
MODEL: What = (Control.PRODUCT, 0xA1)
PRODUCT_ID: What = (Control.PRODUCT, 0xA2)
HARDWARE: What = (Control.PRODUCT, 0xA3)
FIRMWARE: What = (Control.PRODUCT, 0xA4)
PRESENCE: What = (Control.HUMAN, 0x01)
MOTION: What = (Control.HUMAN, 0x02)
BODY_MOVEMENT: What = (Control.HUMAN, 0x03)
DISTANCE: What = (Control.HUMAN, 0x04)
FALL_STATE: What = (Control.FALL, 0x01)
BREATH_RATE: What = (Control.RESPIRATION, 0x02)
BREATH_WAVE: What = (Control.RESPIRATION, 0x05)
BED_STATE: What = (Control.SLEEP, 0x01)
SLEEP_STATE: What = (Control.SLEEP, 0x02)
HEART_RATE: What = (Control.HEART, 0x02)
EARLY_HEART_RATE: What = (Control.RESPIRATION, 0x02)
EARLY_BREATH_RATE: What = (Control.RESPIRATION, 0x05)
EARLY_BREATH_WAVE: What = (Control.RESPIRATION, 0x06)
EARLY_DISTANCE: What = (Control.RESPIRATION, 0x08)
EARLY_ANGLE: What = (Control.RESPIRATION, 0x09)


def frame(control: int, command: int, data: bytes) -> bytes:
    """One frame."""
    body = HEAD + bytes((control, command)) + len(data).to_bytes(2, "big") + data
    return body + bytes((sum(body) & 0xFF,)) + TAIL


class Listener:
    """Finds whole frames in what comes in; what is not a frame is skipped byte by byte."""

    def __init__(self) -> None:
        """Nothing heard yet."""
        self._pending = b""

    def hear(self, data: bytes) -> list[tuple[What, bytes]]:
        """What and data of each frame that is now complete."""
        self._pending += data
        frames: list[tuple[What, bytes]] = []
        while len(self._pending) >= _OVERHEAD:
            length = int.from_bytes(self._pending[4:6], "big")
            end = length + _OVERHEAD
            if self._pending[:2] == HEAD and length <= _DATA_MAX:
                if len(self._pending) < end:
                    break
                whole = self._pending[:end]
                if whole == frame(whole[2], whole[3], whole[6:-3]):
                    frames.append(((whole[2], whole[3]), whole[6:-3]))
                    self._pending = self._pending[end:]
                    continue
            self._pending = self._pending[1:]
        return frames
