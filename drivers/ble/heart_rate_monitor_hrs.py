"""A heart-rate monitor (strap, armband, watch) with the Heart Rate Service (HRS, 0x180D) of the Bluetooth SIG."""

from collections.abc import Iterable
from datetime import timedelta
from typing import ClassVar, Literal

from pydantic import Field

from drivers.ble.attribute import Attribute
from drivers.ble.codec import heart_rate
from drivers.ble.codec.heart_rate import decode_heart_rate
from drivers.ble.health import Codecs, HealthDriver, Told, read
from drivers.ble.sensor import BluetoothSensor
from drivers.links import Links
from shouwang.bilingual import Bilingual
from shouwang.document import Duration
from shouwang.driver import Driver, Emitted, Said
from shouwang.errors import DeviceError
from shouwang.quantities import Quantity

SERVICE = 0x180D
MEASUREMENT = Attribute(SERVICE, 0x2A37)


class HeartRateMonitorHrs(BluetoothSensor):
    """A heart-rate monitor on Bluetooth LE with the standard Heart Rate Service."""

    emits: ClassVar[frozenset[Quantity]] = heart_rate.EMITS | {Quantity.BATTERY}

    kind: Literal["heart_rate_monitor_hrs"]
    # One notification a second is usual (Heart Rate Service 1.0, section 3.1.1): a minute of nothing is a dead link.
    max_silence: Duration = Field(
        default=timedelta(seconds=60),
        ge=timedelta(seconds=1),
        description="longest time without a word from the monitor before it counts as silent, e.g. 60s",
    )

    def build(self, links: Links) -> Driver:
        """The driver of this sensor."""
        radio = links.radio(self.adapter)
        return HealthDriver(self.id, self.address, radio, HeartRateTalk(), max_silence=self.max_silence)


class HeartRateTalk:
    """What a heart-rate monitor says."""

    services = (SERVICE,)
    unasked = ()
    is_over = False

    async def open(self, told: Told) -> None:
        """Subscribe. Raises DeviceError."""
        if not told.device.can_tell(MEASUREMENT):
            raise DeviceError(
                Bilingual(
                    "the device has a Heart Rate Service that reports nothing",
                    zh="设备有 Heart Rate Service，但它什么也不报告",
                )
            )
        await told.device.subscribe(MEASUREMENT)

    async def answer(self, attribute: Attribute, value: bytes) -> None:
        """It waits for none."""

    def take(self, attribute: Attribute, value: bytes) -> Iterable[Emitted]:  # noqa: ARG002 - it has only one
        """Rate and intervals. Raises DecodeError."""
        return decode(MEASUREMENT, value)


_CODECS: Codecs = {
    MEASUREMENT: lambda value: heart_rate.samples(decode_heart_rate(value), value),
}


def decode(attribute: Attribute, value: bytes) -> list[Said]:
    """What one value means. Raises DecodeError."""
    return read(_CODECS, attribute, value)
