"""Each hour: the head of the record leaves the centre over a real broker, and homes without a test get a care case."""

import asyncio
import contextlib
import logging
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from fixtures.community_home import NOON, DemoHome
from fixtures.mosquitto import Mosquitto
from fixtures.uplink_home import GW, living

from community import hourly as hourly_module
from community.hourly import Hourly
from community.proposals import TOLD_FOR, Proposal, State
from community.store import chain, intake, proposals, untested, views, watch_schema
from community.store.database import Store
from community.store.proposal_schema import contact_proposals
from messaging.broker import BrokerSettings
from messaging.session import PublishRefused, Session, connect
from shouwang.alert import Severity
from shouwang.errors import DecodeError, ShouwangError
from shouwang.wire import BirthBody, ChainHead, decode_head, encode, head_topic

PATIENCE_S = 60.0
BIRTH = BirthBody(version="1", sensors={})


def settings_of(mosquitto: Mosquitto, name: str) -> BrokerSettings:
    return BrokerSettings(host="127.0.0.1", port=mosquitto.port, client_id=name)


def hourly(mosquitto: Mosquitto, store: Store) -> Hourly:
    return Hourly(settings_of(mosquitto, "witnesses"), store, clock=lambda: NOON, told=lambda: None)


async def heard(mosquitto: Mosquitto, topic: str) -> ChainHead:
    async with asyncio.timeout(PATIENCE_S), connect(settings_of(mosquitto, "late")) as session:
        await session.subscribe([topic])
        async for message in session.messages():
            message.ack()
            assert message.retained
            return decode_head(message.payload)
    raise AssertionError


async def test_the_head_of_the_record_lies_retained_in_each_home(
    mosquitto: Mosquitto, store: Store, home: DemoHome, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    await store.write(lambda connection: intake.take_in(connection, [home.envelope(home.alert())], NOON))
    await hourly(mosquitto, store).turn()
    told = await heard(mosquitto, head_topic(home.gateway))
    audit = await store.read(chain.verify)
    assert (told.entries, told.hash) == (audit.entries, audit.head)
    assert audit.head in caplog.text
    assert await store.read(lambda connection: chain.entry_with(connection, told.hash)) == told.entries
    assert await store.read(lambda connection: chain.entry_with(connection, "0" * 64)) is None


async def test_a_broker_that_is_away_is_tried_again(
    mosquitto: Mosquitto, store: Store, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hourly_module, "AGAIN_S", 0.01)
    away = Hourly(
        BrokerSettings(host="127.0.0.1", port=1, client_id="witnesses"), store, clock=lambda: NOON, told=lambda: None
    )
    tries, turn = [], away.turn

    async def counted() -> None:
        tries.append(1)
        await turn()

    monkeypatch.setattr(away, "turn", counted)
    running = asyncio.create_task(away.run())
    async with asyncio.timeout(PATIENCE_S):
        while len(tries) < 4:
            await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.wait({running})
    assert caplog.text.count("is not with the homes yet") == 1


async def test_the_gateway_writes_the_head_into_its_journal_once(
    mosquitto: Mosquitto, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    heads = [ChainHead(entries=number, hash=f"{number:064x}", at=NOON) for number in (7, 7, 8)]
    async with living(tmp_path / "outbox.db", mosquitto.port), connect(settings_of(mosquitto, "centre")) as session:
        await send(session, b"nonsense", *map(encode, heads))
        async with asyncio.timeout(PATIENCE_S):
            while heads[-1].hash not in caplog.text:
                await asyncio.sleep(0.01)
                await send(session, encode(heads[-1]))
    assert caplog.text.count(f"ends in {heads[-1].hash}") == 1
    assert caplog.text.count(f"ends in {heads[0].hash}") <= 1


async def send(session: Session, *bodies: bytes) -> None:
    """Retained: it does not matter who listens already."""
    for body in bodies:
        with contextlib.suppress(PublishRefused):
            await session.publish(head_topic(GW), body, retain=True)


def test_a_head_is_read_strictly() -> None:
    head = ChainHead(entries=3, hash="ab" * 32, at=NOON)
    assert decode_head(encode(head)) == head
    for body in (b"", encode(head).replace(b"ab", b"xy"), encode(head).replace(b":3,", b":-3,")):
        with pytest.raises(DecodeError):
            decode_head(body)


# ---- homes without a test ----


class Untested:
    """A home that was born once and owes no weekly test."""

    def __init__(self, store: Store, home: DemoHome) -> None:
        self.store, self.home = store, home

    async def tell(self, when: datetime) -> int:
        return await self.store.write(lambda connection: untested.tell(connection, when))

    async def test_alarm(self, when: datetime) -> None:
        values = {"gateway_id": self.home.gateway, "alert_id": str(when), "raised_at": when, "received_at": when}
        await self.store.write(lambda connection: connection.execute(watch_schema.test_alarms.insert().values(values)))

    async def know(self, **values: object) -> None:
        await self.store.write(lambda connection: connection.execute(watch_schema.supervision.update().values(values)))

    async def cases(self) -> list[tuple[str, Severity, bool]]:
        rows = await self.store.read(lambda connection: views.queue(connection, NOON))
        return [(row.hazard, row.priority, row.cleared) for row in rows]


@pytest.fixture
async def quiet_home(store: Store, home: DemoHome) -> Untested:
    await store.write(lambda connection: intake.take_in(connection, [home.envelope(BIRTH)], NOON))
    return Untested(store, home)


def after(days: float) -> datetime:
    return NOON + timedelta(days=days)


async def test_a_home_without_a_good_test_for_35_days_is_a_care_case_once(quiet_home: Untested) -> None:
    assert await quiet_home.tell(after(34.99)) == 0
    assert await quiet_home.tell(after(35)) == 1
    assert await quiet_home.tell(after(35.1)) == 0
    assert await quiet_home.cases() == [("test-missing", Severity.P4, False)]
    assert await quiet_home.tell(after(70)) == 1  # still none: told again, in the same case
    assert await quiet_home.cases() == [("test-missing", Severity.P4, False)]


async def test_a_good_test_clears_it_and_counts_from_then_on(quiet_home: Untested) -> None:
    await quiet_home.tell(after(36))
    await quiet_home.test_alarm(after(37))
    assert await quiet_home.tell(after(37.1)) == 0
    assert await quiet_home.cases() == [("test-missing", Severity.P4, True)]
    assert await quiet_home.tell(after(71.9)) == 0
    assert await quiet_home.tell(after(72)) == 1


@pytest.mark.parametrize("other", ["offline_since", "test_missed_since"])
async def test_a_home_whose_other_case_tells_it_has_none_for_this(quiet_home: Untested, other: str) -> None:
    await quiet_home.know(**{other: NOON})
    assert await quiet_home.tell(after(40)) == 0
    await quiet_home.know(**{other: None})
    assert await quiet_home.tell(after(40)) == 1


async def test_what_was_decided_of_a_proposal_goes_without_anybodys_visit(store: Store, home: DemoHome) -> None:
    refused = Proposal(
        resident_id=home.entry.resident.id,
        contact_id="son",
        by="wang",
        at=NOON - TOLD_FOR - timedelta(days=2),
        instead="138 1111 2222",
        phone="139 3333 4444",
        language="",
        stood="",
    )
    open_still = replace(refused, contact_id="daughter")

    def write(connection: sa.Connection) -> None:
        for one in (refused, open_still):
            proposals.put(connection, one)
        proposals.decide(connection, refused, State.REFUSED, NOON - TOLD_FOR - timedelta(days=1))

    await store.write(write)
    away = BrokerSettings(host="127.0.0.1", port=1, client_id="witnesses")
    with pytest.raises(ShouwangError):
        await Hourly(away, store, clock=lambda: NOON, told=lambda: None).turn()
    asked = sa.select(contact_proposals.c.contact_id)
    assert await store.read(lambda connection: list(connection.scalars(asked))) == ["daughter"]
