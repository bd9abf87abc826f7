"""One simulated home: an oximeter behind a simulated adapter, a radar on a pseudo terminal, Zigbee sensors."""

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field

from shouwang.document import Id
from shouwang.quantities import Quantity
from shouwang.recording import RecordedMoment
from simulators.ble.bluez import BlueZSim, bluez
from simulators.ble.bus import private_bus
from simulators.ble.pulse_oximeter import PulseOximeter
from simulators.ble.radio import Radio
from simulators.mqtt.zigbee import Bridge, DoorContact, SosButton
from simulators.recording import Played, play_recording
from simulators.scenario import (
    Action,
    CableFault,
    DoorMove,
    FingerPlace,
    OximeterScene,
    RadarScene,
    RadioFault,
    SosKey,
)
from simulators.serial.fall_radar import FallRadar
from simulators.tally import Tally


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
        self,
        *,
        ports: Ports,
        bluez: BlueZSim,
        oximeter: PulseOximeter,
        radar: FallRadar,
        sos: SosButton,
        door: DoorContact,
        tally: Tally,
    ) -> None:
        """All parts run already; `tally` is what they count in."""
        self.ports = ports
        self.bluez = bluez
        self.oximeter = oximeter
        self.radar = radar
        self.sos = sos
        self.door = door
        self._tally = tally

    async def apply(self, action: Action) -> None:
        """Let it happen; returns when the sensors have said it."""
        if action.oximeter is not None:
            self._show(action.oximeter)
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

    async def play(self, moments: Sequence[RecordedMoment], *, within: timedelta) -> Played:
        """Play recorded vitals through the oximeter, which says nothing of its own from then on."""
        self.oximeter.fall_silent()
        return await play_recording(moments, self.oximeter, within=within)

    def emitted(self) -> Counter[tuple[str, Quantity, float]]:
        """How often each value of each sensor was handed to somebody who listened."""
        return self._tally.counts()

    def _show(self, scene: OximeterScene) -> None:
        if scene.finger is FingerPlace.OUT:
            self.oximeter.take_finger_out()
            return
        now = self.oximeter.seen()
        self.oximeter.show(
            spo2=now.spo2 if scene.spo2 is None else scene.spo2,
            pulse=now.pulse if scene.heart_rate is None else scene.heart_rate,
            over_s=scene.over.total_seconds(),
        )

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
    tally = Tally()
    async with AsyncExitStack() as stack:
        directory = Path(stack.enter_context(TemporaryDirectory(prefix="shouwang-home-")))
        dbus = await stack.enter_async_context(private_bus())
        radio = Radio()
        oximeter = PulseOximeter(
            radio,
            tally,
            sensor_id=spec.oximeter,
            address=spec.address,
            interval_s=spec.interval_s,
            speaks=spec.speaks,
        )
        await stack.enter_async_context(oximeter.running())
        adapter = await stack.enter_async_context(bluez(dbus, radio, delivered=oximeter.delivered))
        radar = FallRadar(tally, sensor_id=spec.radar, link=directory / spec.radar, heartbeat_s=spec.heartbeat_s)
        await stack.enter_async_context(radar.running())
        bridge = await stack.enter_async_context(_bridge(spec.broker).running())
        sos = SosButton(bridge, tally, sensor_id=spec.sos, topic=f"zigbee2mqtt/{spec.sos}")
        sos.clears_action = spec.clears_action
        door = DoorContact(bridge, tally, sensor_id=spec.door, topic=f"zigbee2mqtt/{spec.door}")
        for device in (sos, door):
            await device.be_available(online=True)
        ports = Ports(
            dbus=dbus,
            address=spec.address,
            serial=radar.line.link,
            sos_topic=sos.topic,
            door_topic=door.topic,
        )
        yield SimulatedHome(ports=ports, bluez=adapter, oximeter=oximeter, radar=radar, sos=sos, door=door, tally=tally)


def _bridge(url: str) -> Bridge:
    parts = urlsplit(url)
    return Bridge(
        host=parts.hostname or "127.0.0.1", port=parts.port or 1883, username=parts.username, password=parts.password
    )
