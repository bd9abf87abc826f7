"""Work that takes longer than a page may: started by a press, one of each kind at once, its outcome kept."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime

from community.facts import fact, kept, words
from shouwang.bilingual import told_by
from shouwang.errors import ShouwangError

LOOK_S = 5.0
"""A page waits so long for an outcome before it says that the work goes on."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """How a piece of work stands. `told`: what came of it (community.facts); `is_good` None: it goes on."""

    by: str
    began_at: datetime
    ended_at: datetime | None = None
    is_good: bool | None = None
    told: str = ""


class LongWork:
    """By name, what runs or ran last."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        """`clock`: wall time."""
        self._clock = clock
        self._found: dict[str, Outcome] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def of(self, name: str) -> Outcome | None:
        """What runs under this name, or ran last since the server started."""
        return self._found.get(name)

    async def start(self, name: str, by: str, work: Callable[[], Awaitable[tuple[bool, str]]]) -> None:
        """Begin it, unless it runs already, and wait a little for its outcome. `work`: whether it is good, and how."""
        task = self._tasks.get(name)
        if task is None:
            self._found[name] = Outcome(by=by, began_at=self._clock())
            task = self._tasks[name] = asyncio.create_task(self._run(name, work), name=f"long work: {name}")
        await asyncio.wait({task}, timeout=LOOK_S)

    async def _run(self, name: str, work: Callable[[], Awaitable[tuple[bool, str]]]) -> None:
        try:
            is_good, told = await work()
        except ShouwangError as error:
            is_good, told = False, kept((words(told_by(error)),))
        except Exception:
            log.exception("%s: a mistake of the server", name)
            is_good, told = False, kept((fact("mistake"),))
        finally:
            del self._tasks[name]
        self._found[name] = replace(self._found[name], ended_at=self._clock(), is_good=is_good, told=told)
