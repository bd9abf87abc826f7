"""A continuous glucose sensor in a story."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import ClassVar, Literal

from pydantic import Field

from shouwang.document import Duration
from shouwang.quantities import Quantity
from shouwang.recording import as_said
from simulators.ble.cgm import GlucoseSensor as GlucoseSensorDevice
from simulators.ble.cgm import Reading
from simulators.ble.glucose import mg, mmol
from simulators.ble.numbers import Number, sfloat
from simulators.ble.radio import Radio
from simulators.cast.member import Encoders, Lasting, Sifted, clock_of, outfit
from simulators.cast.scene import Fault, LastingSpec, Scene, Turn
from simulators.recording import Measures, Told
from simulators.tally import Tally

_LAST_MINUTE = 0xFFFF
"""Time offsets have 16 bits: a session of 45 days."""


def _mg(mmol_l: float) -> float:
    return as_said(mg(mmol_l))


def _encoded(mmol_l: float) -> bytes:
    return sfloat(_mg(mmol_l))


class GlucoseSensorScene(Scene):
    """What it sees from now on. The sensor speaks mg/dL, so a value is told to the nearest mg/dL or tenth of it."""

    interstitial_glucose: float = Field(
        gt=0, le=60, alias="interstitial-glucose", description="glucose under the skin in mmol/L"
    )
    glucose_trend: float | None = Field(
        default=None, ge=-5, le=5, alias="glucose-trend", description="how it changes, in mmol/L per minute"
    )


class GlucoseSensorSpec(LastingSpec):
    """A sensor with the Continuous Glucose Monitoring Service."""

    key: ClassVar[str] = "cgm"
    measures: ClassVar[Measures] = Measures(
        leads=frozenset({Quantity.INTERSTITIAL_GLUCOSE}), along=frozenset({Quantity.GLUCOSE_TREND})
    )
    faults: ClassVar[frozenset[str]] = frozenset(Fault.WAYS) - {"clock"}  # its session keeps the time it began with

    kind: Literal["glucose_sensor_cgms"]
    interval: Duration = Field(
        default=timedelta(minutes=5), ge=timedelta(minutes=1), description="time between two measurements"
    )
    must_pair: bool = Field(default=True, description="false: it tells everything without being paired")
    clock: Turn | None = Field(default=None, description='how wrong its clock is: "-5h", "+3m", or lost')
    crc: bool = Field(default=False, description="true: its values carry a check sum")
    packs: int = Field(default=1, ge=1, le=10, description="how many stored records go into one value")

    def build(self, radio: Radio, tally: Tally) -> "GlucoseSensor":
        """The sensor, switched off."""
        return GlucoseSensor(self, radio, tally)


class GlucoseSensor(Lasting[GlucoseSensorDevice]):
    """One sensor under the skin. It keeps what nobody hears."""

    encoders: ClassVar[Encoders] = {Quantity.INTERSTITIAL_GLUCOSE: _encoded, Quantity.GLUCOSE_TREND: _encoded}

    def __init__(self, spec: GlucoseSensorSpec, radio: Radio, tally: Tally) -> None:
        """Switched off until `running`."""
        clock = clock_of(spec.clock)
        device = GlucoseSensorDevice(
            radio,
            tally,
            clock=clock,
            has_crc=spec.crc,
            packs=spec.packs,
            interval_s=spec.interval.total_seconds(),
            speaks=spec.speaks,
            **outfit(spec),
        )
        super().__init__(spec, device, clock)
        self._first: datetime | None = None
        self._speaks = spec.speaks

    async def act(self, scene: Scene) -> None:
        """See this from now on; one that does not speak by itself measures it once."""
        if self._speaks:
            self.device.show(_reading(self.sift(scene.values)))
        else:
            await self.show(scene.values, None)

    @asynccontextmanager
    async def playing(self, first: datetime | None) -> AsyncIterator[None]:
        """While a recording is played, in a session that began with it: a new sensor, to which clients come anew."""
        self._first = first
        if first is not None:
            self.device.begin_session(ago=datetime.now(UTC) - first)
            await self.device.drop()
        async with super().playing(first):
            yield
            await self.hear_out()
        self._first = None

    async def show(self, values: Mapping[Quantity, float], at: datetime | None) -> Told:
        """Measure these, at this moment (aware), or now. A minute has one record; a second one is refused."""
        minute = self._minute(at)
        if minute > _LAST_MINUTE or minute in set(self.device.keys()):
            return Told(said=(), refused=[*values.items()])
        self._special, self.device.blank = self.device.blank, None
        sifted = self.sift(values)
        await self.device.measure(_reading(sifted), offset=minute)
        said = {q: number for q, value in sifted.carried.items() if isinstance(number := mmol(_mg(value)), float)}
        told = Sifted(carried=said, refused=sifted.refused, special=sifted.special)
        return self.expect(told, lambda: self.device.has_told(minute))

    async def _blank(self, fault: Fault) -> None:
        self.device.blank = None if fault.special is None else fault.special.special

    def _minute(self, at: datetime | None) -> int:
        if at is None or self._first is None:
            return self.device.minute()
        return (at - self._first) // timedelta(minutes=1)


def _reading(sifted: Sifted) -> Reading:
    numbers: dict[Quantity, Number] = {q: _mg(value) for q, value in sifted.carried.items()}
    return Reading(
        glucose=numbers.get(Quantity.INTERSTITIAL_GLUCOSE, sifted.special),
        trend=numbers.get(Quantity.GLUCOSE_TREND, sifted.special),
    )
