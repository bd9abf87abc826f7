"""One sensor behind the local broker: listens, knows whether the device is there, and what a retained message is worth.

What a message means is the `decode` of its maker. Here stands what is the same for all makers:

    a retained event (a press) is none: the broker repeats it at every connect, nobody knows when it happened;
    a retained state (smoke, a door) is how it stands now, whatever its time: it may raise an alarm, never end one;
    it is held back until nothing retained says that the device is gone, unless it is a danger that is on;
    a device's own time makes old measurements history, never a press or a state.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Never

import msgspec

from drivers.mqtt.link import Subscription
from drivers.mqtt.meaning import YES_OR_NO
from drivers.mqtt.switchboard import Arrival
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
MAX_HELD_DANGERS = 512
"""A fire is held also where the topics of a wide filter are more than those."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Presence:
    """Somebody says whether the device is there. `why` is for the operator, where it is not."""

    is_there: bool
    why: str = ""


Heard = Said | Presence
Decode = Callable[[Arrival], Sequence[Heard]]
"""What one message means; raises DecodeError. No message at all that it knows may be empty: that is no life sign."""

_DANGERS = frozenset({q for q, info in QUANTITIES.items() if info.life_safety and not info.event} | {Quantity.LEAK})
_MEASURED = frozenset({Quantity.IRREGULAR_PULSE, Quantity.CONSCIOUSNESS, Quantity.OXYGEN_THERAPY, Quantity.MODE})
"""Have no unit either, and are found at a moment or set by a person: no state in which a device is."""
STATES = frozenset(q for q, info in QUANTITIES.items() if info.unit == YES_OR_NO and not info.event) - _MEASURED
"""What a device is in until it says otherwise."""

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
        self._gone: dict[str, str] = {}
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
        """How many messages could not be read since the start, or came faster than they could be."""
        return self._rejects.count + self._subscription.dropped

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
        try:
            await self._subscription.connection()
            await self._stand(emit)
            while True:
                for one in self._hear(await self._subscription.next()):
                    emit(one)
        finally:
            self._subscription.rest()

    async def _stand(self, emit: Emit) -> None:
        """Return when the device stands: nothing retained says that it is gone, or it is back."""
        loop = asyncio.get_running_loop()
        settled_at, is_settled = loop.time() + self.settle_s, False
        while self._gone or not is_settled:
            with suppress(TimeoutError):
                async with asyncio.timeout_at(None if is_settled else settled_at):
                    self._take(await self._subscription.next(), emit)
            if not is_settled and loop.time() >= settled_at:
                is_settled = True
                self._tell_last_words(emit)
        held, self._held = self._held, {}
        for one in (Alive(), *(one for said in held.values() for one in said)):
            emit(one)

    def _take(self, arrival: Arrival, emit: Emit) -> None:
        said = self._hear(arrival)
        if arrival.retained:
            self._hold(arrival.topic, said)
            return
        for one in said:
            emit(one)

    def _tell_last_words(self, emit: Emit) -> None:
        """Who is gone may have said before that it burns, while we were away: that is told, then that it is gone."""
        if not self._gone:
            return
        dangers = [one for said in self._held.values() for one in said if _is_danger(one)]
        self._held = {topic: [one for one in said if not _is_danger(one)] for topic, said in self._held.items()}
        for one in dangers:
            emit(one)
        if dangers:
            raise DeviceError(next(iter(self._gone.values())))

    def _hold(self, topic: str, said: list[Said]) -> None:
        limit = MAX_HELD_DANGERS if any(map(_is_danger, said)) else MAX_HELD_TOPICS
        if said and (topic in self._held or len(self._held) < limit):
            self._held[topic] = said

    def _hear(self, arrival: Arrival) -> list[Said]:
        try:
            heard = self._left(arrival) if arrival.topic == LEFT else self._decode(arrival)
        except DecodeError as error:
            self._rejects.add(error)
            return []
        said = _new([one for one in heard if not isinstance(one, Presence)], arrival.already)
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
            self._gone.pop(source, None)
        elif source not in self._gone:
            self._gone[source] = presence.why
            raise DeviceError(presence.why)

    def _worth(self, said: list[Said], *, retained: bool) -> list[Said]:
        """What is left of it: events only where they are said now, times only where they can be believed."""
        found: list[Said] = []
        for one in said:
            if not isinstance(one, Sample):
                found.append(one)
            elif not QUANTITIES[one.quantity].event:
                found.append(self._level(one, retained=retained))
            elif not retained:
                found.append(msgspec.structs.replace(one, measured_at=None))
        return found

    def _level(self, sample: Sample, *, retained: bool) -> Sample:
        """A measurement at its own time, a state now: a clock that is hours wrong must not make a fire history.

        Doubtful, so that it may take back no alarm, is a retained state, unless it is dated after the last one heard;
        and what is dated before the last one, once: the second in a row is believed, then the clock was set back.
        """
        at, last = sample.measured_at, self._stamps.get(sample.quantity)
        if at is not None:
            self._stamps[sample.quantity] = at
        is_older = at is not None and last is not None and at < last
        is_newer = at is not None and last is not None and at > last
        is_state = sample.quantity in STATES
        is_doubtful = is_older or (retained and is_state and not is_newer)
        if is_doubtful and sample.quality is Quality.GOOD and not _is_danger(sample):
            sample = msgspec.structs.replace(sample, quality=Quality.QUESTIONABLE)
        return msgspec.structs.replace(sample, measured_at=None) if is_state else sample


def _is_danger(said: Said) -> bool:
    """Whether it says that a danger is there: that is never doubted."""
    return isinstance(said, Sample) and said.quantity in _DANGERS and said.value != 0


def _new(said: list[Said], already: int) -> list[Said]:
    """Without the readings that were taken in before a kill, where the broker gives the message again."""
    found: list[Said] = []
    for one in said:
        if already and isinstance(one, Sample):
            already -= 1
        else:
            found.append(one)
    return found
