"""`kill -9` of a real gateway in mid stream: every reading taken in arrives once at the centre, no alert is doubled.

A spy in the gateway's process writes each event to a pipe once `accept` has returned, and each alert once it was said
at home: what the pipe holds was promised.
"""

import asyncio
import os
import random
import signal
import sys
from collections import Counter
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from itertools import count, pairwise

import msgspec
import pytest

from messaging.broker import BrokerSettings
from messaging.session import connect
from shouwang.wire import (
    AlertBody,
    GapBody,
    Receipt,
    TelemetryBody,
    decode_envelope,
    encode,
    ingest_topics,
    receipt_topic,
)

GATEWAY = """
import asyncio, os, sys
from pathlib import Path
import msgspec
from config.loader import load
from gateway import app
from gateway.local import Voice
from gateway.pipeline import Pipeline

pipe = int(sys.argv[2])
accept, alerts = Pipeline.accept, Voice.alerts

def tell(kind, value):
    os.write(pipe, msgspec.json.encode([kind, value]) + b"\\n")

def accept_and_tell(self, event):
    accept(self, event)
    for reading in [event] if hasattr(event, "quantity") else getattr(event, "readings", ()):
        tell("reading", [reading.sensor_id, reading.quantity, reading.value, reading.mono])

def say_and_tell(self, said):
    alerts(self, said)
    for alert in said:
        tell("alert", alert.alert_id)

Pipeline.accept, Voice.alerts = accept_and_tell, say_and_tell
asyncio.run(app.run(load(Path(sys.argv[1]))))
"""
HOME = """
gateway: {{id: gw-1, data_dir: {folder}/data, language: en}}
resident: {{id: r-1}}
uplink: {{url: "mqtt://127.0.0.1:{centre}"}}
local_broker: {{url: "mqtt://127.0.0.1:{local}"}}
sensors:
  - {{kind: mqtt_json, id: meter, topic: meter, values: [{{path: "@", quantity: energy, unit: kWh}}]}}
  - {{kind: mqtt_json, id: room, topic: room, values: [{{path: "@", quantity: temperature, unit: °C}}]}}
  - {{kind: mqtt_json, id: button, topic: button, values: [{{path: "@", quantity: sos}}]}}
rules:
  - {{kind: sos, id: sos}}
  - {{kind: threshold, id: hot, quantity: temperature, above: 40, hold: 600ms}}
annunciators: [{{kind: console}}]
"""


class Gateway:
    """One process and what it promised."""

    def __init__(self, process, readings, alerts):
        self.process = process
        self.readings = readings
        self.alerts = alerts

    async def kill(self):
        self.process.send_signal(signal.SIGKILL)
        await self.process.wait()


@asynccontextmanager
async def gateway(home, promised, said, environment):
    """Started; ends when it was killed, and all that it had told is in `promised` and `said`."""
    reading, writing = os.pipe()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", GATEWAY, str(home), str(writing), pass_fds=[writing], env={**os.environ, **environment}
    )
    os.close(writing)
    stream = asyncio.StreamReader()
    pipe, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(stream), os.fdopen(reading, "rb")
    )

    async def hear():
        async for line in stream:
            kind, value = msgspec.json.decode(line)
            (promised if kind == "reading" else said).append(tuple(value) if kind == "reading" else value)

    hearing = asyncio.create_task(hear())
    try:
        yield Gateway(process, promised, said)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        await hearing
        pipe.close()


async def until(condition, limit=120):
    async with asyncio.timeout(limit):
        while not condition():
            await asyncio.sleep(0.005)


async def collect(port, came, enough):
    """Be the centre until it has enough."""
    seen = set()
    async with connect(BrokerSettings(host="127.0.0.1", port=port, client_id="centre")) as session:
        await session.subscribe(ingest_topics())
        async for message in session.messages():
            message.ack()
            if message.topic.endswith("/lwt"):
                continue
            envelope = decode_envelope(message.payload, gateway="gw-1")
            if envelope.id not in seen:
                seen.add(envelope.id)
                came.append(envelope.body)
            key = envelope.id
            receipt = Receipt(epoch=key.epoch, lane=key.lane, seqs=(key.seq,), server_at=datetime.now(UTC))
            await session.publish(receipt_topic("gw-1"), encode(receipt), qos=0)
            if enough():
                return


@asynccontextmanager
async def stream(port):
    """A meter that counts up, 200 a second, and a room that is told to be hot or not, and a button."""
    async with connect(BrokerSettings(host="127.0.0.1", port=port, client_id="sensors")) as session:
        numbers = count(1)
        heat = [20]

        async def run():
            while True:
                for _ in range(4):
                    await session.publish("meter", str(next(numbers)).encode(), qos=0)
                heat.append(heat[-1])
                await session.publish("room", str(heat[-1] + random.random()).encode(), qos=0)
                await asyncio.sleep(0.02)

        task = asyncio.create_task(run())
        try:
            yield session, heat
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


@pytest.mark.slow
@pytest.mark.parametrize("tmpfs", [True, False])
async def test_what_was_taken_in_arrives_once_over_many_kills(mosquitto, tmp_path, free_port, tmpfs):
    """The centre is away until the end; the room is hot, and its countdown is under way, at each kill."""
    home = tmp_path / "home.yaml"
    home.write_text(HOME.format(folder=tmp_path, centre=mosquitto.port, local=mosquitto.port), encoding="utf-8")
    environment = {"RUNTIME_DIRECTORY": str(tmp_path / "run")} if tmpfs else {}
    promised, said, came = [], [], []
    chance = random.Random(6)
    async with stream(mosquitto.port) as (session, heat):
        for life in range(6):
            async with gateway(home, promised, said, environment) as here:
                before = len(promised)
                await until(lambda: len(promised) > before + 20)  # noqa: B023
                heat.append(20 if life % 3 == 2 else 60)
                await session.publish("button", b"1", qos=1)
                await asyncio.sleep(chance.uniform(0, 0.5))
                await here.kill()
        heat.append(20)
        async with gateway(home, promised, said, environment) as here:
            await until(lambda: len(said) >= 2)
            enough = asyncio.Event()
            centre = asyncio.create_task(collect(mosquitto.port, came, enough.is_set))
            await until(lambda: any(isinstance(body, TelemetryBody) for body in came))
            heat.append(60)
            await asyncio.sleep(1.0)
            wanted = set(promised)
            await until(lambda: wanted <= {r for body in came for r in readings_of(body)}, 40)
            enough.set()
            centre.cancel()
            await asyncio.gather(centre, return_exceptions=True)
    arrived = Counter(r for body in came for r in readings_of(body))
    alerts = [body.alert for body in came if isinstance(body, AlertBody)]
    steps = Counter(alert.alert_id for alert in alerts)
    assert len(wanted) > 300
    assert max(arrived.values()) == 1
    assert not wanted - arrived.keys()
    assert not [body for body in came if isinstance(body, GapBody)]
    assert set(said) <= steps.keys()
    assert max(steps.values()) == 1
    causes = Counter((alert.key, alert.state, alert.evidence[0].mono) for alert in alerts if alert.state == "firing")
    assert max(causes.values()) == 1
    hot = [alert.state.value for alert in sorted(alerts, key=lambda alert: alert.mono) if alert.key == "hot:room"]
    assert hot[:2] == ["firing", "resolved"]
    assert all(one != other for one, other in pairwise(hot))
    assert sum(alert.key == "sos:button" for alert in alerts) >= 2


def readings_of(body):
    if not isinstance(body, TelemetryBody):
        return []
    return [(r.sensor_id, r.quantity.value, r.value, r.mono) for r in body.readings]
