"""From the centre to the homes: every waiting command is sent until the broker has it or its time is over."""

import asyncio
import logging
import random
from collections.abc import Callable
from datetime import datetime

from community.news import news_or_later
from community.store import letters
from community.store.database import Store
from community.store.letters import Letter
from messaging.backoff import Backoff
from messaging.broker import BrokerSettings
from messaging.session import PublishRefused, Session, connect
from shouwang.errors import ConfigError, DeviceError, GiveUp, TryLater
from shouwang.outage import Outage
from shouwang.wire import command_topic

LOOK_EVERY_S = 1.0
"""How often the table is looked at without being told to."""
_AGAIN_S, _AGAIN_CAP_S = 0.5, 10.0
_RECONNECT_START_S, _RECONNECT_CAP_S = 0.5, 60.0

log = logging.getLogger(__name__)


class Downlink:
    """Sends HelpComing and ResetAlarm; nobody subscribed (0x10) is tried again until the command expires."""

    def __init__(self, settings: BrokerSettings, store: Store, *, clock: Callable[[], datetime]) -> None:
        """Its session is its own: a refused command disturbs no alert."""
        self._settings = settings
        self._store = store
        self._clock = clock
        self._news = asyncio.Event()
        self._lost = Outage(
            log,
            "no commands go to the homes: %s",
            ends="broker found again, commands go to the homes",
            level=logging.WARNING,
            tells_news=True,
        )
        self._waits = Outage(log, "commands wait: %s", ends="commands go out again")

    def look(self) -> None:
        """There may be something new to send."""
        self._news.set()

    async def run(self) -> None:
        """Send until cancelled."""
        backoff = Backoff(_RECONNECT_START_S, _RECONNECT_CAP_S)
        while True:
            try:
                async with connect(self._settings) as session:
                    backoff.succeeded()
                    self._lost.over()
                    await self._send_all(session)
            except (DeviceError, ConfigError) as error:  # a certificate may be half replaced while we run
                self._lost.begin(error)
            await backoff.pause()

    async def _send_all(self, session: Session) -> None:
        again: dict[str, float] = {}  # when, in loop time, a refused command may be tried again
        now = asyncio.get_running_loop().time
        while not session.is_lost:
            self._news.clear()
            try:
                waiting = await self._store.read(letters.waiting)
                again = {letter.command_id: again.get(letter.command_id, 0.0) for letter in waiting}
                for letter in waiting:
                    if again[letter.command_id] <= now():
                        await self._send(session, letter)
                        again[letter.command_id] = now() + _pause_s(letter.attempts)
                self._waits.over()
            except (TryLater, GiveUp) as error:
                self._waits.begin(error)
            await news_or_later(self._news, LOOK_EVERY_S)

    async def _send(self, session: Session, letter: Letter) -> None:
        left_s = (letter.expires_at - self._clock()).total_seconds()
        if left_s <= 0:
            log.warning("command %s for %s has expired unsent", letter.command_id, letter.gateway_id)
            await self._store.write(lambda connection: letters.expire(connection, letter.command_id), urgent=True)
            return
        try:
            await session.publish(command_topic(letter.gateway_id), letter.body, qos=1, expiry_s=max(1, int(left_s)))
        except PublishRefused as error:
            if letter.attempts == 0:
                log.warning("command %s: %s; trying until it expires", letter.command_id, error)
            await self._store.write(lambda connection: letters.count_attempt(connection, letter.command_id))
            return
        sent_at = self._clock()
        await self._store.write(lambda connection: letters.mark_sent(connection, letter.command_id, sent_at))


def _pause_s(attempts: int) -> float:
    ceiling = min(_AGAIN_CAP_S, _AGAIN_S * 2 ** min(attempts, 16))
    return random.uniform(ceiling / 2, ceiling)  # noqa: S311 - jitter, not a secret
