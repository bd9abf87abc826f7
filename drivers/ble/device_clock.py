"""A device's own clock: read, set right, and its stamps turned into moments of the home.

Devices write the wall time of their place without a zone, and nobody sets it: a battery change makes it 2000 or
factory day. So it is compared with the home's clock before its stamps are believed: a record's moment is the home's
time now, less how long ago the record was by the device's own clock.

That holds for what was stamped since the clock went wrong. Nobody can tell when that was, so where the correction is
large, a moment is known only of what is fresh, or was measured after a visit that found the clock just as wrong. Where
we have set the clock ourselves, stamps of before are known by lying before that moment, and get the correction of then.
"""

from collections.abc import Callable, Sequence
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
LARGE = timedelta(minutes=30)
"""More than a clock drifts in months (100 ppm are 4 min a month) or is set wrong by eye: it was reset, at a moment that
nobody knows. A date that is wrong by less misleads nobody."""
FRESH = timedelta(minutes=10)
"""What is not older by the device's clock was measured just now, and woke the device. As the gateway's LATE_AFTER."""
_SAME = timedelta(minutes=2)
"""Two readings of a clock that was left alone differ by less: devices show minutes, and drift."""
_CORRECTIONS_KEPT = 3
_AHEAD = timedelta(minutes=5)

Now = Callable[[], datetime]


def local_now() -> datetime:
    """The home's time, aware, in the zone of this box."""
    return datetime.now().astimezone()


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """When something was measured: `at` in UTC, None for now; `is_known` is false where the stamp means nothing."""

    at: datetime | None = None
    is_known: bool = True


class Correction(msgspec.Struct, frozen=True, kw_only=True):
    """How far a clock was behind. `seen`: when that was read first; we set it at `began`, at `until` (None: not)."""

    behind: timedelta
    seen: datetime
    began: datetime | None = None
    until: datetime | None = None


class DeviceClock:
    """What is known of one device's clock. `behind`: how far it is behind the home's; None where it cannot be read."""

    def __init__(
        self,
        behind: timedelta | None,
        now: Now = local_now,
        *,
        is_set: bool = False,
        before: "DeviceClock | None" = None,
    ) -> None:
        """`now` is the home's clock; `is_set`: it has been set right since; `before`: as it was at the last visit."""
        self.behind = behind
        self._now = now
        self.corrections: list[Correction] = _corrections(behind, now(), () if before is None else before.corrections)
        """What its stamps may need, the latest first."""
        if is_set and behind is not None:
            at, (latest, *rest) = now(), self.corrections
            ended = msgspec.structs.replace(latest, until=at)
            self.corrections = [Correction(behind=timedelta(), seen=at, began=at), ended, *rest][:_CORRECTIONS_KEPT]

    def moment(self, stamp: DateTime | None) -> Moment:
        """The moment that a stamp of this device means; now, where it gave none."""
        return Moment() if stamp is None else self.moment_at(stamp.local())

    def moment_at(self, local: datetime | None, *, later: timedelta = timedelta()) -> Moment:
        """The moment at which the device's clock showed `local`, and so much `later`; None: it did not know."""
        if local is None:
            return Moment(is_known=False)
        now = self._now()
        for one in self.corrections:
            began = (local + one.behind).replace(tzinfo=now.tzinfo).astimezone(UTC)
            if _is_of(one, began, now):
                return _moment(one, began + later, now)
        return Moment(is_known=False)

    def moment_of_live(self, moment: Moment, *, ago: timedelta) -> Moment:
        """The moment of what the device measured so long `ago` by its arrival; its clock counts where it agrees."""
        at = self._now().astimezone(UTC) - ago
        return moment if moment.at is not None and abs(moment.at - at) <= FRESH else Moment(at=at)


def _is_of(one: Correction, at: datetime, now: datetime) -> bool:
    """Whether the clock can have shown this while it was wrong by so much."""
    earliest = now - OLDEST if one.began is None else one.began - _SAME
    latest = now + _AHEAD if one.until is None else one.until + _SAME
    return earliest <= at <= latest


def _moment(one: Correction, at: datetime, now: datetime) -> Moment:
    holds = abs(one.behind) <= LARGE or at >= min(one.seen, now) - FRESH
    return Moment(at=at) if holds and now - OLDEST <= at <= now + _AHEAD else Moment(is_known=False)


def _corrections(behind: timedelta | None, now: datetime, before: Sequence[Correction]) -> list[Correction]:
    """The clock was read: the last correction holds on, or the clock has changed by itself, nobody knows when."""
    if behind is None:
        return [*before] or [Correction(behind=timedelta(), seen=now)]
    if before and abs(behind - before[0].behind) <= _SAME:
        return [msgspec.structs.replace(before[0], behind=behind), *before[1:]]
    return [Correction(behind=behind, seen=now)]


def dated(said: list[Said], moment: Moment) -> list[Sample]:
    """The samples at their moment; questionable where nobody knows it, since they may be weeks old."""
    samples = [one for one in said if isinstance(one, Sample)]
    if moment.is_known:
        return [msgspec.structs.replace(sample, measured_at=moment.at) for sample in samples]
    return [msgspec.structs.replace(sample, quality=Quality.QUESTIONABLE) for sample in samples]


async def heed_clock(
    device: Peripheral, service: int, now: Now = local_now, *, before: DeviceClock | None = None
) -> DeviceClock:
    """Read the device's clock, and set it where it is wrong. One that cannot be read or set is left as it is.

    `before`: as it was at the last visit.
    """
    for attribute in (CURRENT_TIME, Attribute(service, _DATE_TIME)):
        if device.has(attribute):
            behind, is_set = await _behind(device, attribute, now), False
            if behind is None or abs(behind) > RIGHT_ENOUGH:
                await _set(device, attribute, now)
                found = await _behind(device, attribute, now)  # some say yes and leave it as it was
                is_set = found is not None and abs(found) <= RIGHT_ENOUGH
            return DeviceClock(behind, now, is_set=is_set, before=before)
    return DeviceClock(None, now, before=before)


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
