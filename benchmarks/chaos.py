"""Everything breaks, nothing may be lost: `./dev bench chaos --minutes N --seed S [--store postgresql] [--json FILE]`.

Numbered readings and alarms go in at the brokers of two homes (QoS 1) while gateways, community server, its database
and its broker are killed at random, lines are cut, lose packets or turn into black holes, cards fill up and fail, and
clocks step; several at once. At the end a ledger holds what the homes' brokers took against what the centre stored.
Exits 1 where a reading or an alarm is lost or doubled, an alarm has not exactly one case, a home is told offline that
could be heard, or not told that could not. Root gets a network and cards of its own; what this machine cannot do is
said, and left out.
"""

import asyncio
import os
import random
import shutil
import subprocess
import sys
import time
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

from _chaos_faults import LONG_S
from _chaos_home import Said, Sensors
from _chaos_ledger import disagreements, entries, not_heard, stored
from _chaos_menu import CENTRE, FAULTS, Fault
from _chaos_stage import HOMES, Home, Stage, running_stage
from _figures import Figure, options_of, report

from shouwang.errors import DeviceError

RATE = 60.0
"""Readings a second, of all homes. A busy home says 2; at this rate each kill falls into the middle of something."""
KILLS = 200
_LONG_MIN = 20.0  # a run that is meant to prove something has its number of kills, and all that takes long
_AT_ONCE = 3
_ALONE = 0.45
"""So often the next fault waits for the end of the one before."""
_LONG_ONE = 0.1
_SETTLE_S = 75.0
"""Nothing more has come for this long: what is missing then is lost. Pauses between attempts are at most 60 s."""
_AGREES_S = 300.0
"""Within this time the centre must say of homes and ways what is true: paths are checked each 180 s."""
_LOOK_S = 2.0
_NO_DATABASE = "cannot open "
_REAP_S = 10.0
_STARTS_S = 5.0
"""What a part of the centre takes at least until it hears again."""


@dataclass
class Run:
    """A run, and what happened in it."""

    stage: Stage
    chance: random.Random
    minutes: float
    faults: list[Fault]
    kills: int = 0
    happened: Counter[str] = field(default_factory=Counter)
    deaf: list[tuple[int, int]] = field(default_factory=list)
    _busy: dict[asyncio.Task[int], set[str]] = field(default_factory=dict)

    async def rage(self) -> None:
        """Break things until the time is over, and mend the last ones."""
        end = time.monotonic() + self.minutes * 60
        often = [fault for fault in self.faults if fault.weight]
        long = [fault for fault in self.faults if not fault.weight] if self.minutes >= _LONG_MIN or not often else []
        self.chance.shuffle(long)
        while (left := end - time.monotonic()) > 0:
            await asyncio.sleep(self.chance.uniform(0.1, 2))
            await self._start_what_ended()
            fits = left > LONG_S and self.chance.random() < _LONG_ONE
            if not (long and fits and self._begin([long[-1]], left) and long.pop()):
                self._begin(often, left)
            alone = self.chance.random() < _ALONE or len(self._busy) >= _AT_ONCE
            await self._reap(wait_s=_REAP_S if alone else 0)
        while self._busy:
            await self._reap(wait_s=_REAP_S)
        await self._start_what_ended()

    def _begin(self, faults: list[Fault], left: float) -> bool:
        """Whether one of them could begin, beside those that are on."""
        taken = set().union(*self._busy.values())
        possible = [
            (fault, home)
            for fault in faults
            for home in self.stage.homes
            if fault.is_possible(self.stage, home) and not fault.parts(self.stage, home) & taken
        ]
        if not possible:
            return False
        ((fault, home),) = self.chance.choices(possible, weights=[max(1, fault.weight) for fault, _ in possible])
        self.happened[fault.name] += 1
        where = "" if fault.touches <= CENTRE or fault.in_all else f" ({home.name})"
        print(f"{left:7.0f} s left: {fault.name}{where}", flush=True)
        self._busy[asyncio.create_task(self._do(fault, home), name=fault.name)] = fault.parts(self.stage, home)
        return True

    async def _do(self, fault: Fault, home: Home) -> int:
        begun = time.time()
        try:
            return await fault.do(self.stage, home, self.chance)
        finally:
            if fault.touches & CENTRE:
                self.deaf.append((int(begun * 1e6), int((time.time() + _STARTS_S) * 1e6)))

    async def _reap(self, *, wait_s: float) -> None:
        if not self._busy:
            return
        done, _ = await asyncio.wait(self._busy, timeout=wait_s, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            del self._busy[task]
            self.kills += task.result()

    async def _start_what_ended(self) -> None:
        """A process may end by itself only where systemd would start it anew; it is counted."""
        taken = set().union(*self._busy.values())
        for home in self.stage.homes:
            if f"{home.name}.gateway" not in taken and not home.is_running:
                self._tell_end(home.name, "a gateway")
                await home.start()
        community = self.stage.community
        if "community" not in taken and (community is None or not community.is_running):
            self._tell_end("community", "the community server")
            await self.stage.start_community()

    def _tell_end(self, log: str, name: str) -> None:
        words = self.stage.last_words(log)
        if words.rstrip().rpartition("\n")[2].startswith(_NO_DATABASE):  # said to who installs it; systemd tries again
            self.happened[f"{name} found no database at its start"] += 1
            return
        print(f"          {name} has ended by itself ({log}); it is started again", flush=True)
        print(words, flush=True)
        self.happened[f"{name} ended by itself"] += 1


async def chaos(
    minutes: float, seed: int, *, postgresql: bool, keep: Path | None, only: str = ""
) -> tuple[list[Figure], dict[str, object]]:
    """One run; the figures, and what happened how often."""
    async with AsyncExitStack() as stack:
        stage = await stack.enter_async_context(running_stage(postgresql=postgresql, keep=keep))
        await stage.community_answers()
        possible = [fault for fault in FAULTS if any(fault.is_possible(stage, home) for home in stage.homes)]
        missing = [fault.name for fault in FAULTS if fault not in possible]
        print(f"not possible here, left out: {', '.join(missing) or 'nothing'}")
        run = Run(stage, random.Random(seed), minutes, [fault for fault in possible if only in fault.name])
        said = Said()
        sensors = [
            Sensors(home.gateway_id, home.local, said, rate=RATE / len(HOMES), seed=seed + n)
            for n, home in enumerate(stage.homes)
        ]
        speaking = asyncio.gather(*(home.run() for home in sensors))
        await _all_heard(stage)
        await run.rage()
        for home in sensors:
            home.stop()
        await speaking
        await _settle(stage, said)
        figures = _figures(run, said)
        store = stage.store_url.split(":")[0]
        return figures, {"seed": seed, "minutes": minutes, "store": store, "left_out": missing, **run.happened}


def _figures(run: Run, said: Said) -> list[Figure]:
    least = KILLS if run.minutes >= _LONG_MIN else None
    ended = sum(count for name, count in run.happened.items() if name.endswith("by itself"))
    return [
        Figure(name="processes killed", value=run.kills, target=least, at_least=True),
        Figure(name="processes that ended by themselves", value=ended, target=0),
        *entries(run.stage, said, run.deaf),
    ]


async def _all_heard(stage: Stage) -> None:
    """The centre misses only whom it has heard once. Raises DeviceError where it hears nobody."""
    end = time.monotonic() + _SETTLE_S
    while time.monotonic() < end:
        if not await asyncio.to_thread(not_heard, stage):
            return
        await asyncio.sleep(_LOOK_S)
    raise DeviceError(f"the centre does not hear all homes: {stage.last_words('community')}")


async def _settle(stage: Stage, said: Said) -> None:
    """Wait until the centre has all and tells the truth, or nothing moves any more."""
    await stage.community_answers()
    end, last = time.monotonic() + _SETTLE_S, -1
    while time.monotonic() < end:  # anew with each step towards the whole
        await asyncio.sleep(_LOOK_S)
        missing = (said.values - await asyncio.to_thread(stored, stage)).total()
        if not missing:
            break
        if missing != last:
            last, end = missing, time.monotonic() + _SETTLE_S
            print(f"          waiting for {last} readings", flush=True)
    await asyncio.sleep(10)  # ends of alarms, and what may come twice
    end = time.monotonic() + _AGREES_S
    while time.monotonic() < end:
        if not await asyncio.to_thread(disagreements, stage):
            break
        await asyncio.sleep(_LOOK_S)


def _in_own_net() -> None:
    """Start again in a network and with mounts of our own, where the line can be cut; only root may."""
    if os.environ.get("SHOUWANG_CHAOS_NET") or os.geteuid() != 0 or shutil.which("ip") is None:
        return
    if subprocess.run(["unshare", "--net", "--mount", "true"], check=False, capture_output=True).returncode != 0:
        return  # a container that may not
    command = 'ip link set lo up && SHOUWANG_CHAOS_NET=own exec "$0" "$@"'
    os.execvp("unshare", ["unshare", "--net", "--mount", "--", "sh", "-c", command, sys.executable, *sys.argv])


def main() -> int:
    """Run and report."""
    options = options_of(__doc__)
    options.add_argument("--minutes", type=float, default=3.0, metavar="N", help="how long things break (default: 3)")
    options.add_argument("--seed", type=int, default=1, metavar="S", help="which things break when (default: 1)")
    options.add_argument("--store", choices=("sqlite", "postgresql"), default="sqlite", help="the centre's database")
    options.add_argument("--keep", type=Path, metavar="FOLDER", help="leave logs and the centre's database there")
    options.add_argument("--only", default="", metavar="WORDS", help="only faults with these words in their name")
    chosen = options.parse_args()
    _in_own_net()
    figures, happened = asyncio.run(
        chaos(chosen.minutes, chosen.seed, postgresql=chosen.store == "postgresql", keep=chosen.keep, only=chosen.only)
    )
    for name, count in happened.items():
        print(f"{name:<58} {count!s:>12}")
    json_file: Path | None = chosen.json
    return report(figures, json_file, happened=happened)


if __name__ == "__main__":
    sys.exit(main())
