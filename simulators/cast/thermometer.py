"""A thermometer for people in a story."""

from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar, Literal

from pydantic import Field

from shouwang.quantities import Quantity
from simulators.ble.radio import Radio
from simulators.ble.thermometer import Thermometer as ThermometerDevice
from simulators.cast.member import Encoders, Passing, clock_of, local, outfit
from simulators.cast.scene import PassingSpec, Scene, Tenths, tenths
from simulators.recording import Measures, Told
from simulators.tally import Tally


class ThermometerScene(Scene):
    """Somebody measures."""

    body_temperature: Tenths = Field(
        gt=0, le=60, alias="body-temperature", description="body temperature in degrees Celsius"
    )


class ThermometerSpec(PassingSpec):
    """A thermometer with the Health Thermometer Service."""

    key: ClassVar[str] = "thermometer"
    measures: ClassVar[Measures] = Measures(leads=frozenset({Quantity.BODY_TEMPERATURE}))

    kind: Literal["thermometer_hts"]
    stamps: bool = Field(default=True, description="false: it has no clock, and its measurements carry no time")

    def build(self, radio: Radio, tally: Tally) -> "Thermometer":
        """The thermometer, switched off."""
        return Thermometer(self, radio, tally)


class Thermometer(Passing[ThermometerDevice]):
    """One thermometer."""

    encoders: ClassVar[Encoders] = {Quantity.BODY_TEMPERATURE: tenths}

    def __init__(self, spec: ThermometerSpec, radio: Radio, tally: Tally) -> None:
        """Switched off until `running`."""
        clock = clock_of(spec.clock)
        device = ThermometerDevice(radio, tally, clock=clock, has_stamps=spec.stamps, **outfit(spec))
        super().__init__(spec, device, clock)

    async def act(self, scene: Scene) -> None:
        """Measure, and keep it."""
        await self._measure(scene.values, None)

    async def show(self, values: Mapping[Quantity, float], at: datetime | None) -> Told:
        """Measure these, at this moment (aware), or now."""
        await self.room()
        return await self._measure(values, at)

    async def _measure(self, values: Mapping[Quantity, float], at: datetime | None) -> Told:
        sifted = self.sift(values)
        kept = await self.device.measure(sifted.number(Quantity.BODY_TEMPERATURE), at=local(at))
        return self.expect(sifted, lambda: self.device.has_told(kept))
