"""What the configuration of a home names, as it is now: its links and the drivers on them, exchanged one by one.

What did not change stays the very same object, with its connection and all that it has heard.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from config.home import BluetoothPart, Home
from drivers import Links
from drivers.ble.adapter import radio_id
from drivers.ble.radio import Radio
from drivers.joining import Hub, Leaver
from drivers.mqtt.link import LocalBroker
from drivers.serial.modbus_bus import ModbusLine
from drivers.serial.receiver import Receiver
from gateway.equipment import links_of
from gateway.fingerprint import fingerprint
from shouwang.driver import Driver, Notes

BROKER = "local-broker"
L = TypeVar("L")


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """What must be exchanged: `parts`, links too, by their name, `sensors` by their id.

    `on_broker` are those of the sensors that listen to the local broker.
    """

    parts: frozenset[str]
    sensors: frozenset[str]
    on_broker: frozenset[str]
    prints: Mapping[str, str]
    """Those of all that there will be."""


class Fittings:
    """The links and named drivers of one home."""

    def __init__(self, home: Home, notes: Mapping[str, Notes]) -> None:
        """Build all. `notes`: what drivers noted before. Raises ConfigError; opens nothing."""
        self.links = links_of(home, notes)
        self._prints = prints_of(home)
        self._built: dict[str, _Built] = {}
        self._build(home, notes)

    @property
    def drivers(self) -> list[Driver]:
        """Those of the sensors that the configuration names, then the radios."""
        return [*(built.driver for built in self._built.values()), *self.links.radios.values()]

    def change_to(self, home: Home) -> Change:
        """What must be exchanged to have this home; reads the files that it names, changes nothing."""
        prints = prints_of(home)
        names = prints.keys() | self._prints.keys()
        over = {name for name in names if prints.get(name) != self._prints.get(name)}
        must_rejoin = self.links.names.differ(home.names())
        sensors = {
            sensor_id
            for sensor_id, built in self._built.items()
            if f"sensor:{sensor_id}" in over or built.used & over or (must_rejoin and isinstance(built.driver, Hub))
        }
        gone = {radio_id(adapter) for adapter in self.links.radios if f"radio-{adapter}" in over}
        return Change(
            parts=frozenset(name for name in over if not name.startswith("sensor:")),
            sensors=frozenset(sensors | gone),
            on_broker=frozenset(one for one in sensors if BROKER in self._built[one].used),
            prints=prints,
        )

    def exchange(self, home: Home, change: Change, notes: Mapping[str, Notes]) -> None:
        """Let go of what is over, once nobody runs it any more, and build what is new.

        Raises ConfigError where a file has become unusable since it was tried.
        """
        for sensor_id in change.sensors & self._built.keys():
            driver = self._built.pop(sensor_id).driver
            if isinstance(driver, Leaver):
                driver.close()
        names = self.links.names
        names.revise(home.names())
        self.links = replace(_kept(self.links, links_of(home, notes), change.parts), names=names)
        self._prints = dict(change.prints)
        self._build(home, notes)

    def _build(self, home: Home, notes: Mapping[str, Notes]) -> None:
        before, self._built = self._built, {}
        for sensor in home.sensors:
            if sensor.id in before:
                self._built[sensor.id] = before[sensor.id]
                continue
            links = _NotedLinks(**{name: getattr(self.links, name) for name in Links.__dataclass_fields__})
            self._built[sensor.id] = _Built(sensor.build(replace(links, notes=notes)), frozenset(links.used))


@dataclass(frozen=True, slots=True)
class _Built:
    driver: Driver
    used: frozenset[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class _NotedLinks(Links):
    """The same links; they note who is asked for."""

    used: set[str] = field(default_factory=set)

    def radio(self, adapter: str) -> Radio:
        self.used.add(f"radio-{adapter}")
        return Links.radio(self, adapter)

    def modbus_line(self, sensor_id: str, line: str) -> ModbusLine:
        self.used.add(f"modbus-{line}")
        return Links.modbus_line(self, sensor_id, line)

    def receiver_for(self, sensor_id: str, part: str) -> Receiver:
        self.used.add(f"receiver-{part}")
        return Links.receiver_for(self, sensor_id, part)

    def broker_for(self, sensor_id: str) -> LocalBroker:
        self.used.add(BROKER)
        return Links.broker_for(self, sensor_id)


def prints_of(home: Home) -> dict[str, str]:
    """The fingerprints of all parts, links and sensors, by name; only those of sensors hold a colon."""
    found = {
        "uplink": fingerprint(home.uplink),
        "annunciators": fingerprint(home.annunciators, home.cut_offs, home.gateway.language, home.local_broker),
        "modem": fingerprint(home.modem),
        "lifeline": fingerprint(home.second_path, home.modem, home.resident),
        "dashboard": fingerprint(home.local_broker, home.gateway.language),
    }
    if home.local_broker is not None:
        # what is told there is the dashboard's, on a connection of its own
        found[BROKER] = fingerprint(home.local_broker.model_copy(update={"publish": None}))
    found |= {f"modbus-{part.line}": fingerprint(part) for part in home.modbus}
    for name, part in (("enocean", home.enocean), ("rfxtrx", home.rfxtrx)):
        if part is not None:
            found[f"receiver-{name}"] = fingerprint(part)
    written = {part.adapter: part for part in home.bluetooth}
    for adapter in (*written, *home.adapters()):
        found[f"radio-{adapter}"] = fingerprint(written.get(adapter) or BluetoothPart(adapter=adapter))
    return found | {f"sensor:{sensor.id}": fingerprint(sensor, home.resident.id) for sensor in home.sensors}


def _kept(old: Links, new: Links, over: Collection[str]) -> Links:
    """The new links, but those of before where they are not over."""
    radios = {name: radio for name, radio in old.radios.items() if f"radio-{name}" not in over}
    modbus = {name: _stays(f"modbus-{name}", old.modbus.get(name), line, over) for name, line in new.modbus.items()}
    receivers = {
        name: _stays(f"receiver-{name}", old.receivers.get(name), receiver, over)
        for name, receiver in new.receivers.items()
    }
    broker = new.local_broker
    if broker is not None:
        broker = _stays(BROKER, old.local_broker, broker, over)
    return replace(new, radios={**new.radios, **radios}, modbus=modbus, receivers=receivers, local_broker=broker)


def _stays(name: str, old: L | None, new: L, over: Collection[str]) -> L:
    return new if old is None or name in over else old
