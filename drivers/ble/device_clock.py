"""A device's own clock: read, set right, and its stamps turned into moments of the home.

Devices write the wall time of their place without a zone, and nobody sets it: a battery change makes it 2000 or
factory day. So it is compared with the home's clock before its stamps are believed: a record's moment is the home's
time now, less how long ago the record was by the device's own clock.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import msgspec

from drivers.ble.attribute import Attribute
from drivers.ble.codec.current_time import Adjusted, decode_current_time, encode_current_time
from drivers.ble.codec.date_time import DateTime, decode_date_time, encode_date_time
from drivers.ble.link import Peripheral
from shouwang.driver import Said, Sample
from shouwang.errors import DecodeError, DeviceError
from shouwang.reading import Quality

CURRENT_TIME = Attribute(0x1805, 0x2A2B)
_DATE_TIME = 0x2A08

RIGHT_ENOUGH = timedelta(seconds=60)
"""Devices show minutes, and some keep no seconds."""
OLDEST = timedelta(days=400)
"""Memories hold months; a record that would be older was stamped by a clock that ran wrong."""
_AHEAD = timedelta(minutes=5)

Now = Callable[[], datetime]


def local_now() -> datetime:
    """The home's time, aware, in the zone of this box."""
    return datetime.now().astimezone()


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """When something was measured: `at` in UTC, None for now; `is_known` is false where the stamp means nothing."""

    at: datetime | None = None
    is_known: bool = True


class DeviceClock:
    """What is known of one device's clock. `behind`: how far it is behind the home's; None where it cannot be read."""

    def __init__(self, behind: timedelta | None, now: Now = local_now) -> None:
        """`now` is the home's clock."""
        self.behind = behind
        self._now = now

    def moment(self, stamp: DateTime | None) -> Moment:
        """The moment that a stamp of this device means; now, where it gave none."""
        return Moment() if stamp is None else self.moment_at(stamp.local())

    def moment_at(self, local: datetime | None) -> Moment:
        """The moment at which the device's clock showed `local`; None: it did not know."""
        if local is None:
            return Moment(is_known=False)
        now = self._now()
        at = (local + (self.behind or timedelta())).replace(tzinfo=now.tzinfo).astimezone(UTC)
        if not now - OLDEST <= at <= now + _AHEAD:
            return Moment(is_known=False)
        return Moment(at=at)


def dated(said: list[Said], moment: Moment) -> list[Sample]:
    """The samples at their moment; questionable where nobody knows it, since they may be weeks old."""
    samples = [one for one in said if isinstance(one, Sample)]
    if moment.is_known:
        return [msgspec.structs.replace(sample, measured_at=moment.at) for sample in samples]
    return [msgspec.structs.replace(sample, quality=Quality.QUESTIONABLE) for sample in samples]


async def heed_clock(device: Peripheral, service: int, now: Now = local_now) -> DeviceClock:
    """Read the device's clock, and set it where it is wrong. One that cannot be read or set is left as it is."""
    for attribute in (CURRENT_TIME, Attribute(service, _DATE_TIME)):
        if device.has(attribute):
            behind = await _behind(device, attribute, now)
            if behind is None or abs(behind) > RIGHT_ENOUGH:
                await _set(device, attribute, now)
            return DeviceClock(behind, now)
    return DeviceClock(None, now)


async def _behind(device: Peripheral, attribute: Attribute, now: Now) -> timedelta | None:
    try:
        value = await device.read(attribute)
        stamp = decode_current_time(value).datetime if attribute == CURRENT_TIME else decode_date_time(value)
    except (DecodeError, DeviceError):  # where the link is lost, the next call says so
        return None
    local = stamp.local()
    return None if local is None else now().replace(tzinfo=None) - local


async def _set(device: Peripheral, attribute: Attribute, now: Now) -> None:
    if not device.can_be_told(attribute):
        return
    local = now().replace(tzinfo=None)
    if attribute == CURRENT_TIME:
        value = encode_current_time(local, adjusted=Adjusted.EXTERNAL_REFERENCE)
    else:
        value = encode_date_time(local)
    try:
        await device.write(attribute, value)
    except DeviceError:  # some refuse outside of pairing: their stamps are corrected by `behind` all the same
        return
