"""Plays a scenario's schedule against a home."""

import asyncio
from collections.abc import Awaitable, Callable

from simulators.scenario import Action, Scenario


async def play(scenario: Scenario, apply: Callable[[Action], Awaitable[None]], *, pace: float = 1.0) -> None:
    """Apply each step at its moment, then wait for the end of the story; the moments count from its beginning.

    `pace`: how many times as fast as it is written.
    """
    loop = asyncio.get_running_loop()
    began = loop.time()
    for step in scenario.schedule():
        await asyncio.sleep(began + step.at.total_seconds() / pace - loop.time())
        await apply(step.action)
    await asyncio.sleep(began + scenario.lasts.total_seconds() / pace - loop.time())
