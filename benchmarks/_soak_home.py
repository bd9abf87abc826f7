"""What a home that soaks talks with: sensors at its own broker, a centre that gives receipts."""

import asyncio
import json
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Never

import yaml
from _chaos_home import RULE, sensors

from messaging.broker import BrokerSettings
from messaging.session import PublishRefused, Session, connect
from shouwang.errors import DeviceError
from shouwang.squeeze import unsqueeze
from shouwang.wire import (
    AlertBody,
    Receipt,
    TelemetryBody,
    decode_envelope,
    encode,
    gateway_of,
    ingest_topics,
    receipt_topic,
)
from simulators.broker import Broker

GATEWAY_ID = "gw-soak"
PAUSE_S = 30.0
"""Between two values of one sensor: a home with 16 of them says one each 2 s."""
SENSORS = frozenset(str(sensor["id"]) for sensor in sensors())
_CALM, _HIGH = 80.0, 150.0
_STEP = 0.001
_ALARM_EACH = 120
"""Values of a strap from one alarm to the next: one an hour."""
_RETRY_S = 1.0


@dataclass
class Tally:
    """Which numbers of a row have come, without keeping them all."""

    low: int = 0
    above: set[int] = field(default_factory=set)

    def take(self, number: int) -> bool:
        """Whether it has come for the first time."""
        if number <= self.low or number in self.above:
            return False
        self.above.add(number)
        while self.low + 1 in self.above:
            self.low += 1
            self.above.discard(self.low)
        return True


class Centre:
    """Takes everything, and gives receipts; each message counts once, as at the real one."""

    def __init__(self) -> None:
        """Nothing has come."""
        self.readings = 0
        self.alarms: Counter[str] = Counter()
        """By their state."""
        self._messages: dict[tuple[str, int], Tally] = {}

    async def run(self, broker: Broker) -> Never:
        """Until cancelled; connects again where the broker was away."""
        settings = BrokerSettings(
            host=broker.host, port=broker.port, client_id="centre", clean_start=False, session_expiry_s=3600
        )
        while True:
            with suppress(DeviceError):
                async with connect(settings) as session:
                    await session.subscribe(ingest_topics())
                    await self._listen(session)
            await asyncio.sleep(_RETRY_S)

    async def _listen(self, session: Session) -> None:
        async for message in session.messages():
            message.ack()
            if message.topic.endswith("/lwt"):
                continue
            plain = unsqueeze(message.payload, message.encoding)
            envelope = decode_envelope(plain, gateway=gateway_of(message.topic))
            key = envelope.id
            if self._messages.setdefault((key.epoch, key.lane), Tally()).take(key.seq):
                self._keep(envelope.body)
            receipt = Receipt(epoch=key.epoch, lane=key.lane, seqs=(key.seq,), server_at=datetime.now(UTC))
            await session.publish(receipt_topic(GATEWAY_ID), encode(receipt), qos=0)

    def _keep(self, body: object) -> None:
        if isinstance(body, TelemetryBody):
            self.readings += sum(reading.sensor_id in SENSORS for reading in body.readings)
        elif isinstance(body, AlertBody) and body.alert.rule_id == "pulse-high":
            self.alarms[body.alert.state.value] += 1


class Sensors:
    """Say a value each 30 s, and raise an alarm each hour."""

    def __init__(self) -> None:
        """Nothing was said."""
        self.said = 0
        self.alarms = 0

    async def run(self, broker: Broker, until: float) -> None:
        """Until the loop's time is `until`."""
        settings = BrokerSettings(host=broker.host, port=broker.port, client_id="soak-sensors", receive_maximum=100)
        async with connect(settings) as session, asyncio.TaskGroup() as group:
            for number, name in enumerate(sorted(SENSORS)):
                group.create_task(self._speak(session, name, number, until))

    async def _speak(self, session: Session, name: str, number: int, until: float) -> None:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(PAUSE_S * number / len(SENSORS))
        count = 0
        while loop.time() < until:
            count += 1
            is_high = name.startswith("strap") and count % _ALARM_EACH == 0
            await self._say(session, name, _HIGH if is_high else _CALM + count * _STEP % 10)
            self.alarms += is_high
            await asyncio.sleep(PAUSE_S)
        await self._say(session, name, _CALM)

    async def _say(self, session: Session, name: str, value: float) -> None:
        while True:
            try:
                await session.publish(f"chaos/{name}", json.dumps({"value": round(value, 3)}).encode())
            except PublishRefused:  # nobody listens yet
                await asyncio.sleep(_RETRY_S)
            else:
                self.said += 1
                return


def home_yaml(folder: Path, centre: Broker, local: Broker) -> Path:
    """The home's file."""
    settings = {
        "gateway": {"id": GATEWAY_ID, "data_dir": str(folder / "data"), "language": "en"},
        "resident": {"id": "r-soak"},
        "uplink": {"url": centre.url},
        "local_broker": {"url": local.url},
        "sensors": sensors(),
        "rules": [RULE],
    }
    path = folder / "home.yaml"
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(settings, allow_unicode=True), encoding="utf-8")
    return path
