"""Tells the fall radar MR60FDA2 from the bed radar MR60BHA2 by what each alone says. Pure but for its memory."""

from drivers.serial.codec import mr60
from drivers.serial.framing import Framer
from shouwang.bilingual import Bilingual, both
from shouwang.driver import Said
from shouwang.errors import DeviceError

BAUDRATE = 115200
FALL_RADAR, BED_RADAR = "fall_radar_mr60fda2", "bed_radar_mr60bha2"

_WAIT_FRAMES = 16
"""Presence alone is believed after so many: both say it, eight times a second (mr60bha2-rs, frame.rs)."""
_ALONE = {
    FALL_RADAR: frozenset((mr60.FALL, mr60.PARAMETERS, mr60.TARGET_HEIGHT)),
    BED_RADAR: frozenset((mr60.BREATH_RATE, mr60.HEART_RATE, mr60.DISTANCE, mr60.PHASES)),
}
_NAMES = {
    FALL_RADAR: Bilingual("the fall radar MR60FDA2", zh="跌倒雷达 MR60FDA2"),
    BED_RADAR: Bilingual("the bed radar MR60BHA2", zh="床旁雷达 MR60BHA2"),
}
_OTHER_ONE = (
    "what hangs on this port is {found}; write kind: {kind} for it, or plug in {meant}",
    "这个串口上接的是{found}；请为它写 kind: {kind}，或改接{meant}",
)


class Mr60Ear:
    """Hears one radar over one connection."""

    def __init__(self, kind: str) -> None:
        """`kind`: the one that is meant."""
        self._kind = kind
        self._heard = 0

    def hear(self, frame: bytes) -> list[Said]:
        """What a frame says; raises DecodeError, and DeviceError where the radar is the other one."""
        opened = mr60.opened(frame)
        found = next((kind for kind, types in _ALONE.items() if opened.data and opened.frame_type in types), None)
        if found is not None and found != self._kind:
            raise DeviceError(both(*_OTHER_ONE, found=_NAMES[found], kind=found, meant=_NAMES[self._kind]))
        self._heard = self._heard + 1 if found is None else _WAIT_FRAMES
        return mr60.said(opened, frame) if self._heard >= _WAIT_FRAMES else []


def framer(kind: str) -> Framer[list[Said]]:
    """Of one connection to a radar that is meant to be of this kind."""
    return Framer(mr60.HEAD, mr60.size_of, Mr60Ear(kind).hear, max_frame=mr60.MAX_FRAME)
