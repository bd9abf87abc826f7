"""A pulse oximeter with the Pulse Oximeter Service, on a simulated radio.

It says what its probe sees once per interval to whoever has subscribed, and remembers what reached a listener.
"""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Unpack

from bumble.gatt import Service

from shouwang.quantities import Quantity
from simulators.ble import plx
from simulators.ble.attributes import INDICATE, NOTIFY, READ, characteristic, service
from simulators.ble.delivery import Values, measured
from simulators.ble.peripheral import Outfit
from simulators.ble.plx import DeviceStatus, MeasurementStatus
from simulators.ble.radio import Radio
from simulators.ble.speaking import Speaking
from simulators.tally import Tally

_MEASUREMENT_BITS = MeasurementStatus.ONGOING | MeasurementStatus.VALIDATED | MeasurementStatus.UNAVAILABLE
_DEVICE_BITS = DeviceStatus.SENSOR_UNCONNECTED


@dataclass(frozen=True, kw_only=True, slots=True)
class Finger:
    """What the probe sees: SpO2 in %, pulse in /min, None where it has no value; `is_in`: a finger is in the clip."""

    spo2: float | None
    pulse: float | None
    is_in: bool = True


class PulseOximeter(Speaking):
    """One oximeter."""

    model = "SIM-PLX"
    advertised = (plx.SERVICE,)

    def __init__(
        self, radio: Radio, tally: Tally, *, interval_s: float = 1.0, speaks: bool = True, **outfit: Unpack[Outfit]
    ) -> None:
        """Switched off until `running`; a finger with 97 % and 72 /min is in it."""
        super().__init__(radio, tally, interval_s=interval_s, speaks=speaks, **outfit)
        self._start = self._goal = Finger(spo2=97, pulse=72)
        self._began, self._lasts = 0.0, 0.0
        self.main = self._continuous = characteristic(plx.CONTINUOUS, NOTIFY, guard=self._guard)
        self._spot_check = characteristic(plx.SPOT_CHECK, INDICATE, guard=self._guard)

    def services(self) -> list[Service]:
        """The Pulse Oximeter Service."""
        told = plx.features(measurement=_MEASUREMENT_BITS, device=_DEVICE_BITS)
        features = characteristic(plx.FEATURES, READ, value=told)
        return [service(plx.SERVICE, [features, self._spot_check, self._continuous])]

    async def speak(self) -> None:
        """Say what the probe sees now."""
        await self.say(self.seen())

    def show(self, *, spo2: float | None, pulse: float | None, over_s: float = 0) -> None:
        """Let the values glide there within `over_s` seconds; None: the probe has no value for it."""
        self._turn_to(Finger(spo2=spo2, pulse=pulse), over_s)

    def take_finger_out(self) -> None:
        """No finger: no values, and the device status says so."""
        self._turn_to(Finger(spo2=None, pulse=None, is_in=False), 0)

    def seen(self) -> Finger:
        """What the probe sees now, in the whole numbers that oximeters show."""
        share = 1.0
        if self._lasts > 0:
            share = min(1.0, (asyncio.get_running_loop().time() - self._began) / self._lasts)
        return Finger(
            spo2=_between(self._start.spo2, self._goal.spo2, share),
            pulse=_between(self._start.pulse, self._goal.pulse, share),
            is_in=self._goal.is_in,
        )

    async def say(self, finger: Finger) -> bool:
        """Send one continuous measurement; False where nobody has subscribed. Raises NotCarried."""
        payload = plx.continuous(finger.spo2, finger.pulse, measurement=_status(finger), device=_device_status(finger))
        return await self.notify(self._continuous, payload, _values(finger))

    async def say_spot_check(self, finger: Finger, *, at: datetime | None = None) -> bool:
        """Indicate one spot-check; True when the listener has confirmed it. `at` is device-local time."""
        payload = plx.spot_check(
            finger.spo2, finger.pulse, at=at, measurement=_status(finger), device=_device_status(finger)
        )
        return await self.indicate(self._spot_check, payload, _values(finger))

    def _turn_to(self, goal: Finger, over_s: float) -> None:
        self._start, self._goal = self.seen(), goal
        self._began, self._lasts = asyncio.get_running_loop().time(), over_s


def _between(start: float | None, goal: float | None, share: float) -> float | None:
    if start is None or goal is None:
        return goal
    return goal if share >= 1 else float(round(start + (goal - start) * share))


def _status(finger: Finger) -> MeasurementStatus:
    known = finger.spo2 is not None or finger.pulse is not None
    return MeasurementStatus.ONGOING | (MeasurementStatus.VALIDATED if known else MeasurementStatus.UNAVAILABLE)


def _device_status(finger: Finger) -> DeviceStatus:
    return DeviceStatus(0) if finger.is_in else DeviceStatus.SENSOR_UNCONNECTED


def _values(finger: Finger) -> Values:
    return measured({Quantity.SPO2: finger.spo2, Quantity.HEART_RATE: finger.pulse})
