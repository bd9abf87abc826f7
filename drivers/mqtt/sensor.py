"""One sensor behind the local broker: listens, knows whether the device is there, and what a retained message is worth.

What a message means is the `decode` of its maker. Here stands what is the same for all makers:

    a retained event (a press) is none: the broker repeats it at every connect, nobody knows when it happened;
    a retained state is a state, held back until nothing retained says that the device is gone;
    a device's own time makes old values history, but never delays or hides an event or a danger that is said now.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Never

import msgspec

from drivers.mqtt.link import Arrival, Subscription
from drivers.rejects import Rejects
from shouwang.driver import Alive, Emit, Said, Sample
from shouwang.errors import DecodeError, DeviceError
from shouwang.quantities import QUANTITIES, Quantity
from shouwang.reading import Quality

SETTLE_S = 0.5
"""The broker repeats what is retained right after it took our subscription. Before that came in, a device is not called
heard, nor is its last state of before passed on: it may be offline."""
MAX_HELD_TOPICS = 64
"""Retained topics of one device that are held back; a Z-Wave node has some twenty that mean anything."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Presence:
    """Somebody says whether the device is there. `why` is for the operator, where it is not."""

    is_there: bool
    why: str = ""


Heard = Said | Presence
Decode = Callable[[Arrival], Sequence[Heard]]
"""What one message means; raises DecodeError. No message at all that it knows may be empty: that is no life sign."""

LEFT = "$left"
"""Topic of the pretended message that a device was taken out of its network; brokers never send it."""


class MqttSensor:
    """Listens to one device and to whoever says that it is there."""

    def __init__(
        self,
        sensor_id: str,
        subscription: Subscription,
        decode: Decode,
        *,
        max_silence: timedelta | None = None,
    ) -> None:
        """Nothing is opened: the broker's connection is held by somebody else."""
        self._sensor_id = sensor_id
        self._decode = decode
        self._max_silence = max_silence
        self._subscription = subscription
        self._gone: set[str] = set()
        self._held: dict[str, list[Said]] = {}
        self._stamps: dict[Quantity, datetime] = {}
        self._rejects = Rejects(sensor_id)

    @property
    def sensor_id(self) -> str:
        """The id given in the home's configuration."""
        return self._sensor_id

    @property
    def max_silence(self) -> timedelta | None:
        """None where it speaks only on events."""
        return self._max_silence

    @property
    def rejected(self) -> int:
        """How many messages could not be read since the start."""
        return self._rejects.count

    @property
    def settle_s(self) -> float:
        """How long to wait for what is retained."""
        return SETTLE_S

    def leave(self, why: str) -> None:
        """The device was taken out of its network: it is down for this reason, until `come_back` or until it speaks."""
        self._subscription.arrive(Arrival(topic=LEFT, payload=why.encode(), retained=False))

    def come_back(self) -> None:
        """The device is in its network again."""
        self._subscription.arrive(Arrival(topic=LEFT, payload=b"", retained=False))

    def close(self) -> None:
        """It listens to nothing any more."""
        self._subscription.close()

    async def run(self, emit: Emit) -> Never:
        """Emit until cancelled; raises DeviceError when the broker is lost, or the device is said to be gone.

        Called again while it is gone it waits, and says so by a life sign when it is back.
        """
        await self._subscription.connection()
        await self._stand(emit)
        while True:
            for one in self._hear(await self._subscription.next()):
                emit(one)

    async def _stand(self, emit: Emit) -> None:
        """Return when the device stands: nothing retained says that it is gone, or it is back."""
        settled_at = asyncio.get_running_loop().time() + self.settle_s
        while self._gone or asyncio.get_running_loop().time() < settled_at:
            try:
                async with asyncio.timeout_at(None if self._gone else settled_at):
                    arrival = await self._subscription.next()
            except TimeoutError:
                break
            said = self._hear(arrival)
            if arrival.retained:
                self._hold(arrival.topic, said)
                continue
            for one in said:
                emit(one)
        held, self._held = self._held, {}
        for one in (Alive(), *(one for said in held.values() for one in said)):
            emit(one)

    def _hold(self, topic: str, said: list[Said]) -> None:
        if said and (topic in self._held or len(self._held) < MAX_HELD_TOPICS):
            self._held[topic] = said

    def _hear(self, arrival: Arrival) -> list[Said]:
        try:
            heard = self._left(arrival) if arrival.topic == LEFT else self._decode(arrival)
        except DecodeError as error:
            self._rejects.add(error)
            return []
        said = [one for one in heard if not isinstance(one, Presence)]
        if said and not arrival.retained:
            self._be_heard(arrival.topic)
        for one in heard:
            if isinstance(one, Presence):
                self._be(arrival.topic, one)
        return self._worth(said, retained=arrival.retained)

    def _be_heard(self, topic: str) -> None:
        """What speaks is there, whoever said that it is not; what was retained of it is older."""
        self._gone.clear()
        self._held.pop(topic, None)

    def _left(self, arrival: Arrival) -> list[Heard]:
        return [Presence(is_there=not arrival.payload, why=arrival.payload.decode(errors="replace"))]

    def _be(self, source: str, presence: Presence) -> None:
        if presence.is_there:
            self._gone.discard(source)
        elif source not in self._gone:
            self._gone.add(source)
            raise DeviceError(presence.why)

    def _worth(self, said: list[Said], *, retained: bool) -> list[Said]:
        """What is left of it: events only where they are said now, times only where they can be believed."""
        found: list[Said] = []
        for one in said:
            if not isinstance(one, Sample):
                found.append(one)
                continue
            info = QUANTITIES[one.quantity]
            if retained and info.event:
                continue
            if one.measured_at is None:
                found.append(one)
            elif not retained and (info.event or info.life_safety):
                # a device's clock that is hours wrong must not make a press or a fire history
                found.append(msgspec.structs.replace(one, measured_at=None))
            else:
                found.append(self._in_order(one, one.measured_at))
        return found

    def _in_order(self, sample: Sample, at: datetime) -> Sample:
        """A value that the device itself dates before its last one is doubtful, once: it may not take back an alarm.

        The second in a row is believed: then the device's clock was set back.
        """
        last = self._stamps.get(sample.quantity)
        self._stamps[sample.quantity] = at
        if last is None or at >= last or sample.quality is not Quality.GOOD:
            return sample
        return msgspec.structs.replace(sample, quality=Quality.QUESTIONABLE)
