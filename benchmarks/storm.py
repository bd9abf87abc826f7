"""A whole town at once: `./dev bench storm [--json FILE] [live|group|poll|queue ...]`. Exits 1 at a missed target.

- live:  a real mosquitto and the real community server on SQLite, a process of its own. 2,000 homes tell of a power cut
  and of what follows from it, 6,000 alerts in 60 s, and four of them call for help in the middle of it. How long until
  those four stand on top of the queue as a browser gets it; whether what is confirmed was committed before; how long
  the queue's page takes meanwhile.
- group: how many alerts a second the centre takes in, in groups as the server makes them, each group on the disk;
         beside it the rows that this left, by a bare `executemany` into the same tables with the same syncs.
- queue: the rows of the queue's page while 2,000 cases are open in it.
- poll:  one look whether a clock is due while 48,000 are armed.
"""

import asyncio
import re
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
from _figures import Figure, options_of, report
from _storm_town import Town, served

from community.store import board, due, intake, lease, schema
from community.store.database import Connection, open_store
from messaging.broker import BrokerSettings
from messaging.session import Session, connect
from shouwang.alert import Severity
from shouwang.wire import Envelope, Lane, Receipt, decode_receipt, encode, receipt_topic, up_topic
from simulators.broker import running_broker

HOMES, KINDS = 2000, ("mains", "sensor-silent", "path-lost")
SECONDS = 60.0
CALLS = (0.2, 0.4, 0.6, 0.8)
"""When somebody calls for help, as parts of the time."""
GROUP = 200
ARMED = 48_000
POLLS = 500
LOOKS = 100
_LOOK_S = 0.1
_CHECKED = 40
_ROW = re.compile(r'<li class="case [^>]*data-priority="(P\d)"[^>]*data-say="([^"]*)"', re.DOTALL)


@dataclass
class Seen:
    """What was measured. `called`: when each home called for help; `on_top`: after how long it stood on top."""

    called: dict[str, float] = field(default_factory=dict)
    on_top: dict[str, float] = field(default_factory=dict)
    pages: list[float] = field(default_factory=list)
    receipts: int = 0
    unproved: int = 0
    checked: int = 0


async def live(folder: Path, seconds: float) -> list[Figure]:
    """The storm as the console sees it."""
    town = Town(HOMES)
    seen = Seen()
    async with running_broker() as broker, served(broker, folder, town) as console:
        settings = BrokerSettings(host=broker.host, port=broker.port, client_id="town", receive_maximum=1000)
        async with connect(settings) as session, asyncio.TaskGroup() as group:
            await session.subscribe([receipt_topic("+")])
            heard = group.create_task(_hear(session, folder / "community.db", seen))
            looked = group.create_task(_look(console, seen))
            await _storm(session, town, seen, seconds)
            with suppress(TimeoutError):
                async with asyncio.timeout(30):
                    while seen.receipts < HOMES * len(KINDS) + len(CALLS) or len(seen.on_top) < len(CALLS):  # noqa: ASYNC110
                        await asyncio.sleep(0.05)
            heard.cancel()
            looked.cancel()
    return list(_live_figures(seen))


def _live_figures(seen: Seen) -> Iterator[Figure]:
    pages = sorted(seen.pages)
    sent = HOMES * len(KINDS) + len(CALLS)
    slowest = max(seen.on_top.values(), default=float("inf")) if len(seen.on_top) == len(CALLS) else float("inf")
    yield Figure(name="live: alerts confirmed", value=seen.receipts, target=sent, at_least=True)
    yield Figure(name="live: confirmed before they were committed", value=seen.unproved, target=0)
    yield Figure(name="live: confirmations that were looked after", value=seen.checked, target=_CHECKED, at_least=True)
    yield Figure(name="live: calls for help on top of the queue", value=len(seen.on_top), target=4, at_least=True)
    yield Figure(name="live: slowest call for help, press to top of the page", value=slowest, unit="s", target=1.0)
    yield Figure(name="live: pages of the queue", value=len(pages))
    yield Figure(name="live: page of the queue, p50", value=1000 * pages[len(pages) // 2], unit="ms")
    yield Figure(name="live: page of the queue, p95", value=1000 * pages[int(0.95 * len(pages))], unit="ms", target=100)
    yield Figure(name="live: page of the queue, p99", value=1000 * pages[int(0.99 * len(pages))], unit="ms", target=300)


async def _storm(session: Session, town: Town, seen: Seen, seconds: float) -> None:
    """Everybody tells, in an even stream; the four calls in between."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    total = HOMES * len(KINDS)
    calls = [(int(part * total), town.caller(number)) for number, part in enumerate(CALLS)]
    pending: set[asyncio.Task[None]] = set()
    for number in range(total):
        home, kind = number % HOMES, KINDS[number // HOMES]
        for at, caller in calls:
            if at == number:
                seen.called[town.address(caller)] = loop.time()
                pending.add(asyncio.create_task(_send(session, town.envelope(caller, "sos", Severity.P1))))
        pending.add(asyncio.create_task(_send(session, town.envelope(home, kind, Severity.P3))))
        wait = began + (number + 1) * seconds / total - loop.time()
        if wait > 0:
            await asyncio.sleep(wait)
        pending = {task for task in pending if not task.done()}
    await asyncio.gather(*pending)


async def _send(session: Session, envelope: Envelope) -> None:
    await session.publish(up_topic(envelope.id.gateway, Lane.LIFE_SAFETY), encode(envelope))


async def _hear(session: Session, file: Path, seen: Seen) -> None:
    """Count receipts; of some it is looked up, by another connection, whether the message is in the file already."""
    with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as reader:
        async for message in session.messages():
            message.ack()
            receipt = decode_receipt(message.payload)
            seen.receipts += len(receipt.seqs)
            if seen.checked < _CHECKED * 20 and seen.receipts % 50 == 0:
                seen.checked += 1
                seen.unproved += not _is_stored(reader, message.topic.split("/")[1], receipt)


def _is_stored(reader: sqlite3.Connection, gateway: str, receipt: Receipt) -> bool:
    asked = "SELECT count(*) FROM messages WHERE gateway_id = ? AND epoch = ? AND seq = ?"
    return all(reader.execute(asked, (gateway, receipt.epoch, seq)).fetchone()[0] == 1 for seq in receipt.seqs)


async def _look(console: httpx.AsyncClient, seen: Seen) -> None:
    """A browser that asks for the queue again and again."""
    loop = asyncio.get_running_loop()
    while True:
        began = loop.time()
        response = await console.get("/queue")
        seen.pages.append(loop.time() - began)
        response.raise_for_status()
        rows = _ROW.findall(response.text)
        top = " ".join(say for _, say in rows[: next((n for n, row in enumerate(rows) if row[0] != "P1"), len(rows))])
        for address, called in seen.called.items():
            if address not in seen.on_top and address in top:
                seen.on_top[address] = loop.time() - called
        await asyncio.sleep(_LOOK_S)


async def group(folder: Path) -> list[Figure]:
    """Alerts into SQLite, group after group."""
    town = Town(HOMES)
    store = await open_store(f"sqlite:///{folder}/group.db")
    try:
        await store.write(lambda connection: lease.take(connection, None, "bench"))
        await store.write(town.bring_in)
        envelopes = [town.envelope(home, kind, Severity.P3) for kind in KINDS for home in range(HOMES)]
        took: list[float] = []
        worked: list[float] = []

        def take(connection: Connection, lot: list[Envelope]) -> None:
            began = time.thread_time()
            intake.take_in(connection, lot, datetime.now(UTC))
            worked.append(time.thread_time() - began)

        for at in range(0, len(envelopes), GROUP):
            lot = envelopes[at : at + GROUP]
            began = time.perf_counter()
            await store.write(partial(take, lot=lot))
            took.append(time.perf_counter() - began)
    finally:
        await store.close()
    rate = len(envelopes) / sum(took)
    bare, bare_burnt = _bare(folder / "group.db", folder / "bare.db", len(envelopes) // GROUP)
    return [
        Figure(name="group: alerts into SQLite", value=rate, unit="alerts/s", target=2000, at_least=True),
        Figure(name="group: alerts for a second of CPU", value=len(envelopes) / sum(worked), unit="alerts/s"),
        Figure(name="group: the same rows by bare executemany", value=len(envelopes) / bare, unit="alerts/s"),
        Figure(name="group: share of it, by the clock", value=100 * bare / sum(took), unit="%"),
        Figure(name="group: share of it, by CPU", value=100 * bare_burnt / sum(worked), unit="%"),
        Figure(name=f"group: a group of {GROUP}, slowest", value=1000 * max(took), unit="ms"),
    ]


def _bare(filled: Path, empty: Path, lots: int) -> tuple[float, float]:
    """Seconds and CPU seconds for the rows of these tables, known beforehand, in as many transactions."""
    with closing(sqlite3.connect(filled)) as source, closing(sqlite3.connect(empty, isolation_level=None)) as target:
        rows: list[tuple[str, list[tuple[object, ...]]]] = []
        for name, table in source.execute(_MADE, _LEFT):
            target.execute(table)
            found = source.execute(f"SELECT * FROM {name}").fetchall()
            rows.append((f"INSERT INTO {name} VALUES ({', '.join('?' * len(found[0]))})", found))
        for (index,) in source.execute(_INDEXED, _LEFT):
            target.execute(index)
        target.execute("PRAGMA journal_mode = WAL")
        target.execute("PRAGMA synchronous = FULL")
        began, cpu = time.perf_counter(), time.thread_time()
        for nth in range(lots):
            target.execute("BEGIN IMMEDIATE")
            for insert, found in rows:
                target.executemany(insert, found[nth::lots])
            target.execute("COMMIT")
        return time.perf_counter() - began, time.thread_time() - cpu


_LEFT = ("messages", "incidents", "incident_events", "alerts", "storm_homes")
_MADE = "SELECT name, sql FROM sqlite_master WHERE type = 'table' AND name IN (?, ?, ?, ?, ?)"
_INDEXED = "SELECT sql FROM sqlite_master WHERE type = 'index' AND sql NOT NULL AND tbl_name IN (?, ?, ?, ?, ?)"


async def rows_of_queue(folder: Path) -> list[Figure]:
    """What the queue's page costs in the store, with many cases open."""
    town = Town(HOMES)
    took: list[float] = []
    burnt: list[float] = []
    store = await open_store(f"sqlite:///{folder}/queue.db")

    memory = board.Memory()  # as the desk keeps it; the first look is among those measured

    def look(connection: Connection) -> None:
        began, cpu = time.perf_counter(), time.thread_time()
        assert len(board.queue(connection, memory, lambda: datetime.now(UTC))) == HOMES
        took.append(time.perf_counter() - began)
        burnt.append(time.thread_time() - cpu)

    try:
        await store.write(lambda connection: lease.take(connection, None, "bench"))
        await store.write(town.bring_in)
        envelopes = [town.envelope(home, "medication-missed", Severity.P4) for home in range(HOMES)]
        await store.write(lambda connection: intake.take_in(connection, envelopes, datetime.now(UTC)))
        for _ in range(LOOKS):
            await store.read(look)
    finally:
        await store.close()
    took.sort()
    burnt.sort()
    last = int(0.99 * LOOKS)
    return [
        Figure(name=f"queue: its {HOMES} rows, p99", value=1000 * took[last], unit="ms", target=100),
        Figure(name="queue: the same, CPU, p50", value=1000 * burnt[LOOKS // 2], unit="ms"),
        Figure(name="queue: the same, CPU, p99", value=1000 * burnt[last], unit="ms"),
    ]


async def poll(folder: Path) -> list[Figure]:
    """One look at the clocks while none is due."""
    store = await open_store(f"sqlite:///{folder}/poll.db")
    try:
        await store.write(lambda connection: lease.take(connection, None, "bench"))
        await store.write(_arm)
        took = sorted(await store.read(_polls))
    finally:
        await store.close()
    return [
        Figure(name=f"poll: nothing due of {ARMED} armed, p50", value=1000 * took[POLLS // 2], unit="ms", target=1.0),
        Figure(name="poll: the same, p99", value=1000 * took[int(0.99 * POLLS)], unit="ms"),
    ]


def _arm(connection: Connection) -> None:
    now = datetime.now(UTC)
    rows = [
        {
            "incident_id": number + 1,
            "home_key": f"home-{number}",
            "lane": "tech:mains",
            "state": "OPEN",
            "priority": "P3",
            "version": 1,
            "opened_at": now,
            "changed_at": now,
            "due_e": 10**12 + number,
            "body": b"{}",
        }
        for number in range(ARMED)
    ]
    connection.execute(schema.incidents.insert(), rows)


def _polls(connection: Connection) -> list[float]:
    took = []
    for _ in range(POLLS):
        began = time.perf_counter()
        assert not due.is_any(connection)
        took.append(time.perf_counter() - began)
    return took


async def measure(parts: list[str], seconds: float) -> list[Figure]:
    """All figures of one run."""
    figures: list[Figure] = []
    with TemporaryDirectory(prefix="shouwang-storm-") as name:
        folder = Path(name)
        if "poll" in parts:
            figures += await poll(folder)
        if "group" in parts:
            figures += await group(folder)
        if "queue" in parts:
            figures += await rows_of_queue(folder)
        if "live" in parts:
            figures += await live(folder, seconds)
    return figures


def main() -> int:
    """Measure and report."""
    parser = options_of(__doc__)
    parser.add_argument("parts", nargs="*", choices=["live", "group", "poll", "queue", []], help="only these")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="how long the storm lasts")
    options = parser.parse_args()
    figures = asyncio.run(measure(options.parts or ["live", "group", "poll", "queue"], options.seconds))
    return report(figures, options.json)


if __name__ == "__main__":
    sys.exit(main())
