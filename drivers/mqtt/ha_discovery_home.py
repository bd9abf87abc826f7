"""All devices that describe themselves in Home Assistant's discovery messages: ESPHome, zwave-js-ui, and many more.

What this gateway publishes itself, and what another entry of the configuration brings or names, is left alone.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import msgspec
from pydantic import Field

from drivers.joining import MAX_DEVICES, Names
from drivers.links import Links
from drivers.mqtt.ha_discovery import MAX_ENTITIES, Entity, described, heard_on, origin_of, says_in, topics_of
from drivers.mqtt.home import Device, HomeModel, Left, MqttHome, News, Seen
from drivers.mqtt.kind import Prefix
from drivers.mqtt.link import LocalBroker, Subscription
from drivers.mqtt.sensor import Decode, Heard, MqttSensor
from drivers.mqtt.switchboard import Arrival
from shouwang.driver import Driver
from shouwang.errors import DecodeError

KIND = "ha-discovery"
OWN_ORIGIN = "Shouwang"
"""`origin.name` in the discovery messages of this product."""
LEFT = "its discovery messages were taken back; if that is meant, close this case"
_entities = msgspec.json.Decoder(dict[str, Entity])


class HaDiscoveryHome(HomeModel):
    """All devices that describe themselves for Home Assistant."""

    kind: Literal["ha_discovery_home"]
    base: Prefix = Field(default="homeassistant", description="discovery prefix, as set in the devices")

    def build(self, links: Links) -> Driver:
        """The home; raises ConfigError where there is no local broker."""
        return MqttHome(self, KIND, HaDiscoveryFinder(self, links.names), links)


class HaDiscoveryFinder:
    """Puts the entities of each device together."""

    def __init__(self, config: HaDiscoveryHome, names: Names) -> None:
        """`names`: what other entries of the configuration own."""
        self._config = config
        self._names = names
        self._owners: dict[str, str] = {}
        self._pending: dict[str, dict[str, Entity]] = {}

    @property
    def filters(self) -> Sequence[str]:
        """Discovery topics, with and without a node."""
        return (f"{self._config.base}/+/+/config", f"{self._config.base}/+/+/+/config")

    @property
    def status_topics(self) -> Sequence[str]:
        """There is no bridge."""
        return self.filters

    def status(self, arrival: Arrival) -> list[Heard]:  # noqa: ARG002 - the protocol's
        """Nothing: the home is there with the broker."""
        return []

    def news(self, arrival: Arrival, known: Mapping[str, Device]) -> list[News]:
        """What one entity's message changes about its device."""
        place = arrival.topic.removeprefix(f"{self._config.base}/")
        if not arrival.payload:
            return self._taken_back(place, known)
        if origin_of(arrival.payload) == OWN_ORIGIN:
            return []
        told = described(place.split("/", 1)[0], arrival.payload)
        if told.entity is None or self._names.is_claimed(told.entity.source.topic):
            return []
        entities = self._entities_of(told.key, known)
        if place not in entities and len(entities) >= MAX_ENTITIES:
            raise DecodeError(f"{told.name[:40]} has more than {MAX_ENTITIES} entities")
        if told.key not in known and told.key not in self._pending and len(self._pending) >= MAX_DEVICES:
            raise DecodeError("more devices describe themselves than can be")
        entities[place] = told.entity
        self._owners[place] = told.key
        self._pending[told.key] = entities
        return [Seen(_device(told.key, told.name, entities))]

    def driver(self, device: Device, broker: LocalBroker, listen: Callable[[Decode], Decode]) -> MqttSensor:
        """A sensor on all topics of the device's entities."""
        entities = _entities.decode(device.detail)
        self._owners.update(dict.fromkeys(entities, device.key))
        subscription = broker.subscription(topics_of(entities), joined=True)
        return _Described(device.sensor_id, subscription, entities, listen, self._config)

    def revise(self, driver: MqttSensor, device: Device) -> bool:
        """One more entity takes no new driver."""
        if not isinstance(driver, _Described):
            return False
        driver.revise(_entities.decode(device.detail))
        return True

    def _entities_of(self, key: str, known: Mapping[str, Device]) -> dict[str, Entity]:
        if key in self._pending:
            return dict(self._pending[key])
        return _entities.decode(known[key].detail) if key in known else {}

    def _taken_back(self, place: str, known: Mapping[str, Device]) -> list[News]:
        key = self._owners.pop(place, None)
        if key is None:
            return []
        entities = self._entities_of(key, known)
        entities.pop(place, None)
        if entities:
            self._pending[key] = entities
            return [Seen(_device(key, known[key].name, entities))] if key in known else []
        self._pending.pop(key, None)
        return [Left(key, LEFT)]


class _Described(MqttSensor):
    """A sensor whose entities may become more."""

    def __init__(
        self,
        sensor_id: str,
        subscription: Subscription,
        entities: dict[str, Entity],
        listen: Callable[[Decode], Decode],
        config: HaDiscoveryHome,
    ) -> None:
        self._entities = entities
        self._listened = subscription
        super().__init__(sensor_id, subscription, listen(self._read), max_silence=config.max_silence)

    def revise(self, entities: dict[str, Entity]) -> None:
        """Go on with these entities."""
        self._entities = entities
        self._listened.extend(topics_of(entities))

    def _read(self, arrival: Arrival) -> list[Heard]:
        return heard_on(arrival.topic, arrival.payload, self._entities)


def _device(key: str, name: str, entities: dict[str, Entity]) -> Device:
    topic = next(iter(entities.values())).source.topic
    detail = msgspec.json.encode(entities).decode()
    return Device(key=key, name=name, topic=topic, says=says_in(entities), detail=detail)
