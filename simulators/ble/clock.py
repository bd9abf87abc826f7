"""A device's own clock: right, wrong or never set, and how a gateway sets it.

Current Time Service 1.1 (0x1805) with Current Time 0x2A2B; Date Time 0x2A08, which cuffs and scales of some makers
(A&D) offer for writing instead. It runs on the loop's clock, so that it keeps pace with virtual time.
"""

import asyncio
from datetime import UTC, datetime, timedelta

from bumble.att import ATT_Error
from bumble.gatt import Characteristic
from bumble.gatt_server import Server

from simulators.ble.attributes import NOTIFY, READ, WRITE, characteristic
from simulators.ble.numbers import date_time

CURRENT_TIME_SERVICE = 0x1805
CURRENT_TIME = 0x2A2B
DATE_TIME = 0x2A08

_DATA_FIELD_IGNORED = 0x80
"""Current Time Service 1.1, 1.6: the application's error code for a value that is not taken."""


class DeviceClock:
    """Tells device-local time, without a zone; `writes` keeps what was written to it, for tests."""

    def __init__(self, *, at: datetime | None = None, is_set: bool = True, drift: timedelta = timedelta(0)) -> None:
        """`at` is its time when it is first asked (the local time of this computer by default).

        Not set, it says zeros until somebody sets it; `drift` is what it gains in a day.
        """
        self.writes: list[bytes] = []
        self.takes_writes = True
        self._first = at
        self._is_set = is_set
        self._drift = drift
        self._base: tuple[datetime, float] | None = None
        self._right: tuple[datetime, float] | None = None

    @property
    def is_set(self) -> bool:
        """Whether it knows the time, right or wrong."""
        return self._is_set

    def now(self) -> datetime | None:
        """Its time; None where it was never set."""
        return self._shown() if self._is_set else None

    def at(self, moment: datetime) -> datetime | None:
        """What it showed at this local moment, as wrong as it is now, to the second; None where it was never set."""
        if not self._is_set:
            return None
        elapsed_at = asyncio.get_running_loop().time()
        error = self._shown(elapsed_at) - self._true(elapsed_at)
        return (moment + error + timedelta(seconds=0.5)).replace(microsecond=0)

    def set(self, moment: datetime) -> None:
        """It shows this from now on."""
        elapsed_at = asyncio.get_running_loop().time()
        self._true(elapsed_at)  # so that it is known how wrong this is
        self._base = (moment, elapsed_at)
        self._is_set = True

    def lose(self) -> None:
        """Its battery was taken out: it is not set any more."""
        self._is_set = False

    def shift(self, by: timedelta) -> None:
        """Somebody turned it."""
        self.set(self._shown() + by)

    def current_time(self) -> bytes:
        """0x2A2B: date and time, weekday (1: Monday), 1/256 s, reason of the last adjustment (none)."""
        now = self.now()
        if now is None:
            return bytes(10)
        return date_time(now) + bytes((now.isoweekday(), now.microsecond * 256 // 1_000_000, 0))

    def current_time_characteristic(self, guard: Server | None = None) -> Characteristic[bytes]:
        """0x2A2B, readable and writable."""
        return characteristic(
            CURRENT_TIME,
            READ | WRITE | NOTIFY,
            value=lambda _: self.current_time(),
            write=lambda _, value: self._written(value, size=10),
            guard=guard,
        )

    def date_time_characteristic(self, guard: Server | None = None) -> Characteristic[bytes]:
        """0x2A08, readable and writable."""
        return characteristic(
            DATE_TIME,
            READ | WRITE,
            value=lambda _: date_time(self.now()),
            write=lambda _, value: self._written(value, size=7),
            guard=guard,
        )

    def _written(self, value: bytes, *, size: int) -> None:
        self.writes.append(value)
        if len(value) != size or not self.takes_writes:
            raise ATT_Error(error_code=_DATA_FIELD_IGNORED)
        try:
            moment = datetime(int.from_bytes(value[:2], "little"), *value[2:7])  # noqa: DTZ001 # a device has no zone
        except ValueError as error:
            raise ATT_Error(error_code=_DATA_FIELD_IGNORED) from error
        self.set(moment)

    def _true(self, elapsed_at: float) -> datetime:
        if self._right is None:
            self._right = (datetime.now(UTC).astimezone().replace(tzinfo=None), elapsed_at)
        moment, at = self._right
        return moment + timedelta(seconds=elapsed_at - at)

    def _shown(self, elapsed_at: float | None = None) -> datetime:
        if elapsed_at is None:
            elapsed_at = asyncio.get_running_loop().time()
        if self._base is None:
            self._base = (self._first or self._true(elapsed_at), elapsed_at)
        moment, at = self._base
        gone = timedelta(seconds=elapsed_at - at)
        return moment + gone + self._drift * (gone / timedelta(days=1))
