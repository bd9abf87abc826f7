"""A glucose meter in a story."""

from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar, Literal

from pydantic import Field

from shouwang.quantities import Quantity
from simulators.ble.glucose_meter import Context, GlucoseMeter
from simulators.ble.radio import Radio
from simulators.cast.member import Passing, clock_of, local, outfit
from simulators.cast.scene import PassingSpec, Scene, Short
from simulators.recording import Measures, Told
from simulators.tally import Tally


class MeterScene(Scene):
    """Somebody measures, and notes what was eaten."""

    glucose: Short = Field(gt=0, le=60, description="glucose of the blood in mmol/L")
    carbohydrate: Short | None = Field(default=None, ge=0, le=2000, description="what was eaten, in g of carbohydrate")
    hba1c: Short | None = Field(default=None, gt=0, le=25, description="HbA1c in %, where the meter measures it")


class MeterSpec(PassingSpec):
    """A meter with the Glucose Service."""

    key: ClassVar[str] = "meter"
    measures: ClassVar[Measures] = Measures(
        leads=frozenset({Quantity.GLUCOSE}), along=frozenset({Quantity.CARBOHYDRATE, Quantity.HBA1C})
    )

    kind: Literal["glucose_meter_gls"]
    must_pair: bool = Field(default=True, description="false: it tells everything without being paired")

    def build(self, radio: Radio, tally: Tally) -> "Meter":
        """The meter, switched off."""
        return Meter(self, radio, tally)


class Meter(Passing[GlucoseMeter]):
    """One meter."""

    def __init__(self, spec: MeterSpec, radio: Radio, tally: Tally) -> None:
        """Switched off until `running`."""
        clock = clock_of(spec.clock)
        super().__init__(spec, GlucoseMeter(radio, tally, clock=clock, **outfit(spec)), clock)

    async def act(self, scene: Scene) -> None:
        """Measure, and keep a record of it."""
        await self.show(scene.values, None)

    async def show(self, values: Mapping[Quantity, float], at: datetime | None) -> Told:
        """Measure these, at this moment (aware), or now."""
        sifted = self.sift(values)
        noted = Context(
            carbohydrate_g=sifted.carried.get(Quantity.CARBOHYDRATE), hba1c=sifted.carried.get(Quantity.HBA1C)
        )
        sequence = await self.device.measure(
            sifted.number(Quantity.GLUCOSE), context=None if noted == Context() else noted, at=local(at)
        )
        return self.expect(sifted, lambda: self.device.has_told(sequence))
