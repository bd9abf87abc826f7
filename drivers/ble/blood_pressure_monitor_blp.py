"""A blood-pressure cuff with the Blood Pressure Service (BLP, 0x1810) of the Bluetooth SIG.

It wakes for a measurement, sends what it kept, by indication, and sleeps. bluetoothd confirms an indication by itself
before anybody sees it, so a reading goes to the card at once; what the cuff sends again is known by its stamp.
"""

from collections.abc import Iterable
from typing import ClassVar, Literal

from pydantic import Field

from drivers.ble.attribute import Attribute
from drivers.ble.codec import blood_pressure
from drivers.ble.codec.blood_pressure import BloodPressure, decode_blood_pressure, decode_cuff_pressure
from drivers.ble.codec.device_information import Identity
from drivers.ble.device_clock import DeviceClock, Moment, dated
from drivers.ble.health import Codecs, HealthDriver, Told, as_standard, read
from drivers.ble.memory import Seen
from drivers.ble.people import USERS, People, Users
from drivers.ble.sensor import BluetoothSensor
from drivers.links import Links
from shouwang.bilingual import Bilingual
from shouwang.driver import Alive, Driver, Emitted, Notes, Record, Said
from shouwang.errors import DeviceError
from shouwang.quantities import Quantity

SERVICE = 0x1810
MEASUREMENT = Attribute(SERVICE, 0x2A35)
CUFF_PRESSURE = Attribute(SERVICE, 0x2A36)


class BloodPressureMonitorBlp(BluetoothSensor):
    """A blood-pressure cuff on Bluetooth LE with the standard Blood Pressure Service."""

    emits: ClassVar[frozenset[Quantity]] = blood_pressure.EMITS | {Quantity.BATTERY}

    kind: Literal["blood_pressure_monitor_blp"]
    users: Users = Field(default={}, description=USERS)

    def build(self, links: Links) -> Driver:
        """The driver of this sensor."""
        talk = CuffTalk(People(self.users, links.resident_id), links.notes_of(self.id))
        return HealthDriver(self.id, self.address, links.radio(self.adapter), talk, max_silence=None)


class CuffTalk:
    """What a cuff says."""

    services = (SERVICE,)
    unasked = (MEASUREMENT,)
    is_over = False

    def __init__(self, people: People, notes: Notes) -> None:
        """Nothing is asked before `open`."""
        self._people = people
        self._seen = Seen(notes)
        self._clock = DeviceClock(None)
        self._identity = Identity()

    async def open(self, told: Told) -> None:
        """Subscribe. Raises DeviceError."""
        self._clock, self._identity = told.clock, told.identity
        if not told.device.can_tell(MEASUREMENT):
            raise DeviceError(
                Bilingual(
                    "the device has a Blood Pressure Service that reports nothing",
                    zh="设备有 Blood Pressure Service，但它什么也不报告",
                )
            )
        if told.device.can_tell(CUFF_PRESSURE):
            await told.device.subscribe(CUFF_PRESSURE)
        await told.device.subscribe(MEASUREMENT)

    async def answer(self, attribute: Attribute, value: bytes) -> None:
        """It waits for none."""

    def take(self, attribute: Attribute, value: bytes) -> Iterable[Emitted]:
        """A measurement, once; the pressure of a cuff that is still measuring is a life sign. Raises DecodeError."""
        if attribute == CUFF_PRESSURE:
            decode_cuff_pressure(value)
            return [Alive()]
        standard = as_standard(self._identity, MEASUREMENT, value)
        measurement = decode_blood_pressure(standard)
        return self._record(measurement, blood_pressure.samples(measurement, value), standard)

    def _record(self, measurement: BloodPressure, said: list[Said], standard: bytes) -> list[Emitted]:
        if measurement.timestamp is not None and self._seen.has(standard):
            return [Alive()]
        moment = Moment() if measurement.timestamp is None else self._clock.moment(measurement.timestamp)
        samples = self._people.of(measurement.user_id, dated(said, moment))
        if not samples:
            return [Alive()]
        notes = () if measurement.timestamp is None else (self._seen.add(standard),)
        return [Record(samples=tuple(samples), notes=notes)]


_CODECS: Codecs = {
    MEASUREMENT: lambda value: blood_pressure.samples(decode_blood_pressure(value), value),
    CUFF_PRESSURE: lambda value: blood_pressure.cuff_samples(decode_cuff_pressure(value), value),
}


def decode(attribute: Attribute, value: bytes) -> list[Said]:
    """What one value means. Raises DecodeError."""
    return read(_CODECS, attribute, value)
