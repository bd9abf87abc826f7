"""The whole path, measured from outside: `./dev bench path [--json FILE]`. Exits 1 where a target is missed.

Real processes: two mosquittos, the community server on SQLite (synchronous=FULL), the gateway with its outbox on disk,
the simulated home. An SOS frame is published on the home's broker; the centre's receipt, which it sends after COMMIT,
is seen on the community's broker. So the times hold two broker hops more than the path itself.
"""

import asyncio
import math
import os
import re
import sys
import time
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from _figures import Figure, options_of, report

from messaging.broker import BrokerSettings
from messaging.session import Session, connect
from shouwang.wire import Lane, decode_receipt, receipt_topic
from simulators.broker import Broker
from simulators.stage import GATEWAY_ID, Plan, Stage, running_stage

BUTTONS = 30
"""Each button may speak again after its debounce of 2 s, so 30 of them can be pressed 10 times a second."""
DEBOUNCE_S = 2.5
PRESSES = 400
PAUSE_S = 0.1
IDLE_S = 20.0


async def measure() -> list[Figure]:
    """All figures of one run."""
    async with running_stage(Plan(buttons=BUTTONS)) as stage:
        figures = await _start(stage)
        figures += await _idle(stage)
        figures += await _sos(stage)
        figures.append(_flush(stage.folder))
        await stage.broker.kill()
        if stage.community is not None:
            await stage.community.kill()
        figures += await _alone(stage)
    return figures


async def _start(stage: Stage) -> list[Figure]:
    assert stage.gateway is not None
    await stage.gateway.stop()
    before = _heard(stage)
    began = time.perf_counter()
    await stage.start_gateway()
    while _heard(stage) <= before:  # noqa: ASYNC110 - the log is a file
        await asyncio.sleep(0.005)
    first = time.perf_counter() - began
    await stage.sensors_heard()
    return [Figure(name="gateway: start to first reading accepted", value=first, unit="s", target=2.0)]


async def _idle(stage: Stage) -> list[Figure]:
    assert stage.gateway is not None
    await asyncio.sleep(5.0)
    began, used = time.perf_counter(), _cpu_s(stage.gateway.pid)
    await asyncio.sleep(IDLE_S)
    share = 100 * (_cpu_s(stage.gateway.pid) - used) / (time.perf_counter() - began)
    return [
        Figure(name="gateway: CPU, three drivers, nothing happens", value=share, unit="% of a core", target=2.0),
        Figure(name="gateway: RSS with three drivers", value=_rss_mib(stage.gateway.pid), unit="MiB", target=60.0),
    ]


async def _sos(stage: Stage) -> list[Figure]:
    commits, voices = [], []
    async with _session(stage.local_broker, "bench-home") as home, _session(stage.broker, "bench-centre") as centre:
        await centre.subscribe([receipt_topic(GATEWAY_ID)])
        ear = _Ear(stage)
        receipts = _Receipts(centre)
        names = stage.buttons()
        for number in range(PRESSES):
            name = names[number % len(names)]
            # a second press ends the first episode and begins another: two messages
            expected = 1 if number < len(names) else 2
            began = time.perf_counter()
            await _press(home, name)
            commits.append(await receipts.more(expected) - began)
            voices.append(await ear.heard(f"alarm P1 sos:{name} ", began))
            await asyncio.sleep(PAUSE_S)
    return [
        Figure(name="SOS frame to receipt after COMMIT, p50", value=_percentile(commits, 50), unit="ms", target=50.0),
        Figure(name="SOS frame to receipt after COMMIT, p99", value=_percentile(commits, 99), unit="ms", target=250.0),
        Figure(name="SOS frame to voice at home, p50", value=_percentile(voices, 50), unit="ms"),
        Figure(name="SOS frame to voice at home, p99", value=_percentile(voices, 99), unit="ms", target=100.0),
    ]


async def _alone(stage: Stage) -> list[Figure]:
    voices = []
    await asyncio.sleep(DEBOUNCE_S)
    async with _session(stage.local_broker, "bench-home") as home:
        ear = _Ear(stage)
        for name in stage.buttons():
            began = time.perf_counter()
            await _press(home, name)
            voices.append(await ear.heard(f"alarm P1 sos:{name} ", began))
            await asyncio.sleep(PAUSE_S)
    return [Figure(name="the same with broker and server dead, max", value=max(voices) * 1000, unit="ms", target=100.0)]


class _Ear:
    """Takes the time of each line that the home's voice prints."""

    def __init__(self, stage: Stage) -> None:
        self._lines: asyncio.Queue[tuple[float, str]] = asyncio.Queue()
        stage.on_said = lambda words: self._lines.put_nowait((time.perf_counter(), words))

    async def heard(self, words: str, since: float) -> float:
        async with asyncio.timeout(10):
            while True:
                at, line = await self._lines.get()
                if words in line and at >= since:
                    return at - since


class _Receipts:
    """Counts receipts of life-safety messages."""

    def __init__(self, session: Session) -> None:
        self._messages = session.messages()

    async def more(self, count: int) -> float:
        """The time at which `count` more messages have their receipt."""
        async with asyncio.timeout(10):
            async for message in self._messages:
                message.ack()
                receipt = decode_receipt(message.payload)
                count -= len(receipt.seqs) if receipt.lane == Lane.LIFE_SAFETY else 0
                if count <= 0:
                    return time.perf_counter()
        raise AssertionError("the stream of receipts ended")


async def _press(home: Session, name: str) -> None:
    await home.publish(f"zigbee2mqtt/{name}", b'{"action":"emergency","battery":97,"linkquality":120}', qos=0)


def _session(broker: Broker, client_id: str) -> AbstractAsyncContextManager[Session]:
    return connect(BrokerSettings(host=broker.host, port=broker.port, client_id=client_id, version="5"))


def _heard(stage: Stage) -> int:
    return len(re.findall("is heard", stage.log("gateway").read_text(encoding="utf-8")))


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _rss_mib(pid: int) -> float:
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(encoding="ascii"))
    assert found is not None
    return int(found[1]) / 1024


def _flush(folder: Path) -> Figure:
    """What one flush to this disk costs: each side of the path waits for one."""
    times = []
    with (folder / "flush").open("wb", buffering=0) as file:
        for _ in range(100):
            file.write(b"x" * 4096)
            began = time.perf_counter()
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - began)
    return Figure(name="fdatasync of 4 KiB on this disk, p50", value=_percentile(times, 50), unit="ms")


def _percentile(seconds: list[float], percent: int) -> float:
    ordered = sorted(seconds)
    return 1000 * ordered[min(len(ordered) - 1, math.ceil(len(ordered) * percent / 100) - 1)]


def main() -> int:
    """Print the table, write the JSON; 1 where a target is missed."""
    options = options_of(__doc__).parse_args()
    status = report(asyncio.run(measure()), options.json)
    print(
        "What dominates: two flushes (the home's outbox, the centre's COMMIT) and five hops between processes; "
        "the voice waits for neither."
    )
    return status


if __name__ == "__main__":
    sys.exit(main())
