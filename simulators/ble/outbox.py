"""Records that a device keeps until a listener has confirmed them: cuffs, thermometers, scales.

A record is deleted when the last of its indications was confirmed, not before; else it is sent again, from its first
indication on, as soon as somebody listens. Records are told in order; where there is no more room, the oldest is lost.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Unpack

from bumble.gatt import Characteristic

from simulators.ble.clock import DeviceClock
from simulators.ble.delivery import Values
from simulators.ble.numbers import date_time
from simulators.ble.peripheral import INDICATED, Outfit, Peripheral
from simulators.ble.radio import Radio
from simulators.tally import Tally

CAPACITY = 60
"""Records; cuffs keep 30 to 100 of each user."""


Frame = tuple[bytes, Values]
"""One indication, and the values in it."""


@dataclass(frozen=True, eq=False, slots=True)
class Record:
    """What one characteristic tells of one measurement; `user` is the index of the person whom the device knows."""

    told: Characteristic[bytes]
    frames: Sequence[Frame]
    user: int | None = None


class Storing(Peripheral):
    """A peripheral with such a memory, and a clock that stamps what is in it; it wakes to measure.

    Each characteristic begins when it is subscribed to, and keeps its records until then.
    """

    def __init__(
        self,
        radio: Radio,
        tally: Tally,
        *,
        clock: DeviceClock | None = None,
        capacity: int = CAPACITY,
        **outfit: Unpack[Outfit],
    ) -> None:
        """Empty; `clock` is right by default."""
        super().__init__(radio, tally, **outfit)
        self.clock = clock or DeviceClock()
        self.confirmed = 0
        """How many records a listener has taken over."""
        self.lost = 0
        """How many were overwritten before that."""
        self._capacity = capacity
        self._records: deque[Record] = deque()

    @property
    def pending(self) -> int:
        """How many records nobody has confirmed."""
        return len(self._records)

    async def put(self, *records: Record) -> None:
        """Measure: keep the records, and advertise that there are some."""
        self._records.extend(records)
        while len(self._records) > self._capacity:
            self._records.popleft()
            self.lost += 1
        self._changed.set()
        await self.wake()

    @property
    def is_full(self) -> bool:
        """Whether the next record would overwrite one that nobody has confirmed."""
        return len(self._records) >= self._capacity

    def has_told(self, record: Record) -> bool:
        """Whether a listener has the whole record, confirmed or not."""
        return all(self.delivery.has_arrived((record, at)) for at in range(len(record.frames)))

    def stamp(self, at: datetime | None) -> bytes:
        """Date Time of a measurement of this local moment, or of now, by its clock."""
        return date_time(self.clock.now() if at is None else self.clock.at(at))

    async def wait_until_empty(self) -> None:
        """Return when all records are confirmed."""
        await self.until(lambda: not self._records)

    def may_be_told(self, _record: Record) -> bool:
        """Whether the listener may have the record."""
        return True

    def has_more_to_say(self) -> bool:
        """Whether somebody is being told something."""
        return self._due() is not None

    async def live(self) -> None:
        """Tell records in their order, as often as it takes."""
        while True:
            await self.until(self.has_more_to_say)
            record = self._due()
            if record is not None and await self._tell(record) and record in self._records:
                self._records.remove(record)
                self.confirmed += 1
                self._changed.set()

    async def _tell(self, record: Record) -> bool:
        for at, (payload, values) in enumerate(record.frames):
            if not await self.indicate(record.told, payload, values, record=(record, at)):
                return False
        return True

    def _due(self) -> Record | None:
        heard = (record for record in self._records if self._listeners(record.told, INDICATED))
        return next((record for record in heard if self.may_be_told(record)), None)
