"""Any sensor behind Zigbee2MQTT, read by the common names of its fields (smoke, water_leak, action ...)."""

from typing import ClassVar, Literal

from pydantic import Field

from drivers.links import Links
from drivers.mqtt.kind import SOS_ACTIONS, MqttKind
from drivers.mqtt.switchboard import Arrival
from drivers.mqtt.zigbee2mqtt import Topic, Zigbee2mqttDriver
from drivers.mqtt.zigbee2mqtt_exposes import COMMON, said_in
from shouwang.driver import Driver, Said
from shouwang.quantities import Quantity


class SensorZigbee2mqtt(MqttKind):
    """A sensor of any sort that Zigbee2MQTT publishes."""

    emits: ClassVar[frozenset[Quantity]] = frozenset(
        {meaning.quantity for meaning in COMMON.values()} | {Quantity.SOS, Quantity.CANCEL, Quantity.BUTTON}
    )

    kind: Literal["sensor_zigbee2mqtt"]
    topic: Topic = Field(description="topic of the device, e.g. zigbee2mqtt/smoke-kitchen")
    press: tuple[str, ...] = Field(default=SOS_ACTIONS, description="actions that call for help")
    cancel: tuple[str, ...] = Field(default=(), description="actions that say: I am well, no help needed")

    def build(self, links: Links) -> Driver:
        """The driver of this sensor; raises ConfigError where the home has no local broker."""
        broker = links.broker_for(self.id)
        return Zigbee2mqttDriver(self.id, self.topic, broker, self.decode, max_silence=self.max_silence)

    def decode(self, arrival: Arrival) -> list[Said]:
        """What one message of this device means; raises DecodeError."""
        return decode(arrival.payload, press=self.press, cancel=self.cancel)


def decode(payload: bytes, *, press: tuple[str, ...] = SOS_ACTIONS, cancel: tuple[str, ...] = ()) -> list[Said]:
    """What one message means by the common names of its fields. Raises DecodeError."""
    return said_in(payload, COMMON, press=press, cancel=cancel)
