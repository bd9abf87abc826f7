"""Does anything grow? `./dev bench soak --hours 24` (virtual time) or `--minutes 60` (real) [--json FILE].

Virtual: the whole gateway as it is, in one process with its sensors and a centre that gives receipts, at real brokers;
each six hours the centre's broker is away for ten minutes. Real: two gateways and the community server as processes of
their own, 2 readings a second and home, nothing broken. Memory, open files, threads, tasks and disk are looked at again
and again; the first quarter is warm-up. Exits 1 where one of them grows, or a reading is lost or doubled.
"""

import asyncio
import logging
import os
import random
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from _chaos_home import Said
from _chaos_home import Sensors as ChaosSensors
from _chaos_ledger import stored
from _chaos_stage import running_stage
from _figures import Figure, options_of, report
from _soak_home import Centre, Sensors, home_yaml
from _soak_watch import Held, Watch, folder, process
from _virtual import loop_factory, restart_with_clocks

from simulators.broker import Broker, BrokerKind, running_broker

_HOUR_S = 3600.0
_LOOKS = 96
"""Of a run; of 24 hours that is one each quarter of an hour."""
_OUTAGE_EACH_S, _OUTAGE_S = 6 * _HOUR_S, 600.0
_RATE = 2.0
"""Readings a second of a busy home."""
_MAY_GROW_MIB = 2.0
"""Above this it is no noise: the allocator gives memory back by the MiB."""
_DISK_MAY_GROW_MIB = 4.0
"""The write-ahead log may be as long as that."""
_POOL = 4
"""Readers of the database that the server starts by and by, when several are needed at once; there is a most."""
_END_S = 120.0
_LOOK_S = 1.0


async def virtual(hours: float, where: Path) -> list[Figure]:
    """So many hours of one gateway, in this process."""
    from config.loader import load  # noqa: PLC0415 - after the clocks
    from gateway.app import run  # noqa: PLC0415

    loop, begun = asyncio.get_running_loop(), os.times().elapsed
    async with AsyncExitStack() as stack:
        centre_broker = await stack.enter_async_context(running_broker(BrokerKind.MOSQUITTO))
        local = await stack.enter_async_context(running_broker(BrokerKind.MOSQUITTO))
        centre, sensors = Centre(), Sensors()
        home = load(home_yaml(where, centre_broker, local))
        gateway = asyncio.create_task(run(home), name="gateway")
        end = loop.time() + hours * _HOUR_S
        others = [
            asyncio.create_task(centre.run(centre_broker)),
            asyncio.create_task(_outages(centre_broker)),
        ]
        speaking = asyncio.create_task(sensors.run(local, end))
        watch = Watch(
            [
                *process("the process", os.getpid, may_grow_mib=_MAY_GROW_MIB),
                Held(name="the process: tasks", unit="", read=lambda: len(asyncio.all_tasks()), may_grow=0),
                folder("gateway", where / "data", may_grow_mib=_DISK_MAY_GROW_MIB),
            ],
            loop.time,
        )
        await _look_until(speaking, watch, hours * _HOUR_S, lambda: _not_ended(gateway))
        await _wait(lambda: _has(centre.readings >= sensors.said), loop.time)
        os.kill(os.getpid(), signal.SIGTERM)
        await gateway
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
    print(f"{hours:g} hours passed in {os.times().elapsed - begun:.0f} s by a clock that leapt too")
    return [*watch.figures(), *_ledger(centre, sensors)]


def _ledger(centre: Centre, sensors: Sensors) -> list[Figure]:
    return [
        Figure(name="readings said", value=sensors.said),
        Figure(name="readings lost", value=max(0, sensors.said - centre.readings), target=0),
        Figure(name="readings doubled", value=max(0, centre.readings - sensors.said), target=0),
        Figure(name="alarms", value=sensors.alarms),
        Figure(name="alarms lost or doubled", value=abs(centre.alarms["firing"] - sensors.alarms), target=0),
        Figure(name="ends of alarms lost or doubled", value=abs(centre.alarms["resolved"] - sensors.alarms), target=0),
    ]


async def _outages(broker: Broker) -> None:
    while True:
        await asyncio.sleep(_OUTAGE_EACH_S - _OUTAGE_S)
        await broker.stop()
        await asyncio.sleep(_OUTAGE_S)
        await broker.start()


async def real(minutes: float, *, postgresql: bool) -> list[Figure]:
    """So many minutes of the whole product."""
    async with running_stage(postgresql=postgresql) as stage:
        await stage.community_answers()
        said = Said()
        sensors = [
            ChaosSensors(home.gateway_id, home.local, said, rate=_RATE, seed=n) for n, home in enumerate(stage.homes)
        ]
        end = asyncio.create_task(asyncio.sleep(minutes * 60))
        speaking = asyncio.gather(*(one.run() for one in sensors))
        pids = {home.name: home.pid for home in stage.homes}
        things = [thing for home in stage.homes for thing in process(home.name, home.pid, may_grow_mib=_MAY_GROW_MIB)]
        things += process("community", stage.community_pid, may_grow_mib=_MAY_GROW_MIB, pool=_POOL)
        things += [
            folder(home.name, home.card.folder / "data", may_grow_mib=_DISK_MAY_GROW_MIB) for home in stage.homes
        ]
        if not postgresql:
            things.append(folder("community", stage.folder / "community.db", may_grow_mib=None))
        began = {name: pid() for name, pid in pids.items()}
        watch = Watch(things)
        await _look_until(end, watch, minutes * 60, lambda: _not_ended(speaking))
        for one in sensors:
            one.stop()
        await speaking
        await _wait(lambda: _all_there(said, lambda: asyncio.to_thread(stored, stage)), time.monotonic)
        there = await asyncio.to_thread(stored, stage)
        ours = {sensor for _, sensor, _ in said.values}
        doubled = sum(n for value, n in (there - said.values).items() if value[1] in ours)
        return [
            *watch.figures(),
            Figure(
                name="gateways that were started anew",
                value=sum(pids[n]() != pid for n, pid in began.items()),
                target=0,
            ),
            Figure(name="readings said", value=said.values.total()),
            Figure(name="readings lost", value=(said.values - there).total(), target=0),
            Figure(name="readings doubled", value=doubled, target=0),
        ]


async def _look_until(end: asyncio.Task[None], watch: Watch, seconds: float, check: Callable[[], None]) -> None:
    pause = seconds / _LOOKS
    while not end.done():
        check()
        watch.look()
        print(
            f"{len(watch.seen):4} of {_LOOKS}: " + "  ".join(f"{value:.1f}" for value in watch.seen[-1][1]), flush=True
        )
        await asyncio.wait({end}, timeout=pause)
    end.result()


def _not_ended(what: asyncio.Future[None] | asyncio.Future[list[None]]) -> None:
    if what.done():
        what.result()
        raise RuntimeError("it has ended before its time")


async def _wait(enough: Callable[[], Awaitable[bool]], clock: Callable[[], float]) -> None:
    end = clock() + _END_S
    while clock() < end:
        if await enough():
            break
        await asyncio.sleep(_LOOK_S)
    await asyncio.sleep(10)  # what may come twice


async def _has(it: bool) -> bool:  # noqa: FBT001 - an answer
    return it


async def _all_there(said: Said, there: Callable[[], Awaitable[object]]) -> bool:
    return not said.values - (await there())  # type: ignore[operator]


def main() -> int:
    """Run and report."""
    options = options_of(__doc__)
    options.add_argument("--hours", type=float, metavar="N", help="so many hours of virtual time")
    options.add_argument("--minutes", type=float, metavar="N", help="so many minutes of real time")
    options.add_argument("--store", choices=("sqlite", "postgresql"), default="sqlite", help="the centre's database")
    chosen = options.parse_args()
    if (chosen.hours is None) == (chosen.minutes is None):
        options.error("one of --hours and --minutes")
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    random.seed(1)
    if chosen.minutes is not None:
        figures = asyncio.run(real(chosen.minutes, postgresql=chosen.store == "postgresql"))
    else:
        restart_with_clocks()
        with TemporaryDirectory(prefix="shouwang-soak-") as where, asyncio.Runner(loop_factory=loop_factory) as runner:
            figures = runner.run(virtual(chosen.hours, Path(where)))
    return report(figures, chosen.json, hours=chosen.hours, minutes=chosen.minutes)


if __name__ == "__main__":
    sys.exit(main())
