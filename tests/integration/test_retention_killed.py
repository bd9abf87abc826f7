"""`kill -9` in the middle of a night's round: nothing is left half, nothing counts twice, both chains stay whole."""

import asyncio
import random
import signal
import sys
from datetime import timedelta
from pathlib import Path

import msgspec
import sqlalchemy as sa
from fixtures.casebook import at_the_desk, brought_to_end
from fixtures.community_home import NOON, DemoHome

from community.store import chain, intake, schema, views
from community.store.database import Connection, Store, open_store
from community.store.sealed_schema import retired, retired_cases
from shouwang.alert import Alert

PROGRAM = """
import asyncio, sys
from datetime import timedelta, UTC
sys.path.insert(0, sys.argv[2])
from fixtures.community_home import NOON
from community import retention_rounds
from community.retention_settings import RetentionEntry
from community.store import retention, retention_days, round_clock
from community.store.database import open_store

retention.AT_ONCE = 2
retention_rounds.PAUSE_S = 0.002
real = retention_days.note

def note(connection, day, kind, number, at):
    real(connection, day, kind, number, at)
    print(kind, flush=True)

retention_days.note = note

async def main():
    store = await open_store(sys.argv[1])
    now = NOON + timedelta(days=3700)
    async def forget(claims):
        return ()
    rounds = retention_rounds.RetentionRounds(store, RetentionEntry(), zone=UTC, clock=lambda: now, forget=forget)
    await store.write(lambda connection: round_clock.begin(connection, "2036-12-31", now - timedelta(days=1)))
    await rounds.turn("2037-01-01", now)
    await store.close()
    print("round is over", flush=True)

asyncio.run(main())
"""
CASES = 24
SOON = NOON + timedelta(seconds=5)


async def closed_cases(store: Store) -> None:
    """Each with words and evidence, in a home of its own."""
    give, home = at_the_desk(store, SOON), DemoHome()
    for number in range(CASES):
        plain: Alert = home.alert(evidence=(home.reading(81.5),))
        alert = msgspec.structs.replace(plain, alert_id=f"alert-{number}", key=f"sos:{number}")
        await store.write(lambda connection, alert=alert: intake.take_in(connection, [home.envelope(alert)], SOON))
        (row,) = await store.read(lambda connection: views.queue(connection, SOON))
        await brought_to_end(give, row, text="she slipped")


async def run(url: str, kill_after: int | None) -> bool:
    """Whether the round came to its end; it is killed after so many pages."""
    tests = Path(__file__).resolve().parents[1]
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM, url, str(tests), stdout=asyncio.subprocess.PIPE
    )
    assert child.stdout is not None
    async with asyncio.timeout(60):
        seen = 0
        while line := await child.stdout.readline():
            seen += 1
            if line.startswith(b"round is over"):
                break
            if seen == kill_after:
                child.send_signal(signal.SIGKILL)
        return await child.wait() == 0


async def test_kill_9_in_the_middle_of_a_round_leaves_nothing_half(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'c.db'}"
    store = await open_store(url)
    await closed_cases(store)
    chance = random.Random(9)
    for _ in range(4):
        assert not await run(url, chance.randrange(1, 6))
        assert (await store.read(chain.verify)).faults == ()
    assert await run(url, None)

    def left(connection: Connection) -> tuple[int, int, int, int]:
        words = sa.select(sa.func.count()).select_from(schema.notes).where(schema.notes.c.words.is_not(None))
        done = sa.select(sa.func.count()).select_from(retired_cases)
        told = sa.select(sa.func.sum(retired.c.number)).where(retired.c.kind == "cases")
        commands = sa.select(sa.func.count()).select_from(schema.commands_done)
        return tuple(connection.execute(one).scalar_one() for one in (words, done, told, commands))  # type: ignore[return-value]

    assert await store.read(left) == (0, CASES, CASES, 0)
    assert b"81.5" not in b"".join(await store.read(lambda one: list(one.scalars(sa.select(schema.alerts.c.body)))))
    assert (await store.read(chain.verify)).faults == ()
    await store.close()
