"""A home behind the local broker that brings its devices along. What makers differ in is a `Finder`, pure.

Devices are found in the moment in which a message comes, before any subscription gets it: so the first message of a
smoke detector that nobody has heard of is heard by it, and judged by the rules that then watch it.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Annotated, ClassVar, NamedTuple, Never, Protocol

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from drivers.joining import MAX_DEVICES, Member, Names
from drivers.links import Links
from drivers.mqtt.kind import MAX_SILENCE
from drivers.mqtt.link import LocalBroker
from drivers.mqtt.sensor import Decode, Heard, MqttSensor
from drivers.mqtt.switchboard import Arrival
from drivers.rejects import Rejects
from shouwang.document import Duration, Id
from shouwang.driver import Emit, Note, Sample
from shouwang.errors import DecodeError
from shouwang.quantities import Quantity

log = logging.getLogger(__name__)

NOTE = "devices"
IDLE = frozenset(
    {Quantity.SWITCH, Quantity.BATTERY, Quantity.BATTERY_LOW, Quantity.BATTERY_VOLTAGE, Quantity.SIGNAL_STRENGTH}
)
"""What says nothing of a person: a device that can say no more (a lamp, a repeater) does not join. A lamp that is
switched off at the wall would else be told as a lost sensor."""
MAX_NAME_CHARS = 120


class Device(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is known of one device, and kept. `left`: why it is gone, empty while it is there.

    `key` stays the same when its owner renames it; `detail` is the finder's own, as JSON.
    """

    key: str
    name: str
    topic: str
    says: tuple[Quantity, ...] = ()
    sensor_id: str = ""
    left: str = ""
    detail: str = ""


class Seen(NamedTuple):
    """A device is there, as described."""

    device: Device


class Left(NamedTuple):
    """A device was taken out."""

    key: str
    why: str


class Listed(NamedTuple):
    """These devices are there and no others."""

    devices: tuple[Device, ...]
    why: str


News = Seen | Left | Listed


class Finder(Protocol):
    """What is peculiar to one maker. Keeps at most what devices said of themselves before it was enough to join."""

    @property
    def filters(self) -> Sequence[str]:
        """The topics on which devices are found."""
        ...

    @property
    def status_topics(self) -> Sequence[str]:
        """The topics that tell whether the home itself (a bridge) is there; `filters` where there are none."""
        ...

    def status(self, arrival: Arrival) -> list[Heard]:
        """What a message says of the home itself; raises DecodeError."""
        ...

    def news(self, arrival: Arrival, known: Mapping[str, Device]) -> list[News]:
        """What a message says of devices; raises DecodeError."""
        ...

    def driver(self, device: Device, broker: LocalBroker, listen: Callable[[Decode], Decode]) -> MqttSensor:
        """The driver of a device; its decoder goes through `listen`."""
        ...

    def revise(self, driver: MqttSensor, device: Device) -> bool:
        """Let the driver go on with what is new about its device; False where it takes a new driver."""
        ...


class HomeModel(BaseModel):
    """What the configurations of all homes hold."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)
    emits: ClassVar[frozenset[Quantity]] = frozenset({Quantity.PROBLEM})
    brings: ClassVar[frozenset[Quantity]] = frozenset(Quantity)
    """What its members may say."""

    id: Id = Field(description="name of this entry in the home; what joins gets ids of its own")
    ignore: tuple[str, ...] = Field(
        default=(),
        description="devices that are no sensors of this home, by their name or address: a neighbour's, a toy",
    )
    max_silence: Annotated[Duration, Field(gt=timedelta(0), le=MAX_SILENCE)] | None = Field(
        default=None, description="longest time that any of its devices may say nothing, e.g. 26h; left out: no limit"
    )


class MqttHome:
    """A home of devices; a driver, and a hub."""

    def __init__(self, config: HomeModel, kind: str, finder: Finder, links: Links) -> None:
        """Its members are those of the last run. Raises ConfigError where the home has no local broker."""
        self._config = config
        self._kind = kind
        self._finder = finder
        self._names: Names = links.names
        self._broker = links.broker_for(config.id)
        self._rejects = Rejects(config.id)
        self._devices: dict[str, Device] = {}
        self._drivers: dict[str, MqttSensor] = {}
        self._changed: Callable[[], None] = _nothing
        self._is_full = False
        self._own = MqttSensor(config.id, self._broker.subscription(finder.status_topics), self._status)
        self._broker.watch(finder.filters, self._notice)
        self._recall(links.notes_of(config.id).get(NOTE, ""))

    @property
    def sensor_id(self) -> str:
        """The id given in the home's configuration."""
        return self._config.id

    @property
    def max_silence(self) -> None:
        """None: it speaks only when something changes."""
        return

    @property
    def rejected(self) -> int:
        """How many messages about devices could not be read since the start."""
        return self._rejects.count + self._own.rejected

    @property
    def members(self) -> tuple[Member, ...]:
        """The devices that joined."""
        return tuple(
            Member(
                sensor_id=device.sensor_id,
                kind=self._kind,
                emits=frozenset(device.says),
                driver=self._drivers[device.key],
                is_left=bool(device.left),
            )
            for device in self._devices.values()
        )

    @property
    def note(self) -> Note:
        """All devices, with their ids."""
        return Note(name=NOTE, text=msgspec.json.encode(tuple(self._devices.values())).decode())

    def on_change(self, changed: Callable[[], None]) -> None:
        """Call this when devices come, change or leave."""
        self._changed = changed

    def forget(self, sensor_id: str) -> None:
        """Let go of a device that was taken out."""
        for device in tuple(self._devices.values()):
            if device.sensor_id == sensor_id and device.left:
                del self._devices[device.key]
                self._drivers.pop(device.key).close()
                self._names.release(sensor_id)
                log.info("%s: %s is no sensor of this home any more", self.sensor_id, sensor_id)
                self._changed()

    def close(self) -> None:
        """Neither it nor its members listen to anything any more; their ids are free."""
        self._broker.unwatch(self._notice)
        self._own.close()
        for device in self._devices.values():
            self._drivers[device.key].close()
            self._names.release(device.sensor_id)

    async def run(self, emit: Emit) -> Never:
        """Say whether the home itself is there; raises DeviceError."""
        await self._own.run(emit)

    # ---- inside ----

    def _status(self, arrival: Arrival) -> list[Heard]:
        said = self._finder.status(arrival)
        return [*said, Sample(quantity=Quantity.PROBLEM, value=float(self._is_full), frame=arrival.payload)]

    def _notice(self, arrival: Arrival) -> None:
        try:
            news = self._finder.news(arrival, self._devices)
        except DecodeError as error:
            self._rejects.add(error)
            return
        learnt = [self._learn(one) for one in news]
        if any(learnt):
            self._changed()

    def _learn(self, news: News) -> bool:
        if isinstance(news, Seen):
            return self._meet(news.device)
        if isinstance(news, Left):
            return self._lose(news.key, news.why)
        met = [self._meet(device) for device in news.devices]
        there = {device.key for device in news.devices}
        lost = [self._lose(key, news.why) for key in tuple(self._devices) if key not in there]
        return any((*met, *lost))

    def _meet(self, device: Device) -> bool:
        known = self._devices.get(device.key)
        if known is not None:
            return self._update(known, device)
        if not self._is_wanted(device) or not frozenset(device.says) - IDLE:
            return False
        if len(self._devices) >= MAX_DEVICES:
            self._refuse(device)
            return False
        named = msgspec.structs.replace(device, sensor_id=self._names.give(device.name, device.key))
        log.info("%s: %s joins as sensor %s", self.sensor_id, device.name[:MAX_NAME_CHARS], named.sensor_id)
        self._enter(named)
        return True

    def _update(self, known: Device, device: Device) -> bool:
        says = tuple(dict.fromkeys((*known.says, *device.says)))
        now = msgspec.structs.replace(
            device, sensor_id=known.sensor_id, says=says, detail=device.detail or known.detail
        )
        if now == known:
            return False
        self._devices[device.key] = now
        is_other = (now.topic, now.detail) != (known.topic, known.detail)
        if is_other and not self._finder.revise(self._drivers[device.key], now):
            self._drivers[device.key].close()
            self._drivers[device.key] = self._driver(now)
        elif known.left:
            self._drivers[device.key].come_back()
        return True

    def _lose(self, key: str, why: str) -> bool:
        known = self._devices.get(key)
        if known is None or known.left:
            return False
        log.warning("%s: sensor %s is gone: %s", self.sensor_id, known.sensor_id, why)
        self._devices[key] = msgspec.structs.replace(known, left=why)
        self._drivers[key].leave(why)
        return True

    def _enter(self, device: Device) -> None:
        self._devices[device.key] = device
        self._drivers[device.key] = self._driver(device)
        if device.left:
            self._drivers[device.key].leave(device.left)

    def _driver(self, device: Device) -> MqttSensor:
        return self._finder.driver(device, self._broker, lambda decode: self._listening(device.key, decode))

    def _listening(self, key: str, decode: Decode) -> Decode:
        """The same decoder; what it says that the device was not known to say is noted before the rules judge it."""

        def listen(arrival: Arrival) -> Sequence[Heard]:
            heard = decode(arrival)
            device = self._devices.get(key)
            if device is not None:
                new = [one.quantity for one in heard if isinstance(one, Sample) and one.quantity not in device.says]
                if new:
                    says = tuple(dict.fromkeys((*device.says, *new)))
                    self._devices[key] = msgspec.structs.replace(device, says=says)
                    self._changed()
            return heard

        return listen

    def _is_wanted(self, device: Device) -> bool:
        if device.name in self._config.ignore or device.key in self._config.ignore:
            return False
        return not self._names.is_named(device.topic)

    def _refuse(self, device: Device) -> None:
        if not self._is_full:
            self._is_full = True
            log.error(
                "%s: %d devices have joined, no more are taken; %s is NOT watched (told only once)",
                self.sensor_id,
                MAX_DEVICES,
                device.name[:MAX_NAME_CHARS],
            )

    def _recall(self, text: str) -> None:
        if not text:
            return
        try:
            devices = msgspec.json.decode(text, type=tuple[Device, ...])
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            log.warning("%s: the devices of before cannot be read any more; they join anew", self.sensor_id)
            return
        for device in devices[:MAX_DEVICES]:
            if not self._is_wanted(device):
                continue
            if not self._names.take(device.sensor_id):  # a sensor of the configuration has this id by now
                device = msgspec.structs.replace(device, sensor_id=self._names.give(device.name, device.key))  # noqa: PLW2901
            self._enter(device)


def _nothing() -> None:
    pass
