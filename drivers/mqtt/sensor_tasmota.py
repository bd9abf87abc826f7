"""A Tasmota device: climate, air, energy, and whatever hangs on its inputs."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from drivers.links import Links
from drivers.mqtt.kind import MqttKind, Prefix
from drivers.mqtt.sensor import Heard, MqttSensor
from drivers.mqtt.switchboard import Arrival
from drivers.mqtt.tasmota import CAN_SAY, STAT, TELE, heard_on
from shouwang.driver import Driver
from shouwang.quantities import Quantity

_INPUTS = frozenset(
    {
        Quantity.DOOR,
        Quantity.MOTION,
        Quantity.PRESENCE,
        Quantity.LEAK,
        Quantity.SMOKE,
        Quantity.GAS_ALARM,
        Quantity.CARBON_MONOXIDE_ALARM,
        Quantity.BED,
        Quantity.TAMPER,
        Quantity.VIBRATION,
        Quantity.MAINS_LOST,
    }
)


class SensorTasmota(MqttKind):
    """A device with Tasmota."""

    emits: ClassVar[frozenset[Quantity]] = CAN_SAY | _INPUTS

    kind: Literal["sensor_tasmota"]
    topic: Prefix = Field(description="the device's Topic as its page shows it, e.g. tasmota_4F2A10, without tele/")
    switches: dict[str, Quantity] = Field(
        default_factory=dict, description="what hangs on its inputs, e.g. {Switch1: door, Switch2: leak}"
    )
    press: tuple[str, ...] = Field(
        default=(), description="presses that call for help, e.g. [Button1.SINGLE]; needs SetOption73 1 on the device"
    )
    parts: tuple[str, ...] = Field(
        default=(), description="only these sensors of the device, e.g. [BME280]; left out: all of them"
    )

    def build(self, links: Links) -> Driver:
        """The driver of this sensor; raises ConfigError where the home has no local broker."""
        topics = [f"{TELE}/{self.topic}/+", f"{STAT}/{self.topic}/+"]
        subscription = links.broker_for(self.id).subscription(topics)
        return MqttSensor(self.id, subscription, self.decode, max_silence=self.max_silence)

    def decode(self, arrival: Arrival) -> list[Heard]:
        """What one message of this device means; raises DecodeError."""
        prefix, suffix = arrival.topic.split("/", 1)[0], arrival.topic.rsplit("/", 1)[-1]
        return decode(f"{prefix}/{suffix}", arrival.payload, switches=self.switches, press=self.press, parts=self.parts)


def decode(
    rest: str,
    payload: bytes,
    *,
    switches: Mapping[str, Quantity] | None = None,
    press: tuple[str, ...] = (),
    parts: tuple[str, ...] = (),
) -> list[Heard]:
    """What a message on `tele/...` or `stat/...` of the device means; raises DecodeError."""
    return heard_on(rest, payload, switches=switches, press=frozenset(press), parts=frozenset(parts))
