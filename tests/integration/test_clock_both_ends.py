"""A home whose clock says 1970 and its centre, over a real encrypted broker: trusted, heard, mended, not late."""

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from fixtures.uplink_home import GW, living

from community.desk import Timing
from community.ingest import Ingest, Lot
from community.store import page, schema, views
from community.store.database import open_store
from gateway import scribe as scribe_module
from gateway import uplink as uplink_module
from gateway.clock import Clock
from gateway.kernel_clock import KernelClock
from gateway.timekeeper import Timekeeper
from gateway.wall import RELEASED
from messaging.broker import BrokerSettings
from shouwang.quantities import Quantity
from shouwang.wire import ingest_topics

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
PATIENCE_S = 20


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(uplink_module, "BACKOFF_START_S", 0.01)
    monkeypatch.setattr(uplink_module, "BACKOFF_CAP_S", 0.2)
    monkeypatch.setattr(scribe_module, "GROUP_COMMIT_S", 0.05)


def unset_clock() -> Clock:
    """The clock of a box without battery, switched on now, far from any time server."""
    on_at = datetime.now(UTC)
    return Clock(
        floor=RELEASED,
        boot="boot-1",
        wall=lambda: EPOCH + (datetime.now(UTC) - on_at),
        kernel=lambda: KernelClock(is_synchronised=False, error_s=16.0),
    )


@pytest.fixture
def broker(start_mosquitto, authority):
    own = authority.issue("broker")
    return start_mosquitto(
        f"cafile {authority.cert}", f"certfile {own.cert_file}", f"keyfile {own.key_file}", "allow_anonymous true"
    )


@asynccontextmanager
async def centre(store, port, tls):
    settings = BrokerSettings(host="127.0.0.1", port=port, client_id="ingest", tls=tls, receive_maximum=100)
    lot = Lot(name="all", topics=ingest_topics(), linger_s=0.01, is_urgent=True)
    ingest = Ingest(lot, settings, store, clock=lambda: datetime.now(UTC), beat=lambda: None, committed=lambda: None)
    task = asyncio.create_task(ingest.run())
    async with asyncio.timeout(PATIENCE_S):
        await ingest.listening.wait()
    yield
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def eventually(look, is_enough):
    async with asyncio.timeout(PATIENCE_S):
        while not is_enough(found := await look()):
            await asyncio.sleep(0.02)
    return found


async def test_a_box_that_starts_in_1970_is_heard_in_time_and_mended(tmp_path, broker, authority):
    tls, clock, began = authority.issue(GW), unset_clock(), datetime.now(UTC)
    store = await open_store(f"sqlite:///{tmp_path / 'c.db'}")

    async def rows(table):
        return await store.read(lambda connection: connection.execute(sa.select(table)).all())

    try:
        async with (
            centre(store, broker.port, authority.issue("ingest")),
            living(tmp_path / "o.db", broker.port, clock=clock, tls=tls, earliest=clock.wall.earliest) as home,
        ):
            keeper = Timekeeper(clock, send=home.pipeline.send, note=home.pipeline.note)
            assert clock.wall.earliest() == clock.now() < began
            home.say(Quantity.TEMPERATURE, 20.5)
            home.say(Quantity.SOS)
            await eventually(lambda: rows(schema.samples), lambda found: len(found) == 2)
            (case,) = await store.read(lambda connection: views.queue(connection, began))
            assert "LATE" not in case.why.en
            await home.backlog_is(0)
            assert clock.wall.anchor.source == "centre"
            keeper.look()
            await eventually(lambda: rows(schema.clock_anchors), bool)
            home.say(Quantity.TEMPERATURE, 21.0)
            samples = await eventually(lambda: rows(schema.samples), lambda found: len(found) == 3)
            page_of_case = await store.read(
                lambda connection: page.page(connection, case.incident_id, datetime.now(UTC))
            )
    finally:
        await store.close()
    ended = datetime.now(UTC)
    timings = [Timing(row.timing) for row in sorted(samples, key=lambda row: row.mono)]
    assert timings == [Timing.MENDED, Timing.MENDED, Timing.RIGHT]
    error = timedelta(seconds=PATIENCE_S)
    assert all(began - error <= row.at <= ended + error for row in samples)
    assert began - error <= page_of_case.alerts[0].at <= ended + error
    assert [*page_of_case.timings.values()] == [Timing.MENDED]


async def test_an_expired_certificate_is_refused_in_1970_too(tmp_path, start_mosquitto, authority):
    own = authority.issue("broker", dates=("20200101000000Z", "20200201000000Z"))
    broker = start_mosquitto(
        f"cafile {authority.cert}", f"certfile {own.cert_file}", f"keyfile {own.key_file}", "allow_anonymous true"
    )
    clock = unset_clock()
    async with living(
        tmp_path / "o.db", broker.port, clock=clock, tls=authority.issue(GW), earliest=clock.wall.earliest
    ) as home:
        error = await eventually(lambda: asyncio.sleep(0, home.uplink._error), bool)
        assert "certificate has expired" in str(error)
    assert clock.wall.anchor is None
