"""A thermometer for people with the Health Thermometer Service (HTS, 0x1809) of the Bluetooth SIG."""

from collections.abc import Iterable
from typing import ClassVar, Literal

from drivers.ble.attribute import Attribute
from drivers.ble.codec import thermometer
from drivers.ble.codec.thermometer import decode_temperature
from drivers.ble.device_clock import DeviceClock, dated
from drivers.ble.health import Codecs, HealthDriver, Told, read
from drivers.ble.memory import Seen
from drivers.ble.sensor import BluetoothSensor
from drivers.links import Links
from shouwang.bilingual import Bilingual
from shouwang.driver import Alive, Driver, Emitted, Notes, Record, Said
from shouwang.errors import DeviceError
from shouwang.quantities import Quantity

SERVICE = 0x1809
MEASUREMENT = Attribute(SERVICE, 0x2A1C)
INTERMEDIATE = Attribute(SERVICE, 0x2A1E)


class ThermometerHts(BluetoothSensor):
    """A thermometer for people on Bluetooth LE with the standard Health Thermometer Service."""

    emits: ClassVar[frozenset[Quantity]] = frozenset({Quantity.BODY_TEMPERATURE, Quantity.BATTERY})

    kind: Literal["thermometer_hts"]

    def build(self, links: Links) -> Driver:
        """The driver of this sensor."""
        talk = ThermometerTalk(links.notes_of(self.id))
        return HealthDriver(self.id, self.address, links.radio(self.adapter), talk, max_silence=None)


class ThermometerTalk:
    """What a thermometer says."""

    services = (SERVICE,)
    unasked = (MEASUREMENT,)
    is_over = False

    def __init__(self, notes: Notes) -> None:
        """Nothing is asked before `open`."""
        self._seen = Seen(notes)
        self._clock = DeviceClock(None)

    async def open(self, told: Told) -> None:
        """Subscribe. Raises DeviceError."""
        self._clock = told.clock
        if not told.device.can_tell(MEASUREMENT):
            raise DeviceError(
                Bilingual(
                    "the device has a Health Thermometer Service that reports nothing",
                    zh="设备有 Health Thermometer Service，但它什么也不报告",
                )
            )
        if told.device.can_tell(INTERMEDIATE):
            await told.device.subscribe(INTERMEDIATE)
        await told.device.subscribe(MEASUREMENT)

    async def answer(self, attribute: Attribute, value: bytes) -> None:
        """It waits for none."""

    def take(self, attribute: Attribute, value: bytes) -> Iterable[Emitted]:
        """A measurement, once; a temperature that still rises is a life sign. Raises DecodeError."""
        measurement = decode_temperature(value)
        if attribute == INTERMEDIATE:
            return [Alive()]
        is_stored = measurement.timestamp is not None
        samples = dated(thermometer.samples(measurement, value), self._clock.moment(measurement.timestamp))
        if not samples or (is_stored and self._seen.has(value)):
            return [Alive()]
        return [Record(samples=tuple(samples), notes=(self._seen.add(value),) if is_stored else ())]


_CODECS: Codecs = {
    MEASUREMENT: lambda value: thermometer.samples(decode_temperature(value), value),
    INTERMEDIATE: lambda value: thermometer.intermediate_samples(decode_temperature(value), value),
}


def decode(attribute: Attribute, value: bytes) -> list[Said]:
    """What one value means. Raises DecodeError."""
    return read(_CODECS, attribute, value)
