"""What one worker stores, measured: `./dev bench ingest [--json FILE] [--quick]`. Exits 1 where a target is missed.

Messages as homes send them (20 readings each) go the way of the community server: bytes, envelope, times, one
transaction in the file of measurements with all its tables, synced to the disk (synchronous=FULL), in batches as its
ingest makes them.
Beside it, in the same run: the same rows by a bare `executemany` into one table with the same key and the same syncs.

- worker: from bytes to the disk, in one process, as ingest does it; the sums by minute, quarter and day after it.
- whole:  a real mosquitto, the real server, homes that send as fast as they get receipts, all on this machine.
"""

import asyncio
import sqlite3
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from _figures import Figure, options_of, report
from _uplink_home import community

from community.batches import BATCH_MESSAGES, TELEMETRY_BYTES
from community.measurements.port import Keep
from community.store import rollups
from community.store.measurement_file import MeasurementFile, open_file
from community.store.schema import micros
from messaging.broker import BrokerSettings
from messaging.session import PublishRefused, Session, connect
from shouwang.quantities import Quantity
from shouwang.reading import Reading
from shouwang.wire import (
    Envelope,
    Lane,
    MessageId,
    TelemetryBody,
    decode_envelope,
    decode_receipt,
    encode,
    receipt_topic,
    up_topic,
)
from simulators.broker import running_broker

HOMES, READINGS = 1000, 20
SENSORS = (
    ("oximeter", Quantity.SPO2),
    ("oximeter", Quantity.HEART_RATE),
    ("air-bedroom", Quantity.TEMPERATURE),
    ("air-bedroom", Quantity.HUMIDITY),
)
RATE = 20_000
"""Samples a second: 100,000 homes that measure something each 5 s."""
SHARE = 20
"""Per cent of the bare inserts' CPU in all: the rest is decoding, duplicates, series, what is to be summed."""
BEGIN = datetime(2026, 6, 1, tzinfo=UTC)
SENDERS, IN_FLIGHT = 2, 150
_PATIENCE_S = 300
_AGAIN_AFTER_S = 5
"""A home sends again what is not confirmed (receipts are QoS 0: a broker under such a load drops some)."""


def payloads(rounds: int) -> Iterator[tuple[str, bytes]]:
    """Each home once a round, 5 s between its readings, so 100 s in a message."""
    for seq in range(1, rounds + 1):
        for home in range(HOMES):
            gateway = f"gw-bench-{home:04d}"
            yield gateway, encode(_envelope(gateway, seq))


def _envelope(gateway: str, seq: int) -> Envelope:
    start = BEGIN + timedelta(seconds=5 * READINGS * seq)
    readings = tuple(
        Reading(
            sensor_id=SENSORS[place % 4][0],
            quantity=SENSORS[place % 4][1],
            value=90 + (seq + place) % 9 / 10,
            at=start + timedelta(seconds=5 * place),
            mono=1000 * seq + place,
        )
        for place in range(READINGS)
    )
    return Envelope(
        id=MessageId(gateway=gateway, epoch="0" * 16, lane=Lane.TELEMETRY, seq=seq),
        created_at=start,
        boot="boot-1",
        mono=1000 * seq,
        body=TelemetryBody(readings=readings),
    )


def _batches(messages: Sequence[tuple[str, bytes]]) -> Iterator[list[tuple[str, bytes]]]:
    batch: list[tuple[str, bytes]] = []
    size = 0
    for message in messages:
        batch.append(message)
        size += len(message[1])
        if len(batch) == BATCH_MESSAGES or size >= TELEMETRY_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


async def _worker(path: Path, messages: Sequence[tuple[str, bytes]]) -> tuple[float, float, float]:
    """Seconds and CPU seconds of the ingest, and seconds of the sums."""
    file = await open_file(path)
    began, cpu = time.perf_counter(), time.process_time()
    for batch in _batches(messages):
        envelopes = [decode_envelope(payload, gateway=gateway) for gateway, payload in batch]
        await file.put(envelopes, envelopes[-1].created_at + timedelta(minutes=2))
    took, burnt = time.perf_counter() - began, time.process_time() - cpu
    began = time.perf_counter()
    await _sum(file)
    summed = time.perf_counter() - began
    await file.close()
    return took, burnt, summed


async def _sum(file: MeasurementFile) -> None:
    now = BEGIN + timedelta(days=2)
    while await file.store.write(lambda connection: rollups.roll(connection, now, Keep(), limit=50)):
        pass


def _bare(path: Path, messages: Sequence[tuple[str, bytes]]) -> tuple[float, float]:
    """Seconds and CPU seconds for the same rows, known beforehand, in transactions of the same size."""
    series: dict[tuple[str, str, str], int] = {}
    lots = []
    for batch in _batches(messages):
        rows = []
        for gateway, payload in batch:
            body = decode_envelope(payload, gateway=gateway)
            readings = body.body.readings if isinstance(body.body, TelemetryBody) else ()
            for place, one in enumerate(readings):
                number = series.setdefault((gateway, one.sensor_id, one.quantity.value), len(series))
                at = micros(one.at)
                rows.append((number, at, body.id.seq, place, one.value, one.quality.value, one.mono, False, 0))
        lots.append(rows)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(
            "CREATE TABLE samples (series_id INTEGER, at INTEGER, message_id INTEGER, place INTEGER, value REAL, "
            "quality TEXT, mono INTEGER, is_late INTEGER, timing INTEGER, "
            "PRIMARY KEY (series_id, at, message_id, place)) WITHOUT ROWID"
        )
        began, cpu = time.perf_counter(), time.process_time()
        for rows in lots:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany("INSERT INTO samples VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
            connection.execute("COMMIT")
        return time.perf_counter() - began, time.process_time() - cpu


async def _whole(folder: Path, rounds: int) -> tuple[float, int, int]:
    """Seconds until all is confirmed, and how many readings the server's file holds, and how many were sent."""
    messages = list(payloads(rounds))
    async with running_broker() as broker, community(broker, folder):
        await _until_heard(broker.port)
        began = time.perf_counter()
        shares = [messages[nth::SENDERS] for nth in range(SENDERS)]
        async with asyncio.timeout(_PATIENCE_S), asyncio.TaskGroup() as group:
            for nth, share in enumerate(shares):
                group.create_task(_send(broker.port, f"bench-{nth}", share))
        took = time.perf_counter() - began
    with closing(sqlite3.connect(folder / "community-measurements.db")) as connection:
        (stored,) = connection.execute("SELECT count(*) FROM samples").fetchone()
    return took, stored, len(messages) * READINGS


async def _until_heard(port: int) -> None:
    """The console answers before the server listens to its broker."""
    async with connect(BrokerSettings(host="127.0.0.1", port=port, client_id="bench-first")) as session:
        while True:
            try:
                await session.publish(up_topic("gw-bench-0000", Lane.TELEMETRY), b"{}")
            except PublishRefused:
                await asyncio.sleep(0.05)
            else:
                return


async def _send(port: int, name: str, messages: Sequence[tuple[str, bytes]]) -> None:
    """As fast as receipts come, for many homes over one connection; what stays unconfirmed is sent again."""
    settings = BrokerSettings(host="127.0.0.1", port=port, client_id=name, receive_maximum=1000)
    missing = {(gateway, decode_envelope(payload, gateway=gateway).id.seq): payload for gateway, payload in messages}
    async with connect(settings) as session, asyncio.TaskGroup() as group:
        await session.subscribe([receipt_topic(gateway) for gateway in sorted({gateway for gateway, _ in missing})])
        done = asyncio.Event()
        counting = group.create_task(_count(session, missing, done))
        while missing:
            await _publish_all(session, dict(missing))
            with suppress(TimeoutError):
                async with asyncio.timeout(_AGAIN_AFTER_S):
                    await done.wait()
        counting.cancel()


async def _count(session: Session, missing: dict[tuple[str, int], bytes], done: asyncio.Event) -> None:
    """Strike out what is confirmed."""
    async for message in session.messages():
        gateway = message.topic.split("/")[1]
        for seq in decode_receipt(message.payload).seqs:
            missing.pop((gateway, seq), None)
        message.ack()
        if not missing:
            done.set()


async def _publish_all(session: Session, waiting: dict[tuple[str, int], bytes]) -> None:
    free = asyncio.Semaphore(IN_FLIGHT)
    async with asyncio.TaskGroup() as group:
        for (gateway, _), payload in waiting.items():
            await free.acquire()
            group.create_task(_publish(session, gateway, payload, free))


async def _publish(session: Session, gateway: str, payload: bytes, free: asyncio.Semaphore) -> None:
    try:
        await session.publish(up_topic(gateway, Lane.TELEMETRY), payload)
    finally:
        free.release()


async def measure(rounds: int, whole_rounds: int) -> list[Figure]:
    """All figures of one run."""
    messages = list(payloads(rounds))
    samples = len(messages) * READINGS
    with TemporaryDirectory(prefix="shouwang-ingest-") as name:
        folder = Path(name)
        bare, bare_burnt = _bare(folder / "bare.db", messages)
        took, burnt, summed = await _worker(folder / "measurements.db", messages)
        with closing(sqlite3.connect(folder / "measurements.db")) as connection:
            (stored,) = connection.execute("SELECT count(*) FROM samples").fetchone()
        size = (folder / "measurements.db").stat().st_size
        whole, arrived, sent = await _whole(folder, whole_rounds)
    rate, bare_rate = samples / took, samples / bare
    return [
        Figure(name="worker: samples", value=samples),
        Figure(name="worker: from bytes to the disk", value=rate, unit="samples/s", target=RATE, at_least=True),
        Figure(name="worker: lost or doubled", value=abs(stored - samples), target=0),
        Figure(name="bare executemany of the same rows", value=bare_rate, unit="samples/s"),
        Figure(name="worker: share of it, by the clock", value=100 * rate / bare_rate, unit="%"),
        Figure(
            name="worker: share of it, by CPU", value=100 * bare_burnt / burnt, unit="%", target=SHARE, at_least=True
        ),
        Figure(name="worker: CPU", value=1e6 * burnt / samples, unit="us/sample"),
        Figure(name="worker: size with all sums", value=size / samples, unit="bytes/sample"),
        Figure(
            name="sums by minute, quarter and day", value=samples / summed, unit="samples/s", target=RATE, at_least=True
        ),
        Figure(
            name="whole: through broker and server, confirmed",
            value=sent / whole,
            unit="samples/s",
            target=RATE,
            at_least=True,
        ),
        Figure(name="whole: lost or doubled", value=abs(arrived - sent), target=0),
    ]


def main() -> int:
    """Measure and report."""
    parser = options_of(__doc__)
    parser.add_argument("--quick", action="store_true", help="a quarter of it: only to see that it works")
    options = parser.parse_args()
    return report(asyncio.run(measure(*((5, 3) if options.quick else (20, 10)))), options.json)


if __name__ == "__main__":
    sys.exit(main())
