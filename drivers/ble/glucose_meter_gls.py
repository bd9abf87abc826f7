"""A glucose meter with the Glucose Service (GLS, 0x1808) of the Bluetooth SIG: its stored records, new ones only.

The meter asks for a bond before it tells anything (shouwang gateway pair). It is switched on by a measurement or a key;
its records are asked for by number, and none is ever deleted.
"""

from collections.abc import Iterable
from typing import ClassVar, Literal

from drivers.ble.attribute import Attribute
from drivers.ble.codec import glucose, glucose_context
from drivers.ble.codec.glucose import decode_glucose, local_time
from drivers.ble.codec.glucose_context import decode_glucose_context
from drivers.ble.device_clock import DeviceClock, Moment, dated
from drivers.ble.health import Codecs, HealthDriver, Told, read
from drivers.ble.link import Peripheral
from drivers.ble.memory import Seen
from drivers.ble.records import Records
from drivers.ble.sensor import BluetoothSensor
from drivers.links import Links
from shouwang.bilingual import Bilingual
from shouwang.driver import Alive, Driver, Emitted, Note, Notes, Record, Said
from shouwang.errors import DeviceError
from shouwang.quantities import Quantity

SERVICE = 0x1808
MEASUREMENT = Attribute(SERVICE, 0x2A18)
CONTEXT = Attribute(SERVICE, 0x2A34)
RECORD_ACCESS = Attribute(SERVICE, 0x2A52)


class GlucoseMeterGls(BluetoothSensor):
    """A glucose meter on Bluetooth LE with the standard Glucose Service."""

    emits: ClassVar[frozenset[Quantity]] = glucose.EMITS | glucose_context.EMITS | {Quantity.BATTERY}

    kind: Literal["glucose_meter_gls"]

    def build(self, links: Links) -> Driver:
        """The driver of this sensor."""
        talk = GlucoseTalk(links.notes_of(self.id))
        return HealthDriver(self.id, self.address, links.radio(self.adapter), talk, max_silence=None)


class GlucoseTalk:
    """What a glucose meter says."""

    services = (SERVICE,)
    unasked = ()

    def __init__(self, notes: Notes) -> None:
        """Nothing is asked before `open`."""
        self._records = Records(notes)
        self._seen = Seen(notes)
        self._clock = DeviceClock(None)
        self._device: Peripheral | None = None
        self._moments: dict[int, Moment] = {}
        self._has_contexts = False

    @property
    def is_over(self) -> bool:
        """Whether the meter has told all its records."""
        return self._records.is_over

    async def open(self, told: Told) -> None:
        """Subscribe, then ask for the new records. Raises DeviceError."""
        device = self._device = told.device
        self._clock = told.clock
        self._moments.clear()
        if not (device.can_tell(MEASUREMENT) and device.can_tell(RECORD_ACCESS)):
            raise DeviceError(
                Bilingual(
                    "the device has a Glucose Service that reports nothing",
                    zh="设备有 Glucose Service，但它什么也不报告",
                )
            )
        self._has_contexts = device.can_tell(CONTEXT)
        for attribute in (MEASUREMENT, CONTEXT, RECORD_ACCESS):
            if device.can_tell(attribute):
                await device.subscribe(attribute)
        await device.write(RECORD_ACCESS, self._records.begin())

    async def answer(self, attribute: Attribute, value: bytes) -> None:
        """Ask on, where the meter has answered. Raises DecodeError, DeviceError."""
        if attribute == RECORD_ACCESS:
            await self._records.go_on(self._device, RECORD_ACCESS, value)

    def take(self, attribute: Attribute, value: bytes) -> Iterable[Emitted]:
        """A record, or what was eaten and done at that time, once. Raises DecodeError."""
        if attribute == RECORD_ACCESS:
            return [Alive()]
        if attribute == CONTEXT:
            return self._context(value)
        measurement = decode_glucose(value)
        moment = self._moments[measurement.sequence] = self._clock.moment_at(local_time(measurement))
        is_whole = not (measurement.context_follows and self._has_contexts)
        note = self._records.took(measurement.sequence, is_whole=is_whole)
        return self._once(glucose.samples(measurement, value), moment, value, note)

    def _context(self, value: bytes) -> list[Emitted]:
        context = decode_glucose_context(value)
        moment = self._moments.get(context.sequence, Moment(is_known=False))
        note = self._records.took(context.sequence)
        return self._once(glucose_context.samples(context, value), moment, value, note)

    def _once(self, said: list[Said], moment: Moment, value: bytes, *notes: Note) -> list[Emitted]:
        if self._seen.has(value):
            return [Alive()]
        return [Record(samples=tuple(dated(said, moment)), notes=(*notes, self._seen.add(value)))]


_CODECS: Codecs = {
    MEASUREMENT: lambda value: glucose.samples(decode_glucose(value), value),
    CONTEXT: lambda value: glucose_context.samples(decode_glucose_context(value), value),
}


def decode(attribute: Attribute, value: bytes) -> list[Said]:
    """What one value means. Raises DecodeError."""
    return read(_CODECS, attribute, value)
