"""A door contact behind Zigbee2MQTT: `contact` is true while the door is closed."""

from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from drivers.links import Links
from drivers.mqtt.switchboard import Arrival
from drivers.mqtt.zigbee2mqtt import Topic, Zigbee2mqttDriver, battery_of, fields_of
from shouwang.document import Id
from shouwang.driver import Alive, Driver, Said, Sample
from shouwang.errors import DecodeError
from shouwang.quantities import Quantity


class DoorContactZigbee2mqtt(BaseModel):
    """A contact at a door or window that Zigbee2MQTT publishes."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)
    emits: ClassVar[frozenset[Quantity]] = frozenset({Quantity.DOOR, Quantity.TAMPER, Quantity.BATTERY})

    kind: Literal["door_contact_zigbee2mqtt"]
    id: Id = Field(description="name of this sensor in the home")
    topic: Topic = Field(description="topic of the device, e.g. zigbee2mqtt/door-front")

    def build(self, links: Links) -> Driver:
        """The driver of this sensor; raises ConfigError where the home has no local broker."""
        return Zigbee2mqttDriver(self.id, self.topic, links.broker_for(self.id), _decode_arrival)


def decode(payload: bytes, *, retained: bool) -> list[Said]:
    """What one message means. A retained one tells the state that the door is still in. Raises DecodeError."""
    fields = fields_of(payload)
    found: list[Said] = []
    for name, quantity, when_true in (("contact", Quantity.DOOR, 0.0), ("tamper", Quantity.TAMPER, 1.0)):
        state = fields.get(name)
        if state is None:  # also null: Zigbee2MQTT has not heard of it since it started
            continue
        if not isinstance(state, bool):
            raise DecodeError(f"{name} is neither true nor false: {payload[:80]!r}")
        found.append(Sample(quantity=quantity, value=when_true if state else 1.0 - when_true, frame=payload))
    found += battery_of(fields, payload)
    if not found and not retained:
        return [Alive()]
    return found


def _decode_arrival(arrival: Arrival) -> list[Said]:
    return decode(arrival.payload, retained=arrival.retained)
