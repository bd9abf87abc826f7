"""Whether the channels live: a cheap probe each minute, what really went out or did not, and a real test each month.

A dead channel is a technical case, and nobody is looked for behind it. One that the far end refuses (a wrong password,
an address that moved) is not believed by a probe at once again, but by a message that went out, a test, or a new start.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from community import notice_words
from community.channels.port import Message
from community.channels.voice import NotTaken
from community.post import Line
from community.store import channel_health, notices
from community.store.channel_health import ChannelRow
from community.store.database import Connection, Store
from community.store.notices import RungFailed
from shouwang.bilingual import both, told_by
from shouwang.errors import ConfigError, GiveUp, ShouwangError, TryLater
from shouwang.outage import Outage

PROBE_EVERY_S = 60.0
AGAIN_S = 10.0
"""A channel that failed is probed sooner: after two failures in a row it is dead."""
FAILURES = 2
FAILED_SENDS = 3
"""Messages in a row that did not go out for passing reasons: the far end takes connections, and nothing else."""
REFUSED_SENDS = 6
"""The same of persons who cannot be reached so: six in a row are no accident, the provider takes nobody's."""
PROBE_S = 15.0
TEST_EVERY = timedelta(days=30)
TEST_AGAIN_S = 900.0
"""A real test that did not work is tried again after so long."""
REFUSED_FOR = timedelta(minutes=15)
"""A channel without a test address that refused us gets another chance then."""

log = logging.getLogger(__name__)


class ChannelWatch:
    """Watches all lines, each by itself."""

    def __init__(
        self,
        store: Store,
        lines: Sequence[Line],
        *,
        clock: Callable[[], datetime],
        rung_failed: RungFailed,
        changed: Callable[[], None],
    ) -> None:
        """`changed` is called when there may be a new case."""
        self._store = store
        self._lines = lines
        self._clock = clock
        self._rung_failed = rung_failed
        self._changed = changed
        self._failed_sends = dict.fromkeys((line.name for line in lines), 0)
        self._test_not_before = dict.fromkeys((line.name for line in lines), 0.0)

    async def run(self) -> None:
        """Watch until cancelled."""
        async with asyncio.TaskGroup() as group:
            for line in self._lines:
                group.create_task(self._watch(line), name=f"health of channel {line.name}")

    async def _watch(self, line: Line) -> None:
        failures = 0
        outage = Outage(log, f"channel {line.name}: its health waits for the database: %s", level=logging.WARNING)
        while True:
            try:
                failures = await self.look(line, failures)
                outage.over()
            except (TryLater, GiveUp) as error:
                outage.begin(error)
            await asyncio.sleep(AGAIN_S if failures else PROBE_EVERY_S)

    async def look(self, line: Line, failures: int) -> int:
        """Probe it, and test it where that is due; how often it has failed in a row now."""
        reason = await probed(line)
        now = self._clock()
        if reason is not None:
            failures += 1
            if failures >= FAILURES:
                await self._dead(line, reason, now)
            return failures
        row = await self._store.read(lambda connection: _row(connection, line.name))
        await self._store.write(lambda connection: channel_health.probed(connection, line.name, now))
        if row is not None and not row.is_up and _may_be_believed(line, row, now):
            await self._alive(line, now)
        if row is not None and line.test_to and self._is_test_due(line, row, now):
            await self.test(line)
        return 0

    async def test(self, line: Line) -> str:
        """Send a real message to the test address; why it failed, empty where it went out."""
        now = self._clock()
        self._test_not_before[line.name] = asyncio.get_running_loop().time() + TEST_AGAIN_S
        reason = await sent_test(line, line.test_to, now)
        if reason:
            await self._dead(
                line, both("its test failed: {why}", "测试没有成功：{why}", why=reason), now, is_refused=True
            )
        else:
            await self._store.write(lambda connection: channel_health.tested(connection, line.name, now))
            await self._alive(line, now)
        return reason

    async def worked(self, line: Line) -> None:
        """A message went out."""
        self._failed_sends[line.name] = 0
        row = await self._store.read(lambda connection: _row(connection, line.name))
        if row is not None and not row.is_up:
            await self._alive(line, self._clock())

    async def failed(self, line: Line, error: ShouwangError) -> None:
        """A message did not go out."""
        if isinstance(error, NotTaken):  # it is the person, not the channel
            return
        most = REFUSED_SENDS if isinstance(error, GiveUp) else FAILED_SENDS
        self._failed_sends[line.name] += 1
        if isinstance(error, ConfigError) or self._failed_sends[line.name] >= most:
            await self._dead(line, told_by(error), self._clock(), is_refused=True)

    def _is_test_due(self, line: Line, row: ChannelRow, now: datetime) -> bool:
        if asyncio.get_running_loop().time() < self._test_not_before[line.name]:
            return False
        return row.is_refused or row.tested_at is None or now - row.tested_at > TEST_EVERY

    async def _dead(self, line: Line, reason: str, now: datetime, *, is_refused: bool = False) -> None:
        def write(connection: Connection) -> bool:
            is_news = channel_health.fail(connection, line.name, reason, now, is_refused=is_refused)
            if is_news:
                notices.channel_died(connection, line.name, now, self._rung_failed)
            return is_news

        if await self._store.write(write, urgent=True):
            log.error("channel %s does not work: %s", line.name, reason)
            self._changed()

    async def _alive(self, line: Line, now: datetime) -> None:
        if await self._store.write(lambda connection: channel_health.restore(connection, line.name, now)):
            log.info("channel %s works again", line.name)
            self._changed()


_MUTE = "has not answered in {limit:.0f} s", "{limit:.0f} 秒内没有应答"
_NOT_CARRIED = "not carried within {limit:.0f} s", "{limit:.0f} 秒内没有送出"


async def probed(line: Line) -> str | None:
    """See whether the far end answers; why not, None where it does."""
    try:
        async with asyncio.timeout(PROBE_S):
            await line.channel.probe()
    except TimeoutError:
        return both(*_MUTE, limit=PROBE_S)
    except (TryLater, GiveUp, ConfigError) as error:
        return told_by(error)
    return None


async def sent_test(line: Line, to: str, now: datetime) -> str:
    """Send a test to this address; why it failed, empty where it went out."""
    said = notice_words.test_of(line.name)
    text = f"{said.zh} {said.en}"
    key = f"test-{line.name}-{int(now.timestamp())}"
    message = Message(key=key, to=to, subject="Shouwang test 守望测试", text=text, at=now, audience="test")
    try:
        async with asyncio.timeout(line.timeout_s):
            await line.channel.send(message)
    except TimeoutError:
        return both(*_NOT_CARRIED, limit=line.timeout_s)
    except (TryLater, GiveUp, ConfigError) as error:
        return told_by(error)
    return ""


def _may_be_believed(line: Line, row: ChannelRow, now: datetime) -> bool:
    """Whether an answered probe brings a dead channel back."""
    return not row.is_refused or (not line.test_to and now - row.since > REFUSED_FOR)


def _row(connection: Connection, channel: str) -> ChannelRow | None:
    return next((row for row in channel_health.rows(connection) if row.channel == channel), None)
