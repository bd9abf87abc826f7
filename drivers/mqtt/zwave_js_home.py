"""All nodes of a zwave-js-ui, by what they say: the node stands in the topic (see `zwave_js`).

A node that is renamed publishes elsewhere and joins under its new name: zwave-js-ui's topics hold no other identity,
unless it is set to use node numbers. The old one falls silent (give `max_silence`).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from pydantic import Field

from drivers.links import Links
from drivers.mqtt.home import Device, HomeModel, MqttHome, News, Seen
from drivers.mqtt.kind import Prefix
from drivers.mqtt.link import LocalBroker
from drivers.mqtt.payload import flag_of, json_or_text
from drivers.mqtt.sensor import Decode, Heard, MqttSensor, Presence
from drivers.mqtt.switchboard import Arrival
from drivers.mqtt.units import Unit
from drivers.mqtt.zwave_js import Wishes, heard_on, splits
from shouwang.driver import Driver, Sample
from shouwang.errors import DecodeError
from shouwang.quantities import Quantity

KIND = "zwave-js"
NO_GATEWAY = "zwave-js-ui does not run; no Z-Wave device can be heard (see its own log)"
_OWN = ("_CLIENTS", "_EVENTS_", "_EVENTS")


class ZwaveJsHome(HomeModel):
    """A zwave-js-ui with all its nodes."""

    kind: Literal["zwave_js_home"]
    base: Prefix = Field(default="zwave", description="the prefix in zwave-js-ui's MQTT settings")
    units: dict[Quantity, Unit] = Field(
        default_factory=dict,
        description="units of values that zwave-js-ui publishes without one, e.g. {temperature: °C}",
    )

    def build(self, links: Links) -> Driver:
        """The home; raises ConfigError where there is no local broker."""
        return MqttHome(self, KIND, ZwaveJsFinder(self), links)


class ZwaveJsFinder:
    """Finds nodes by their topics."""

    def __init__(self, config: ZwaveJsHome) -> None:
        """`config.base` is what all topics begin with."""
        self._config = config
        self._wishes = Wishes(config.units)
        self._status = f"{config.base}/_CLIENTS/+/status"

    @property
    def filters(self) -> Sequence[str]:
        """All that zwave-js-ui publishes."""
        return (f"{self._config.base}/#",)

    @property
    def status_topics(self) -> Sequence[str]:
        """The gateway's own last will."""
        return (self._status,)

    def status(self, arrival: Arrival) -> list[Heard]:
        """Whether zwave-js-ui runs."""
        return [_running(arrival.payload)]

    def news(self, arrival: Arrival, known: Mapping[str, Device]) -> list[News]:
        """A node that was not known, as soon as it says something that is of use."""
        levels = arrival.topic.removeprefix(f"{self._config.base}/").split("/")
        index = None if levels[0] in _OWN else splits(levels)
        if index is None:
            return []
        key = "/".join(levels[:index])
        if key in known:
            return []
        try:
            heard = heard_on("/".join(levels[index:]), arrival.payload, self._wishes)
        except DecodeError:
            return []  # it may say something better; where it is known, its own driver counts this
        says = tuple(dict.fromkeys(one.quantity for one in heard if isinstance(one, Sample)))
        return [Seen(Device(key=key, name=key, topic=f"{self._config.base}/{key}", says=says))] if says else []

    def driver(self, device: Device, broker: LocalBroker, listen: Callable[[Decode], Decode]) -> MqttSensor:
        """A sensor on all values of the node; it is gone when zwave-js-ui is."""

        def decode(arrival: Arrival) -> list[Heard]:
            rest = arrival.topic.removeprefix(f"{device.topic}/")
            if rest == arrival.topic:
                return [_running(arrival.payload)]
            return heard_on(rest, arrival.payload, self._wishes)

        subscription = broker.subscription([f"{device.topic}/#", self._status], joined=True)
        return MqttSensor(device.sensor_id, subscription, listen(decode), max_silence=self._config.max_silence)

    def revise(self, driver: MqttSensor, device: Device) -> bool:  # noqa: ARG002 - the protocol's
        """Nothing about a node changes."""
        return False


def _running(payload: bytes) -> Presence:
    found = json_or_text(payload)
    value = found.get("value") if isinstance(found, dict) else found
    if isinstance(value, str) and value.lower() in ("online", "offline"):
        return Presence(is_there=value.lower() == "online", why=NO_GATEWAY)
    return Presence(is_there=flag_of(value) is not False, why=NO_GATEWAY)
