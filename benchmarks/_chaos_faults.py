"""What goes wrong: each fault breaks something, waits, and mends it again."""

import asyncio
import os
import random
import signal
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

from _chaos_stage import Stage

from simulators.child import Child

Do = Callable[[Stage, random.Random], Awaitable[int]]
"""Breaks and mends; returns how many processes were killed."""
_HOUR_S = 3600.0


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One way to break things. `weight`: how often, relative to the others."""

    name: str
    weight: int
    do: Do
    is_possible: Callable[[Stage], bool] = lambda _: True


async def _kill(child: Child | None) -> int:
    if child is None or not child.is_running:
        return 0
    await child.kill()
    return 1


async def kill_gateway(stage: Stage, chance: random.Random) -> int:
    """SIGKILL, back after up to 2 s."""
    killed = await _kill(stage.gateway)
    await asyncio.sleep(chance.uniform(0, 2))
    await stage.start_gateway()
    await asyncio.sleep(chance.choice((0.1, 0.5, 1, 3)))  # also in the middle of its start
    return killed


async def kill_community(stage: Stage, chance: random.Random) -> int:
    """SIGKILL, back after up to 5 s."""
    killed = await _kill(stage.community)
    await asyncio.sleep(chance.uniform(0, 5))
    await stage.start_community()
    await asyncio.sleep(chance.choice((0.2, 1, 3)))
    return killed


async def kill_broker(stage: Stage, chance: random.Random) -> int:
    """SIGKILL of the centre's broker: what it had not written is gone."""
    await stage.centre.kill()
    await asyncio.sleep(chance.uniform(0, 5))
    await stage.centre.start()
    return 1


async def kill_database(stage: Stage, chance: random.Random) -> int:
    """SIGKILL of PostgreSQL and its children."""
    assert stage.database is not None
    stage.database.kill()
    await asyncio.sleep(chance.uniform(0, 5))
    await stage.database.start()
    return 1


async def kill_all(stage: Stage, chance: random.Random) -> int:
    """Everything at once, back in any order."""
    killed = await _kill(stage.gateway) + await _kill(stage.community)
    await stage.centre.kill()
    again = [stage.centre.start, stage.start_community, stage.start_gateway]
    chance.shuffle(again)
    for start in again:
        await asyncio.sleep(chance.uniform(0, 2))
        await start()
    return killed + 1


async def ingest_down_while_broker_dies(stage: Stage, chance: random.Random) -> int:
    """The broker acknowledges, nobody takes in, and then it dies with all of it."""
    killed = await _kill(stage.community)
    await asyncio.sleep(chance.uniform(2, 8))
    await stage.centre.kill()
    await asyncio.sleep(chance.uniform(0, 2))
    await stage.centre.start()
    await asyncio.sleep(chance.uniform(0, 2))
    await stage.start_community()
    return killed + 1


async def gateway_dies_in_an_outage(stage: Stage, chance: random.Random) -> int:
    """No broker, and the gateway is killed meanwhile, more than once."""
    await stage.centre.kill()
    killed = 1
    for _ in range(chance.randint(1, 3)):
        await asyncio.sleep(chance.uniform(0.5, 4))
        killed += await _kill(stage.gateway)
        await stage.start_gateway()
    await asyncio.sleep(chance.uniform(0, 3))
    await stage.centre.start()
    return killed


async def cut(stage: Stage, chance: random.Random) -> int:
    """The line is cut with a reset, then closed."""
    stage.line.reset()
    await asyncio.sleep(chance.uniform(1, 8))
    stage.line.mend()
    return 0


async def black_hole(stage: Stage, chance: random.Random) -> int:
    """Every packet vanishes."""
    stage.line.lose(1)
    await asyncio.sleep(chance.uniform(2, 25))
    stage.line.mend()
    return 0


async def lossy(stage: Stage, chance: random.Random) -> int:
    """30 % of the packets vanish."""
    stage.line.lose(0.3)
    await asyncio.sleep(chance.uniform(5, 20))
    stage.line.mend()
    return 0


async def slow(stage: Stage, chance: random.Random) -> int:
    """Packets are late."""
    stage.line.delay()
    await asyncio.sleep(chance.uniform(5, 15))
    stage.line.mend()
    return 0


async def frozen(stage: Stage, chance: random.Random) -> int:
    """A part stands still (SIGSTOP) and goes on."""
    part = chance.choice([stage.community, stage.gateway])
    pid = stage.centre.pid if chance.random() < 0.3 else part.pid if part is not None and part.is_running else None
    if pid is None:
        return 0
    os.kill(pid, signal.SIGSTOP)
    await asyncio.sleep(chance.uniform(1, 12))
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)
    return 0


async def card_full(stage: Stage, chance: random.Random) -> int:
    """The gateway's card is full, sometimes with the line down, never with a kill: memory is all it has then."""
    stage.card.fill()
    if stage.line.can_cut and chance.random() < 0.5:
        stage.line.lose(1)
    await asyncio.sleep(chance.uniform(3, 15))
    stage.card.free()
    stage.line.mend()
    await asyncio.sleep(35)  # the card is tried again within 30 s
    return 0


async def clock_steps(stage: Stage, chance: random.Random) -> int:
    """An hour forth, an hour back, 1970, and right again; sometimes with a kill in between."""
    killed = 0
    for seconds in chance.sample((_HOUR_S, -_HOUR_S, -time.time() + 60), k=2):
        stage.wall.move(seconds)
        await asyncio.sleep(chance.uniform(1, 6))
        if chance.random() < 0.3:
            killed += await _kill(stage.gateway)
            await stage.start_gateway()
            await asyncio.sleep(2)
    stage.wall.move(0)
    return killed


FAULTS = (
    Fault(name="gateway killed", weight=8, do=kill_gateway),
    Fault(name="community server killed", weight=5, do=kill_community),
    Fault(name="centre's broker killed", weight=5, do=kill_broker),
    Fault(name="database killed", weight=4, do=kill_database, is_possible=lambda stage: stage.database is not None),
    Fault(name="all killed at once", weight=3, do=kill_all),
    Fault(name="broker dies while nobody takes in", weight=4, do=ingest_down_while_broker_dies),
    Fault(name="gateway killed in an outage", weight=4, do=gateway_dies_in_an_outage),
    Fault(name="line cut", weight=2, do=cut, is_possible=lambda stage: stage.line.can_cut),
    Fault(name="black hole", weight=2, do=black_hole, is_possible=lambda stage: stage.line.can_cut),
    Fault(name="30 % of packets lost", weight=2, do=lossy, is_possible=lambda stage: stage.line.can_cut),
    Fault(name="packets late (netem)", weight=2, do=slow, is_possible=lambda stage: stage.line.can_delay),
    Fault(name="a part frozen", weight=2, do=frozen),
    Fault(name="card full", weight=1, do=card_full, is_possible=lambda stage: stage.card.can_fill),
    Fault(name="clock steps", weight=2, do=clock_steps, is_possible=lambda stage: stage.wall.can_move),
)
