"""Once an hour: the heads of both sealed chains go to the log and to every home, homes without a test are told, and
what was decided of family members' proposals goes once it has been told for long enough.

A retained message in each home is a witness that nobody at the centre can change: who rewrites the record must rewrite
it in every home as well (incident model, Audit).
"""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime

from community.store import chain, directory, people_access, proposals, seals, untested
from community.store.database import Store
from messaging.broker import BrokerSettings
from messaging.session import PublishRefused, connect
from shouwang.errors import ConfigError, DeviceError, GiveUp, TryLater
from shouwang.outage import Outage
from shouwang.wire import ChainHead, encode, head_topic

EVERY_S = 3600.0
"""The project's incident model: the head leaves the centre each hour."""
AGAIN_S = 60.0
"""After a failure."""
_NOBODY = 0x10
"""MQTT 5, no matching subscribers: a retained message waits for them."""

log = logging.getLogger(__name__)


class Hourly:
    """What the centre does each hour."""

    def __init__(
        self, settings: BrokerSettings, store: Store, *, clock: Callable[[], datetime], told: Callable[[], None]
    ) -> None:
        """Its session is its own. `told` is called when there may be a new case."""
        self._settings = settings
        self._store = store
        self._clock = clock
        self._told = told

    async def run(self) -> None:
        """Go on until cancelled."""
        outage = Outage(
            log,
            "the head of the record is not with the homes yet: %s",
            ends="the head of the record is with the homes",
            level=logging.WARNING,
            tells_news=True,
        )
        while True:
            try:
                await self.turn()
            except (TryLater, GiveUp, DeviceError, ConfigError) as error:
                outage.begin(error)
                await asyncio.sleep(AGAIN_S)
            else:
                outage.over()
                await asyncio.sleep(EVERY_S)

    async def turn(self) -> None:
        """Once. Raises TryLater, GiveUp, DeviceError, ConfigError."""
        now = self._clock()
        if await self._store.write(lambda connection: untested.tell(connection, now)):
            self._told()
        await self._store.write(lambda connection: proposals.clear(connection, now))
        (entries, sealed), (changes, changed) = await self._store.read(
            lambda connection: (chain.head(connection), seals.head(connection))
        )
        log.info("head of the record: %s after %d entries", sealed.hex(), entries)
        log.info("head of the changes: %s after %d", changed.hex(), changes)
        log.info("head of the log of reads: %s", await self._store.read(people_access.head))
        gateways = await self._store.read(directory.gateways)
        head = ChainHead(entries=entries, hash=sealed.hex(), at=now, changes=changes, changes_hash=changed.hex())
        body = encode(head)
        async with connect(self._settings) as session:
            for gateway_id in gateways:
                try:
                    await session.publish(head_topic(gateway_id), body, retain=True)
                except PublishRefused as error:
                    if error.reason_code != _NOBODY:
                        log.warning("%s; the broker's acl_file must hold: topic write v1/+/down/#", error)
                        return
