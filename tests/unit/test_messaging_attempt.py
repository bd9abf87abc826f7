"""A stop that comes in the very moment of a failure is obeyed, not lost with the failure."""

import asyncio

import pytest

from messaging.attempt import attempt


async def fail_when_stopped(stop):
    """A task group whose child fails in the step in which everything is stopped."""

    async def child():
        await asyncio.sleep(0)
        stop()
        raise LookupError

    async with asyncio.TaskGroup() as group:
        group.create_task(child())
        await asyncio.sleep(0)


async def for_ever(once, turns):
    while True:
        turns.append(1)
        try:
            await once()
        except* LookupError:
            pass
        await asyncio.sleep(0)
        assert len(turns) < 20, "told to stop, and went on"


@pytest.mark.parametrize("delay", range(6))
async def test_a_loop_that_takes_failures_for_granted_ends_when_it_is_told(delay):
    turns = []
    loop = asyncio.get_running_loop()

    def stop():
        later(delay)

    def later(n):
        if n:
            loop.call_soon(later, n - 1)
        else:
            task.cancel()

    task = asyncio.create_task(for_ever(lambda: attempt(fail_when_stopped(stop), "work"), turns))
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(turns) <= delay + 2


async def test_what_the_work_returns_and_raises_comes_through():
    async def seven():
        return 7

    async def broken():
        raise LookupError("a word")

    assert await attempt(seven(), "seven") == 7
    with pytest.raises(LookupError, match="a word"):
        await attempt(broken(), "broken")


async def test_the_work_has_ended_before_the_stop_arrives():
    ended = []

    async def work():
        try:
            await asyncio.sleep(3600)
        finally:
            await asyncio.sleep(0)
            ended.append(1)

    task = asyncio.create_task(attempt(work(), "work"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended == [1]
