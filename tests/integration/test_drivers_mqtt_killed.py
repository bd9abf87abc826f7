"""`kill -9` of a real gateway in mid stream: each message of QoS 1 is its readings at the centre, each of them once."""

import asyncio
import contextlib
import os
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fixtures.mosquitto import Mosquitto, StartMosquitto

from messaging.broker import BrokerSettings
from messaging.session import Session, connect
from shouwang.wire import Receipt, TelemetryBody, decode_envelope, encode, ingest_topics, receipt_topic

LIMIT_S = 40.0
EACH, LIVES = 600, 3
"""Messages in each life of the process, which is ended when the broker has taken a third of them."""
HOME = """
gateway: {{id: gw-1, data_dir: {folder}/data, language: en}}
resident: {{id: r-1}}
uplink: {{url: "mqtt://127.0.0.1:{port}"}}
local_broker: {{url: "mqtt://127.0.0.1:{port}"}}
sensors:
  - kind: mqtt_json
    id: meter
    topic: meter/state
    values:
      - {{path: kwh, quantity: energy, unit: kWh}}
      - {{path: w, quantity: power, unit: W}}
box: {{watch: false}}
"""


@pytest.fixture
def broker(start_mosquitto: StartMosquitto) -> Mosquitto:
    return start_mosquitto("allow_anonymous true", "persistence false", "max_queued_messages 100000")


def session_at(broker: Mosquitto, name: str) -> contextlib.AbstractAsyncContextManager[Session]:
    return connect(BrokerSettings(host="127.0.0.1", port=broker.port, client_id=name, receive_maximum=1000))


class Meter:
    """Counts up; each message holds two readings, which only together are its number."""

    def __init__(self, session: Session) -> None:
        self.said = 0
        self.taken = 0
        self._session = session

    async def say(self, count: int) -> None:
        numbers = range(self.said, self.said + count)
        self.said += count
        async with asyncio.TaskGroup() as group:
            for number in numbers:
                group.create_task(self._publish(number))

    async def _publish(self, number: int) -> None:
        await self._session.publish("meter/state", b'{"kwh": %d, "w": %d}' % (number, number))
        self.taken += 1


class Centre:
    """Gives receipts, and keeps each message once."""

    def __init__(self) -> None:
        self.readings: Counter[tuple[str, float]] = Counter()
        self._seen: set[object] = set()

    async def run(self, session: Session) -> None:
        await session.subscribe(ingest_topics())
        async for message in session.messages():
            message.ack()
            if message.topic.endswith("/lwt"):
                continue
            envelope = decode_envelope(message.payload, gateway="gw-1")
            key = envelope.id
            if key not in self._seen and isinstance(envelope.body, TelemetryBody):
                self.readings.update((one.quantity.value, one.value) for one in envelope.body.readings)
            self._seen.add(key)
            receipt = Receipt(epoch=key.epoch, lane=key.lane, seqs=(key.seq,), server_at=datetime.now(UTC))
            await session.publish(receipt_topic("gw-1"), encode(receipt), qos=0)


@asynccontextmanager
async def gateway(home: Path, folder: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """Running and heard; ended at the end of the block, where it was not killed."""
    log = folder / "gateway.log"
    log.unlink(missing_ok=True)
    with log.open("wb") as sink:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "shouwang", "gateway", "run", "-c", str(home)),
            stdout=sink,
            stderr=sink,
            env={**os.environ, "RUNTIME_DIRECTORY": str(folder / "run")},
        )
    try:
        await until(lambda: b"meter is heard" in log.read_bytes() or process.returncode is not None)
        assert process.returncode is None, log.read_text()
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        await process.wait()


async def until(seen) -> None:
    async with asyncio.timeout(LIMIT_S):
        while not seen():
            await asyncio.sleep(0.002)


@pytest.mark.slow
async def test_killed_in_mid_stream_each_message_is_one_reading_at_the_centre(broker: Mosquitto, tmp_path) -> None:
    home, centre = tmp_path / "home.yaml", Centre()
    home.write_text(HOME.format(folder=tmp_path, port=broker.port), encoding="utf-8")
    async with session_at(broker, "sensors") as sensors, session_at(broker, "centre") as theirs:
        meter = Meter(sensors)
        listening = asyncio.create_task(centre.run(theirs))
        async with gateway(home, tmp_path):
            await meter.say(1)  # so that the broker knows for whom to keep the others
        for _ in range(LIVES):
            async with gateway(home, tmp_path) as process:
                saying = asyncio.create_task(meter.say(EACH))
                enough = meter.taken + EACH // 3
                await until(lambda: meter.taken >= enough)  # noqa: B023
                process.kill()
            await saying
        wanted = {(name, float(number)) for name in ("energy", "power") for number in range(meter.said)}
        async with gateway(home, tmp_path):
            with contextlib.suppress(TimeoutError):  # what is missing is told below
                await until(lambda: wanted <= centre.readings.keys() or listening.done())
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
    assert [one for one in centre.readings.items() if one[1] != 1] == []
    assert wanted - centre.readings.keys() == set()
    assert centre.readings.keys() == wanted
