"""Telemetry whose file refuses it, before a real broker: alarms and beats go on, and only what is kept is confirmed."""

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from fixtures.community_home import DemoHome
from fixtures.mosquitto import Mosquitto
from fixtures.places import Place, close_place, open_place, spo2, telemetry

from community.batches import TELEMETRY_BYTES
from community.ingest import LINGER_S, Ingest, Lot
from community.settings import BrokerEntry, broker_settings
from community.store import schema, views
from messaging.broker import BrokerSettings
from messaging.session import Session, connect
from shouwang.errors import TryLater
from shouwang.wire import (
    Envelope,
    HeartbeatBody,
    decode_receipt,
    encode,
    ingest_topics,
    receipt_topic,
    up_topic,
)

PATIENCE_S = 60.0


@asynccontextmanager
async def ingesting(broker: Mosquitto, place: Place):
    alerts, states, samples, wills = ingest_topics()
    lots = (
        Lot(name="alerts", topics=(alerts,), linger_s=0, is_urgent=True),
        Lot(name="states", topics=(states, wills), linger_s=LINGER_S, is_urgent=False),
        Lot(name="telemetry", topics=(samples,), linger_s=LINGER_S, is_urgent=False, bytes_at_once=TELEMETRY_BYTES),
    )
    ingests = [
        Ingest(
            lot,
            broker_settings(BrokerEntry(url=broker.url), f"i-{lot.name}", receive_maximum=100, session_expiry_s=60),
            place.community,
            clock=lambda: datetime.now(UTC),
            beat=lambda: None,
            committed=lambda: None,
            measurements=place.port,
        )
        for lot in lots
    ]
    tasks = [asyncio.create_task(one.run()) for one in ingests]
    async with asyncio.timeout(PATIENCE_S):
        for one in ingests:
            await one.listening.wait()
    yield ingests
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


class Home:
    """A home's session; `confirmed`: lanes and numbers of its receipts."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.confirmed: set[tuple[int, int]] = set()
        self.came = asyncio.Event()

    async def listen(self) -> None:
        async for message in self.session.messages():
            receipt = decode_receipt(message.payload)
            self.confirmed |= {(int(receipt.lane), seq) for seq in receipt.seqs}
            message.ack()
            self.came.set()

    async def send(self, envelope: Envelope) -> None:
        await self.session.publish(up_topic(envelope.id.gateway, envelope.id.lane), encode(envelope))

    async def until(self, *envelopes: Envelope) -> None:
        wanted = {(int(one.id.lane), one.id.seq) for one in envelopes}
        async with asyncio.timeout(PATIENCE_S):
            while not wanted <= self.confirmed:
                self.came.clear()
                await self.came.wait()


async def test_telemetry_that_is_refused_keeps_no_alarm_waiting(
    mosquitto: Mosquitto, tmp_path, home: DemoHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = await open_place(f"sqlite:///{tmp_path / 'c.db'}", tmp_path / "m.db")
    put = place.own.file.put
    is_full = True

    async def refuse(*arguments):
        if is_full:
            raise TryLater("database or disk is full")
        await put(*arguments)

    monkeypatch.setattr(place.own.file, "put", refuse)
    settings = BrokerSettings(host="127.0.0.1", port=mosquitto.port, client_id="home")
    async with ingesting(mosquitto, place), connect(settings) as session:
        await session.subscribe([receipt_topic(home.gateway)])
        line = Home(session)
        listening = asyncio.create_task(line.listen())
        now = datetime.now(UTC)
        readings = [telemetry(home, spo2(90 + nth, now - timedelta(seconds=nth))) for nth in range(5)]
        publishing = [
            asyncio.create_task(line.send(one)) for one in readings
        ]  # the broker answers, the centre does not
        alert, beat = home.envelope(home.alert(since=now)), home.envelope(HeartbeatBody(backlog=5, uptime_s=1))
        await line.send(alert)
        await line.send(beat)
        await line.until(alert, beat)
        assert [lane for lane, _ in line.confirmed if lane == 2] == []
        assert len(await place.community.read(lambda connection: views.queue(connection, now))) == 1
        is_full = False
        await line.until(*readings)
        stored = await place.samples.read(
            lambda connection: connection.execute(sa.select(sa.func.count()).select_from(schema.samples)).scalar_one()
        )
        assert stored == len(readings)
        await asyncio.gather(*publishing)
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
    await close_place(place)
