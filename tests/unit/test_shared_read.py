"""One look for all who ask at the same moment, and for nobody a look that began before he asked."""

import asyncio

from fixtures.quick_time import run_quickly

from community.shared_read import PATIENCE_S, SharedRead


class World:
    """Something that is read: its state, how often it was read, and a door that readers may have to wait at."""

    def __init__(self) -> None:
        self.state = 0
        self.reads = 0
        self.open = asyncio.Event()
        self.open.set()
        self.failure: Exception | None = None
        self.shared = SharedRead(self.read)

    async def read(self) -> int:
        self.reads += 1
        found = self.state
        await self.open.wait()
        if self.failure is not None:
            raise self.failure
        return found


async def _turns(number: int = 5) -> None:
    for _ in range(number):
        await asyncio.sleep(0)


async def test_who_asks_while_somebody_reads_gets_the_next_look() -> None:
    world = World()
    world.open.clear()
    first = asyncio.create_task(world.shared())
    await _turns()
    world.state = 1
    others = [asyncio.create_task(world.shared()) for _ in range(20)]
    await _turns()
    assert world.reads == 1
    world.open.set()
    assert await first == 0
    assert await asyncio.gather(*others) == [1] * 20
    assert world.reads == 2


async def test_who_asks_later_never_gets_the_look_of_before() -> None:
    world = World()
    for state in range(5):
        world.state = state
        assert await world.shared() == state
    assert world.reads == 5


async def test_one_who_goes_takes_the_answer_from_nobody() -> None:
    world = World()
    world.open.clear()
    goes, stays = (asyncio.create_task(world.shared()) for _ in range(2))
    await _turns()
    goes.cancel()
    await _turns()
    world.open.set()
    assert await stays == 0
    assert goes.cancelled()


async def test_a_look_that_fails_fails_for_all_who_waited_and_the_next_is_a_new_one() -> None:
    world = World()
    world.failure = OSError("no database")
    asked = await asyncio.gather(*(world.shared() for _ in range(3)), return_exceptions=True)
    assert [type(one) for one in asked] == [OSError] * 3
    world.failure = None
    assert await world.shared() == 0


def test_a_look_that_hangs_stops_nobody_for_long() -> None:
    async def play() -> None:
        world, loop = World(), asyncio.get_running_loop()
        world.open.clear()
        hangs = asyncio.create_task(world.shared())
        await _turns()
        world.state = 1
        asks = asyncio.create_task(world.shared())
        began = loop.time()
        while world.reads < 2:
            await asyncio.sleep(PATIENCE_S / 10)
        assert loop.time() - began <= 1.2 * PATIENCE_S  # of the loop's own clock, which leaps
        world.open.set()
        assert (await hangs, await asks) == (0, 1)

    run_quickly(play())
