"""The Bluetooth of a home: an adapter on a private bus, and the devices of a story within its reach."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime, timedelta

from shouwang.errors import ConfigError
from shouwang.recording import RecordedMoment
from simulators.ble.bluez import BlueZSim, bluez
from simulators.ble.bus import private_bus
from simulators.ble.radio import Radio
from simulators.cast import AnyDevice
from simulators.cast.beacon import Beacon
from simulators.cast.member import Performer
from simulators.recording import Playable, Played, play_recording
from simulators.scenario import Action
from simulators.tally import Tally


class Bedside:
    """A running radio. `dbus` goes into the DBUS_SYSTEM_BUS_ADDRESS of a gateway; `tally` counts what reached one."""

    def __init__(self, dbus: str, radio: Radio, adapter: BlueZSim, stack: AsyncExitStack) -> None:
        """No device is there yet; those that will be are switched off with `stack`."""
        self.dbus = dbus
        self.radio = radio
        self.bluez = adapter
        self.tally = Tally()
        self._stack = stack
        self._devices: dict[str, Performer] = {}
        self._playables: dict[str, Playable] = {}

    @property
    def playables(self) -> Sequence[Playable]:
        """The devices that a recording can be played through, in the order of their placing."""
        return [*self._playables.values()]

    async def place(self, spec: AnyDevice) -> None:
        """Switch a device on; harmless where it stands there already. Raises ConfigError where another one does."""
        known = self._devices.get(spec.id)
        if known is not None and known.spec == spec:
            return
        others = [
            one.spec for one in self._devices.values() if spec.id == one.spec.id or spec.address == one.spec.address
        ]
        if others:
            raise ConfigError(
                f'"{spec.id}" ({spec.address}) cannot be placed: "{others[0].id}" ({others[0].address}) stands there '
                "already; give it another id and address"
            )
        device = spec.build(self.radio, self.tally)
        await self._stack.enter_async_context(device.running())
        self._devices[spec.id] = device
        if not isinstance(device, Beacon):
            self._playables[spec.id] = device

    async def apply(self, action: Action) -> None:
        """Let a device do this, or plant the fault. Raises ConfigError where there is no such device."""
        if action.fault is not None:
            device = self._named(action.fault.of)
            if action.fault.way not in device.spec.faults:
                raise ConfigError(
                    f'"{action.fault.of}" is a {device.spec.key}: {action.fault.way} does not happen to it'
                )
            await device.plant(action.fault)
        elif action.scene is not None:
            device = self._meant(action.key, action.scene.of)
            objection = device.spec.objection(action.scene)
            if objection is not None:
                raise ConfigError(f"{action.key}: {objection}")
            await device.act(action.scene)
        else:
            raise ConfigError(f"nothing here can do {action.key}; it needs a whole home")

    async def play(
        self, moments: Sequence[RecordedMoment], *, within: timedelta, began: datetime | None = None
    ) -> Played:
        """Play recorded vitals through the devices; `began`: when the first moment was measured."""
        return await play_recording(moments, self.playables, within=within, began=began)

    def _named(self, name: str) -> Performer:
        if name not in self._devices:
            raise ConfigError(f'there is no device "{name}" here; there are: {", ".join(self._devices) or "none"}')
        return self._devices[name]

    def _meant(self, key: str, of: str | None) -> Performer:
        if of is not None:
            device = self._named(of)
            if device.spec.key != key:
                raise ConfigError(f'"{of}" is a {device.spec.key}, no {key}')
            return device
        fitting = [device for device in self._devices.values() if device.spec.key == key]
        if len(fitting) != 1:
            raise ConfigError(f'there are {len(fitting)} devices for {key} here; say which with "of"')
        return fitting[0]


@asynccontextmanager
async def bedside() -> AsyncIterator[Bedside]:
    """Run bus and adapter. Raises DeviceError where dbus-daemon is missing."""
    async with AsyncExitStack() as stack:
        dbus = await stack.enter_async_context(private_bus())
        radio = Radio()
        adapter = await stack.enter_async_context(bluez(dbus, radio))
        yield Bedside(dbus, radio, adapter, await stack.enter_async_context(AsyncExitStack()))
