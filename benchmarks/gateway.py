"""The job that others were measured with: `./dev bench gateway [--quick] [--json FILE]`. Exits 1 at a missed target.

Twenty sensors speak JSON over MQTT with QoS 1; a rule watches `heart_rate > 120`; everything goes on to a centre. All
real, each a process of its own: the sensors, the home's mosquitto, `shouwang gateway run` with its outbox on disk, the
centre's mosquitto, `shouwang community serve` on SQLite, whose receipts follow its COMMIT. A reading counts as stored
when it is committed there. Latency is from the moment before the sensor's PUBLISH to the voice at home, and to a
subscriber of the centre's broker. What was taken in since the last commit lies on tmpfs, as systemd gives it. They
share the cores of this machine: look at the load that is printed.
"""

import argparse
import asyncio
import os
import sys
import time
from dataclasses import dataclass, replace

from _alarm_times import CentreEar, Waits, listening, voice_waits
from _figures import Figure, options_of, report
from _gateway_stage import SENSORS, Stage, running_stage
from _sensors import Talk, alarms_apart

ALARMS_PER_S = 10
QUIET_RATE = 200
STORED_S = 60.0
"""Whatever is not stored by then is lost."""
_LOOK_S = 0.1
_VOICE_S = 0.5
P99_QUIET_MS, P99_FLOOD_MS = 15.0, 100.0
"""Targets up to 200 and up to 4,000 messages a second."""
HELD_P99_MS = 1000.0
"""A rate is held where nothing is lost and alarms do not wait longer than this for the ones before."""
PEERS = """Measured elsewhere (docs/performance.md), once each, on another 2-core x86 machine: no ratio is drawn.
                           start s  RSS MiB  alarm p50/p99 ms  held  lost of 6,400 in  lost of 2,000, killed in outage
                                             at 200 msg/s     msg/s  a 20 s outage     after 1 s     at once
  Node-RED 4.1.15          1.2-3.5  116-171  5.3 / 34-49      4,000  4,012             2,000         -
  Home Assistant 2024.3.3  3.1-5.9  133-175  5-6 / 22-206     1,000  -                 -             -
  ThingsBoard GW, memory   1.5-2.1   62-72   no local rules     500  0                 2,000         -
  ThingsBoard GW, SQLite   1.6-2.8   62-74   no local rules     200  0                 0             64
  ThingsBoard GW, file     1.6-3.3   62      no local rules       -  0                 0             31
  mosquitto bridge, tuned  0.2        9-11   no rules         8,000  -                 24            57"""


@dataclass(frozen=True, kw_only=True)
class Job:
    """How much of everything."""

    seconds: float = 20.0
    rates: tuple[int, ...] = (20, 200, 2000, 4000)
    steps: tuple[int, ...] = (2000, 3000, 4000, 5000, 6000, 8000, 10_000, 12_000)
    step_s: float = 10.0
    backlog: int = 50_000
    flood_rate: int = 4000
    outage_s: float = 20.0
    outage_count: int = 6400
    kill_count: int = 2000
    pause_s: float = 1.0
    reconnect_s: float = 5.0
    is_whole: bool = True
    """Whether nothing is left out."""
    is_judged: bool = True
    """Whether times and rates are held against the targets: not in a short run, which only shows that all works."""


QUICK = Job(
    seconds=1.0,
    rates=(200,),
    backlog=600,
    flood_rate=600,
    kill_count=200,
    reconnect_s=1.0,
    is_whole=False,
    is_judged=False,
)


class Measurement:
    """One run."""

    def __init__(self, stage: Stage, ear: CentreEar, job: Job) -> None:
        """The stage has started."""
        self._stage = stage
        self._ear = ear
        self._job = job
        self._next = 0
        self.figures: list[Figure] = []

    async def run(self, started_s: float) -> None:
        """All of it, in an order in which each phase needs what the one before left; it took `started_s` to start."""
        self._add("start to all sensors heard", started_s, "s", 2.0)
        self._loss("ports on which the gateway takes connections", self._stage.process.listeners)
        await self._telemetry()
        for rate in self._job.rates:
            await self._rate(rate)
        await self._alone_and_drain()
        if self._job.is_whole:
            await self._highest()
        self._add("RSS, the most in all of this", self._stage.process.peak_mib, "MiB")
        if self._job.is_whole:
            await self._outage()
            await self._kill("killed (-9) in an outage, after a pause", pause_s=self._job.pause_s)
        await self._kill("killed (-9) in an outage, at once", pause_s=0.0)
        await self._kill_in_mid_stream()

    # ---- phases ----

    async def _telemetry(self) -> None:
        """No alarm: what a reading costs the card."""
        talk = self._talk(QUIET_RATE, self._job.seconds, is_calm=True)
        before = self._stage.process.written
        await self._speak_and_store(talk)
        written = self._stage.process.written - before
        self._add("bytes written to disk per reading, 200/s, no alarm", written / talk.count, "B", 500.0)

    async def _rate(self, rate: int) -> None:
        talk = self._talk(rate, self._job.seconds)
        process = self._stage.process
        cpu = process.cpu_s
        said, is_stored = await self._speak_and_store(talk)
        name = f"{rate:,} msg/s"
        target = P99_QUIET_MS if rate <= QUIET_RATE else P99_FLOOD_MS
        self._waits(f"{name}: alarm at home", voice_waits(self._stage, talk, said), target)
        self._waits(f"{name}: alarm at the centre's broker", self._ear.waits(talk, said), target)
        self._add(f"{name}: CPU of the gateway per reading", 1e6 * (process.cpu_s - cpu) / talk.count, "us")
        self._add(f"{name}: RSS", process.rss_mib, "MiB", 60.0)
        self._ledger(name, talk, is_stored=is_stored)

    async def _alone_and_drain(self) -> None:
        """The centre's broker dies; the home goes on alone, quietly and in a flood; then it drains what gathered."""
        job, stage = self._job, self._stage
        await stage.centre.kill()
        before, size = stage.stored(), stage.outbox_bytes
        quiet = self._talk(QUIET_RATE, job.seconds)
        said = await self._speak(quiet)
        self._waits("broker gone, 200 msg/s: alarm at home", voice_waits(stage, quiet, said), P99_QUIET_MS)
        flood = self._talk(job.flood_rate, job.backlog / job.flood_rate)
        said = await self._speak(flood)
        name = f"broker gone, {job.flood_rate:,} msg/s: alarm at home"
        self._waits(name, voice_waits(stage, flood, said), P99_FLOOD_MS)
        gathered = quiet.count + flood.count
        self._add("outbox on disk per waiting reading", (stage.outbox_bytes - size) / gathered, "B", 500.0)
        await self._drain(before, gathered, (quiet, flood))

    async def _drain(self, before: int, gathered: int, waiting: tuple[Talk, ...]) -> None:
        live = self._talk(QUIET_RATE, max(self._job.seconds, gathered / 2500) + self._job.reconnect_s)
        speaking = asyncio.create_task(self._speak(live))
        await self._stage.centre.start()
        began = await self._stored(before + 1)
        first = self._stage.stored()
        ended = await self._stored(before + gathered)
        rate = (self._stage.stored() - first) / max(ended - began, 1e-9)
        self._add(f"drain of {gathered:,} readings", rate, "readings/s", 3000.0, at_least=True)
        said = await speaking
        is_stored = await self._is_stored(before + gathered + live.count)
        self._waits(
            "while it drains: alarm at home",
            voice_waits(self._stage, live, said, since=began, until=ended),
            P99_FLOOD_MS,
        )
        self._waits(
            "while it drains: alarm at the centre's broker",
            self._ear.waits(live, said, since=began, until=ended),
            P99_FLOOD_MS,
        )
        self._ledger("the drain", *waiting, live, is_stored=is_stored)

    async def _highest(self) -> None:
        held = 0
        for rate in self._job.steps:
            talk = self._talk(rate, self._job.step_s)
            said, is_stored = await self._speak_and_store(talk)
            waits = voice_waits(self._stage, talk, said)
            lost, doubled = self._stage.ledger(talk)
            if lost or doubled or not is_stored or waits.missing or waits.percentile(99) > HELD_P99_MS:
                break
            held = rate
        self._add(f"highest rate held (steps up to {self._job.steps[-1]:,})", held, "msg/s", 2000.0, at_least=True)

    async def _outage(self) -> None:
        job = self._job
        talk = self._talk(job.outage_count / job.outage_s, job.outage_s, count=job.outage_count)
        before = self._stage.stored()
        await self._stage.centre.kill()
        await self._speak(talk)
        await self._stage.centre.start()
        is_stored = await self._is_stored(before + talk.count)
        self._ledger(f"broker gone for {job.outage_s:g} s, {talk.count:,} readings", talk, is_stored=is_stored)

    async def _kill(self, name: str, *, pause_s: float) -> None:
        job = self._job
        talk = self._talk(job.kill_count, 1.0, count=job.kill_count)
        before = self._stage.stored()
        await self._stage.centre.kill()
        await self._speak(talk)
        await asyncio.sleep(pause_s)
        await self._stage.kill_gateway()
        await self._stage.start_gateway()
        await self._stage.centre.start()
        is_stored = await self._is_stored(before + talk.count)
        self._ledger(f"{name}, {talk.count:,} readings", talk, is_stored=is_stored)

    async def _kill_in_mid_stream(self) -> None:
        job = self._job
        talk = self._talk(job.kill_count, 1.0, count=job.kill_count)
        before = self._stage.stored()
        speaking = asyncio.create_task(self._speak(talk))
        await asyncio.sleep(0.6)
        await self._stage.kill_gateway()
        await self._stage.start_gateway()
        await speaking
        is_stored = await self._is_stored(before + talk.count)
        self._ledger(f"killed (-9) in mid stream, {talk.count:,} readings", talk, is_stored=is_stored)

    # ---- steps ----

    def _talk(self, rate: float, seconds: float, *, count: int = 0, is_calm: bool = False) -> Talk:
        count = count or round(rate * seconds)
        first, self._next = self._next, self._next + count + SENSORS
        apart = 0 if is_calm else alarms_apart(rate, ALARMS_PER_S)
        return Talk(port=self._stage.local.port, rate=rate, count=count, first=first, alarm_every=apart)

    async def _speak(self, talk: Talk) -> list[float]:
        said = await self._stage.speak(talk)
        await asyncio.sleep(_VOICE_S)
        return said

    async def _speak_and_store(self, talk: Talk) -> tuple[list[float], bool]:
        before = self._stage.stored()
        said = await self._speak(talk)
        return said, await self._is_stored(before + talk.count)

    async def _stored(self, count: int) -> float:
        """When so many readings were stored; the end of the patience where they are not."""
        end = time.monotonic() + STORED_S
        while self._stage.stored() < count and time.monotonic() < end:  # noqa: ASYNC110 - a database
            await asyncio.sleep(_LOOK_S)
        return time.monotonic()

    async def _is_stored(self, count: int) -> bool:
        await self._stored(count)
        return self._stage.stored() >= count

    # ---- figures ----

    def _waits(self, name: str, waits: Waits, p99: float) -> None:
        self._add(f"{name}, p50", waits.percentile(50), "ms")
        self._add(f"{name}, p99", waits.percentile(99), "ms", p99)
        if waits.missing:
            self._loss(f"{name}: never came", waits.missing)

    def _ledger(self, name: str, *talks: Talk, is_stored: bool) -> None:
        lost, doubled = (sum(column) for column in zip(*map(self._stage.ledger, talks), strict=True))
        self._loss(f"{name}: lost", lost)
        self._loss(f"{name}: doubled", doubled)
        if not is_stored and not lost:
            self._loss(f"{name}: stored in time", 1)

    def _loss(self, name: str, count: int) -> None:
        self.figures.append(Figure(name=name, value=count, target=0))

    def _add(self, name: str, value: float, unit: str, target: float | None = None, *, at_least: bool = False) -> None:
        figure = Figure(name=name, value=value, unit=unit, target=target, at_least=at_least)
        self.figures.append(figure if self._job.is_judged else replace(figure, target=None))


async def measure(job: Job) -> list[Figure]:
    """All figures of one run."""
    async with running_stage() as stage:
        started = await stage.start()
        async with listening(stage) as ear:
            measurement = Measurement(stage, ear, job)
            await measurement.run(started)
    return measurement.figures


def main() -> int:
    """Print the table, write the JSON; 1 where a target is missed."""
    options = _options()
    load = os.getloadavg()
    status = report(asyncio.run(measure(QUICK if options.quick else Job())), options.json, load_before=load)
    print(f"\nload of this machine: {load[0]:.2f} before, {os.getloadavg()[0]:.2f} at the end, {os.cpu_count()} cores")
    print(PEERS)
    return status


def _options() -> argparse.Namespace:
    parser = options_of(__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="some seconds of each: shows that it works, judges no time"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
