"""All devices of a Zigbee2MQTT: those that its list names join as sensors, and leave when they are taken out of it.

Source: zigbee2mqtt.io, "MQTT Topics and Messages": `bridge/devices` is retained and published whenever a device joins,
leaves, or is renamed; `definition.exposes` says what a device can. The list always holds the coordinator: one without
any device is a mistake of a start, and nobody left.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import msgspec
from pydantic import Field

from drivers.links import Links
from drivers.mqtt.connection import MAX_PACKET_BYTES
from drivers.mqtt.home import Device, HomeModel, Listed, MqttHome, News
from drivers.mqtt.kind import Prefix
from drivers.mqtt.link import LocalBroker
from drivers.mqtt.meaning import Meaning
from drivers.mqtt.payload import Plain, json_of
from drivers.mqtt.sensor import Decode, Heard, MqttSensor, Presence
from drivers.mqtt.switchboard import Arrival
from drivers.mqtt.zigbee2mqtt import NO_BRIDGE, Zigbee2mqttDriver, is_online
from drivers.mqtt.zigbee2mqtt_exposes import COMMON, actions_in, meanings_in, said_in
from shouwang.driver import Driver, Said
from shouwang.errors import DecodeError
from shouwang.quantities import Quantity

KIND = "zigbee2mqtt"
LEFT = "it was taken out of Zigbee2MQTT's list of devices; if that is meant, close this case, else pair it again"
_COORDINATOR = "Coordinator"
_meanings = msgspec.json.Decoder(dict[str, Meaning])


class Zigbee2mqttHome(HomeModel):
    """A Zigbee2MQTT with all its sensors."""

    kind: Literal["zigbee2mqtt_home"]
    base: Prefix = Field(default="zigbee2mqtt", description="Zigbee2MQTT's base topic")

    def build(self, links: Links) -> Driver:
        """The home; raises ConfigError where there is no local broker."""
        return MqttHome(self, KIND, Zigbee2mqttFinder(self), links)


class Zigbee2mqttFinder:
    """Reads the list of devices."""

    def __init__(self, config: Zigbee2mqttHome) -> None:
        """`config.base` is where Zigbee2MQTT publishes."""
        self._config = config
        self._state = f"{config.base}/bridge/state"
        self._list = f"{config.base}/bridge/devices"

    @property
    def filters(self) -> Sequence[str]:
        """The list."""
        return (self._list,)

    @property
    def status_topics(self) -> Sequence[str]:
        """The bridge's own state, and its list."""
        return (self._state, self._list)

    def status(self, arrival: Arrival) -> list[Heard]:
        """Whether Zigbee2MQTT runs."""
        if arrival.topic != self._state:
            return []
        return [Presence(is_there=is_online(arrival.payload), why=NO_BRIDGE)]

    def news(self, arrival: Arrival, known: Mapping[str, Device]) -> list[News]:
        """The devices of the list."""
        return (
            [] if not arrival.payload else [Listed(tuple(devices_in(arrival.payload, self._config.base, known)), LEFT)]
        )

    def driver(self, device: Device, broker: LocalBroker, listen: Callable[[Decode], Decode]) -> MqttSensor:
        """A sensor that is read by what the device exposes."""
        meanings = _meanings.decode(device.detail) if device.detail else dict(COMMON)

        def decode(arrival: Arrival) -> list[Said]:
            return said_in(arrival.payload, meanings)

        return Zigbee2mqttDriver(
            device.sensor_id,
            device.topic,
            broker,
            listen(decode),
            base=self._config.base,
            joined=True,
            max_silence=self._config.max_silence,
        )

    def revise(self, driver: MqttSensor, device: Device) -> bool:  # noqa: ARG002 - the protocol's
        """Another name is another topic, other abilities are another decoder."""
        return False


def devices_in(payload: bytes, base: str, known: Mapping[str, Device]) -> list[Device]:
    """The devices of a list, but for the coordinator and those that are switched off there; raises DecodeError.

    One whose description is missing (it is being interviewed again) is as it was known.
    """
    listed = json_of(payload, limit=MAX_PACKET_BYTES)
    if not isinstance(listed, list):
        raise DecodeError(f"not a list of devices: {payload[:80]!r}")
    if not listed:
        raise DecodeError("a list without even the coordinator; Zigbee2MQTT has not started properly")
    found = [_device(one, base, known) for one in listed if isinstance(one, dict)]
    return [device for device in found if device is not None]


def _device(listed: Mapping[str, Plain], base: str, known: Mapping[str, Device]) -> Device | None:
    key, name = listed.get("ieee_address"), listed.get("friendly_name")
    if not isinstance(key, str) or not isinstance(name, str) or not key or not name:
        return None
    if listed.get("type") == _COORDINATOR or listed.get("disabled") is True or any(sign in name for sign in "+#\0"):
        return None
    definition = listed.get("definition")
    exposes = definition.get("exposes") if isinstance(definition, dict) else None
    topic = f"{base}/{name}"
    if not isinstance(exposes, list):
        says = known[key].says if key in known else ()
        return Device(key=key, name=name, topic=topic, says=says)
    meanings = meanings_in(exposes)
    says = _ordered({meaning.quantity for meaning in meanings.values()} | actions_in(exposes))
    detail = msgspec.json.encode(meanings).decode()
    return Device(key=key, name=name, topic=topic, says=says, detail=detail)


def _ordered(quantities: set[Quantity]) -> tuple[Quantity, ...]:
    return tuple(sorted(quantities))
