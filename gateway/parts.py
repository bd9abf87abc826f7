"""The parts of a home that are started and stopped one by one while the gateway runs: links, modem, uplink, dashboard.

Each is a task in the gateway's group: one that dies ends the process, one that is stopped on purpose does not.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Coroutine, Sequence
from dataclasses import dataclass

log = logging.getLogger(__name__)

STOP_S = 1.5
"""A part that does not end within this is left to end by itself: the others of the home do not wait for it."""

Run = Callable[[], Coroutine[None, None, object]]
"""The work of a part, until it is cancelled."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """Something with a name, for which the home's configuration has a fingerprint."""

    name: str
    work: Run


class Parts:
    """What runs now."""

    def __init__(self, group: asyncio.TaskGroup) -> None:
        """All tasks are born in this group."""
        self._group = group
        self._running: dict[str, asyncio.Task[object]] = {}

    def start(self, parts: Sequence[Part]) -> None:
        """Run those of them that do not run yet."""
        for part in parts:
            if part.name not in self._running:
                self._running[part.name] = self._group.create_task(part.work(), name=part.name)

    async def stop(self, names: Collection[str]) -> None:
        """End these, and wait until they have."""
        await end([self._running.pop(name) for name in names if name in self._running])


async def end(tasks: Collection[asyncio.Task[object]]) -> None:
    """Cancel tasks and wait until they have ended, for `STOP_S` at most."""
    for task in tasks:
        task.cancel()
    if not tasks:
        return
    _, left = await asyncio.wait(tasks, timeout=STOP_S)
    for task in left:
        log.warning("%s does not end within %.0f s; the home goes on without waiting for it", task.get_name(), STOP_S)
