"""The way up, measured: `./dev bench uplink [--json FILE] [drain|slow|bytes ...]`. Exits 1 where a target is missed.

A real mosquitto, the real community server on SQLite in a process of its own, the home without its drivers in this one.

- drain: four times 50,000 readings on the card, alerts in between; from the raise to the receipt (after COMMIT).
- slow:  the same on a line that carries 20 kB/s up (poor mobile network).
- bytes: what an ordinary day of a home costs on the line, plain and packed (`uplink: metered: true`).
"""

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from _figures import Figure, options_of, report
from _uplink_home import BenchHome, community, living

from shouwang.quantities import Quantity
from shouwang.wire import HeartbeatBody, Lane
from simulators.broker import running_broker
from simulators.line import Line, running_line

BACKLOG, DRAINS = 50_000, 4
PRESS_PAUSE_S = 0.01
SLOW_BYTES_S = 20_000
SLOW_BACKLOG, SLOW_PRESSES, SLOW_PAUSE_S = 5_000, 12, 1.5
TLS_BYTES, TCP_IP_BYTES = 22, 52
"""Added to each packet: a TLS 1.3 record (RFC 8446, 5.2: 5 + 1 + 16), TCP with time stamps over IPv4 (32 + 20)."""
GROUP_S = 5
PLAYED = 150

Said = tuple[str, Quantity, float]
DAY: tuple[tuple[int, tuple[Said, ...]], ...] = (
    (300, (("air-bedroom", Quantity.TEMPERATURE, 21.4), ("air-bedroom", Quantity.HUMIDITY, 48))),
    (300, (("air-kitchen", Quantity.TEMPERATURE, 22.1), ("air-kitchen", Quantity.HUMIDITY, 51))),
    (60, (("bed-radar", Quantity.HEART_RATE, 64), ("bed-radar", Quantity.RESPIRATORY_RATE, 14))),
    (120, (("plug-kettle", Quantity.POWER, 0),)),
    (150, (("pir-living", Quantity.PRESENCE, 1),)),
    (400, (("pir-kitchen", Quantity.PRESENCE, 1),)),
    (900, (("pir-bath", Quantity.PRESENCE, 1),)),
    (2400, (("door-front", Quantity.DOOR, 1),)),
    (1800, (("bed", Quantity.BED, 1),)),
    (43200, (("cuff", Quantity.SYSTOLIC, 128), ("cuff", Quantity.DIASTOLIC, 79), ("cuff", Quantity.HEART_RATE, 66))),
)
"""An ordinary home: every how many seconds which sensor says what. One heartbeat a minute besides."""


async def measure(wanted: list[str]) -> list[Figure]:
    """All figures of one run."""
    figures: list[Figure] = []
    with TemporaryDirectory(prefix="shouwang-uplink-") as name:
        folder = Path(name)
        async with running_broker() as broker, community(broker, folder):
            if "drain" in wanted:
                figures += await _drain(folder, broker.port)
            if "slow" in wanted:
                figures += await _slow(folder, broker.port)
            if "bytes" in wanted:
                figures += await _bytes(folder, broker.port)
    return figures


async def _drain(folder: Path, port: int) -> list[Figure]:
    await _first_receipt(folder, port)
    rates: list[float] = []
    waits: list[float] = []
    for number in range(DRAINS):
        async with living(folder / f"drain-{number}.db", port, backlog=BACKLOG) as home:
            began = home.now()
            presses = asyncio.create_task(_press_on(home, PRESS_PAUSE_S))
            while home.scribe.backlog > 10:  # noqa: ASYNC110 - but for the presses' own messages all is confirmed
                await asyncio.sleep(0.01)
            rates.append(BACKLOG / (home.now() - began))
            presses.cancel()
            await asyncio.gather(presses, return_exceptions=True)
            waits += home.waits
    return [
        Figure(name="drain: samples confirmed", value=min(rates), unit="samples/s", target=3000, at_least=True),
        Figure(name="drain: alerts raised meanwhile", value=len(waits)),
        *_waits("drain: alert, raise to receipt", waits, 0.1),
    ]


async def _first_receipt(folder: Path, port: int) -> None:
    """The console answers before the server listens to its broker."""
    async with living(folder / "first.db", port) as home:
        await home.press(0)


async def _slow(folder: Path, port: int) -> list[Figure]:
    async with running_line(port) as line, living(folder / "slow.db", line.port, backlog=SLOW_BACKLOG) as home:
        line.up_bytes_s = SLOW_BYTES_S
        await asyncio.sleep(3.0)
        for number in range(SLOW_PRESSES):
            await home.press(number)
            await asyncio.sleep(SLOW_PAUSE_S)
        assert home.scribe.backlog > 10, "the line was not slow enough"
        dialled = line.connections
    return [
        Figure(name="20 kB/s: connections needed", value=dialled, target=1),
        *_waits("20 kB/s: alert, raise to receipt", home.waits, None, 1.2),
    ]


def _waits(name: str, waits: list[float], p99: float | None, worst: float | None = None) -> Iterator[Figure]:
    ordered = sorted(waits)
    yield Figure(name=f"{name}, p50", value=1000 * ordered[len(ordered) // 2], unit="ms")
    at_99 = ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))]
    yield Figure(name=f"{name}, p99", value=1000 * at_99, unit="ms", target=p99 and 1000 * p99)
    yield Figure(name=f"{name}, worst", value=1000 * ordered[-1], unit="ms", target=worst and 1000 * worst)


async def _press_on(home: BenchHome, pause_s: float) -> None:
    number = 0
    while True:
        await home.press(number)
        number += 1
        await asyncio.sleep(pause_s)


async def _bytes(folder: Path, port: int) -> list[Figure]:
    groups = _groups()
    found: dict[bool, float] = {}
    for is_metered in (False, True):
        async with running_line(port) as line:
            path = folder / f"bytes-{is_metered}.db"
            async with living(path, line.port, is_metered=is_metered, group_s=0.01) as home:
                await _settled(home)
                found[is_metered] = await _play(home, line, groups)
    plain, packed = found[False] / 1e6, found[True] / 1e6
    return [
        Figure(name="ordinary day: messages", value=len(groups)),
        Figure(name="ordinary day: readings", value=sum(len(group) for group in groups if group)),
        Figure(name="ordinary day, both ways with TLS and TCP/IP: plain", value=plain, unit="MB/day"),
        Figure(name="ordinary day, both ways with TLS and TCP/IP: metered", value=packed, unit="MB/day"),
        Figure(name="metered: share of plain", value=100 * packed / plain, unit="%", target=75),
    ]


async def _play(home: BenchHome, line: Line, groups: list[tuple[Said, ...]]) -> float:
    """Some messages of the day, evenly taken, one after the other as they would be; the whole day's bytes."""
    chosen = groups[:: max(1, len(groups) // PLAYED)]
    before = line.up_bytes + line.down_bytes, line.packets
    for group in chosen:
        for sensor_id, quantity, value in group:
            home.say(sensor_id, quantity, value)
        if not group:
            home.pipeline.send(Lane.STATE, HeartbeatBody(backlog=0, uptime_s=123_456))
        await _settled(home)
    carried = line.up_bytes + line.down_bytes - before[0]
    packets = line.packets - before[1]
    # each packet with data is answered by an empty one of TCP
    return (carried + packets * (TLS_BYTES + 2 * TCP_IP_BYTES)) / len(chosen) * len(groups)


async def _settled(home: BenchHome) -> None:
    await asyncio.sleep(0.02)
    await home.all_confirmed()


def _groups() -> list[tuple[Said, ...]]:
    """The day's messages: what was said within one group commit; an empty one is a heartbeat."""
    by_group: dict[int, tuple[Said, ...]] = {}
    for nth, (every_s, said) in enumerate(DAY):
        for second in range(nth * 7, 86_400, every_s):
            by_group[second // GROUP_S] = (*by_group.get(second // GROUP_S, ()), *said)
    beats: list[tuple[Said, ...]] = [()] * 1440
    return [
        group
        for pair in zip(_spread(list(by_group.values()), 1440), beats, strict=True)
        for group in (*pair[0], pair[1])
    ]


def _spread(groups: list[tuple[Said, ...]], parts: int) -> list[list[tuple[Said, ...]]]:
    return [groups[len(groups) * n // parts : len(groups) * (n + 1) // parts] for n in range(parts)]


def main() -> int:
    """Measure and report."""
    parser = options_of(__doc__)
    parser.add_argument("parts", nargs="*", choices=["drain", "slow", "bytes", []], help="only these")
    options = parser.parse_args()
    figures = asyncio.run(measure(options.parts or ["drain", "slow", "bytes"]))
    return report(figures, options.json)


if __name__ == "__main__":
    sys.exit(main())
