"""Reaches people: notices of cases become attempts, and each is carried out by its channel until it has come somewhere.

At least once: an attempt is in the table before it is tried, and is tried again after a crash with the same key.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from functools import partial

from community.channel_watch import ChannelWatch
from community.channels.port import Carried, Message, Outcome
from community.channels.voice import NotTaken
from community.news import news_or_later
from community.notice_rules import CALLS
from community.post import WAITING, Line, Post
from community.store import link_letters, notice_letters, notices, ways
from community.store.answers import Reply, reply_of
from community.store.database import Connection, Store
from community.store.lease import engine_now
from community.store.notices import Job, RungFailed
from community.store.ways import Reached
from shouwang.errors import ConfigError, GiveUp, ShouwangError, TryLater
from shouwang.outage import Outage

LOOK_EVERY_S = 0.5
"""How often the table is looked at without being told to; a console rings within 1 s anyway."""

log = logging.getLogger(__name__)

Answered = Callable[[Reply], Awaitable[None]]
"""What is done when somebody pressed a key."""


class Notifier:
    """The one worker of a server."""

    def __init__(
        self,
        store: Store,
        lines: Sequence[Line],
        *,
        clock: Callable[[], datetime],
        rung_failed: RungFailed,
        answered: Answered,
        changed: Callable[[], None],
        people: Sequence[Reached] = (),
        engine_ms: Callable[[Connection], int] = engine_now,
        public_url: str = "",
    ) -> None:
        """`rung_failed`: the ladder goes on; `changed` is called when it may have; `engine_ms`: engine time.

        `public_url`: the console as phones see it; empty: responders get no link.
        """
        self._store = store
        self._clock = clock
        self._rung_failed = rung_failed
        self._answered = answered
        self._changed = changed
        self._people = people
        self._engine_ms = engine_ms
        self._public_url = public_url
        self._posts = [Post(line, self) for line in lines]
        self._watch = ChannelWatch(store, lines, clock=clock, rung_failed=rung_failed, changed=changed)
        self._news = asyncio.Event()
        self._outage = Outage(log, "nobody is notified for now: %s", ends="people are notified again")

    @property
    def lines(self) -> tuple[Line, ...]:
        """The channels, in the order of community.yaml."""
        return tuple(post.line for post in self._posts)

    def look(self) -> None:
        """There may be somebody to reach."""
        self._news.set()

    async def bring_in(self) -> None:
        """Channels and people of community.yaml into the tables. Before `run`; raises TryLater, GiveUp."""
        channels = [(line.name, line.way) for line in self.lines]
        now = self._clock()

        def write(connection: Connection) -> None:
            ways.bring_in(connection, channels, self._people, now)
            notices.end_orphans(connection, now, self._rung_failed)

        await self._store.write(write)

    async def run(self) -> None:
        """Reach people until cancelled."""
        async with asyncio.TaskGroup() as group:
            for post in self._posts:
                group.create_task(post.run(), name=f"channel {post.line.name}")
            group.create_task(self._watch.run(), name="channels' health")
            group.create_task(self._look_on(), name="notices")

    async def _look_on(self) -> None:
        while True:
            self._news.clear()
            try:
                await self.turn()
                self._outage.over()
            except (TryLater, GiveUp) as error:
                self._outage.begin(error)
            await news_or_later(self._news, LOOK_EVERY_S)

    async def turn(self) -> None:
        """Expand what waits, and hand each counter what waits for it."""
        now = self._clock()
        while await self._store.read(lambda connection: notices.is_work(connection, now, self._engine_ms(connection))):
            done = await self._store.write(
                lambda connection: notices.turn(connection, now, self._engine_ms(connection), self._rung_failed),
                urgent=True,
            )
            self._changed()
            if done < notices.AT_ONCE:
                break
        for post in self._posts:
            await post.take(await self._store.read(partial(notices.due, channel=post.line.name, limit=WAITING)))

    # ---- the clerk of the counters ----

    async def letter(self, job: Job) -> Message | None:
        """What to send; where that is nothing any more, the attempt ends."""
        now = self._clock()
        message = await self._store.read(lambda connection: notice_letters.letter(connection, job.attempt_id, now))
        if message is None:
            await self._write(lambda connection: notices.let_go(connection, job.attempt_id, now, self._rung_failed))
        elif message.audience == "responders" and self._public_url:
            letter, url = message, self._public_url
            return await self._store.write(
                lambda connection: link_letters.with_link(connection, job.attempt_id, letter, url, now), urgent=True
            )
        return message

    async def carried(self, line: Line, job: Job, carried: Carried) -> None:
        """It went out; a key that was pressed is passed on."""
        now = self._clock()
        code = f"{carried.code} key {carried.digit}".strip() if carried.digit else carried.code
        came = (carried.outcome, code)
        await self._write(lambda connection: notices.finish(connection, job.attempt_id, came, now, self._rung_failed))
        await self._watch.worked(line)
        if carried.outcome is Outcome.ANSWERED and carried.digit:
            await self._pass_on(job, carried.digit, now)

    async def failed(self, line: Line, job: Job, error: ShouwangError) -> None:
        """A passing failure waits in the queue, a lasting one ends the attempt; the channel's own is told."""
        now, code = self._clock(), str(error)
        is_lasting = isinstance(error, GiveUp) or (isinstance(error, NotTaken) and job.tries + 1 >= CALLS)
        if is_lasting and not isinstance(error, ConfigError):
            came = (Outcome.FAILED, code)
            await self._write(
                lambda connection: notices.finish(connection, job.attempt_id, came, now, self._rung_failed)
            )
        else:
            await self._write(
                lambda connection: notices.failed_once_more(connection, job.attempt_id, code, now, self._rung_failed)
            )
        await self._watch.failed(line, error)

    async def _pass_on(self, job: Job, digit: str, now: datetime) -> None:
        reply = await self._store.read(
            lambda connection: reply_of(connection, notices.key_of(connection, job.attempt_id), digit, now)
        )
        if reply is not None:
            await self._answered(reply)

    async def _write(self, work: Callable[[Connection], None]) -> None:
        await self._store.write(work, urgent=True)
        self._changed()
