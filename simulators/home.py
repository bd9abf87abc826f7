"""One simulated home: an oximeter behind a simulated adapter, a radar on a pseudo terminal, Zigbee sensors.

More devices with Bluetooth may stand at its bedside.
"""

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field

from shouwang.document import Id
from shouwang.quantities import Quantity
from shouwang.recording import RecordedMoment
from simulators.bedside import Bedside, bedside
from simulators.ble.bluez import BlueZSim
from simulators.ble.pulse_oximeter import PulseOximeter
from simulators.cast import AnyDevice
from simulators.cast.oximeter import Oximeter, OximeterSpec
from simulators.mqtt.zigbee import Bridge, DoorContact, SosButton
from simulators.recording import Played, play_recording
from simulators.scenario import Action, CableFault, DoorMove, RadarScene, RadioFault, SosKey
from simulators.serial.fall_radar import FallRadar


class HomeSpec(BaseModel):
    """Which sensors the home has, by the ids of its configuration; `broker` is the home's own, e.g. mqtt://127.0.0.1:1883."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    broker: str
    oximeter: Id = "oximeter"
    radar: Id = "radar-bath"
    sos: Id = "sos-bed"
    door: Id = "door-front"
    address: str = "C0:FF:EE:00:00:01"
    interval_s: float = Field(default=1.0, gt=0, description="seconds between two measurements of the oximeter")
    speaks: bool = Field(default=True, description="false: the oximeter says only what a recording holds")
    heartbeat_s: float = Field(default=10.0, gt=0, description="seconds between two heartbeats of the radar")
    clears_action: bool = Field(default=True, description="an empty action follows each press (Zigbee2MQTT before 2.0)")
    devices: tuple[AnyDevice, ...] = Field(default=(), description="what stands at the bedside, as in a story")


@dataclass(frozen=True, kw_only=True, slots=True)
class Ports:
    """Where a gateway finds the sensors. `dbus` goes into its DBUS_SYSTEM_BUS_ADDRESS."""

    dbus: str
    address: str
    serial: Path
    sos_topic: str
    door_topic: str


class SimulatedHome:
    """A running home. Its parts may be used directly, e.g. to plant faults: `bluez.faults`, `radar.line.is_hung`."""

    def __init__(
        self, *, ports: Ports, bedside: Bedside, oximeter: Oximeter, radar: FallRadar, sos: SosButton, door: DoorContact
    ) -> None:
        """All parts run already."""
        self.ports = ports
        self.bedside = bedside
        self.radar = radar
        self.sos = sos
        self.door = door
        self._oximeter = oximeter

    @property
    def bluez(self) -> BlueZSim:
        """What the gateway hears the devices through."""
        return self.bedside.bluez

    @property
    def oximeter(self) -> PulseOximeter:
        """The home's own oximeter."""
        return self._oximeter.device

    async def apply(self, action: Action) -> None:
        """Let it happen; returns when the sensors have said it. Raises ConfigError where the device is not there."""
        if action.oximeter is not None and action.oximeter.of is None:
            await self._oximeter.act(action.oximeter)
        elif action.scene is not None or action.fault is not None:
            await self.bedside.apply(action)
        elif action.sos is not None:
            await {SosKey.PRESS: self.sos.press, SosKey.CANCEL: self.sos.cancel}[action.sos]()
        elif action.door is not None:
            await {DoorMove.OPEN: self.door.open, DoorMove.CLOSE: self.door.close}[action.door]()
        elif action.radar is not None:
            await self._move(action.radar)
        elif action.radio is not None:
            radio = {
                RadioFault.DROP: self.oximeter.drop,
                RadioFault.AWAY: self.oximeter.go_away,
                RadioFault.BACK: self.oximeter.come_back,
            }
            await radio[action.radio]()
        elif action.cable is not None:
            line = self.radar.line
            {CableFault.UNPLUG: line.unplug, CableFault.PLUG: line.plug}[action.cable]()

    async def play(
        self, moments: Sequence[RecordedMoment], *, within: timedelta, began: datetime | None = None
    ) -> Played:
        """Play recorded vitals through the devices at the bedside and the oximeter.

        The oximeter says nothing of its own from then on. `began`: when the first moment was measured.
        """
        self.oximeter.fall_silent()
        devices = [*self.bedside.playables, self._oximeter]
        return await play_recording(moments, devices, within=within, began=began)

    def emitted(self) -> Counter[tuple[str, Quantity, float]]:
        """How often each value of each sensor was handed to somebody who listened."""
        return self.bedside.tally.counts()

    async def _move(self, scene: RadarScene) -> None:
        if scene is RadarScene.FALL:
            await self.radar.fall()
        elif scene is RadarScene.UP:
            await self.radar.get_up()
        elif scene is RadarScene.MOVE:
            await self.radar.move()
        else:
            await self.radar.leave()


@asynccontextmanager
async def simulated_home(spec: HomeSpec) -> AsyncIterator[SimulatedHome]:
    """Run a home. Raises DeviceError where the broker does not answer or dbus-daemon is missing."""
    async with AsyncExitStack() as stack:
        directory = Path(stack.enter_context(TemporaryDirectory(prefix="shouwang-home-")))
        beside = await stack.enter_async_context(bedside())
        tally = beside.tally
        oximeter = _oximeter(spec).build(beside.radio, tally)
        await stack.enter_async_context(oximeter.running())
        for placed in spec.devices:
            await beside.place(placed)
        radar = FallRadar(tally, sensor_id=spec.radar, link=directory / spec.radar, heartbeat_s=spec.heartbeat_s)
        await stack.enter_async_context(radar.running())
        bridge = await stack.enter_async_context(_bridge(spec.broker).running())
        sos = SosButton(bridge, tally, sensor_id=spec.sos, topic=f"zigbee2mqtt/{spec.sos}")
        sos.clears_action = spec.clears_action
        door = DoorContact(bridge, tally, sensor_id=spec.door, topic=f"zigbee2mqtt/{spec.door}")
        for device in (sos, door):
            await device.be_available(online=True)
        ports = Ports(
            dbus=beside.dbus,
            address=spec.address,
            serial=radar.line.link,
            sos_topic=sos.topic,
            door_topic=door.topic,
        )
        yield SimulatedHome(ports=ports, bedside=beside, oximeter=oximeter, radar=radar, sos=sos, door=door)


def _oximeter(spec: HomeSpec) -> OximeterSpec:
    return OximeterSpec(
        kind="pulse_oximeter_plx",
        id=spec.oximeter,
        address=spec.address,
        interval=timedelta(seconds=spec.interval_s),
        speaks=spec.speaks,
    )


def _bridge(url: str) -> Bridge:
    parts = urlsplit(url)
    return Bridge(
        host=parts.hostname or "127.0.0.1", port=parts.port or 1883, username=parts.username, password=parts.password
    )
