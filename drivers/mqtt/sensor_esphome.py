"""An ESPHome device over MQTT. Its topics hold names that its owner chose, so the configuration says what they mean.

    <prefix>/status                        online | offline (retained birth and last will)
    <prefix>/sensor/<name>/state           21.4
    <prefix>/binary_sensor/<name>/state    ON | OFF

Source: esphome.io, "MQTT Client Component" (birth and will message, topic_prefix). Units stand in ESPHome's own
configuration and in its discovery messages (see `ha_discovery_home`), never in a state.
"""

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from drivers.links import Links
from drivers.mqtt.kind import MqttKind, Prefix
from drivers.mqtt.meaning import action_sample
from drivers.mqtt.payload import text_of
from drivers.mqtt.said_as import SaidAs
from drivers.mqtt.sensor import Heard, MqttSensor, Presence
from drivers.mqtt.switchboard import Arrival
from shouwang.bilingual import Bilingual
from shouwang.driver import Alive, Driver
from shouwang.errors import DecodeError
from shouwang.quantities import QUANTITIES, Quantity

GONE = Bilingual(
    "the ESPHome device's last will says that it is offline; is it powered, does its Wi-Fi reach?",
    zh="ESPHome 设备的遗言说它已离线；有电吗？Wi-Fi 够得着吗？",
)
_COMPONENTS = frozenset({"sensor", "binary_sensor", "switch", "event"})


class Entity(SaidAs):
    """What one entity of the device means."""


class SensorEsphome(MqttKind):
    """An ESPHome device with MQTT."""

    emits: ClassVar[frozenset[Quantity]] = frozenset(QUANTITIES) - {Quantity.CANCEL}

    kind: Literal["sensor_esphome"]
    topic: Prefix = Field(description="topic_prefix of the device, by default its name, e.g. bedroom-node")
    entities: dict[str, Entity] = Field(
        min_length=1,
        description="its entities by their object id, e.g. {bed_mat: {quantity: bed}, room: {quantity: temperature, "
        "unit: °C}}",
    )

    @property
    def can_say(self) -> frozenset[Quantity]:
        """What its entities mean."""
        return frozenset(entity.quantity for entity in self.entities.values())

    @property
    def will_say(self) -> frozenset[Quantity]:
        """The same: somebody has named them."""
        return self.can_say

    def build(self, links: Links) -> Driver:
        """The driver of this sensor; raises ConfigError where the home has no local broker."""
        topics = [f"{self.topic}/status", f"{self.topic}/+/+/state"]
        subscription = links.broker_for(self.id).subscription(topics)
        return MqttSensor(self.id, subscription, self.decode, max_silence=self.max_silence)

    def decode(self, arrival: Arrival) -> list[Heard]:
        """What one message of this device means; raises DecodeError."""
        return decode(arrival.topic.removeprefix(f"{self.topic}/"), arrival.payload, self.entities)


def decode(rest: str, payload: bytes, entities: Mapping[str, SaidAs]) -> list[Heard]:
    """What a message on `<prefix>/<rest>` means; raises DecodeError."""
    if rest == "status":
        word = text_of(payload).lower()
        if word not in ("online", "offline", ""):
            raise DecodeError(f"neither online nor offline: {payload[:40]!r}")
        return [Presence(is_there=word != "offline", why=GONE)]
    component, _, name = rest.removesuffix("/state").partition("/")
    entity = entities.get(name) if component in _COMPONENTS else None
    if entity is None:
        return []
    if entity.quantity is Quantity.BUTTON and not entity.values:
        return [action_sample(text_of(payload), payload)]
    sample = entity.sample(text_of(payload), payload)
    return [Alive()] if sample is None else [sample]
