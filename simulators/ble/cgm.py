"""A continuous glucose sensor: Continuous Glucose Monitoring Service 1.0.2 (0x181F).

Frames are encoded from the service's sections of each characteristic's name. It measures once per interval whether
anybody listens or not; what was missed is asked for by time offset.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import IntFlag
from typing import Unpack

from bumble.att import ATT_Error
from bumble.device import Connection
from bumble.gatt import Service

from shouwang.quantities import Quantity
from simulators.ble.attributes import INDICATE, NOTIFY, READ, WRITE, characteristic, service
from simulators.ble.clock import CURRENT_TIME_SERVICE, DeviceClock
from simulators.ble.delivery import Values, measured
from simulators.ble.glucose import mmol
from simulators.ble.numbers import Number, Special, crc16, date_time, sfloat, u8, u16, u24
from simulators.ble.peripheral import Outfit
from simulators.ble.radio import Radio
from simulators.ble.record_access import RecordAccess
from simulators.ble.speaking import Speaking
from simulators.tally import Tally

SERVICE = 0x181F
MEASUREMENT = 0x2AA7
FEATURE = 0x2AA8
STATUS = 0x2AA9
SESSION_START = 0x2AAA
SESSION_RUN = 0x2AAB
OPS_CONTROL_POINT = 0x2AAC

MINUTE_S = 60.0

_TREND, _QUALITY, _WARNING, _CALIBRATION, _STATUS = 0x01, 0x02, 0x20, 0x40, 0x80
_FEATURES = 1 << 8 | 1 << 15 | 1 << 16
"""Low battery detection, trend and quality information."""
_FEATURE_CRC = 1 << 12
_NO_CRC = b"\xff\xff"
_FLUID_AND_SITE = 0x59
"""Interstitial fluid (9), subcutaneous tissue (5)."""
_RUN_HOURS = 14 * 24
_FASTEST = 0xFF
_MISSING_CRC, _INVALID_CRC = 0x80, 0x81


class Status(IntFlag):
    """Sensor Status Annunciation: octets of status, calibration and temperature, warnings (lowest first)."""

    SESSION_STOPPED = 1 << 0
    BATTERY_LOW = 1 << 1
    SENSOR_TYPE_INCORRECT = 1 << 2
    SENSOR_MALFUNCTION = 1 << 3
    DEVICE_ALERT = 1 << 4
    DEVICE_FAULT = 1 << 5
    TIME_SYNCHRONISATION_REQUIRED = 1 << 8
    CALIBRATION_NOT_ALLOWED = 1 << 9
    CALIBRATION_RECOMMENDED = 1 << 10
    CALIBRATION_REQUIRED = 1 << 11
    TEMPERATURE_TOO_HIGH = 1 << 12
    TEMPERATURE_TOO_LOW = 1 << 13
    BELOW_PATIENT_LOW = 1 << 16
    ABOVE_PATIENT_HIGH = 1 << 17
    BELOW_HYPO = 1 << 18
    ABOVE_HYPER = 1 << 19
    RATE_DECREASING = 1 << 20
    RATE_INCREASING = 1 << 21
    BELOW_DEVICE_RANGE = 1 << 22
    ABOVE_DEVICE_RANGE = 1 << 23


_ALL_WELL = Status(0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """What the sensor sees: mg/dL, and mg/dL/min for the trend, % for the quality."""

    glucose: Number
    trend: Number = None
    quality: Number = None
    status: Status = _ALL_WELL


class GlucoseSensor(Speaking):
    """One sensor in the skin. Values are tallied in mmol/L; `access` tells which orders for records came."""

    model = "SIM-CGM"
    advertised = (SERVICE,)

    def __init__(
        self,
        radio: Radio,
        tally: Tally,
        *,
        clock: DeviceClock | None = None,
        has_crc: bool = False,
        packs: int = 1,
        interval_s: float = 300.0,
        speaks: bool = True,
        **outfit: Unpack[Outfit],
    ) -> None:
        """A new session begins when it is switched on. `packs` records go into one notification of a report.

        `has_crc`: its values carry E2E-CRC. Guarded unless told otherwise.
        """
        outfit.setdefault("is_guarded", True)
        super().__init__(radio, tally, interval_s=interval_s, speaks=speaks, **outfit)
        self.clock = clock or DeviceClock()
        self._has_crc = has_crc
        self._packs = packs
        self.blank: Special | None = None
        """Planted: its next measurement has this in the place of its numbers."""
        self._sees = Reading(glucose=100)
        self._start: bytes = bytes(9)
        self._began = 0.0
        self._is_running = True
        self._records: dict[int, tuple[bytes, Values]] = {}
        self.main = self._measurement = characteristic(MEASUREMENT, NOTIFY, guard=self._guard)
        self._ops = characteristic(OPS_CONTROL_POINT, WRITE | INDICATE, write=self._operate, guard=self._guard)
        self.access = RecordAccess(self, self, guard=self._guard)

    def services(self) -> list[Service]:
        """Continuous Glucose Monitoring, and Current Time."""
        guard = self._guard
        self.begin_session()
        told = [
            self._measurement,
            characteristic(FEATURE, READ, value=self._feature(), guard=guard),
            characteristic(STATUS, READ, value=lambda _: self._sealed(self._status()), guard=guard),
            characteristic(
                SESSION_START,
                READ | WRITE,
                value=lambda _: self._sealed(self._start),
                write=self._set_start,
                guard=guard,
            ),
            characteristic(SESSION_RUN, READ, value=self._sealed(u16(_RUN_HOURS)), guard=guard),
            self.access.control_point,
            self._ops,
        ]
        return [
            service(SERVICE, told),
            service(CURRENT_TIME_SERVICE, [self.clock.current_time_characteristic(guard)]),
        ]

    async def live(self) -> None:
        """Measure once per interval; a report ends with its link."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(super().live(), name=f"measure {self.address}")
            tasks.create_task(self.access.live(), name=f"reports of {self.address}")

    def show(self, reading: Reading) -> None:
        """What it sees from now on."""
        self._sees = reading

    def begin_session(self, *, ago: timedelta = timedelta(0)) -> None:
        """A new sensor: records of before are gone. Its start is that of the clock, zeros where that is not set."""
        now = self.clock.now()
        self._start = date_time(None if now is None else now - ago) + bytes((0, 0))
        self._began = asyncio.get_running_loop().time() - ago.total_seconds()
        self._records.clear()
        self._is_running = True

    async def speak(self) -> None:
        """Measure, keep it, and say it to who listens."""
        if self._is_running:
            await self.measure(self._sees)

    async def measure(self, reading: Reading, *, offset: int | None = None) -> None:
        """Keep a record, one a minute at most, and say it to who listens; `offset` is in minutes, else it is now."""
        offset = self.minute() if offset is None else offset
        if self.blank is not None:
            reading, self.blank = Reading(glucose=self.blank, trend=self.blank, status=reading.status), None
        self._records[offset] = (self._frame(reading, offset), _values(reading))
        await self.report([offset])

    def keys(self) -> Sequence[int]:
        """The time offsets of all records, the oldest first."""
        return [*self._records]

    async def report(self, keys: Sequence[int]) -> None:
        """Notify these records, several in one value where it packs them."""
        for at in range(0, len(keys), self._packs):
            packed = keys[at : at + self._packs]
            payload = b"".join(self._records[key][0] for key in packed)
            parts = [(self._records[key][1], (self._start, key)) for key in packed]
            await self.notify_parts(self._measurement, payload, parts)

    def delete(self, keys: Sequence[int]) -> None:
        """Forget these records."""
        for key in keys:
            del self._records[key]

    def has_told(self, key: int) -> bool:
        """Whether a listener has this record of the session."""
        return self.delivery.has_arrived((self._start, key))

    def minute(self) -> int:
        """The time offset of what is measured now."""
        return int((asyncio.get_running_loop().time() - self._began) / MINUTE_S)

    def _frame(self, reading: Reading, offset: int) -> bytes:
        flags, rest = 0, sfloat(reading.glucose) + u16(offset)
        for flag, shift in ((_STATUS, 0), (_CALIBRATION, 8), (_WARNING, 16)):
            if octet := reading.status >> shift & 0xFF:
                flags, rest = flags | flag, rest + u8(octet)
        if reading.trend is not None:
            flags, rest = flags | _TREND, rest + sfloat(reading.trend)
        if reading.quality is not None:
            flags, rest = flags | _QUALITY, rest + sfloat(reading.quality)
        size = 2 + len(rest) + (2 if self._has_crc else 0)
        return self._sealed(bytes((size, flags)) + rest)

    def _feature(self) -> bytes:
        features = u24(_FEATURES | (_FEATURE_CRC if self._has_crc else 0)) + u8(_FLUID_AND_SITE)
        return features + (crc16(features) if self._has_crc else _NO_CRC)

    def _status(self) -> bytes:
        return u16(self.minute()) + u24(0 if self._is_running else Status.SESSION_STOPPED)

    def _sealed(self, value: bytes) -> bytes:
        return value + crc16(value) if self._has_crc else value

    def _opened(self, value: bytes, *, size: int) -> bytes:
        """What was written, without its check sum."""
        if not self._has_crc:
            return value
        if len(value) <= size:
            raise ATT_Error(error_code=_MISSING_CRC)
        if crc16(value[:-2]) != value[-2:]:
            raise ATT_Error(error_code=_INVALID_CRC)
        return value[:-2]

    def _set_start(self, _connection: Connection, value: bytes) -> None:
        self._start = self._opened(value, size=9)

    def _operate(self, _connection: Connection, value: bytes) -> None:
        order = self._opened(value, size=1)
        self._run(self._answer(order))

    async def _answer(self, order: bytes) -> None:
        await self.indicate(self._ops, self._sealed(self._obey(order[0], order[1:])))

    def _obey(self, op: int, operand: bytes) -> bytes:
        """Specific Ops Control Point: interval, start and stop of the session; 0x1C answers, 1: success."""
        if op == 0x01 and len(operand) == 1 and operand[0]:
            self._interval_s = MINUTE_S * (1 if operand[0] == _FASTEST else operand[0])
        elif op == 0x02:
            return bytes((0x03, min(int(self._interval_s / MINUTE_S), 0xFF)))
        elif op == 0x1A:
            self.begin_session()
        elif op == 0x1B:
            self._is_running = False
        else:
            return bytes((0x1C, op, 2))
        return bytes((0x1C, op, 1))


def _values(reading: Reading) -> Values:
    values: dict[Quantity, Number] = {
        Quantity.INTERSTITIAL_GLUCOSE: mmol(reading.glucose),
        Quantity.GLUCOSE_TREND: mmol(reading.trend),
    }
    if reading.status & 0xFF:  # the octet is only there where it says something
        values[Quantity.BATTERY_LOW] = float(Status.BATTERY_LOW in reading.status)
    return measured(values)
