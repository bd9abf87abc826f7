"""What all devices behind Zigbee2MQTT have in common: JSON on a topic, battery, availability, the bridge itself.

Sources: zigbee2mqtt.io, "MQTT Topics and Messages" (availability and bridge/state are retained; JSON, and plain text in
old versions) and "Device-Availability".
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Never

import msgspec
from pydantic import AfterValidator

from drivers.mqtt.link import Arrival, LocalBroker
from drivers.rejects import Rejects
from shouwang.driver import Alive, Emit, Said, Sample
from shouwang.errors import DecodeError, DeviceError
from shouwang.quantities import Quantity

MAX_PAYLOAD_BYTES = 16 * 1024
"""A device's state is a few hundred bytes; more is not from Zigbee2MQTT."""
SETTLE_S = 0.5
"""The broker repeats what is retained right after it took our subscription. Before that came in, a device is not called
heard, nor is its last state of before passed on: it may be offline."""

Fields = Mapping[str, Any]
Decode = Callable[[Arrival], list[Said]]


def _topic(written: str) -> str:
    if not written or any(sign in written for sign in "+#\0") or written != written.strip(" /"):
        raise ValueError(
            f'"{written[:60]}" is not the topic of one device; it looks like zigbee2mqtt/NAME, '
            'NAME as Zigbee2MQTT calls the device, without "+", "#" or "/" at an end'
        )
    return written


Topic = Annotated[str, AfterValidator(_topic)]


class Zigbee2mqttDriver:
    """Listens to one device, to its availability, and to the bridge. `decode` knows the device."""

    def __init__(self, sensor_id: str, topic: str, broker: LocalBroker, decode: Decode) -> None:
        """Nothing is opened: the broker's connection is held by somebody else."""
        self._sensor_id = sensor_id
        self._decode = decode
        self._availability = f"{topic}/availability"
        self._bridge = f"{topic.partition('/')[0]}/bridge/state"
        self._gone: set[str] = set()
        self._held: list[Said] = []
        self._subscription = broker.subscription([topic, self._availability, self._bridge])
        self._rejects = Rejects(sensor_id)

    @property
    def sensor_id(self) -> str:
        """The id given in the home's configuration."""
        return self._sensor_id

    @property
    def max_silence(self) -> None:
        """None: it speaks only on events."""
        return

    @property
    def rejected(self) -> int:
        """How many messages could not be read since the start."""
        return self._rejects.count

    async def run(self, emit: Emit) -> Never:
        """Emit until cancelled; raises DeviceError when the broker is lost, or the device or bridge is said to be gone.

        Called again while they are gone it waits, and says so by a life sign when they are back.
        """
        await self._subscription.connection()
        await self._stand(emit)
        while True:
            for one in self._hear(await self._subscription.next()):
                emit(one)

    async def _stand(self, emit: Emit) -> None:
        """Return when the device stands: nothing retained says that it is gone, or it is back."""
        settled_at = asyncio.get_running_loop().time() + SETTLE_S
        while self._gone or asyncio.get_running_loop().time() < settled_at:
            try:
                async with asyncio.timeout_at(None if self._gone else settled_at):
                    arrival = await self._subscription.next()
            except TimeoutError:
                break
            said = self._hear(arrival)
            if arrival.retained:
                self._held = said or self._held
                continue
            for one in said:
                emit(one)
        for one in (Alive(), *self._held):
            emit(one)
        self._held = []

    def _hear(self, arrival: Arrival) -> list[Said]:
        try:
            if arrival.topic == self._availability:
                self._be(arrival, "Zigbee2MQTT says that the device is offline; is its battery empty, is it too far?")
                return []
            if arrival.topic == self._bridge:
                self._be(arrival, "Zigbee2MQTT does not run; no Zigbee device can be heard (see its own log)")
                return []
            if not arrival.retained:
                self._gone.clear()  # what speaks is there
                self._held = []
            return self._decode(arrival)
        except DecodeError as error:
            self._rejects.add(error)
            return []

    def _be(self, arrival: Arrival, why_gone: str) -> None:
        if is_online(arrival.payload):
            self._gone.discard(arrival.topic)
        elif arrival.topic not in self._gone:
            self._gone.add(arrival.topic)
            raise DeviceError(why_gone)


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
