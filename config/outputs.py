"""What can be switched in a home, as people write it: a pin, a device behind the local broker, a USB relay board."""

from dataclasses import dataclass
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from drivers.mqtt.kind import Prefix
from drivers.serial.port_name import PortName
from shouwang.bilingual import Bilingual

PIN_MAX = 27
"""GPIO 0 to 27 are on the 40 pins of every Raspberry Pi since the B+."""
CHANNELS = 8
Make = Literal["zigbee2mqtt", "zigbee2mqtt_siren", "tasmota", "shelly", "shelly_gen1", "own"]


class Output(BaseModel):
    """What all outputs hold."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class GpioOutput(Output):
    """One pin of a Raspberry Pi, with a transistor or a relay board behind it."""

    kind: Literal["gpio_switch"]
    pin: int = Field(
        ge=0, le=PIN_MAX, description="BCM number of the pin, as in GPIO17; not its place on the connector"
    )
    active_high: bool = Field(default=True, description="false: on is 0 V, as on most relay boards with an optocoupler")


class SerialOutput(Output):
    """One relay of a USB relay board of the LCUS kind (LCUS-1, -2, -4, -8)."""

    kind: Literal["serial_relay"]
    port: PortName = Field(description="serial port of the board by a name that stays (see: shouwang gateway ports)")
    channel: int = Field(default=1, ge=1, le=CHANNELS, description="which of its relays, 1 for the first")


class MqttOutput(Output):
    """A relay, plug, valve or siren behind the local broker."""

    kind: Literal["mqtt_switch"]
    make: Make = Field(
        default="zigbee2mqtt",
        description="zigbee2mqtt (plug, relay, valve); zigbee2mqtt_siren; tasmota; shelly (Plus, Pro and newer); "
        "shelly_gen1; own (with payload_on and payload_off)",
    )
    topic: Prefix = Field(
        description="zigbee2mqtt: zigbee2mqtt/NAME; tasmota and shelly: the topic of the device as set there; "
        "own: where the payloads are published"
    )
    channel: int | None = Field(
        default=None, ge=0, le=CHANNELS, description="of a device with several: which, as the device counts them"
    )
    payload_on: str | None = Field(default=None, min_length=1, max_length=500, description="own: what switches it on")
    payload_off: str | None = Field(default=None, min_length=1, max_length=500, description="own: what switches it off")
    state_topic: Prefix | None = Field(default=None, description="own: where the device says how it stands")
    state_key: str | None = Field(
        default=None, max_length=60, description="own: where in its JSON, e.g. state; left out: the text itself"
    )
    state_on: str = Field(default="ON", max_length=60, description="own: what it says when it is on")
    state_off: str = Field(default="OFF", max_length=60, description="own: what it says when it is off")

    @model_validator(mode="after")
    def _own_words_are_whole(self) -> Self:
        is_own = self.make == "own"
        if is_own and not (self.payload_on and self.payload_off):
            raise ValueError(
                Bilingual(
                    'make: own needs "payload_on" and "payload_off"', zh="make: own 需要 payload_on 和 payload_off"
                )
            )
        if not is_own and (self.payload_on or self.payload_off or self.state_topic or self.state_key):
            raise ValueError(
                Bilingual(
                    f"{self.make} knows its words itself; take payload_... and state_... out, or write make: own",
                    zh=f"{self.make} 自己知道用什么词；请删去 payload_... 和 state_...，或写 make: own",
                )
            )
        return self

    @property
    def words(self) -> "Words":
        """What is published, and heard."""
        topic, many = self.topic, "" if self.channel is None else str(self.channel)
        shelly = str(self.channel or 0)
        match self.make:
            case "zigbee2mqtt":
                key = f"state_l{many}" if many else "state"
                on, off = f'{{"{key}": "ON"}}', f'{{"{key}": "OFF"}}'
                return Words(f"{topic}/set", on, off, state_topic=topic, state_key=key)
            case "zigbee2mqtt_siren":
                return Words(f"{topic}/set", _WARNING, '{"warning": {"mode": "stop"}}')
            case "tasmota":
                return Words(f"cmnd/{topic}/POWER{many}", "ON", "OFF", state_topic=f"stat/{topic}/POWER{many}")
            case "shelly":
                state = f"{topic}/status/switch:{shelly}"
                return Words(f"{topic}/command/switch:{shelly}", "on", "off", state_topic=state, state_key="output")
            case "shelly_gen1":
                state = f"shellies/{topic}/relay/{shelly}"
                return Words(f"{state}/command", "on", "off", state_topic=state)
            case "own":
                return self._own_words()

    def _own_words(self) -> "Words":
        return Words(
            self.topic,
            self.payload_on or "",
            self.payload_off or "",
            state_topic=self.state_topic or "",
            state_key=self.state_key or "",
            state_on=self.state_on,
            state_off=self.state_off,
        )


@dataclass(frozen=True, slots=True)
class Words:
    """What is published to switch a device, and what it says of itself.

    `state_topic` is empty where it says nothing, `state_key` where its whole text is the state.
    """

    topic: str
    on: str
    off: str
    state_topic: str = ""
    state_key: str = ""
    state_on: str = "on"
    state_off: str = "off"

    def state_in(self, said: object) -> bool | None:
        """What the device says with `said`, its JSON or its text; None where it is no word on this."""
        found = said
        if self.state_key:
            found = said.get(self.state_key) if isinstance(said, dict) else None
        if isinstance(found, bool):
            return found
        word = str(found).casefold()
        return {self.state_on.casefold(): True, self.state_off.casefold(): False}.get(word)


_WARNING = '{"warning": {"mode": "emergency", "level": "very_high", "strobe": true, "duration": 60}}'
"""Ends by itself after a minute: a siren whose stop was lost must not sound for ever."""

AnyOutput = Annotated[GpioOutput | SerialOutput | MqttOutput, Field(discriminator="kind")]
