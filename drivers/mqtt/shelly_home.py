"""All Shelly devices of a home, by what they say: their ids stand in their topics (see `shelly`).

A device whose owner gave its topics another name is not found; name it as `sensor_shelly`.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from pydantic import Field

from drivers.links import Links
from drivers.mqtt.home import Device, HomeModel, MqttHome, News, Seen
from drivers.mqtt.link import LocalBroker
from drivers.mqtt.sensor import Decode, Heard, MqttSensor
from drivers.mqtt.shelly import DEVICE_ID, FIRST, Wishes, heard_on
from drivers.mqtt.switchboard import Arrival
from shouwang.driver import Driver, Sample
from shouwang.errors import DecodeError

KIND = "shelly"


class ShellyHome(HomeModel):
    """All Shelly devices, of every generation."""

    kind: Literal["shelly_home"]
    temperature_unit: Literal["°C", "°F"] | None = Field(
        default=None, description="as first-generation devices show it; left out: their temperatures are not used"
    )

    def build(self, links: Links) -> Driver:
        """The home; raises ConfigError where there is no local broker."""
        return MqttHome(self, KIND, ShellyFinder(self), links)


class ShellyFinder:
    """Finds devices by their topics."""

    def __init__(self, config: ShellyHome) -> None:
        """`config` says in which unit old devices give temperatures."""
        self._config = config
        self._wishes = Wishes(config.temperature_unit or "")

    @property
    def filters(self) -> Sequence[str]:
        """All on which a Shelly may speak."""
        return (f"{FIRST}/#", "+/online", "+/events/rpc", "+/status/#")

    @property
    def status_topics(self) -> Sequence[str]:
        """There is no bridge: the announcements of the first generation stand for it."""
        return (f"{FIRST}/announce",)

    def status(self, arrival: Arrival) -> list[Heard]:  # noqa: ARG002 - the protocol's
        """Nothing: the home is there with the broker."""
        return []

    def news(self, arrival: Arrival, known: Mapping[str, Device]) -> list[News]:
        """A device that was not known, as soon as it says something that is of use."""
        split = _split(arrival.topic)
        if split is None:
            return []
        topic, device, rest = split
        if device in known:
            return []
        try:
            heard = heard_on(device, rest, arrival.payload, self._wishes)
        except DecodeError:
            return []  # it may say something better; where it is known, its own driver counts this
        says = tuple(dict.fromkeys(one.quantity for one in heard if isinstance(one, Sample)))
        return [Seen(Device(key=device, name=device, topic=topic, says=says))] if says else []

    def driver(self, device: Device, broker: LocalBroker, listen: Callable[[Decode], Decode]) -> MqttSensor:
        """A sensor on all that the device says."""

        def decode(arrival: Arrival) -> list[Heard]:
            rest = arrival.topic.removeprefix(f"{device.topic}/")
            return heard_on(device.key, rest, arrival.payload, self._wishes)

        subscription = broker.subscription([f"{device.topic}/#"], joined=True)
        return MqttSensor(device.sensor_id, subscription, listen(decode), max_silence=self._config.max_silence)

    def revise(self, driver: MqttSensor, device: Device) -> bool:  # noqa: ARG002 - the protocol's
        """Nothing about a device changes."""
        return False


def _split(topic: str) -> tuple[str, str, str] | None:
    """What its topics begin with, the device's id, and the rest; None for what is not from a Shelly."""
    levels = topic.split("/")
    prefix = 1 if levels[0] == FIRST else 0
    if len(levels) < prefix + 2 or not DEVICE_ID.fullmatch(levels[prefix]):
        return None
    return "/".join(levels[: prefix + 1]), levels[prefix], "/".join(levels[prefix + 1 :])
