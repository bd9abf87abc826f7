"""How long alarms took: from the moment in which a sensor spoke to the voice at home, and to the centre's broker."""

import asyncio
import math
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from _gateway_stage import GATEWAY_ID, Stage
from _sensors import Talk

from messaging.broker import BrokerSettings
from messaging.session import connect
from shouwang.alert import AlertState
from shouwang.errors import DeviceError
from shouwang.wire import AlertBody, Lane, decode_envelope, up_topic

_RETRY_S = 0.2


@dataclass(frozen=True, kw_only=True)
class Waits:
    """How long each alarm took, in seconds; `missing` alarms never came."""

    seconds: list[float]
    missing: int

    def percentile(self, percent: int) -> float:
        """In milliseconds, by nearest rank; infinite where none came."""
        ordered = sorted(self.seconds)
        if not ordered:
            return math.inf
        return 1000 * ordered[min(len(ordered) - 1, math.ceil(len(ordered) * percent / 100) - 1)]


class CentreEar:
    """Sits at the centre's broker and takes the time of each alarm that passes."""

    def __init__(self, stage: Stage) -> None:
        """Nothing is heard before `run`."""
        self._stage = stage
        self._heard: dict[tuple[str, float], float] = {}

    async def run(self) -> None:
        """Listen, over outages of the broker, until cancelled."""
        broker = self._stage.centre
        settings = BrokerSettings(host=broker.host, port=broker.port, client_id="bench-ear")
        while True:
            try:
                async with connect(settings) as session:
                    await session.subscribe([up_topic(GATEWAY_ID, Lane.LIFE_SAFETY)])
                    async for message in session.messages():
                        message.ack()
                        self._take(message.payload, time.monotonic())
            except DeviceError:
                await asyncio.sleep(_RETRY_S)

    def waits(self, talk: Talk, said: list[float], *, since: float = 0.0, until: float = math.inf) -> Waits:
        """From the sensor's word to here, for the alarms that were said in this time."""
        asked = [(key, at) for key, at in zip(talk.alarms(), said, strict=True) if since <= at <= until]
        found = [self._heard[key] - at for key, at in asked if key in self._heard]
        return Waits(seconds=found, missing=len(asked) - len(found))

    def _take(self, payload: bytes, at: float) -> None:
        body = decode_envelope(payload, gateway=GATEWAY_ID).body
        if isinstance(body, AlertBody) and body.alert.state is AlertState.FIRING:
            for reading in body.alert.evidence:
                self._heard.setdefault((reading.sensor_id, round(reading.value, 3)), at)


@asynccontextmanager
async def listening(stage: Stage) -> AsyncIterator[CentreEar]:
    """An ear at the centre's broker."""
    ear = CentreEar(stage)
    task = asyncio.create_task(ear.run(), name="ear at the centre")
    try:
        yield ear
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def voice_waits(stage: Stage, talk: Talk, said: list[float], *, since: float = 0.0, until: float = math.inf) -> Waits:
    """From the sensor's word to the voice at home; the words do not tell the value, so that they are taken in order."""
    heard: dict[str, list[float]] = defaultdict(list)
    for at, name in stage.spoken:
        if said and at >= said[0]:
            heard[name].append(at)
    found, missing = [], 0
    for (name, _), at in zip(talk.alarms(), said, strict=True):
        spoken = heard[name].pop(0) if heard[name] else None
        if not since <= at <= until:
            continue
        if spoken is None:
            missing += 1
        else:
            found.append(spoken - at)
    return Waits(seconds=found, missing=missing)
