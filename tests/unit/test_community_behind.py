"""An intake that cannot keep up says so: a home whose beats wait at the broker is not silent."""

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
from fixtures.quick_time import run_quickly

from community import ingest
from community.batches import BATCH_MESSAGES
from community.ingest import BEHIND_S, Ingest, Lot
from messaging.broker import BrokerSettings
from messaging.session import Message
from shouwang.wire import will_topic

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


class SlowStore:
    """Takes a second for each batch."""

    async def write(self, work, *, urgent: bool) -> None:
        await asyncio.sleep(1)


class Flood:
    """A session in which so many messages wait; then no more come."""

    is_lost = False

    def __init__(self, count: int) -> None:
        self.left = count

    async def subscribe(self, topics) -> None:
        pass

    async def messages(self):
        while self.left:
            self.left -= 1
            yield Message(topic=will_topic("gw-1"), payload=b"online", retained=False, ack=lambda: None)
        await asyncio.Event().wait()


@pytest.mark.parametrize(("batches", "is_behind"), [(20, False), (40, True)])
def test_who_has_much_to_catch_up_hears_nobody_until_it_has(
    batches: int, is_behind: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    @asynccontextmanager
    async def connect(_: BrokerSettings):
        yield Flood(batches * BATCH_MESSAGES)

    monkeypatch.setattr(ingest, "connect", connect)

    async def heard() -> list[datetime | None]:
        loop = asyncio.get_running_loop()
        one = Ingest(
            Lot(name="telemetry", topics=(), linger_s=0.05, is_urgent=False),
            BrokerSettings(host="centre", port=1883, client_id="ingest", receive_maximum=400),
            SlowStore(),  # type: ignore[arg-type]
            clock=lambda: NOON + timedelta(seconds=loop.time()),
            beat=lambda: None,
            committed=lambda: None,
        )
        task = asyncio.create_task(one.run())
        found = []
        for second in (BEHIND_S - 2, BEHIND_S + 5, batches + 10):
            await asyncio.sleep(second - loop.time())
            found.append(one.hears_since)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return found

    begin, late, end = run_quickly(heard())
    assert begin is not None
    assert (late is None) is is_behind
    assert end is not None
    assert (end - NOON >= timedelta(seconds=batches)) is is_behind
