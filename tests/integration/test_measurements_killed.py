"""`kill -9` in the middle of writes, sums and clearing: what was confirmed is there, and everything counts once."""

import asyncio
import random
import signal
import sys
from datetime import timedelta
from pathlib import Path

from fixtures.community_home import NOON
from fixtures.places import close_place, open_place

from community.measurements.port import Keep, SeriesKey, Span, Step
from shouwang.quantities import Quantity

PROGRAM = """
import asyncio, sys
from datetime import timedelta
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from fixtures.community_home import NOON, DemoHome
from fixtures.places import open_place, spo2, telemetry
from community.measurements.port import Keep

KEEP = Keep(raw=timedelta(days=8), day_offset=timedelta())

async def main():
    folder = Path(sys.argv[1])
    place = await open_place(f"sqlite:///{folder / 'c.db'}", folder / "m.db", KEEP)
    home = DemoHome()
    seq = 0
    while True:  # all of it comes again after each start, as it does from a home without its receipts
        seq += 1
        readings = [spo2(80 + seq % 20, NOON - timedelta(days=seq % 12, minutes=nth)) for nth in range(5)]
        await place.write(telemetry(home, *readings))
        print(seq, flush=True)
        if seq % 7 == 0:
            place.now += timedelta(hours=2)
            await place.keeper.turn()

asyncio.run(main())
"""
KILLS = 6
SPO2 = SeriesKey(gateway_id="gw-demo-0001", sensor_id="oximeter", quantity=Quantity.SPO2)


async def run_and_kill(folder: Path, after: int) -> int:
    """The last message that was confirmed."""
    tests = Path(__file__).resolve().parents[1]
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM, str(folder), str(tests), stdout=asyncio.subprocess.PIPE
    )
    assert child.stdout is not None
    last = 0
    async with asyncio.timeout(60):
        while last < after:
            line = await child.stdout.readline()
            assert line, "it ended by itself"
            last = int(line)
        child.send_signal(signal.SIGKILL)
        for line in (await child.stdout.read()).split():
            last = int(line)
        await child.wait()
    return last


async def test_kill_9_loses_and_doubles_no_measurement(tmp_path: Path) -> None:
    chance = random.Random(7)
    confirmed = 0
    for _ in range(KILLS):
        confirmed = max(confirmed, await run_and_kill(tmp_path, chance.randint(5, 60)))
    keep = Keep(raw=timedelta(days=8), day_offset=timedelta())
    place = await open_place(f"sqlite:///{tmp_path / 'c.db'}", tmp_path / "m.db", keep)
    stored = await place.samples.read(
        lambda connection: connection.exec_driver_sql("SELECT max(seq), count(*) FROM messages").one()
    )
    assert stored[0] == stored[1] >= confirmed
    for turn in range(3):
        for step in (Step.QUARTER, Step.DAY):
            found = await place.port.query(SPO2, Span(NOON - timedelta(days=30), NOON + timedelta(days=30)), step)
            assert sum(one.count for one in found) == 5 * stored[1], (turn, step)
            total = sum(one.mean * one.count for one in found if one.mean is not None)
            assert round(total) == sum(5 * (80 + seq % 20) for seq in range(1, stored[1] + 1))
        await place.pass_time(timedelta(hours=2))
    raw = await place.port.query(
        SPO2, Span(NOON - timedelta(days=6) + timedelta(seconds=1), NOON + timedelta(days=1)), Step.RAW
    )
    recent = [seq for seq in range(1, stored[1] + 1) if seq % 12 <= 5]
    assert len(raw) == 5 * len(recent)
    await close_place(place)
