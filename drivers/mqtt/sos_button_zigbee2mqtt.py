"""An SOS button behind Zigbee2MQTT: its `action` is an alarm, or takes one back.

A retained action is never an alarm: Zigbee2MQTT may keep the last press for days and the broker repeats it at every
connect (Koenkk/zigbee2mqtt#16331).
"""

from typing import ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from drivers.links import Links
from drivers.mqtt.switchboard import Arrival
from drivers.mqtt.zigbee2mqtt import Topic, Zigbee2mqttDriver, battery_of, fields_of
from shouwang.bilingual import Bilingual
from shouwang.document import Id
from shouwang.driver import Alive, Driver, Said, Sample
from shouwang.errors import DecodeError
from shouwang.quantities import Quantity


class SosButtonZigbee2mqtt(BaseModel):
    """An SOS button, key fob or pull cord that Zigbee2MQTT publishes."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)
    emits: ClassVar[frozenset[Quantity]] = frozenset({Quantity.SOS, Quantity.CANCEL, Quantity.BATTERY})

    kind: Literal["sos_button_zigbee2mqtt"]
    id: Id = Field(description="name of this sensor in the home")
    topic: Topic = Field(description="topic of the device, e.g. zigbee2mqtt/sos-bed")
    press: tuple[str, ...] = Field(
        default=("emergency",),
        min_length=1,
        description="actions that call for help, as the device's page at zigbee2mqtt.io lists them",
    )
    cancel: tuple[str, ...] = Field(default=(), description="actions that say: I am well, no help needed")

    @model_validator(mode="after")
    def _meanings_differ(self) -> Self:
        twice = sorted(set(self.press) & set(self.cancel))
        if twice:
            raise ValueError(
                Bilingual(
                    f'"{twice[0]}" stands under press and under cancel; take it out of one of them',
                    zh=f"“{twice[0]}”同时写在 press 和 cancel 下；请从其中一处删去",
                )
            )
        if "" in (*self.press, *self.cancel):
            raise ValueError(Bilingual("an empty action means nothing; take it out", zh="空的动作没有意义；请删去"))
        return self

    def build(self, links: Links) -> Driver:
        """The driver of this sensor; raises ConfigError where the home has no local broker."""
        return Zigbee2mqttDriver(self.id, self.topic, links.broker_for(self.id), self.decode)

    def decode(self, arrival: Arrival) -> list[Said]:
        """What one message means to this button; raises DecodeError, also for an action that it was not told of."""
        return decode(arrival.payload, retained=arrival.retained, press=self.press, cancel=self.cancel)


def decode(payload: bytes, *, retained: bool, press: tuple[str, ...], cancel: tuple[str, ...]) -> list[Said]:
    """What one message means. Raises DecodeError, also for an action that is in neither list."""
    fields = fields_of(payload)
    battery = battery_of(fields, payload)
    if retained:
        return battery
    action = fields.get("action")
    if action in press:
        return [Sample(quantity=Quantity.SOS, value=1.0, frame=payload), *battery]
    if action in cancel:
        return [Sample(quantity=Quantity.CANCEL, value=1.0, frame=payload), *battery]
    if action:
        raise DecodeError(f"action {action!r:.60} is neither under press nor under cancel in the configuration")
    return battery or [Alive()]
