"""A pulse oximeter in a story."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import ClassVar, Literal

from pydantic import Field

from shouwang.document import Duration
from shouwang.quantities import Quantity
from simulators.ble.pulse_oximeter import Finger, PulseOximeter
from simulators.ble.radio import Radio
from simulators.cast.member import Lasting, never, outfit
from simulators.cast.scene import LastingSpec, Scene
from simulators.recording import Measures, Told
from simulators.tally import Tally


class FingerPlace(StrEnum):
    """Whether a finger is in the oximeter."""

    IN = "in"
    OUT = "out"


class OximeterScene(Scene):
    """What the oximeter shows from now on; what is left out stays as it is. `over`: how long it takes to get there."""

    spo2: float | None = Field(default=None, ge=0, le=100, description="oxygen saturation in %")
    heart_rate: float | None = Field(
        default=None, ge=0, le=400, alias="heart-rate", description="pulse rate per minute"
    )
    over: Duration = timedelta(0)
    finger: FingerPlace = FingerPlace.IN


class OximeterSpec(LastingSpec):
    """An oximeter with the Pulse Oximeter Service."""

    key: ClassVar[str] = "oximeter"
    measures: ClassVar[Measures] = Measures(leads=frozenset({Quantity.SPO2, Quantity.HEART_RATE}))

    kind: Literal["pulse_oximeter_plx"]

    def build(self, radio: Radio, tally: Tally) -> "Oximeter":
        """The oximeter, switched off."""
        device = PulseOximeter(
            radio, tally, interval_s=self.interval.total_seconds(), speaks=self.speaks, **outfit(self)
        )
        return Oximeter(self, device)


class Oximeter(Lasting[PulseOximeter]):
    """One oximeter."""

    def __init__(self, spec: OximeterSpec, device: PulseOximeter) -> None:
        """`device` is made as `spec` says, and is switched off."""
        super().__init__(spec, device)
        self._speaks = spec.speaks

    async def act(self, scene: Scene) -> None:
        """Show this from now on; one that does not speak by itself says it once."""
        assert isinstance(scene, OximeterScene)
        if scene.finger is FingerPlace.OUT:
            self.device.take_finger_out()
        else:
            now = self.device.seen()
            self.device.show(
                spo2=now.spo2 if scene.spo2 is None else scene.spo2,
                pulse=now.pulse if scene.heart_rate is None else scene.heart_rate,
                over_s=scene.over.total_seconds(),
            )
        if not self._speaks:
            await self.device.speak()

    async def show(self, values: Mapping[Quantity, float], at: datetime | None) -> Told:  # noqa: ARG002 - it is of now
        """Say these now."""
        sifted = self.sift(values)
        finger = Finger(spo2=sifted.carried.get(Quantity.SPO2), pulse=sifted.carried.get(Quantity.HEART_RATE))
        if not await self.listener() or not await self.device.say(finger):
            return Told(said=(), refused=sifted.refused, is_heard=never)
        return Told(said=[*sifted.carried.items()], refused=sifted.refused)
