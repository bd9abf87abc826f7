"""From a real broker into the store and back: receipts after COMMIT, poison, duplicates, lost links, commands home."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from fixtures.authority import Authority
from fixtures.casebook import FOUND, brought_to_end, wish
from fixtures.community_home import DemoHome
from fixtures.mosquitto import Mosquitto, StartMosquitto

from community import downlink as downlink_module
from community import ingest as ingest_module
from community.batches import BATCH_BYTES, batch_of
from community.bells import Bells
from community.casefile import Disposition
from community.counter import Counter
from community.downlink import Downlink
from community.ingest import LINGER_S, Ingest, Lot
from community.settings import BrokerEntry, broker_settings
from community.store import cases, chain, dead_letters, intake, schema
from community.store.database import Store
from messaging.broker import BrokerSettings
from messaging.session import Message, Session, connect
from shouwang.alert import Severity
from shouwang.errors import TryLater
from shouwang.squeeze import ZLIB_1, squeeze
from shouwang.wire import (
    Command,
    Envelope,
    HelpComing,
    Lane,
    Receipt,
    ResetAlarm,
    command_topic,
    decode_command,
    decode_receipt,
    encode,
    ingest_topics,
    receipt_topic,
    up_topic,
    will_topic,
)
from simulators.line import running_line

PATIENCE_S = 60.0


def now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Centre:
    """The server without its console."""

    store: Store
    desk: Counter
    ingests: list[Ingest]

    async def rows(self, table: sa.Table):
        return await self.store.read(lambda connection: connection.execute(sa.select(table)).all())


@asynccontextmanager
async def centre_at(broker: Mosquitto, store: Store, *, expires_s: float | None = None) -> AsyncIterator[Centre]:
    entry = BrokerEntry(url=broker.url)
    bells = Bells(store)
    downlink = Downlink(broker_settings(entry, "downlink", receive_maximum=20, session_expiry_s=0), store, clock=now)
    desk = Counter(store, bells, clock=now, for_homes=downlink.look)
    alerts, *others = ingest_topics()
    lots = [
        Lot(name="alerts", topics=(alerts,), linger_s=0, is_urgent=True),
        Lot(name="telemetry", topics=others, linger_s=LINGER_S, is_urgent=False),
    ]
    ingests = [
        Ingest(
            lot,
            broker_settings(entry, f"ingest-{lot.name}", receive_maximum=100, session_expiry_s=3600),
            store,
            clock=now,
            beat=lambda: None,
            committed=bells.look,
        )
        for lot in lots
    ]
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one.run()) for one in (*ingests, downlink, bells)]
        async with asyncio.timeout(PATIENCE_S):
            for one in ingests:
                await one.listening.wait()
        yield Centre(store=store, desk=desk, ingests=ingests)
        for task in tasks:
            task.cancel()


@pytest.fixture
async def centre(mosquitto: Mosquitto, store: Store) -> AsyncIterator[Centre]:
    async with centre_at(mosquitto, store) as running:
        yield running


class Line:
    """A home's link to the broker: what it sends, and what comes down to it."""

    def __init__(self, session: Session, gateway: str) -> None:
        self.session = session
        self.gateway = gateway
        self.receipts: list[Receipt] = []
        self.commands: list[Command] = []
        self.came = asyncio.Event()

    async def listen(self) -> None:
        async for message in self.session.messages():
            if message.topic == receipt_topic(self.gateway):
                self.receipts.append(decode_receipt(message.payload))
            else:
                self.commands.append(decode_command(message.payload))
            message.ack()
            self.came.set()

    async def send(self, envelope: Envelope) -> None:
        await self.session.publish(up_topic(self.gateway, envelope.id.lane), encode(envelope))

    async def until(self, is_true: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not is_true():
                self.came.clear()
                await self.came.wait()

    def confirmed(self, envelope: Envelope) -> bool:
        one = envelope.id
        return any(r.lane == one.lane and r.epoch == one.epoch and one.seq in r.seqs for r in self.receipts)


@asynccontextmanager
async def line_to(broker: Mosquitto, gateway: str) -> AsyncIterator[Line]:
    settings = BrokerSettings(host="127.0.0.1", port=broker.port, client_id=gateway)
    async with connect(settings) as session:
        await session.subscribe([receipt_topic(gateway), command_topic(gateway)])
        line = Line(session, gateway)
        listening = asyncio.create_task(line.listen())
        yield line
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)


@pytest.fixture
async def line(mosquitto: Mosquitto, home: DemoHome) -> AsyncIterator[Line]:
    async with line_to(mosquitto, home.gateway) as opened:
        yield opened


async def eventually(question, is_true) -> object:
    """The first answer for which `is_true`; asks again and again."""
    async with asyncio.timeout(PATIENCE_S):
        while not is_true(answer := await question()):
            await asyncio.sleep(0.01)
    return answer


async def test_alert_becomes_a_case_rings_and_gets_a_receipt(centre: Centre, line: Line, home: DemoHome) -> None:
    envelope = home.envelope(home.alert(since=now()))
    async with centre.desk.bells() as bells:
        await line.send(envelope)
        async with asyncio.timeout(PATIENCE_S):
            bell = await anext(bells)
    assert (bell.kind, bell.state) == ("opened", "OPEN")
    await line.until(lambda: line.confirmed(envelope))
    (row,) = await centre.desk.queue()
    assert row.resident_name == "王桂兰"
    assert "LATE" not in row.why.en


async def test_ten_times_the_same_is_one_case_and_ten_receipts(centre: Centre, line: Line, home: DemoHome) -> None:
    envelope = home.envelope(home.alert())
    for number in range(10):
        await line.send(envelope)
        await line.until(lambda number=number: len(line.receipts) > number)
    (row,) = await centre.desk.queue()
    assert row.alerts == 1
    assert len(await centre.rows(schema.messages)) == 1


async def test_telemetry_is_stored_once_and_confirmed(centre: Centre, line: Line, home: DemoHome) -> None:
    envelopes = [home.envelope(home.readings(20)) for _ in range(30)]
    await asyncio.gather(*(line.send(envelope) for envelope in envelopes * 2))
    await line.until(lambda: all(line.confirmed(envelope) for envelope in envelopes))
    await eventually(lambda: centre.rows(schema.samples), lambda rows: len(rows) == 600)
    assert await centre.rows(schema.dead_letters) == []


async def test_poison_is_kept_and_blocks_no_neighbour(centre: Centre, line: Line, home: DemoHome) -> None:
    wrong_schema = json.loads(encode(home.envelope(home.alert())))
    wrong_schema["body"]["alert"]["severity"] = "P9"
    foreign = encode(DemoHome(gateway="gw-other").envelope(home.alert()))
    poison = {
        b"this is not JSON": "not JSON",
        b"\xff\xfe": "not JSON",
        b"[" * 100_000: "wrong schema",
        json.dumps(wrong_schema).encode(): "wrong schema",
        foreign: "names gateway gw-other",
        b"x" * 1_000_000: "1000000 bytes, more than",
    }
    good = [home.envelope(home.alert(f"sos:{number}")) for number in range(len(poison))]
    topic = up_topic(home.gateway, Lane.LIFE_SAFETY)
    async with asyncio.TaskGroup() as group:
        for payload, envelope in zip(poison, good, strict=True):
            group.create_task(line.session.publish(topic, payload))
            group.create_task(line.send(envelope))
    await line.until(lambda: all(line.confirmed(envelope) for envelope in good))
    await eventually(lambda: centre.rows(schema.dead_letters), lambda rows: len(rows) == len(poison))
    for letter in await centre.rows(schema.dead_letters):
        (payload,) = [
            payload for payload in poison if payload.startswith(letter.payload[:50]) and letter.size == len(payload)
        ]
        assert letter.payload == payload[: dead_letters.KEPT_BYTES]
        assert poison[payload] in letter.reason
    life, lost = await centre.desk.queue()
    assert life.alerts == len(good)
    assert (lost.priority, lost.hazard, lost.alerts) == (Severity.P3, "unreadable", 1)
    assert sum(ingest.dead for ingest in centre.ingests) == len(poison)


async def test_packed_messages_are_read_and_a_bomb_is_a_dead_letter(centre: Centre, line: Line, home: DemoHome) -> None:
    topic, good = up_topic(home.gateway, Lane.TELEMETRY), home.envelope(home.readings(20))
    poison = {
        squeeze(b"x" * 300_000_000): "unpacked it is more than the 262144 bytes",
        squeeze(encode(good))[:-9]: "cut off",
        b"{}": "not zlib-1",
    }
    for payload in poison:
        await line.session.publish(topic, payload, encoding=ZLIB_1)
    await line.session.publish(topic, squeeze(encode(good)), encoding="br")
    await line.session.publish(topic, squeeze(encode(good)), encoding=ZLIB_1)
    await line.until(lambda: line.confirmed(good))
    assert len(await centre.rows(schema.samples)) == 20
    letters = await eventually(lambda: centre.rows(schema.dead_letters), lambda rows: len(rows) == 4)
    for payload, words in poison.items():
        assert any(words in letter.reason and letter.size == len(payload) for letter in letters)
    assert any("not known here: 'br'" in letter.reason for letter in letters)


async def test_a_packed_message_whose_id_can_be_read_gets_a_receipt(centre: Centre, line: Line, home: DemoHome) -> None:
    envelope = home.envelope(home.readings(1))
    newer = json.loads(encode(envelope))
    newer["body"]["kind"] = "of-tomorrow"
    await line.session.publish(
        up_topic(home.gateway, Lane.TELEMETRY), squeeze(json.dumps(newer).encode()), encoding=ZLIB_1
    )
    await line.until(lambda: line.confirmed(envelope))


async def test_an_alert_waits_for_no_transaction_of_thousands_of_readings(store: Store) -> None:
    waiting: asyncio.Queue[Message] = asyncio.Queue()
    for _ in range(500):
        waiting.put_nowait(Message("t", b"x" * 10_000, retained=False, ack=lambda: None))
    while not waiting.empty():
        batch = await batch_of(waiting, 1.0)
        assert sum(len(message.payload) for message in batch) <= BATCH_BYTES + 10_000


@pytest.mark.parametrize("ticks", range(8))
async def test_a_stop_in_the_moment_of_a_loss_is_obeyed(mosquitto: Mosquitto, store: Store, ticks: int) -> None:
    async with running_line(mosquitto.port) as far:
        settings = BrokerSettings(host="127.0.0.1", port=far.port, client_id="ingest")
        lot = Lot(name="telemetry", topics=ingest_topics(), linger_s=LINGER_S, is_urgent=False)
        ingest = Ingest(lot, settings, store, clock=now, beat=lambda: None, committed=lambda: None)
        task = asyncio.create_task(ingest.run())
        async with asyncio.timeout(PATIENCE_S):
            await ingest.listening.wait()
        far.cut()
        for _ in range(ticks):
            await asyncio.sleep(0)
        task.cancel()
        done, _ = await asyncio.wait({task}, timeout=PATIENCE_S)
        assert done, "told to stop, and went on"


async def test_poison_whose_id_can_be_read_gets_a_receipt(centre: Centre, line: Line, home: DemoHome) -> None:
    """Else the home would send it for ever."""
    envelope = home.envelope(home.alert())
    newer = json.loads(encode(envelope))
    newer["body"]["kind"] = "of-tomorrow"
    for _ in range(2):
        await line.session.publish(up_topic(home.gateway, Lane.LIFE_SAFETY), json.dumps(newer).encode())
    await line.until(lambda: len(line.receipts) == 2)
    assert line.confirmed(envelope)
    (letter,) = await centre.rows(schema.dead_letters)
    assert letter.times == 2


async def test_unreadable_alarm_opens_one_case_of_its_home(
    centre: Centre, line: Line, stranger: DemoHome, mosquitto: Mosquitto
) -> None:
    topic = up_topic(line.gateway, Lane.LIFE_SAFETY)

    async def unread(number: int) -> None:
        await line.session.publish(topic, b"alarm of a newer home" * number)
        await eventually(lambda: centre.rows(schema.dead_letters), lambda rows: len(rows) == number)

    async with centre.desk.bells() as bells:
        await unread(1)
        async with asyncio.timeout(PATIENCE_S):
            bell = await anext(bells)
    assert (bell.kind, bell.priority) == ("opened", Severity.P3)
    await unread(2)
    (row,) = await centre.desk.queue()
    assert (row.address, row.resident_name, row.hazard, row.version) == ("3号楼2-501", "王桂兰", "unreadable", 1)
    assert "Call the home" in row.why.en
    assert "打电话到家中" in row.why.zh
    await brought_to_end(centre.desk.order, row, disposition=Disposition.FALSE_ALARM)
    await line.session.publish(topic, b"alarm of a newer home")  # sent again: a person has looked into it
    await eventually(lambda: centre.rows(schema.dead_letters), lambda rows: sum(row.times for row in rows) == 3)
    assert await centre.desk.queue() == ()
    await unread(3)
    async with line_to(mosquitto, stranger.gateway) as other:
        await other.session.publish(up_topic(stranger.gateway, Lane.LIFE_SAFETY), b"?")
        await eventually(centre.desk.queue, lambda rows: len(rows) == 2)
    _, unknown = await centre.desk.queue()
    assert stranger.gateway in unknown.home_id
    assert (await centre.store.read(chain.verify)).faults == ()


async def test_unreadable_telemetry_and_state_ring_nobody(centre: Centre, line: Line) -> None:
    topics = (up_topic(line.gateway, Lane.TELEMETRY), up_topic(line.gateway, Lane.STATE), will_topic(line.gateway))
    for topic in topics:
        await line.session.publish(topic, b"?")
    await eventually(lambda: centre.rows(schema.dead_letters), lambda rows: len(rows) == len(topics))
    assert await centre.desk.queue() == ()


async def test_long_topic_blocks_nobody(centre: Centre, line: Line, home: DemoHome) -> None:
    odd = "".join(chr(0x4E00 + number) for number in range(10_000))  # does not compress: too long for an index
    await line.session.publish(up_topic(odd, Lane.LIFE_SAFETY), b"?")
    good = home.envelope(home.alert())
    await line.send(good)
    await line.until(lambda: line.confirmed(good))
    assert len(await centre.rows(schema.dead_letters)) == 1


async def test_dead_letter_and_its_case_are_kept_together(
    centre: Centre, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = cases.warn_of_unreadable
    failures = [TryLater("disk full")]

    def full_disk(connection: sa.Connection, gateway_id: str, at: datetime) -> None:
        real(connection, gateway_id, at)
        if failures:
            raise failures.pop()

    monkeypatch.setattr(cases, "warn_of_unreadable", full_disk)
    await line.session.publish(up_topic(line.gateway, Lane.LIFE_SAFETY), b"?")
    await eventually(centre.desk.queue, lambda rows: len(rows) == 1)
    (letter,) = await centre.rows(schema.dead_letters)
    assert (letter.times, failures) == (1, [])


async def test_row_that_the_database_refuses_is_found_among_its_neighbours(
    mosquitto: Mosquitto, store: Store, line: Line, home: DemoHome
) -> None:
    bad = json.loads(encode(home.envelope(home.readings(1))))
    bad["body"]["readings"][0]["mono"] = 10**18 * 100
    good = [home.envelope(home.readings(3)) for _ in range(5)]
    async with centre_at(mosquitto, store):
        pass  # leaves its sessions: the broker now keeps what comes, and gives it as one batch
    for number, envelope in enumerate(good):
        await line.send(envelope)
        if number == 2:
            await line.session.publish(up_topic(home.gateway, Lane.TELEMETRY), json.dumps(bad).encode())
    async with centre_at(mosquitto, store) as centre:
        await line.until(lambda: all(line.confirmed(envelope) for envelope in good))
        await eventually(lambda: centre.rows(schema.dead_letters), lambda rows: len(rows) == 1)
        assert len(await centre.rows(schema.samples)) == 15


async def test_time_that_no_clock_can_mean_is_poison(centre: Centre, line: Line, home: DemoHome) -> None:
    wild = home.envelope(home.alert("wild", since=datetime(1, 1, 1, tzinfo=UTC), at=now()))
    good = home.envelope(home.alert())
    await line.send(wild)
    await line.send(good)
    await line.until(lambda: line.confirmed(wild) and line.confirmed(good))
    (letter,) = await centre.rows(schema.dead_letters)
    assert "no time that a clock can mean" in letter.reason
    life, _ = await centre.desk.queue()
    assert (await centre.desk.incident(life.incident_id)).row.alerts == 1


async def test_our_own_mistake_blocks_nobody_and_the_home_keeps_its_copy(
    centre: Centre, line: Line, home: DemoHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd, good = home.envelope(home.alert("odd")), home.envelope(home.alert())
    real = intake.take_in

    def broken(connection: sa.Connection, arrivals: list[Envelope], received_at: datetime, sent: object) -> None:
        if odd in arrivals:
            raise ZeroDivisionError
        real(connection, arrivals, received_at, sent)

    with monkeypatch.context() as patched:
        patched.setattr(intake, "take_in", broken)
        await asyncio.gather(line.send(odd), line.send(good))
        await line.until(lambda: line.confirmed(good))
        (letter,) = await eventually(lambda: centre.rows(schema.dead_letters), lambda rows: len(rows) == 1)
        assert "a mistake of this server" in letter.reason
    assert not line.confirmed(odd)
    await line.send(odd)  # a mended server
    await line.until(lambda: line.confirmed(odd))
    life, _ = await centre.desk.queue()
    assert life.alerts == 2


async def test_nothing_is_acknowledged_before_it_is_committed(
    mosquitto: Mosquitto, store: Store, line: Line, home: DemoHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    envelope = home.envelope(home.alert())
    tried = asyncio.Event()
    loop = asyncio.get_running_loop()

    def full_disk(*_: object) -> None:
        loop.call_soon_threadsafe(tried.set)
        raise TryLater("disk full")

    with monkeypatch.context() as patched:
        patched.setattr(intake, "take_in", full_disk)
        async with centre_at(mosquitto, store):
            await line.send(envelope)
            async with asyncio.timeout(PATIENCE_S):
                await tried.wait()
    assert line.receipts == []
    async with centre_at(mosquitto, store) as centre:  # another life: only the broker still has the message
        await line.until(lambda: line.confirmed(envelope))
        assert len(await centre.desk.queue()) == 1


async def test_will_words_turn_a_box_on_and_off(centre: Centre, line: Line, home: DemoHome) -> None:
    for word, is_online in ((b"online", True), (b"offline", False), (b"online", True)):
        await line.session.publish(will_topic(home.gateway), word, retain=True)
        await eventually(centre.desk.gateways, lambda boxes, wish=is_online: boxes[0].online is wish)
    await line.session.publish(will_topic(home.gateway), b"perhaps")
    await eventually(lambda: centre.rows(schema.dead_letters), lambda rows: len(rows) == 1)


async def test_what_the_database_cannot_take_now_is_kept_and_stored_later(
    mosquitto: Mosquitto, store: Store, line: Line, home: DemoHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    envelope = home.envelope(home.alert())
    failures = 3
    real = intake.take_in

    def full_disk(connection: sa.Connection, arrivals: list[object], received_at: datetime, sent: object) -> None:
        nonlocal failures
        real(connection, arrivals, received_at, sent)
        if failures:
            failures -= 1
            raise TryLater("disk full")

    monkeypatch.setattr(intake, "take_in", full_disk)
    async with centre_at(mosquitto, store) as centre:
        begun = centre.ingests[0].hears_since
        await line.send(envelope)
        await line.until(lambda: line.confirmed(envelope))
        assert failures == 0
        assert centre.ingests[0].hears_since > begun  # what came meanwhile was not in the tables
        (row,) = await centre.desk.queue()
        assert row.alerts == 1


async def test_death_between_commit_and_receipt_costs_nothing(
    mosquitto: Mosquitto, store: Store, line: Line, home: DemoHome
) -> None:
    """As `kill -9` there: the row is in, PUBACK and receipt never went out; the broker gives the message again."""
    envelope = home.envelope(home.alert())
    async with centre_at(mosquitto, store):
        pass
    await line.send(envelope)
    await store.write(lambda connection: intake.take_in(connection, [envelope], now()))
    assert line.receipts == []
    async with centre_at(mosquitto, store) as centre:
        await line.until(lambda: line.confirmed(envelope))
        (row,) = await centre.desk.queue()
        assert (row.alerts, row.version) == (1, 1)
    assert (await store.read(chain.verify)).faults == ()


async def test_ingest_finds_a_broker_that_was_away(mosquitto: Mosquitto, store: Store, home: DemoHome) -> None:
    async with centre_at(mosquitto, store) as centre:
        mosquitto.kill()
        async with asyncio.timeout(PATIENCE_S):
            while any(ingest.listening.is_set() for ingest in centre.ingests):
                await asyncio.sleep(0.01)
        assert [ingest.hears_since for ingest in centre.ingests] == [None, None]
        lost_at = now()
        mosquitto.start()
        async with asyncio.timeout(PATIENCE_S):
            for ingest in centre.ingests:
                await ingest.listening.wait()
        assert all(ingest.hears_since > lost_at for ingest in centre.ingests)
        async with line_to(mosquitto, home.gateway) as line:
            envelope = home.envelope(home.alert())
            await line.send(envelope)
            await line.until(lambda: line.confirmed(envelope))


async def test_half_replaced_certificate_is_told_once_and_the_whole_one_is_found(
    start_mosquitto: StartMosquitto,
    authority: Authority,
    store: Store,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    opened: list[str] = []
    tried: list[str] = []

    @asynccontextmanager
    async def counted(settings: BrokerSettings) -> AsyncIterator[Session]:
        tried.append(settings.client_id)
        async with connect(settings) as session:
            opened.append(settings.client_id)
            yield session

    for module in (ingest_module, downlink_module):
        monkeypatch.setattr(module, "connect", counted)
        monkeypatch.setattr(module, "_RECONNECT_CAP_S", 0.01)
    own, ours = authority.issue("broker"), authority.issue("server")
    broker = start_mosquitto(
        f"cafile {authority.cert}",
        f"certfile {own.cert_file}",
        f"keyfile {own.key_file}",
        "require_certificate true",
        "allow_anonymous true",
    )
    key = ours.key_file.read_bytes()
    ours.key_file.write_bytes(own.key_file.read_bytes())
    settings = BrokerSettings(host="127.0.0.1", port=broker.port, client_id="in", tls=ours)
    lot = Lot(name="alerts", topics=ingest_topics(), linger_s=0, is_urgent=True)
    ingest = Ingest(lot, settings, store, clock=now, beat=lambda: None, committed=lambda: None)
    downlink = Downlink(replace(settings, client_id="down"), store, clock=now)
    async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as group:
        tasks = [group.create_task(one.run()) for one in (ingest, downlink)]
        while min(tried.count("in"), tried.count("down")) < 3:
            await asyncio.sleep(0.01)
        assert not opened
        ours.key_file.write_bytes(key)
        while set(opened) != {"in", "down"}:
            await asyncio.sleep(0.01)
        for task in tasks:
            task.cancel()
    assert caplog.text.count("no alerts are coming in: cannot use the certificate files") == 1
    assert caplog.text.count("no commands go to the homes: cannot use the certificate files") == 1


async def test_operator_answers_and_the_home_hears_it(centre: Centre, line: Line, home: DemoHome) -> None:
    envelope = home.envelope(home.alert())
    await line.send(envelope)
    await line.until(lambda: line.confirmed(envelope))
    (row,) = await centre.desk.queue()
    row = await centre.desk.order(wish("ack", row.incident_id, version=row.version))
    await line.until(lambda: len(line.commands) == 1)
    assert isinstance(line.commands[0].action, HelpComing)
    await centre.desk.order(wish("resolve_remote", row.incident_id, version=row.version, **FOUND))
    await line.until(lambda: len(line.commands) == 2)
    assert line.commands[1].action == ResetAlarm(keys=("sos:sos-bed",), by="zhang")
    await eventually(
        lambda: centre.rows(schema.downlink), lambda rows: all(letter.outcome == "sent" for letter in rows)
    )


async def test_command_waits_for_a_home_that_is_away_until_it_expires(
    centre: Centre, mosquitto: Mosquitto, home: DemoHome
) -> None:
    async with line_to(mosquitto, home.gateway) as line:
        envelope = home.envelope(home.alert())
        await line.send(envelope)
        await line.until(lambda: line.confirmed(envelope))
    (row,) = await centre.desk.queue()
    await centre.desk.order(wish("ack", row.incident_id, version=row.version))
    await eventually(lambda: centre.rows(schema.downlink), lambda rows: rows[0].attempts >= 1)
    async with line_to(mosquitto, home.gateway) as line:
        await line.until(lambda: len(line.commands) == 1)
    (letter,) = await eventually(lambda: centre.rows(schema.downlink), lambda rows: rows[0].outcome == "sent")
    assert letter.attempts >= 2
    assert letter.incident_id == row.incident_id


async def test_command_past_its_time_is_not_sent(centre: Centre, line: Line, home: DemoHome) -> None:
    envelope = home.envelope(home.alert())
    await line.send(envelope)
    await line.until(lambda: line.confirmed(envelope))
    past = now() - timedelta(seconds=1)

    def stale(connection: sa.Connection) -> None:
        connection.execute(
            schema.downlink.insert().values(
                command_id="old",
                gateway_id=home.gateway,
                incident_id=1,
                body=b"{}",
                created_at=past,
                expires_at=past,
                attempts=0,
                outcome="waiting",
            )
        )

    await centre.store.write(stale)
    await eventually(lambda: centre.rows(schema.downlink), lambda rows: rows[0].outcome == "expired")
    assert line.commands == []


async def test_slow_listener_is_told_to_read_anew(store: Store, home: DemoHome) -> None:
    bells = Bells(store)
    ringing = asyncio.create_task(bells.run())
    with bells.listen() as slow:
        await store.read(lambda _: None)  # the bell ringer has read where the log ends: its question came first
        envelopes = [home.envelope(home.alert(f"sos:{number}")) for number in range(300)]
        await store.write(lambda connection: intake.take_in(connection, envelopes, now()))
        bells.look()
        async with asyncio.timeout(PATIENCE_S):
            heard = [bell async for bell in slow]
    assert heard
    assert [bell.seq for bell in heard] == list(range(heard[0].seq, heard[0].seq + len(heard)))
    ringing.cancel()
    await asyncio.gather(ringing, return_exceptions=True)
