"""A heart rate strap in a story."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from shouwang.quantities import Quantity
from simulators.ble.heart_rate import HeartRateStrap
from simulators.ble.numbers import NotCarried, u16
from simulators.ble.radio import Radio
from simulators.cast.member import Encoders, Lasting, never, outfit
from simulators.cast.scene import LastingSpec, Scene
from simulators.recording import Measures, Told
from simulators.tally import Tally

_RR_PER_S = 1024
"""Heart Rate Service 1.0, section 3.1.1.4."""


def _beats(value: float) -> bytes:
    if value != int(value) or not 0 < value <= 0xFFFF:
        raise NotCarried(f"{value} is no whole number of beats")
    return u16(int(value))


def _interval(value: float) -> bytes:
    ticks = value * _RR_PER_S / 1000
    if ticks != int(ticks) or not 0 < ticks <= 0xFFFF:
        raise NotCarried(f"{value} ms is no whole number of 1/{_RR_PER_S} s")
    return u16(int(ticks))


class Contact(StrEnum):
    """Whether the strap lies on the skin."""

    ON = "on"
    LOST = "lost"


class StrapScene(Scene):
    """What it feels from now on."""

    heart_rate: int = Field(ge=0, le=400, alias="heart-rate", description="beats per minute; 0: it feels none")
    intervals: tuple[Annotated[float, Field(gt=0, le=60_000)], ...] = Field(
        default=(), max_length=9, alias="rr-intervals", description="intervals between beats in ms, the oldest first"
    )
    contact: Contact = Field(default=Contact.ON, description="on: it lies on the skin; lost: it has slipped")


class StrapSpec(LastingSpec):
    """A strap with the Heart Rate Service."""

    key: ClassVar[str] = "strap"
    measures: ClassVar[Measures] = Measures(leads=frozenset({Quantity.HEART_RATE, Quantity.RR_INTERVAL}))

    kind: Literal["heart_rate_monitor_hrs"]

    def build(self, radio: Radio, tally: Tally) -> "Strap":
        """The strap, switched off."""
        return Strap(self, radio, tally)


class Strap(Lasting[HeartRateStrap]):
    """One strap."""

    encoders: ClassVar[Encoders] = {Quantity.HEART_RATE: _beats, Quantity.RR_INTERVAL: _interval}

    def __init__(self, spec: StrapSpec, radio: Radio, tally: Tally) -> None:
        """Switched off until `running`."""
        device = HeartRateStrap(
            radio, tally, interval_s=spec.interval.total_seconds(), speaks=spec.speaks, **outfit(spec)
        )
        super().__init__(spec, device)
        self._speaks = spec.speaks

    async def act(self, scene: Scene) -> None:
        """Feel this from now on; one that does not speak by itself says it once."""
        assert isinstance(scene, StrapScene)
        is_on = scene.contact is Contact.ON
        self.device.feel(scene.heart_rate, intervals_ms=scene.intervals, is_on=is_on)
        if not self._speaks:
            await self.device.speak()

    async def show(self, values: Mapping[Quantity, float], at: datetime | None) -> Told:  # noqa: ARG002 - it is of now
        """Say these now."""
        sifted = self.sift(values)
        interval = sifted.carried.get(Quantity.RR_INTERVAL)
        intervals: Sequence[float] = [] if interval is None else [interval]
        rate = int(sifted.carried.get(Quantity.HEART_RATE, 0))
        if not await self.listener() or not await self.device.say(rate, intervals_ms=intervals):
            return Told(said=(), refused=sifted.refused, is_heard=never)
        return Told(said=[*sifted.carried.items()], refused=sifted.refused)
