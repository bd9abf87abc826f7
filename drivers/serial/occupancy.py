"""Who is in a room and in its bed, from a radar that loses people who hold still. Pure; moments in seconds."""

import msgspec

from shouwang.driver import Alive, Said, Sample
from shouwang.quantities import Quantity
from shouwang.reading import Quality

STILL_AFTER_S = 5.0
"""Who was seen moving this recently is not still: the speed of single reports goes to and fro."""
_GAP_S = 2.0
"""Ten reports come each second: after so long without one, nothing has lasted."""
_BLINK_S = 1.0
"""Single reports miss who walks: so short an absence does not end a stay beside the bed."""
_ABSENT, _STILL, _MOVING = 0.0, 1.0, 2.0


class Occupancy:
    """Turns what each report shows into what is so.

    Into bed, and into the room, at once. Out of bed: somebody is seen in the room, and nobody in bed, for
    `left_after_s`. Nobody seen at all: whoever was last in bed still is, for `lost_after_s`, and doubtfully after that;
    without a person in bed the room is empty after `empty_after_s`. Until somebody is seen, nothing is said of the bed,
    and of the room only when it had time to be found empty.
    """

    def __init__(self, *, left_after_s: float, empty_after_s: float, lost_after_s: float) -> None:
        """Nobody was seen yet."""
        self._left_after_s = left_after_s
        self._empty_after_s = empty_after_s
        self._lost_after_s = lost_after_s
        self._is_in_bed: bool | None = None
        self._seen_at: float | None = None
        self._moved_at: float | None = None
        self._only_elsewhere_since: float | None = None
        self._began: float | None = None
        self._reported_at: float | None = None

    def pick(self, said: list[Said], now: float) -> list[Said]:
        """What is so, from the samples of one report."""
        shown = {one.quantity: one for one in said if isinstance(one, Sample)}
        if Quantity.PRESENCE not in shown:
            return said
        if self._reported_at is None or now > self._reported_at + _GAP_S:
            self._began, self._only_elsewhere_since = now, None
        self._reported_at = now
        if shown[Quantity.PRESENCE].value:
            self._see(shown, now)
        elif self._seen_at is None or now > self._seen_at + _BLINK_S:
            self._only_elsewhere_since = None
        judged: list[Said] = [one for sample in shown.values() if (one := self._judged(sample, now)) is not None]
        return judged or [Alive()]

    def _see(self, shown: dict[Quantity, Sample], now: float) -> None:
        self._seen_at = now
        if shown[Quantity.MOTION].value > _STILL:
            self._moved_at = now
        bed = shown.get(Quantity.BED)
        if bed is None:
            return
        if bed.value:
            self._is_in_bed, self._only_elsewhere_since = True, None
            return
        if self._only_elsewhere_since is None:
            self._only_elsewhere_since = now
        if not self._is_in_bed or now >= self._only_elsewhere_since + self._left_after_s:
            self._is_in_bed = False

    def _judged(self, sample: Sample, now: float) -> Sample | None:
        quality = Quality.QUESTIONABLE if self._is_lost(now) else sample.quality
        if sample.quantity is Quantity.BED:
            if self._is_in_bed is None:
                return None
            return msgspec.structs.replace(sample, value=float(self._is_in_bed), quality=quality)
        if sample.quantity in (Quantity.PRESENCE, Quantity.MOTION) and not self._is_known(now):
            return None
        if sample.quantity is Quantity.PRESENCE:
            return msgspec.structs.replace(sample, value=float(self._is_there(now)), quality=quality)
        if sample.quantity is Quantity.MOTION:
            return msgspec.structs.replace(sample, value=self._motion(sample, now), quality=quality)
        return sample

    def _is_lost(self, now: float) -> bool:
        """Whether somebody is said to be in bed who was not seen for long."""
        return bool(self._is_in_bed) and self._seen_at is not None and now >= self._seen_at + self._lost_after_s

    def _is_known(self, now: float) -> bool:
        """Whether somebody was seen, or the radar had the time to see somebody."""
        return self._seen_at is not None or (self._began is not None and now >= self._began + self._empty_after_s)

    def _is_there(self, now: float) -> bool:
        return bool(self._is_in_bed) or (self._seen_at is not None and now < self._seen_at + self._empty_after_s)

    def _motion(self, sample: Sample, now: float) -> float:
        if not self._is_there(now):
            return _ABSENT
        moved_lately = self._moved_at is not None and now < self._moved_at + STILL_AFTER_S
        return max(sample.value, _MOVING if moved_lately else _STILL)
