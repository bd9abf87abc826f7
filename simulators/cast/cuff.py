"""A blood-pressure cuff in a story."""

from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar, Literal

from pydantic import Field

from shouwang.quantities import Quantity
from simulators.ble.blood_pressure import BloodPressureCuff, Status
from simulators.ble.radio import Radio
from simulators.cast.member import Passing, clock_of, local, outfit
from simulators.cast.scene import PassingSpec, Scene, Short
from simulators.recording import Measures, Told
from simulators.tally import Tally

_USER = "number of the person at the cuff"


class CuffScene(Scene):
    """Somebody measures."""

    systolic: Short = Field(gt=0, le=400, description="systolic pressure in mmHg")
    diastolic: Short = Field(gt=0, le=400, description="diastolic pressure in mmHg")
    mean: Short | None = Field(
        default=None, gt=0, le=400, alias="mean-arterial-pressure", description="mean arterial pressure in mmHg"
    )
    heart_rate: Short | None = Field(default=None, gt=0, le=400, alias="heart-rate", description="pulse per minute")
    irregular: bool | None = Field(
        default=None, alias="irregular-pulse", description="whether the cuff found the pulse irregular"
    )
    user: int | None = Field(default=None, ge=0, le=254, description=_USER)


class CuffSpec(PassingSpec):
    """A cuff with the Blood Pressure Service."""

    key: ClassVar[str] = "cuff"
    measures: ClassVar[Measures] = Measures(
        leads=frozenset({Quantity.SYSTOLIC, Quantity.DIASTOLIC, Quantity.MEAN_ARTERIAL_PRESSURE}),
        along=frozenset({Quantity.HEART_RATE, Quantity.IRREGULAR_PULSE}),
    )

    kind: Literal["blood_pressure_monitor_blp"]
    stamps: bool = Field(default=True, description="false: it has no clock, and its measurements carry no time")
    user: int | None = Field(default=None, ge=0, le=254, description=f"{_USER} of whom a recording is played")

    def build(self, radio: Radio, tally: Tally) -> "Cuff":
        """The cuff, switched off."""
        return Cuff(self, radio, tally)


class Cuff(Passing[BloodPressureCuff]):
    """One cuff."""

    def __init__(self, spec: CuffSpec, radio: Radio, tally: Tally) -> None:
        """Switched off until `running`."""
        clock = clock_of(spec.clock)
        device = BloodPressureCuff(radio, tally, clock=clock, has_stamps=spec.stamps, **outfit(spec))
        super().__init__(spec, device, clock)
        self._user = spec.user

    async def act(self, scene: Scene) -> None:
        """Measure, and keep it."""
        assert isinstance(scene, CuffScene)
        await self._measure(scene.values, None, scene.user)

    async def show(self, values: Mapping[Quantity, float], at: datetime | None) -> Told:
        """Measure these, at this moment (aware), or now."""
        await self.room()
        return await self._measure(values, at, self._user)

    async def _measure(self, values: Mapping[Quantity, float], at: datetime | None, user: int | None) -> Told:
        sifted = self.sift(values)
        irregular = sifted.carried.get(Quantity.IRREGULAR_PULSE)
        kept = await self.device.measure(
            sifted.number(Quantity.SYSTOLIC),
            sifted.number(Quantity.DIASTOLIC),
            mean=sifted.number(Quantity.MEAN_ARTERIAL_PRESSURE),
            pulse=sifted.carried.get(Quantity.HEART_RATE),
            user=user,
            status=None if irregular is None else Status.IRREGULAR_PULSE if irregular else Status(0),
            at=local(at),
        )
        return self.expect(sifted, lambda: self.device.has_told(kept))
