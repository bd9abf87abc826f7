"""A sensor, button or tag in a story that only advertises; nobody confirms an advert, so it plays no recording."""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from enum import StrEnum
from typing import ClassVar, Literal

from pydantic import Field

from shouwang.document import Duration
from shouwang.quantities import Quantity
from simulators.ble import adverts
from simulators.ble.adverts import Object
from simulators.ble.beacon import Beacon as BeaconDevice
from simulators.ble.radio import Radio
from simulators.cast.scene import DeviceSpec, Fault, Range, Scene
from simulators.tally import Tally


class Family(StrEnum):
    """In which format it advertises."""

    BTHOME = "bthome"
    RUUVI = "ruuvi"
    HOLYIOT = "holyiot"


class Press(StrEnum):
    """How its button is pressed."""

    SINGLE = "single"
    DOUBLE = "double"
    TRIPLE = "triple"
    LONG = "long"


class BeaconScene(Scene):
    """What it says from now on; what is left out stays as it is. A press is said for a moment."""

    press: Press | None = Field(default=None, description="its button is pressed: single, double, triple or long")
    temperature: float | None = Field(default=None, ge=-45, le=130, description="temperature in degrees Celsius")
    humidity: float | None = Field(default=None, ge=0, le=100, description="relative humidity in %")
    battery: int | None = Field(default=None, ge=0, le=100, description="charge of its battery in %")
    door: bool | None = Field(default=None, description="true: the door is open")
    motion: bool | None = Field(default=None, description="true: somebody moves")
    smoke: bool | None = Field(default=None, description="true: there is smoke")
    leak: bool | None = Field(default=None, description="true: there is water")
    gas: bool | None = Field(default=None, alias="gas-alarm", description="true: there is gas")
    carbon_monoxide: bool | None = Field(
        default=None, alias="carbon-monoxide-alarm", description="true: there is carbon monoxide"
    )


class BeaconSpec(DeviceSpec):
    """What advertises and is not connected to."""

    key: ClassVar[str] = "beacon"
    faults: ClassVar[frozenset[str]] = frozenset({"range"})

    kind: Literal["advert_sensor"]
    family: Family = Field(description="format of its adverts: bthome, ruuvi or holyiot")
    interval: Duration = Field(
        default=timedelta(seconds=1), ge=timedelta(milliseconds=20), description="time between two adverts"
    )
    loss: float = Field(default=0.0, ge=0, lt=1, description="share of its adverts that nobody hears, e.g. 0.3")

    def objection(self, scene: Scene) -> str | None:
        """What the format has no bits for."""
        assert isinstance(scene, BeaconScene)
        wanted: set[str] = {*scene.values} | ({"press"} if scene.press is not None else set())
        wrong = sorted(wanted - _CARRIED[self.family])
        if wrong:
            return (
                f"{self.family} does not carry {', '.join(wrong)}; possible: {', '.join(sorted(_CARRIED[self.family]))}"
            )
        return None if wanted else "says nothing; write what it measures, or press"

    def sensor(self) -> dict[str, object]:
        """The entry of home.yaml that hears it."""
        return {**super().sensor(), "family": self.family.value}

    def build(self, radio: Radio, tally: Tally) -> "Beacon":  # noqa: ARG002 - nobody confirms an advert
        """The beacon, switched off."""
        return Beacon(self, radio)


_OBJECTS: Mapping[Quantity, Object] = {
    Quantity.BATTERY: Object.BATTERY,
    Quantity.TEMPERATURE: Object.TEMPERATURE,
    Quantity.HUMIDITY: Object.HUMIDITY,
    Quantity.DOOR: Object.DOOR,
    Quantity.MOTION: Object.MOTION,
    Quantity.SMOKE: Object.SMOKE,
    Quantity.LEAK: Object.MOISTURE,
    Quantity.GAS_ALARM: Object.GAS,
    Quantity.CARBON_MONOXIDE_ALARM: Object.CARBON_MONOXIDE,
}
_CARRIED: Mapping[Family, frozenset[str]] = {
    Family.BTHOME: frozenset({*_OBJECTS, "press"}),
    Family.RUUVI: frozenset({Quantity.TEMPERATURE, Quantity.HUMIDITY}),
    Family.HOLYIOT: frozenset({Quantity.BATTERY, "press"}),
}
_PRESSES = {Press.SINGLE: 1, Press.DOUBLE: 2, Press.TRIPLE: 3, Press.LONG: 4}
"""BTHome's button events (bthome.io/format)."""
_BATTERY = 90.0


class Beacon:
    """One beacon. BTHome's are silent until they have something to say."""

    def __init__(self, spec: BeaconSpec, radio: Radio) -> None:
        """Switched off until `running`."""
        self._spec = spec
        self._values: dict[Quantity, float] = {}
        self._count = 0
        self.device = BeaconDevice(
            radio, address=spec.address, interval_ms=spec.interval.total_seconds() * 1000, loss=spec.loss
        )

    @property
    def spec(self) -> DeviceSpec:
        """Where it stands and what it is."""
        return self._spec

    def running(self) -> AbstractAsyncContextManager[object]:
        """Switched on."""
        if self._spec.family is Family.HOLYIOT:
            self.device.show(self._data(None))
        return self.device.running()

    async def act(self, scene: Scene) -> None:
        """Say this from now on; returns after the last advert of a press."""
        assert isinstance(scene, BeaconScene)
        self._values.update(scene.values)
        self._count = (self._count + 1) % 256
        if scene.press is not None:
            await self.device.burst(self._data(scene.press))
        if scene.press is None or self._spec.family is Family.HOLYIOT:
            self.device.show(self._data(None))

    async def plant(self, fault: Fault) -> None:
        """It goes out of range, or is back."""
        if fault.range is Range.AWAY:
            self.device.go_away()
        elif fault.range is Range.BACK:
            self.device.come_back()

    def _data(self, press: Press | None) -> bytes:
        if self._spec.family is Family.RUUVI:
            return adverts.ruuvi_5(
                address=self._spec.address,
                temperature=self._values.get(Quantity.TEMPERATURE),
                humidity=self._values.get(Quantity.HUMIDITY),
                sequence=self._count,
            )
        if self._spec.family is Family.HOLYIOT:
            battery = int(self._values.get(Quantity.BATTERY, _BATTERY))
            return adverts.holyiot_button(address=self._spec.address, battery=battery, is_pressed=press is not None)
        objects = [(_OBJECTS[quantity], value) for quantity, value in self._values.items()]
        pressed = [] if press is None else [(Object.BUTTON, float(_PRESSES[press]))]
        return adverts.bthome([(Object.PACKET_ID, float(self._count)), *objects, *pressed])
