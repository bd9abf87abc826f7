"""What a finger in an oximeter's clip shows, and what may be wrong with it."""

import asyncio
from dataclasses import dataclass
from enum import Enum, auto

from simulators.serial.glide import Glide


class Clip(Enum):
    """What the clip holds."""

    FINGER = auto()
    NOTHING = auto()
    SEARCHING = auto()
    """A finger whose pulse is still looked for."""
    BROKEN = auto()
    """The probe has an error."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """SpO2 in % and pulse in /min as whole numbers; None where there is none."""

    clip: Clip
    spo2: int | None
    pulse: int | None


class Finger:
    """A finger with 97 % and 72 /min at first."""

    def __init__(self) -> None:
        """In the clip."""
        self._clip = Clip.FINGER
        self._spo2, self._pulse = Glide(97), Glide(72)

    def show(self, *, spo2: float, pulse: float, over_s: float = 0.0) -> None:
        """A finger is in; its values go there within `over_s` seconds."""
        now = asyncio.get_running_loop().time()
        self._clip = Clip.FINGER
        self._spo2.turn_to(spo2, now=now, over_s=over_s)
        self._pulse.turn_to(pulse, now=now, over_s=over_s)

    def put(self, clip: Clip) -> None:
        """This is in the clip now."""
        self._clip = clip

    def seen(self) -> Seen:
        """What the oximeter sees now."""
        if self._clip is not Clip.FINGER:
            return Seen(clip=self._clip, spo2=None, pulse=None)
        now = asyncio.get_running_loop().time()
        return Seen(clip=self._clip, spo2=round(self._spo2.at(now)), pulse=round(self._pulse.at(now)))
