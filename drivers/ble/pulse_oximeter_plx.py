"""A pulse oximeter with the Pulse Oximeter Service (PLX, 0x1822) of the Bluetooth SIG, and its battery.

What the values mean is in `codec.pulse_oximeter`. Continuous measurements come by notification and are of now;
spot-checks come by indication and may carry the stamp of the oximeter's own clock.
"""

from collections.abc import Iterable
from datetime import timedelta
from typing import ClassVar, Literal

from pydantic import Field

from drivers.ble.attribute import Attribute
from drivers.ble.codec import battery
from drivers.ble.codec.pulse_oximeter import (
    ALL_STATUS,
    EMITS,
    MeasurementStatus,
    Status,
    decode_continuous,
    decode_plx_features,
    decode_spot_check,
    samples,
)
from drivers.ble.device_clock import DeviceClock, dated
from drivers.ble.health import Codecs, HealthDriver, Told, read
from drivers.ble.link import Peripheral
from drivers.ble.memory import Seen
from drivers.ble.sensor import BluetoothSensor
from drivers.links import Links
from shouwang.bilingual import Bilingual
from shouwang.document import Duration
from shouwang.driver import Alive, Driver, Emitted, Notes, Record, Said
from shouwang.errors import DecodeError, DeviceError
from shouwang.quantities import Quantity

SERVICE = 0x1822
SPOT_CHECK = Attribute(SERVICE, 0x2A5E)
CONTINUOUS = Attribute(SERVICE, 0x2A5F)
FEATURES = Attribute(SERVICE, 0x2A60)


class PulseOximeterPlx(BluetoothSensor):
    """A pulse oximeter on Bluetooth LE with the standard Pulse Oximeter Service."""

    emits: ClassVar[frozenset[Quantity]] = EMITS | battery.EMITS

    kind: Literal["pulse_oximeter_plx"]
    # One value a second is usual, and without a finger it still says so: a minute of nothing is a dead link.
    max_silence: Duration = Field(
        default=timedelta(seconds=60),
        ge=timedelta(seconds=1),
        description="longest time without a word from the oximeter before it counts as silent, e.g. 60s",
    )

    def build(self, links: Links) -> Driver:
        """The driver of this sensor."""
        talk = PlxTalk(links.notes_of(self.id))
        return HealthDriver(self.id, self.address, links.radio(self.adapter), talk, max_silence=self.max_silence)


class PlxTalk:
    """What an oximeter says."""

    services = (SERVICE,)
    unasked = (SPOT_CHECK,)
    is_over = False

    def __init__(self, notes: Notes) -> None:
        """Nothing is asked before `open`."""
        self._seen = Seen(notes)
        self._clock = DeviceClock(None)
        self._supported = ALL_STATUS

    async def open(self, told: Told) -> None:
        """Learn which status bits it uses, and subscribe. Raises DeviceError."""
        wanted = [attribute for attribute in (CONTINUOUS, SPOT_CHECK) if told.device.can_tell(attribute)]
        if not wanted:
            raise DeviceError(
                Bilingual(
                    "the device has a Pulse Oximeter Service that reports nothing",
                    zh="设备有 Pulse Oximeter Service，但它什么也不报告",
                )
            )
        self._clock = told.clock
        self._supported = await self._status_of(told.device)
        for attribute in wanted:
            await told.device.subscribe(attribute)

    async def _status_of(self, oximeter: Peripheral) -> Status:
        """The status bits that the oximeter uses; all of them where it does not tell."""
        try:
            return decode_plx_features(await oximeter.read(FEATURES)).supported()
        except (DecodeError, DeviceError):  # where the connection is lost, the next call says so
            return ALL_STATUS

    async def answer(self, attribute: Attribute, value: bytes) -> None:
        """It waits for none."""

    def take(self, attribute: Attribute, value: bytes) -> Iterable[Emitted]:
        """A measurement of now, or one with a stamp, once. Raises DecodeError."""
        if attribute == CONTINUOUS:
            return decode(attribute, value, supported=self._supported)
        measurement = decode_spot_check(value)
        if measurement.timestamp is None:
            return samples(measurement, value, supported=self._supported)
        moment = self._clock.moment(measurement.timestamp)
        supported = _without_storage(self._supported) if moment.is_known else self._supported
        found = dated(samples(measurement, value, supported=supported), moment)
        if not found or self._seen.has(value):
            return [Alive()]
        return [Record(samples=tuple(found), notes=(self._seen.add(value),))]


def _without_storage(supported: Status) -> Status:
    """A value from storage counts where its moment is known."""
    return supported._replace(measurement=supported.measurement & ~MeasurementStatus.FROM_STORAGE)


def decode(attribute: Attribute, value: bytes, *, supported: Status = ALL_STATUS) -> list[Said]:
    """What one value means; `Alive` alone where the oximeter has nothing to measure. Raises DecodeError.

    A status bit that is not in `supported` means nothing.
    """
    codecs: Codecs = {
        CONTINUOUS: lambda value: samples(decode_continuous(value), value, supported=supported),
        SPOT_CHECK: lambda value: samples(decode_spot_check(value), value, supported=supported),
    }
    return read(codecs, attribute, value)
