"""All Tasmota devices of a home, by Tasmota's own discovery messages.

    tasmota/discovery/<MAC>/config    {"dn": "Bad", "t": "tasmota_4F2A10", "ft": "%prefix%/%topic%/", "tp": [...], ...}
    tasmota/discovery/<MAC>/sensors   {"sn": {"BME280": {"Temperature": 22.1, ...}, "TempUnit": "C"}, "ver": 1}

Both are retained, in any order, and empty when the device takes itself out (SetOption19 1). Source: tasmota.github.io,
"Home Assistant"; arendst/Tasmota, xdrv_12_discovery. Inputs (Switch1 ...) have no meaning of their own: name such a
device as `sensor_tasmota`.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import msgspec
from pydantic import Field

from drivers.joining import MAX_DEVICES
from drivers.links import Links
from drivers.mqtt.home import Device, HomeModel, Left, MqttHome, News, Seen
from drivers.mqtt.kind import Prefix
from drivers.mqtt.link import LocalBroker
from drivers.mqtt.payload import Fields, fields_of
from drivers.mqtt.sensor import Decode, Heard, MqttSensor
from drivers.mqtt.switchboard import Arrival
from drivers.mqtt.tasmota import STAT, TELE, heard_on
from shouwang.driver import Driver, Sample
from shouwang.errors import DecodeError
from shouwang.quantities import Quantity

KIND = "tasmota"
LEFT = "it has taken its discovery message back (SetOption19); if that is meant, close this case"


class TasmotaHome(HomeModel):
    """All devices with Tasmota."""

    kind: Literal["tasmota_home"]
    base: Prefix = Field(default="tasmota/discovery", description="where Tasmota's devices announce themselves")

    def build(self, links: Links) -> Driver:
        """The home; raises ConfigError where there is no local broker."""
        return MqttHome(self, KIND, TasmotaFinder(self), links)


class Paths(msgspec.Struct, frozen=True):
    """Where a device publishes."""

    tele: str
    stat: str


class TasmotaFinder:
    """Puts the two messages of each device together."""

    def __init__(self, config: TasmotaHome) -> None:
        """`config.base` is where devices announce themselves."""
        self._config = config
        self._configs: dict[str, Device] = {}
        self._says: dict[str, tuple[Quantity, ...]] = {}

    @property
    def filters(self) -> Sequence[str]:
        """Both messages."""
        return (f"{self._config.base}/+/config", f"{self._config.base}/+/sensors")

    @property
    def status_topics(self) -> Sequence[str]:
        """There is no bridge."""
        return self.filters

    def status(self, arrival: Arrival) -> list[Heard]:  # noqa: ARG002 - the protocol's
        """Nothing: the home is there with the broker."""
        return []

    def news(self, arrival: Arrival, known: Mapping[str, Device]) -> list[News]:
        """What one of the two messages says."""
        key, _, which = arrival.topic.removeprefix(f"{self._config.base}/").partition("/")
        if not arrival.payload:
            self._configs.pop(key, None)
            return [Left(key, LEFT)]
        if key not in self._configs and key not in known and len(self._configs) >= 2 * MAX_DEVICES:
            raise DecodeError("more devices announce themselves than can be")
        fields = fields_of(arrival.payload)
        if which == "config":
            self._configs[key] = _described(key, fields)
        elif len(self._says) < 2 * MAX_DEVICES:
            self._says[key] = _measured(fields)
        device = self._configs.get(key)
        if device is None:
            return []
        return [Seen(msgspec.structs.replace(device, says=self._says.get(key, ())))]

    def driver(self, device: Device, broker: LocalBroker, listen: Callable[[Decode], Decode]) -> MqttSensor:
        """A sensor on the device's telemetry and results."""
        paths = msgspec.json.decode(device.detail, type=Paths)

        def decode(arrival: Arrival) -> list[Heard]:
            for prefix, path in ((TELE, paths.tele), (STAT, paths.stat)):
                if arrival.topic.startswith(path):
                    return heard_on(f"{prefix}/{arrival.topic.removeprefix(path)}", arrival.payload)
            return []

        subscription = broker.subscription([f"{paths.tele}+", f"{paths.stat}+"], joined=True)
        return MqttSensor(device.sensor_id, subscription, listen(decode), max_silence=self._config.max_silence)

    def revise(self, driver: MqttSensor, device: Device) -> bool:  # noqa: ARG002 - the protocol's
        """Other topics take another driver."""
        return False


def _described(key: str, fields: Fields) -> Device:
    topic, full, prefixes = fields.get("t"), fields.get("ft"), fields.get("tp")
    if not isinstance(topic, str) or not isinstance(full, str) or not isinstance(prefixes, list) or len(prefixes) < 3:
        raise DecodeError("a discovery message without topic, full topic and prefixes")
    _, stat, tele = (full.replace("%prefix%", str(one)).replace("%topic%", topic) for one in prefixes[:3])
    if any(sign in tele + stat for sign in "%+#\0") or not tele.endswith("/") or not stat.endswith("/"):
        raise DecodeError(f"a full topic that is not understood: {full[:60]!r}; use %prefix%/%topic%/")
    detail = msgspec.json.encode(Paths(tele, stat)).decode()
    return Device(key=key, name=str(fields.get("dn") or topic), topic=topic, detail=detail)


def _measured(fields: Fields) -> tuple[Quantity, ...]:
    sensors = fields.get("sn")
    if not isinstance(sensors, dict):
        raise DecodeError("a discovery message without sensors")
    try:
        heard = heard_on(f"{TELE}/SENSOR", msgspec.json.encode(sensors))
    except DecodeError:
        return ()
    return tuple(dict.fromkeys(one.quantity for one in heard if isinstance(one, Sample)))
