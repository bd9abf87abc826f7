"""Everything breaks, nothing may be lost: `./dev bench chaos --minutes N --seed S [--store postgresql] [--json FILE]`.

Numbered readings and alarms go in at the home's broker (QoS 1) while gateway, community server, its database and its
broker are killed at random, the line is cut, loses packets or turns into a black hole, the card fills up and the clock
steps. At the end a ledger holds what the home's broker took against what the centre stored. Exits 1 where a reading or
an alarm is lost or doubled, or an alarm has not exactly one case. Root gets a network and a card of its own; what this
machine cannot do is said, and left out.
"""

import asyncio
import os
import random
import sys
import time
from collections import Counter
from pathlib import Path

from _chaos_faults import FAULTS, Fault
from _chaos_home import STRAPS, Said, Sensors
from _chaos_stage import Stage, running_stage
from _figures import Figure, options_of, report
from sqlalchemy import create_engine, text

RATE = 60.0
"""Readings a second. A busy home says 2; at this rate each kill falls into the middle of something."""
KILLS = 200
_SETTLE_S = 90.0
"""Nothing more has come for this long: what is missing then is lost. Pauses between attempts are at most 60 s."""
_LOOK_S = 2.0
_READINGS = text(
    "SELECT s.sensor_id, x.value, count(*) FROM samples x JOIN series s ON s.series_id = x.series_id GROUP BY 1, 2"
)
_ALARMS = text("SELECT key, count(*) FROM alerts WHERE state = 'firing' AND key LIKE 'pulse-high:%' GROUP BY 1")
_ORPHANS = text("SELECT count(*) FROM alerts WHERE state = 'firing' AND incident_id IS NULL")
_UNENDED = text(
    "SELECT count(*) FROM alerts a WHERE a.state = 'firing' AND NOT EXISTS (SELECT 1 FROM alerts b WHERE b.key = a.key"
    " AND b.gateway_id = a.gateway_id AND b.since = a.since AND b.state = 'resolved')"
)
_OPEN_TWICE = text(
    "SELECT count(*) FROM (SELECT home_key, lane FROM incidents WHERE state <> 'CLOSED' GROUP BY 1, 2"
    " HAVING count(*) > 1) AS doubled"
)


async def rage(minutes: float, seed: int, *, postgresql: bool) -> tuple[list[Figure], dict[str, object]]:
    """One run; the figures, and what happened how often."""
    chance = random.Random(seed)
    async with running_stage(postgresql=postgresql) as stage:
        await stage.community_answers(60)
        home = Sensors(stage.local, rate=RATE, seed=seed)
        speaking = asyncio.create_task(home.run())
        faults = [fault for fault in FAULTS if fault.is_possible(stage)]
        for fault in FAULTS:
            if fault not in faults:
                print(f"not possible here, left out: {fault.name}")
        happened, kills = await _break_things(stage, faults, chance, minutes * 60, speaking)
        home.stop()
        await speaking
        missing = await _settle(stage, home.said)
        figures = _figures(stage, home.said, kills, missing, is_long=minutes >= _LONG_MIN)
        return figures, {"seed": seed, "minutes": minutes, "store": stage.store_url.split(":")[0], **happened}


_LONG_MIN = 25.0  # a run that is meant to prove something has its number of kills


async def _break_things(
    stage: Stage, faults: list[Fault], chance: random.Random, seconds: float, speaking: asyncio.Task[None]
) -> tuple[Counter[str], int]:
    happened: Counter[str] = Counter()
    kills, end = 0, time.monotonic() + seconds
    while time.monotonic() < end and not speaking.done():
        await asyncio.sleep(chance.uniform(0.2, 4))
        (fault,) = chance.choices(faults, weights=[fault.weight for fault in faults])
        happened[fault.name] += 1
        print(f"{end - time.monotonic():7.0f} s left: {fault.name}", flush=True)
        kills += await fault.do(stage, chance)
        for name, child in (("gateway", stage.gateway), ("community", stage.community)):
            if (
                child is not None and not child.is_running
            ):  # it may end by itself only where systemd would start it anew
                print(f"          the {name} has ended by itself; it is started again", flush=True)
                print(stage.last_words(name), flush=True)
                happened[f"{name} ended by itself"] += 1
                await (stage.start_gateway() if name == "gateway" else stage.start_community())
    return happened, kills


async def _settle(stage: Stage, said: Said) -> Counter[tuple[str, float]]:
    """Wait until the centre has all; what is missing then."""
    await stage.community_answers(60)
    missing: Counter[tuple[str, float]] = Counter()
    end, last = time.monotonic() + _SETTLE_S, -1
    while time.monotonic() < end:  # anew with each step towards the whole
        await asyncio.sleep(_LOOK_S)
        missing = said.values - await asyncio.to_thread(_stored, stage)
        if not missing:
            break
        if missing.total() != last:
            last, end = missing.total(), time.monotonic() + _SETTLE_S
            print(f"          waiting for {last} readings", flush=True)
    await asyncio.sleep(10)  # ends of alarms, and what may come twice
    return missing


def _stored(stage: Stage) -> Counter[tuple[str, float]]:
    return Counter({(sensor, round(value, 3)): count for sensor, value, count in _rows(stage, _READINGS)})


def _rows(stage: Stage, question: object) -> list[tuple[object, ...]]:
    url = stage.store_url.replace("postgresql://", "postgresql+psycopg://")
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            return [tuple(row) for row in connection.execute(question)]  # type: ignore[call-overload]
    finally:
        engine.dispose()


def _figures(
    stage: Stage, said: Said, kills: int, missing: Counter[tuple[str, float]], *, is_long: bool
) -> list[Figure]:
    stored = _stored(stage)
    raised = Counter({str(key).rpartition(":")[2]: int(str(n)) for key, n in _rows(stage, _ALARMS)})
    doubled = Counter({key: n for key, n in (stored - said.values).items() if key[0].startswith(("meter", "strap"))})
    for what, some in (("lost", missing), ("doubled", doubled)):
        for (sensor, value), count in list(some.items())[:20]:
            print(f"          {what}: {sensor} = {value:g} ({count})")
    return [
        Figure(name="processes killed", value=kills, target=KILLS if is_long else None, at_least=True),
        Figure(name="readings that the home's broker took", value=said.values.total()),
        Figure(name="readings lost", value=missing.total(), target=0),
        Figure(name="readings doubled", value=doubled.total(), target=0),
        Figure(name="alarms that began at home", value=said.alarms.total()),
        Figure(name="alarms lost", value=(said.alarms - raised).total(), target=0),
        Figure(name="alarms doubled", value=(raised - said.alarms).total(), target=0),
        Figure(name="alarms without a case", value=_number(stage, _ORPHANS), target=0),
        Figure(name="alarms whose end did not come", value=_number(stage, _UNENDED), target=0),
        Figure(name="homes with two open cases in one lane", value=_number(stage, _OPEN_TWICE), target=0),
        Figure(name="straps that never alarmed (a planted fault shows here)", value=STRAPS - len(raised)),
    ]


def _number(stage: Stage, question: object) -> int:
    return int(str(_rows(stage, question)[0][0]))


def _in_own_net() -> None:
    """Start again in a network of our own, where the line can be cut; only root may."""
    if os.environ.get("SHOUWANG_CHAOS_NET") or os.geteuid() != 0:
        return
    command = 'ip link set lo up && SHOUWANG_CHAOS_NET=own exec "$0" "$@"'
    os.execvp("unshare", ["unshare", "--net", "--", "sh", "-c", command, sys.executable, *sys.argv])


def main() -> int:
    """Run and report."""
    options = options_of(__doc__)
    options.add_argument("--minutes", type=float, default=3.0, metavar="N", help="how long things break (default: 3)")
    options.add_argument("--seed", type=int, default=1, metavar="S", help="which things break when (default: 1)")
    options.add_argument("--store", choices=("sqlite", "postgresql"), default="sqlite", help="the centre's database")
    chosen = options.parse_args()
    _in_own_net()
    figures, happened = asyncio.run(rage(chosen.minutes, chosen.seed, postgresql=chosen.store == "postgresql"))
    for name, count in happened.items():
        print(f"{name:<58} {count!s:>12}")
    json_file: Path | None = chosen.json
    return report(figures, json_file, happened=happened)


if __name__ == "__main__":
    sys.exit(main())
