"""A Shelly device: flood, smoke, door, motion, climate, button, plug, gas."""

from typing import ClassVar, Literal

from pydantic import Field

from drivers.links import Links
from drivers.mqtt.kind import MqttKind, Prefix
from drivers.mqtt.sensor import Heard, MqttSensor
from drivers.mqtt.shelly import CAN_SAY, FIRST, NO_WISHES, Wishes, heard_on
from drivers.mqtt.switchboard import Arrival
from shouwang.driver import Driver
from shouwang.quantities import Quantity


class SensorShelly(MqttKind):
    """A Shelly device of any generation."""

    emits: ClassVar[frozenset[Quantity]] = CAN_SAY

    kind: Literal["sensor_shelly"]
    topic: Prefix = Field(
        description="what its topics begin with: shellies/shellyflood-ABE866 (first generation) or "
        "shellyplussmoke-083af2ab1234 (later ones)"
    )
    temperature_unit: Literal["°C", "°F"] | None = Field(
        default=None, description="as the device shows it; needed for the temperature of the first generation only"
    )
    press: tuple[str, ...] = Field(
        default=(),
        description="presses that call for help: [S, L] (first generation) or [single_push, long_push] (later ones); "
        "0.single_push for input 0 alone",
    )
    inputs: dict[str, Quantity] = Field(
        default_factory=dict, description='what hangs on its inputs, e.g. {"input:0": door}'
    )

    def build(self, links: Links) -> Driver:
        """The driver of this sensor; raises ConfigError where the home has no local broker."""
        subscription = links.broker_for(self.id).subscription([f"{self.topic}/#"])
        return MqttSensor(self.id, subscription, self.decode, max_silence=self.max_silence)

    def decode(self, arrival: Arrival) -> list[Heard]:
        """What one message of this device means; raises DecodeError."""
        wishes = Wishes(self.temperature_unit or "", frozenset(self.press), self.inputs)
        return decode(self.topic, arrival.topic.removeprefix(f"{self.topic}/"), arrival.payload, wishes)


def decode(device: str, rest: str, payload: bytes, wishes: Wishes = NO_WISHES) -> list[Heard]:
    """What a message on `<device>/<rest>` means; raises DecodeError."""
    return heard_on(device.removeprefix(f"{FIRST}/"), rest, payload, wishes)
