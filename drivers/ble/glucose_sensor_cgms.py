"""A continuous glucose sensor with the Continuous Glucose Monitoring Service (CGMS, 0x181F) of the Bluetooth SIG.

Its records carry minutes since the start of the session. What was measured while the gateway was away is asked for when
it connects again. A check sum that is wrong is refused, never guessed.
"""

import asyncio
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import ClassVar, Literal

from pydantic import Field

from drivers.ble.attribute import Attribute
from drivers.ble.codec import cgm
from drivers.ble.codec.cgm import decode_cgm_measurement, record_samples
from drivers.ble.codec.cgm_session import decode_cgm_feature, decode_session_start
from drivers.ble.device_clock import DeviceClock, Moment, dated
from drivers.ble.health import Codecs, HealthDriver, Told, read
from drivers.ble.link import Peripheral
from drivers.ble.memory import Seen
from drivers.ble.records import Records
from drivers.ble.sensor import BluetoothSensor
from drivers.links import Links
from shouwang.bilingual import Bilingual
from shouwang.document import Duration
from shouwang.driver import Alive, Driver, Emitted, Notes, Record, Said
from shouwang.errors import DecodeError, DeviceError
from shouwang.quantities import Quantity

SERVICE = 0x181F
MEASUREMENT = Attribute(SERVICE, 0x2AA7)
FEATURE = Attribute(SERVICE, 0x2AA8)
SESSION_START = Attribute(SERVICE, 0x2AAA)
RECORD_ACCESS = Attribute(SERVICE, 0x2A52)
_SECONDS_A_MINUTE = 60.0


class GlucoseSensorCgms(BluetoothSensor):
    """A continuous glucose sensor on Bluetooth LE with the standard service."""

    emits: ClassVar[frozenset[Quantity]] = cgm.EMITS | {Quantity.BATTERY}

    kind: Literal["glucose_sensor_cgms"]
    # Sensors measure every 1 to 5 minutes (CGM Service 1.0.2, section 3.8.1: the interval is the sensor's).
    max_silence: Duration = Field(
        default=timedelta(minutes=16),
        ge=timedelta(minutes=1),
        description="longest time without a word from the sensor before it counts as silent, e.g. 16m",
    )

    def build(self, links: Links) -> Driver:
        """The driver of this sensor."""
        talk = CgmTalk(links.notes_of(self.id))
        return HealthDriver(self.id, self.address, links.radio(self.adapter), talk, max_silence=self.max_silence)


class CgmTalk:
    """What a continuous glucose sensor says."""

    services = (SERVICE,)
    unasked = ()
    is_over = False

    def __init__(self, notes: Notes) -> None:
        """Nothing is asked before `open`."""
        self._records = Records(notes)
        self._seen = Seen(notes)
        self._clock = DeviceClock(None)
        self._device: Peripheral | None = None
        self._start: datetime | None = None
        self._has_crc: bool | None = None
        self._can_be_asked = False
        self._told: tuple[datetime | None, int, float] | None = None
        """The last that it told unasked: of which session, its minute, and the loop's time."""

    async def open(self, told: Told) -> None:
        """Learn the session, subscribe, ask for what was missed. Raises DeviceError."""
        device = self._device = told.device
        self._clock = told.clock
        if not device.can_tell(MEASUREMENT):
            raise DeviceError(
                Bilingual(
                    "the device has a CGM Service that reports nothing", zh="设备有 CGM Service，但它什么也不报告"
                )
            )
        await self._learn(device)
        await device.subscribe(MEASUREMENT)
        self._can_be_asked = device.can_tell(RECORD_ACCESS)
        if self._can_be_asked:
            await device.subscribe(RECORD_ACCESS)
            await device.write(RECORD_ACCESS, self._records.begin())

    async def _learn(self, device: Peripheral) -> None:
        try:
            if device.has(FEATURE):
                self._has_crc = decode_cgm_feature(await device.read(FEATURE)).has_crc
            if device.has(SESSION_START):
                self._start = decode_session_start(await device.read(SESSION_START)).start.local()
        except DecodeError as error:
            raise DeviceError(
                Bilingual(f"the sensor's session cannot be read: {error}", zh=f"读不出传感器的测量会话：{error}")
            ) from error

    async def answer(self, attribute: Attribute, value: bytes) -> None:
        """Ask on, where the sensor has answered. Raises DecodeError, DeviceError."""
        if attribute == RECORD_ACCESS:
            await self._records.go_on(self._device, RECORD_ACCESS, value)

    def take(self, attribute: Attribute, value: bytes) -> Iterable[Emitted]:
        """Records, each once. Raises DecodeError."""
        if attribute == RECORD_ACCESS:
            return [Alive()]
        found: list[Emitted] = []
        records = decode_cgm_measurement(value, has_crc=self._has_crc).records
        latest = records[-1].time_offset_min if records else 0
        is_live = self._is_live(latest)
        for record in records:
            identity = (self._start, record)
            if self._seen.has(identity):
                continue
            moment = self._moment(record.time_offset_min, latest=latest, is_live=is_live)
            samples = dated(record_samples(record, value), moment)
            notes = (self._records.took(record.time_offset_min), self._seen.add(identity))
            found.append(Record(samples=tuple(samples), notes=notes))
        return found or [Alive()]

    def _moment(self, minutes: int, *, latest: int, is_live: bool) -> Moment:
        moment = self._clock.moment_at(self._start, later=timedelta(minutes=minutes))
        return self._clock.moment_of_live(moment, ago=timedelta(minutes=latest - minutes)) if is_live else moment

    def _is_live(self, minutes: int) -> bool:
        """Whether it tells what it measures: unasked, and not faster than it can measure.

        That is of now, also where the session began by a clock that was wrong.
        """
        if not (self._can_be_asked and self._records.is_over):
            return False
        now, before = asyncio.get_running_loop().time(), self._told
        self._told = self._start, minutes, now
        if before is None or before[0] != self._start:
            return False
        return now - before[2] >= (minutes - before[1]) * _SECONDS_A_MINUTE / 2


_CODECS: Codecs = {
    MEASUREMENT: lambda value: cgm.samples(decode_cgm_measurement(value), value),
}


def decode(attribute: Attribute, value: bytes) -> list[Said]:
    """What one value means. Raises DecodeError."""
    return read(_CODECS, attribute, value)
