"""One channel's counter: takes what waits for it, the most urgent first, a few at once, and carries it out.

The table is the queue: what is kept here is only what to try next and when. A channel that hangs holds up its own
counter alone. One place at the counter is kept for life alarms.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from community.channels.port import Carried, Channel, Message, Way
from community.notice_rules import pause_ceiling_s
from community.store.notices import Job
from shouwang.bilingual import Bilingual
from shouwang.errors import ConfigError, GiveUp, ShouwangError, TryLater

WAITING = 200
"""What a counter keeps in view of its queue; the rest waits in the table."""
_LIFE = 2
"""P1 and P2."""
_BUSY_PAUSE_S = 1.0
"""After the database did not answer."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """A channel as it is wired. `timeout_s`: of one message; `at_once`: how many are under way; `test_to`: of tests."""

    name: str
    way: Way
    channel: Channel
    timeout_s: float = 20.0
    at_once: int = 4
    test_to: str = ""


class Clerk(Protocol):
    """What the counter needs of the tables."""

    async def letter(self, job: Job) -> Message | None:
        """What to send now; None: nothing any more."""
        ...

    async def carried(self, line: Line, job: Job, carried: Carried) -> None:
        """It went out."""
        ...

    async def failed(self, line: Line, job: Job, error: ShouwangError) -> None:
        """It did not."""
        ...


class Post:
    """The counter of one line."""

    def __init__(self, line: Line, clerk: Clerk) -> None:
        """`clerk` reads and writes the tables."""
        self.line = line
        self._clerk = clerk
        self._waiting: list[Job] = []
        self._under_way: set[int] = set()
        self._not_before: dict[int, float] = {}
        self._news = asyncio.Condition()

    async def take(self, jobs: Iterable[Job]) -> None:
        """This is what waits now, in the order of its urgency."""
        async with self._news:
            self._waiting = [job for job in jobs if job.attempt_id not in self._under_way]
            known = {job.attempt_id for job in self._waiting}
            self._not_before = {number: at for number, at in self._not_before.items() if number in known}
            self._news.notify_all()

    async def run(self) -> None:
        """Carry out until cancelled."""
        async with asyncio.TaskGroup() as group:
            for place in range(self.line.at_once + 1):
                group.create_task(self._serve(is_for_life=place == 0), name=f"channel {self.line.name}, place {place}")

    async def _serve(self, *, is_for_life: bool) -> None:
        while True:
            job = await self._next(is_for_life=is_for_life)
            try:
                await self._carry_out(job)
            except (TryLater, GiveUp) as error:  # of the database: the attempt is queued still, with its key
                log.warning("channel %s: an attempt waits for the database: %s", self.line.name, error)
                self._not_before[job.attempt_id] = self._now() + _BUSY_PAUSE_S
            finally:
                self._under_way.discard(job.attempt_id)

    async def _next(self, *, is_for_life: bool) -> Job:
        async with self._news:
            while (job := self._ready(is_for_life=is_for_life)) is None:
                await self._news.wait()
            self._waiting.remove(job)
            self._under_way.add(job.attempt_id)
            return job

    def _ready(self, *, is_for_life: bool) -> Job | None:
        now = self._now()
        return next(
            (
                job
                for job in self._waiting
                if self._not_before.get(job.attempt_id, 0.0) <= now and (job.rank <= _LIFE or not is_for_life)
            ),
            None,
        )

    async def _carry_out(self, job: Job) -> None:
        message = await self._clerk.letter(job)
        if message is None:
            return
        try:
            carried = await self._send(message)
        except (TryLater, GiveUp, ConfigError) as failure:
            error = failure
            ceiling = pause_ceiling_s(job.tries + 1)
            self._not_before[job.attempt_id] = self._now() + random.uniform(ceiling / 2, ceiling)  # noqa: S311 - jitter
            await self._keep(lambda: self._clerk.failed(self.line, job, error))
        else:
            await self._keep(lambda: self._clerk.carried(self.line, job, carried))

    async def _send(self, message: Message) -> Carried:
        try:
            async with asyncio.timeout(self.line.timeout_s):
                return await self.line.channel.send(message)
        except TimeoutError as error:
            raise TryLater(
                Bilingual(
                    f"timeout: not carried within {self.line.timeout_s:.0f} s",
                    zh=f"超时：{self.line.timeout_s:.0f} 秒内没有送出",
                )
            ) from error
        except (TryLater, GiveUp, ConfigError):
            raise
        except Exception as error:
            log.exception("channel %s has a fault", self.line.name)
            raise TryLater(
                Bilingual(f"fault of the channel: {type(error).__name__}", zh=f"渠道出错：{type(error).__name__}")
            ) from error

    async def _keep(self, write: Callable[[], Awaitable[None]]) -> None:
        """What was done must be known: a busy database is asked until it takes it, or the message goes twice."""
        while True:
            try:
                return await write()
            except TryLater as error:
                log.warning("channel %s: what was sent waits for the database: %s", self.line.name, error)
                await asyncio.sleep(random.uniform(_BUSY_PAUSE_S / 2, _BUSY_PAUSE_S))  # noqa: S311 - jitter

    def _now(self) -> float:
        return asyncio.get_running_loop().time()
