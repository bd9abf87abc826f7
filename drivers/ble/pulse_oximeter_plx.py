"""A pulse oximeter with the Pulse Oximeter Service (PLX, 0x1822) of the Bluetooth SIG, and its battery.

Formats: Pulse Oximeter Service 1.0.1, sections 3.1 to 3.3 (status bits: tables 3.4 and 3.5); Battery Service 1.0.
Continuous measurements come by notification, spot-checks by indication. The device's own clock is not trusted: a
reading's time is that of its arrival.
"""

from datetime import timedelta
from enum import IntFlag
from typing import ClassVar, Literal, NamedTuple

from pydantic import Field

from drivers.ble.link import Attribute, Peripheral, connected
from drivers.ble.radio import Radio
from drivers.ble.sensor import BluetoothSensor
from drivers.ble.sfloat import SIZE as SFLOAT_SIZE
from drivers.ble.sfloat import sfloat
from drivers.links import Links
from drivers.rejects import Rejects
from shouwang.document import Duration
from shouwang.driver import Alive, Driver, Emit, Said, Sample
from shouwang.errors import DecodeError, DeviceError
from shouwang.quantities import Quantity
from shouwang.reading import Quality

SERVICE = 0x1822
SPOT_CHECK = Attribute(SERVICE, 0x2A5E)
CONTINUOUS = Attribute(SERVICE, 0x2A5F)
FEATURES = Attribute(SERVICE, 0x2A60)
BATTERY = Attribute(0x180F, 0x2A19)

_DATE_TIME_SIZE = 7


class PulseOximeterPlx(BluetoothSensor):
    """A pulse oximeter on Bluetooth LE with the standard Pulse Oximeter Service."""

    emits: ClassVar[frozenset[Quantity]] = frozenset({Quantity.SPO2, Quantity.HEART_RATE, Quantity.BATTERY})

    kind: Literal["pulse_oximeter_plx"]
    # One value a second is usual, and without a finger it still says so: a minute of nothing is a dead link.
    max_silence: Duration = Field(
        default=timedelta(seconds=60),
        ge=timedelta(seconds=1),
        description="longest time without a word from the oximeter before it counts as silent, e.g. 60s",
    )

    def build(self, links: Links) -> Driver:
        """The driver of this sensor."""
        return PulseOximeterPlxDriver(self, links.radio(self.adapter))


class PulseOximeterPlxDriver:
    """Connects, subscribes, and emits what `decode` makes of each value."""

    def __init__(self, config: PulseOximeterPlx, radio: Radio) -> None:
        """Nothing is opened before `run`."""
        self._config = config
        self._radio = radio
        self._rejects = Rejects(config.id)
        self._supported = ALL_STATUS

    @property
    def sensor_id(self) -> str:
        """The id given in the home's configuration."""
        return self._config.id

    @property
    def max_silence(self) -> timedelta:
        """As configured."""
        return self._config.max_silence

    @property
    def rejected(self) -> int:
        """How many values could not be read since the start."""
        return self._rejects.count

    async def run(self, emit: Emit) -> None:
        """Emit until cancelled; raises DeviceError where the oximeter cannot be reached or goes away."""
        async with connected(self._radio, self._config.address, service=SERVICE) as oximeter:
            await self._subscribe(oximeter, emit)
            while True:
                attribute, value = await oximeter.next_value()
                self._take(attribute, value, emit)

    async def _subscribe(self, oximeter: Peripheral, emit: Emit) -> None:
        wanted = [attribute for attribute in (CONTINUOUS, SPOT_CHECK) if oximeter.can_tell(attribute)]
        if not wanted:
            raise DeviceError(f"{self._config.address} has a Pulse Oximeter Service that reports nothing")
        self._supported = await self._status_of(oximeter)
        for attribute in wanted:
            await oximeter.subscribe(attribute)
        if oximeter.has(BATTERY):
            self._take(BATTERY, await oximeter.read(BATTERY), emit)  # before it is subscribed, or it would come twice
            if oximeter.can_tell(BATTERY):
                await oximeter.subscribe(BATTERY)

    async def _status_of(self, oximeter: Peripheral) -> "Status":
        """The status bits that the oximeter uses; all of them where it does not tell."""
        try:
            return supported_status(await oximeter.read(FEATURES))
        except DecodeError as error:
            self._rejects.add(error)
        except DeviceError:  # it does not tell; where the connection is lost, the next call says so
            pass
        return ALL_STATUS

    def _take(self, attribute: Attribute, value: bytes, emit: Emit) -> None:
        try:
            said = decode(attribute, value, supported=self._supported)
        except DecodeError as error:
            self._rejects.add(error)
            return
        for one in said:
            emit(one)


class Status(NamedTuple):
    """The fields Measurement Status and Device and Sensor Status, or the bits of them that an oximeter uses."""

    measurement: int
    device: int


ALL_STATUS = Status(measurement=0xFFFF, device=0xFFFFFF)


def decode(attribute: Attribute, value: bytes, *, supported: Status = ALL_STATUS) -> list[Said]:
    """What one value means; `Alive` alone where the oximeter has nothing to measure. Raises DecodeError.

    A status bit that is not in `supported` means nothing.
    """
    if attribute == BATTERY:
        return _battery(value)
    if attribute == CONTINUOUS:
        return _continuous(value, supported)
    if attribute == SPOT_CHECK:
        return _spot_check(value, supported)
    raise DecodeError(f"{attribute.characteristic:04X} is not of an oximeter")


def supported_status(features: bytes) -> Status:
    """The status bits that an oximeter uses, from its PLX Features (section 3.3). Raises DecodeError."""
    rest = _Fields(features)
    flags = rest.number(2)
    measurement = rest.number(2) if flags & 0x01 else 0
    device = rest.number(3) if flags & 0x02 else 0
    rest.end()
    return Status(measurement, device)


class MeasurementStatus(IntFlag):
    """Bits of the Measurement Status field; those below 5 are reserved."""

    ONGOING = 1 << 5
    EARLY_ESTIMATE = 1 << 6
    VALIDATED = 1 << 7
    FULLY_QUALIFIED = 1 << 8
    FROM_STORAGE = 1 << 9
    DEMONSTRATION = 1 << 10
    TESTING = 1 << 11
    CALIBRATING = 1 << 12
    UNAVAILABLE = 1 << 13
    QUESTIONABLE = 1 << 14
    INVALID = 1 << 15


class DeviceStatus(IntFlag):
    """Bits of the Device and Sensor Status field; those above 15 are reserved."""

    EXTENDED_DISPLAY_UPDATE = 1 << 0
    EQUIPMENT_MALFUNCTION = 1 << 1
    SIGNAL_IRREGULAR = 1 << 2
    SIGNAL_INADEQUATE = 1 << 3
    SIGNAL_POOR = 1 << 4
    LOW_PERFUSION = 1 << 5
    SIGNAL_ERRATIC = 1 << 6
    NOT_PULSATILE = 1 << 7
    PULSE_QUESTIONABLE = 1 << 8
    SIGNAL_ANALYSIS_ONGOING = 1 << 9
    INTERFERENCE = 1 << 10
    NOT_ON_USER = 1 << 11
    UNKNOWN_SENSOR = 1 << 12
    SENSOR_DISPLACED = 1 << 13
    SENSOR_MALFUNCTION = 1 << 14
    SENSOR_DISCONNECTED = 1 << 15


# What follows from the status is this driver's decision, explained in docs/drivers.md. Low perfusion alone leaves a
# value good: cold hands are common, and a value that rules ignore is an alarm that never comes.
_M, _D = MeasurementStatus, DeviceStatus
_NOT_A_MEASUREMENT = _M.FROM_STORAGE | _M.DEMONSTRATION | _M.TESTING | _M.UNAVAILABLE | _M.INVALID
_DOUBTFUL_MEASUREMENT = _M.EARLY_ESTIMATE | _M.CALIBRATING | _M.QUESTIONABLE
_NO_PROBE = (
    _D.EQUIPMENT_MALFUNCTION | _D.NOT_ON_USER | _D.SENSOR_DISPLACED | _D.SENSOR_MALFUNCTION | _D.SENSOR_DISCONNECTED
)
_DOUBTFUL_SIGNAL = (
    _D.EXTENDED_DISPLAY_UPDATE
    | _D.SIGNAL_IRREGULAR
    | _D.SIGNAL_INADEQUATE
    | _D.SIGNAL_POOR
    | _D.SIGNAL_ERRATIC
    | _D.NOT_PULSATILE
    | _D.PULSE_QUESTIONABLE
    | _D.SIGNAL_ANALYSIS_ONGOING
    | _D.INTERFERENCE
    | _D.UNKNOWN_SENSOR
)

_NO_READING = {Quantity.SPO2: (0.0, 127.0), Quantity.HEART_RATE: (0.0, 255.0)}
"""Numbers by which oximeter modules say "nothing" even in an SFLOAT (Contec and Nonin: 0, 127 %, 255 /min)."""


def _battery(value: bytes) -> list[Said]:
    if len(value) != 1 or value[0] > 100:
        raise DecodeError(f"not a battery level: {value[:20].hex()}")
    return [Sample(quantity=Quantity.BATTERY, value=float(value[0]), frame=value)]


def _continuous(value: bytes, supported: Status) -> list[Said]:
    rest = _Fields(value)
    flags = rest.number(1)
    spo2, pulse = rest.sfloat(), rest.sfloat()
    for pair in (0x01, 0x02):  # the fast and the slow average: not used
        if flags & pair:
            rest.skip(2 * SFLOAT_SIZE)
    measurement = rest.number(2) & supported.measurement if flags & 0x04 else 0
    device = rest.number(3) & supported.device if flags & 0x08 else 0
    if flags & 0x10:
        rest.skip(SFLOAT_SIZE)  # pulse amplitude index
    rest.end()
    return _readings(spo2, pulse, Status(measurement, device), value)


def _spot_check(value: bytes, supported: Status) -> list[Said]:
    rest = _Fields(value)
    flags = rest.number(1)
    spo2, pulse = rest.sfloat(), rest.sfloat()
    if flags & 0x01:
        rest.skip(_DATE_TIME_SIZE)  # of a clock that nobody sets; it stays readable in the frame
    measurement = rest.number(2) & supported.measurement if flags & 0x02 else 0
    device = rest.number(3) & supported.device if flags & 0x04 else 0
    if flags & 0x08:
        rest.skip(SFLOAT_SIZE)
    rest.end()
    return _readings(spo2, pulse, Status(measurement, device), value)


def _readings(spo2: float | None, pulse: float | None, status: Status, frame: bytes) -> list[Said]:
    if status.measurement & _NOT_A_MEASUREMENT or status.device & _NO_PROBE:
        return [Alive()]
    is_doubtful = bool(status.measurement & _DOUBTFUL_MEASUREMENT or status.device & _DOUBTFUL_SIGNAL)
    quality = Quality.QUESTIONABLE if is_doubtful else Quality.GOOD
    found: list[Said] = [
        Sample(quantity=quantity, value=value, quality=quality, frame=frame)
        for quantity, value in ((Quantity.SPO2, spo2), (Quantity.HEART_RATE, pulse))
        if value is not None and value not in _NO_READING[quantity]
    ]
    return found or [Alive()]


class _Fields:
    """The fields of a value, one after the other, little-endian; raises DecodeError where they do not fit it."""

    def __init__(self, value: bytes) -> None:
        self._value = value
        self._at = 0

    def skip(self, size: int) -> bytes:
        field = self._value[self._at : self._at + size]
        if len(field) < size:
            raise DecodeError(f"cut off: {self._value[:40].hex()}")
        self._at += size
        return field

    def number(self, size: int) -> int:
        return int.from_bytes(self.skip(size), "little")

    def sfloat(self) -> float | None:
        return sfloat(self.skip(SFLOAT_SIZE))

    def end(self) -> None:
        if self._at != len(self._value):
            raise DecodeError(f"longer than its flags say: {self._value[:40].hex()}")
