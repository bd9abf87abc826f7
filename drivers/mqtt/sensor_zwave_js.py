"""A Z-Wave node behind zwave-js-ui: smoke, CO, water, doors, motion, climate, buttons."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from drivers.links import Links
from drivers.mqtt.kind import MqttKind, Prefix
from drivers.mqtt.sensor import Heard, MqttSensor
from drivers.mqtt.switchboard import Arrival
from drivers.mqtt.units import Unit
from drivers.mqtt.zwave_js import CAN_SAY, Wishes, heard_on
from shouwang.driver import Driver
from shouwang.quantities import Quantity


class SensorZwaveJs(MqttKind):
    """A Z-Wave node that zwave-js-ui publishes."""

    emits: ClassVar[frozenset[Quantity]] = CAN_SAY

    kind: Literal["sensor_zwave_js"]
    topic: Prefix = Field(description="what all topics of the node begin with, e.g. zwave/kitchen/smoke or zwave/12")
    units: dict[Quantity, Unit] = Field(
        default_factory=dict,
        description="units of values that zwave-js-ui publishes without one, e.g. {temperature: °C}",
    )
    sos_scenes: tuple[int, ...] = Field(
        default=(), description="scene numbers of buttons that call for help, e.g. [1]; others are only kept"
    )

    def build(self, links: Links) -> Driver:
        """The driver of this sensor; raises ConfigError where the home has no local broker."""
        subscription = links.broker_for(self.id).subscription([f"{self.topic}/#"])
        return MqttSensor(self.id, subscription, self.decode, max_silence=self.max_silence)

    def decode(self, arrival: Arrival) -> list[Heard]:
        """What one message of this node means; raises DecodeError."""
        rest = arrival.topic.removeprefix(f"{self.topic}/")
        return decode(rest, arrival.payload, units=self.units, sos_scenes=self.sos_scenes)


def decode(
    rest: str,
    payload: bytes,
    *,
    units: Mapping[Quantity, str] | None = None,
    sos_scenes: tuple[int, ...] = (),
) -> list[Heard]:
    """What a message on `<node>/<rest>` means; raises DecodeError."""
    return heard_on(rest, payload, Wishes(units or {}, frozenset(sos_scenes)))
