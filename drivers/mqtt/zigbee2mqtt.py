"""What all devices behind Zigbee2MQTT have in common: JSON on a topic, battery, availability, the bridge itself.

Sources: zigbee2mqtt.io, "MQTT Topics and Messages" (availability and bridge/state are retained; JSON, and plain text in
old versions) and "Device-Availability".
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Annotated, Any

import msgspec
from pydantic import AfterValidator

from drivers.mqtt.link import LocalBroker
from drivers.mqtt.sensor import Decode, Heard, MqttSensor, Presence
from drivers.mqtt.switchboard import MAX_KEPT_BYTES, Arrival
from shouwang.bilingual import Bilingual
from shouwang.driver import Said, Sample
from shouwang.errors import DecodeError
from shouwang.quantities import Quantity

MAX_PAYLOAD_BYTES = MAX_KEPT_BYTES
SETTLE_S = 0.5
"""The broker repeats what is retained right after it took our subscription. Before that came in, a device is not called
heard, nor is its last state of before passed on: it may be offline."""

NO_BRIDGE = Bilingual(
    "Zigbee2MQTT does not run; no Zigbee device can be heard (see its own log)",
    zh="Zigbee2MQTT 没有运行；所有 Zigbee 设备都收不到（请看它自己的日志）",
)
_OFFLINE = Bilingual(
    "Zigbee2MQTT says that the device is offline; is its battery empty, is it too far?",
    zh="Zigbee2MQTT 说设备已离线；电池没电了吗？离得太远吗？",
)

Fields = Mapping[str, Any]


def _topic(written: str) -> str:
    if not written or any(sign in written for sign in "+#\0") or written != written.strip(" /"):
        raise ValueError(
            Bilingual(
                f'"{written[:60]}" is not the topic of one device; it looks like zigbee2mqtt/NAME, '
                'NAME as Zigbee2MQTT calls the device, without "+", "#" or "/" at an end',
                zh=f"“{written[:60]}”不是某一个设备的主题；它的样子是 zigbee2mqtt/名称，名称与 Zigbee2MQTT "
                f"里的一样，不要“+”“#”，末尾不要“/”",
            )
        )
    return written


Topic = Annotated[str, AfterValidator(_topic)]


class Zigbee2mqttDriver(MqttSensor):
    """Listens to one device, to its availability, and to the bridge. `decode` knows the device."""

    def __init__(
        self,
        sensor_id: str,
        topic: str,
        broker: LocalBroker,
        decode: Decode,
        *,
        base: str = "",
        joined: bool = False,
        max_silence: timedelta | None = None,
    ) -> None:
        """`base` is Zigbee2MQTT's own topic; left out: the first level of `topic`."""
        self._bridge = f"{base or topic.partition('/')[0]}/bridge/state"
        self._availability = f"{topic}/availability"
        self._decode_device = decode
        subscription = broker.subscription([topic, self._availability, self._bridge], joined=joined)
        super().__init__(sensor_id, subscription, self._decode_any, max_silence=max_silence)

    @property
    def settle_s(self) -> float:
        """How long to wait for what is retained."""
        return SETTLE_S

    def _decode_any(self, arrival: Arrival) -> Sequence[Heard]:
        if arrival.topic == self._availability:
            return [Presence(is_there=is_online(arrival.payload), why=_OFFLINE)]
        if arrival.topic == self._bridge:
            return [Presence(is_there=is_online(arrival.payload), why=NO_BRIDGE)]
        return self._decode_device(arrival)


def is_online(payload: bytes) -> bool:
    """Whether an availability message says online, as JSON (`{"state": "online"}`) or plain; raises DecodeError."""
    if payload in _AVAILABILITY:
        return _AVAILABILITY[payload]
    state = fields_of(payload).get("state")
    said = state.encode() if isinstance(state, str) else b"?"
    if said not in _AVAILABILITY or not said:
        raise DecodeError(f"neither online nor offline: {payload[:80]!r}")
    return _AVAILABILITY[said]


def fields_of(payload: bytes) -> Fields:
    """The fields of a device's message; raises DecodeError for all but a JSON object of moderate size."""
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise DecodeError(f"{len(payload)} bytes, more than the {MAX_PAYLOAD_BYTES} that a device's message may have")
    try:
        return _fields.decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise DecodeError(f"not a JSON object: {error}: {payload[:80]!r}") from error


def battery_of(fields: Fields, frame: bytes) -> list[Said]:
    """The battery in percent, where the message holds one; its absence or another type is nothing."""
    level = fields.get("battery")
    if isinstance(level, bool) or not isinstance(level, int | float):
        return []
    return [Sample(quantity=Quantity.BATTERY, value=float(level), frame=frame)]


_AVAILABILITY = {b"online": True, b"offline": False, b"": True}
"""An empty message takes a retained one back: nothing is known any more, so nothing is wrong."""
_fields = msgspec.json.Decoder(dict[str, Any])
