"""What goes wrong: each function breaks something, waits, and mends it again. Several may be on at once."""

import asyncio
import os
import random
import signal
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

from _chaos_stage import Home, Stage

Do = Callable[[Stage, Home, random.Random], Awaitable[int]]
"""Breaks and mends; returns how many processes were killed."""
LONG_S = 215.0
"""More than the 180 s after which a home counts as offline, and less than 255: the home's broker keeps the place of a
gateway that is not there for three minutes."""
_HOUR_S = 3600.0
_CARD_TRIED_AGAIN_S = 35.0  # within 30 s
_UNMOUNT_S = 15.0
_LOOK_S = 0.2


async def kill_gateway(_stage: Stage, home: Home, chance: random.Random) -> int:
    """SIGKILL, back after up to 2 s."""
    killed = await home.kill()
    await asyncio.sleep(chance.uniform(0, 2))
    await home.start()
    await asyncio.sleep(chance.choice((0.1, 0.5, 1, 3)))
    return killed


async def kill_starting_gateway(_stage: Stage, home: Home, chance: random.Random) -> int:
    """SIGKILL again and again before it is up."""
    killed = await home.kill()
    for _ in range(chance.randint(2, 4)):
        await home.start()
        await asyncio.sleep(chance.uniform(0.05, 3))
        killed += await home.kill()
    await home.start()
    return killed


async def stop_gateway(_stage: Stage, home: Home, chance: random.Random) -> int:
    """SIGTERM, as systemd stops it."""
    if home.gateway is not None:
        await home.gateway.stop()
    await asyncio.sleep(chance.uniform(0, 2))
    await home.start()
    return 0


async def kill_community(stage: Stage, _home: Home, chance: random.Random) -> int:
    """SIGKILL, back after up to 5 s."""
    killed = await stage.kill_community()
    await asyncio.sleep(chance.uniform(0, 5))
    await stage.start_community()
    await asyncio.sleep(chance.choice((0.2, 1, 3)))
    return killed


async def kill_starting_community(stage: Stage, _home: Home, chance: random.Random) -> int:
    """SIGKILL again and again before it is up."""
    killed = await stage.kill_community()
    for _ in range(chance.randint(2, 3)):
        await stage.start_community()
        await asyncio.sleep(chance.uniform(0.05, 4))
        killed += await stage.kill_community()
    await stage.start_community()
    return killed


async def stop_community(stage: Stage, _home: Home, chance: random.Random) -> int:
    """SIGTERM, as systemd stops it."""
    if stage.community is not None:
        await stage.community.stop()
    await asyncio.sleep(chance.uniform(0, 3))
    await stage.start_community()
    return 0


async def kill_broker(stage: Stage, _home: Home, chance: random.Random) -> int:
    """SIGKILL of the centre's broker: what it had not written is gone."""
    await stage.centre.kill()
    await asyncio.sleep(chance.uniform(0, 5))
    await stage.centre.start()
    return 1


async def kill_database(stage: Stage, _home: Home, chance: random.Random) -> int:
    """SIGKILL of PostgreSQL and its children."""
    assert stage.database is not None
    stage.database.kill()
    await asyncio.sleep(chance.uniform(0, 5))
    await stage.database.start()
    return 1


async def kill_all(stage: Stage, _home: Home, chance: random.Random) -> int:
    """Everything at once, back in any order."""
    killed = sum([await home.kill() for home in stage.homes]) + await stage.kill_community()
    await stage.centre.kill()
    again = [stage.centre.start, stage.start_community, *(home.start for home in stage.homes)]
    chance.shuffle(again)
    for start in again:
        await asyncio.sleep(chance.uniform(0, 2))
        await start()
    return killed + 1


async def ingest_down_while_broker_dies(stage: Stage, _home: Home, chance: random.Random) -> int:
    """The broker acknowledges, nobody takes in, and then it dies with all of it."""
    killed = await stage.kill_community()
    await asyncio.sleep(chance.uniform(2, 8))
    await stage.centre.kill()
    await asyncio.sleep(chance.uniform(0, 2))
    await stage.centre.start()
    await asyncio.sleep(chance.uniform(0, 2))
    await stage.start_community()
    return killed + 1


async def gateway_dies_in_an_outage(stage: Stage, home: Home, chance: random.Random) -> int:
    """No broker, and the gateway is killed meanwhile, more than once."""
    await stage.centre.kill()
    killed = 1
    for _ in range(chance.randint(1, 3)):
        await asyncio.sleep(chance.uniform(0.5, 4))
        killed += await home.kill()
        await home.start()
    await asyncio.sleep(chance.uniform(0, 3))
    await stage.centre.start()
    return killed


async def cut(_stage: Stage, home: Home, chance: random.Random) -> int:
    """The line is cut with a reset, then closed."""
    home.line.reset()
    await asyncio.sleep(chance.uniform(1, 8))
    home.line.mend()
    return 0


async def black_hole(_stage: Stage, home: Home, chance: random.Random) -> int:
    """Every packet vanishes."""
    home.line.lose(1)
    await asyncio.sleep(chance.uniform(2, 25))
    home.line.mend()
    return 0


async def cut_off(_stage: Stage, home: Home, _chance: random.Random) -> int:
    """Every packet vanishes, until the centre has to call the home offline."""
    home.line.lose(1)
    home.cut_off += 1
    await asyncio.sleep(LONG_S)
    home.line.mend()
    await asyncio.sleep(_CARD_TRIED_AGAIN_S)
    return 0


async def lossy(_stage: Stage, home: Home, chance: random.Random) -> int:
    """30 % of the packets vanish."""
    home.line.lose(0.3)
    await asyncio.sleep(chance.uniform(5, 20))
    home.line.mend()
    return 0


async def slow(stage: Stage, _home: Home, chance: random.Random) -> int:
    """Packets are late."""
    stage.delay.begin()
    await asyncio.sleep(chance.uniform(5, 15))
    stage.delay.mend()
    return 0


async def _freeze(pid: int | None, seconds: float) -> int:
    """It stands still (SIGSTOP) and goes on."""
    if pid is None:
        return 0
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGSTOP)
        await asyncio.sleep(seconds)
        os.kill(pid, signal.SIGCONT)
    return 0


async def freeze_gateway(_stage: Stage, home: Home, chance: random.Random) -> int:
    """For some seconds."""
    return await _freeze(home.gateway.pid if home.gateway and home.is_running else None, chance.uniform(1, 20))


def freezing_community(shortest_s: float, longest_s: float) -> Do:
    """For so long."""

    async def freeze(stage: Stage, _home: Home, chance: random.Random) -> int:
        return await _freeze(stage.community.pid if stage.community else None, chance.uniform(shortest_s, longest_s))

    return freeze


def freezing_broker(shortest_s: float, longest_s: float) -> Do:
    """For so long."""

    async def freeze(stage: Stage, _home: Home, chance: random.Random) -> int:
        return await _freeze(stage.centre.pid, chance.uniform(shortest_s, longest_s))

    return freeze


def freezing_database(shortest_s: float, longest_s: float) -> Do:
    """For so long."""

    async def freeze(stage: Stage, _home: Home, chance: random.Random) -> int:
        assert stage.database is not None
        stage.database.signal(signal.SIGSTOP)
        await asyncio.sleep(chance.uniform(shortest_s, longest_s))
        stage.database.signal(signal.SIGCONT)
        return 0

    return freeze


async def card_full(_stage: Stage, home: Home, chance: random.Random) -> int:
    """The gateway's card is full, sometimes with the line down, never with a kill: memory is all it has then."""
    home.card.fill()
    if home.line.can_cut and chance.random() < 0.5:
        home.line.lose(1)
    await asyncio.sleep(chance.uniform(3, 15))
    home.card.free()
    home.line.mend()
    await asyncio.sleep(_CARD_TRIED_AGAIN_S)
    return 0


async def _die_now_and_then(home: Home, chance: random.Random, seconds: float) -> int:
    killed, end = 0, time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        await asyncio.sleep(min(left, chance.uniform(1, 10)))
        if chance.random() < 0.5:
            killed += await home.kill()
            await home.start()
    return killed


async def card_full_and_killed(_stage: Stage, home: Home, chance: random.Random) -> int:
    """The card is full, and the gateway is killed meanwhile: what it had taken in stands on tmpfs."""
    home.card.fill()
    killed = await _die_now_and_then(home, chance, chance.uniform(3, 20))
    home.card.free()
    return killed


async def card_read_only(_stage: Stage, home: Home, chance: random.Random) -> int:
    """The card turns read-only, the gateway is killed or not, and the card is checked and put in again."""
    home.card.turn_read_only()
    killed = await _die_now_and_then(home, chance, chance.uniform(3, 20))
    end = time.monotonic() + _UNMOUNT_S
    while not home.card.take_out():
        if time.monotonic() > end:  # the tail's second folder is on the card: only a new start lets go of it
            killed += await home.kill()
        await asyncio.sleep(_LOOK_S)
    home.card.put_in()
    await home.start()
    await asyncio.sleep(_CARD_TRIED_AGAIN_S)
    return killed


async def clock_steps(_stage: Stage, home: Home, chance: random.Random) -> int:
    """An hour forth, an hour back, 1970, and right again; sometimes with a kill in between."""
    killed = 0
    for seconds in chance.sample((_HOUR_S, -_HOUR_S, 60 - time.time()), k=2):
        home.wall.move(seconds)
        await asyncio.sleep(chance.uniform(1, 6))
        if chance.random() < 0.3:
            killed += await home.kill()
            await home.start()
            await asyncio.sleep(2)
    home.wall.move(0)
    return killed
