"""The sensors of a home in chaos: numbered values that can be told apart, and pulses that cross a limit."""

import asyncio
import json
import random
import time
from collections import Counter
from dataclasses import dataclass, field

from messaging.broker import BrokerSettings
from messaging.session import PublishRefused, Session, connect
from shouwang.errors import DeviceError
from simulators.broker import Broker

Value = tuple[str, str, float]
"""Of which gateway, which sensor, what."""
METERS, STRAPS = 10, 6
LIMIT = 120
"""Of the rule that raises alarms, beats a minute."""
RULE: dict[str, object] = {
    "kind": "threshold",
    "id": "pulse-high",
    "quantity": "heart-rate",
    "above": LIMIT,
    "hysteresis": 5,
    "hold": "0s",
    "severity": "P1",
}
_CALM, _HIGH = 80.0, 150.0
_STEP = 0.001  # makes each value of a strap another one
_RETRY_S = 0.1
_LOOK_S = 0.02


def sensors() -> list[dict[str, object]]:
    """The sensors as home.yaml names them."""
    return [_sensor(f"meter-{n}", "energy", "kW.h") for n in range(METERS)] + [
        _sensor(f"strap-{n}", "heart-rate", "/min") for n in range(STRAPS)
    ]


def _sensor(name: str, quantity: str, unit: str) -> dict[str, object]:
    value = {"path": "value", "quantity": quantity, "unit": unit}
    return {"kind": "mqtt_json", "id": name, "topic": f"chaos/{name}", "values": [value], "max_silence": "1h"}


@dataclass
class Said:
    """What the homes' brokers took (PUBACK): each value of each sensor of each gateway, and how often alarms began."""

    values: Counter[Value] = field(default_factory=Counter)
    alarms: Counter[tuple[str, str]] = field(default_factory=Counter)
    at: dict[Value, float] = field(default_factory=dict)
    """When, in seconds since 1970."""


class Sensors:
    """Says values until stopped; one that nobody listens to yet is said again until somebody takes it."""

    def __init__(self, gateway_id: str, broker: Broker, said: Said, *, rate: float, seed: int) -> None:
        """Of the home of this gateway. `rate`: values a second of all sensors together; `said` is where it is noted."""
        self._gateway_id = gateway_id
        self._broker = broker
        self._pause_s = (METERS + STRAPS) / rate
        self._random = random.Random(seed)
        self._stop = asyncio.Event()
        self._said = said

    def stop(self) -> None:
        """Say what is under way, and no more."""
        self._stop.set()

    async def run(self) -> None:
        """Speak until stopped."""
        settings = BrokerSettings(
            host=self._broker.host, port=self._broker.port, client_id="chaos-sensors", receive_maximum=1000
        )
        async with connect(settings) as session, asyncio.TaskGroup() as group:
            for n in range(METERS):
                group.create_task(self._meter(session, f"meter-{n}"))
            for n in range(STRAPS):
                group.create_task(self._strap(session, f"strap-{n}"))

    async def _meter(self, session: Session, name: str) -> None:
        value = 0.0
        while not self._stop.is_set():
            value += 1
            await self._say(session, name, value)
            await self._pause(self._pause_s)

    async def _strap(self, session: Session, name: str) -> None:
        count, is_high = 0, False
        while not self._stop.is_set():
            count += 1
            was, is_high = is_high, self._random.random() < 0.1 if not is_high else self._random.random() < 0.5
            await self._say(session, name, (_HIGH if is_high else _CALM) + count * _STEP % 30)
            if is_high and not was:
                self._said.alarms[self._gateway_id, name] += 1
            await self._pause(self._pause_s)
        if is_high:  # ends calm, so that each alarm has its end
            await self._say(session, name, _CALM - _STEP)

    async def _say(self, session: Session, name: str, value: float) -> None:
        value = round(value, 3)
        payload = json.dumps({"value": value}).encode()
        while True:
            try:
                await session.publish(f"chaos/{name}", payload)
            except PublishRefused:  # nobody listens: not taken
                await asyncio.sleep(_RETRY_S)
            except DeviceError as error:
                if session.is_lost:
                    raise
                raise DeviceError(f"the home's broker did not take {name}={value}: {error}") from error
            else:
                self._said.values[self._gateway_id, name, value] += 1
                self._said.at[self._gateway_id, name, value] = time.time()
                return

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stop.wait()
        except TimeoutError:
            pass
