"""What all consoles read of the open cases: kept from read to read, and never older than what was committed."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import msgspec
import pytest
import sqlalchemy as sa
from fixtures.casebook import wish
from fixtures.community_home import NOON, DemoHome
from fixtures.other_server import other_server, seen

from community.bells import Bells
from community.counter import Counter
from community.desk import QueueRow
from community.store import board, due, intake, lease, orders, schema, storm_round, storms, strip, views
from community.store.case_schema import engine_lease
from community.store.database import Connection, Store, open_store
from community.store.directory import bring_in
from community.store.people_left import thinned
from community.store.storm_schema import reserves
from community.strip import named_on
from shouwang.alert import AlertState, Severity

AGREES = timedelta(seconds=2)


def agrees_since(began: float) -> timedelta:
    """How far two reads of a clock may be apart that were made since then: real time passes between them."""
    return AGREES + timedelta(seconds=time.monotonic() - began)


@dataclass
class Kept:
    """Two servers on one database that go on reading, each with what it keeps; and who writes."""

    store: Store
    other: Store
    homes: Sequence[DemoHome]
    now: datetime = NOON
    memory: board.Memory = None  # type: ignore[assignment]  # set below
    others: board.Memory = None  # type: ignore[assignment]
    is_by_hand: bool = False
    """Somebody has changed rows of cases without a step: the queue must see that, the strip does not look."""

    def __post_init__(self) -> None:
        self.memory, self.others = board.Memory(), board.Memory()
        self._strips = strip.Memory(), strip.Memory()

    async def rows(self) -> tuple[QueueRow, ...]:
        """The queue; both servers must see what somebody sees who reads it for the first time."""
        began = time.monotonic()
        fresh = await self.store.read(lambda connection: views.queue(connection, self.now))
        here = await self.store.read(lambda connection: board.queue(connection, self.memory, lambda: self.now))
        there = await self.other.read(lambda connection: board.queue(connection, self.others, lambda: self.now))
        for kept in (here, there):
            assert [_still(row) for row in kept] == [_still(row) for row in fresh]
            for row, new in zip(kept, fresh, strict=True):
                if row.clock is not None and new.clock is not None:
                    assert abs(row.clock.due_at - new.clock.due_at) < agrees_since(began)
        if not self.is_by_hand:
            await self._count(fresh)
        return here

    async def _count(self, fresh: tuple[QueueRow, ...]) -> None:
        """The strip of both servers is the queue without homes and reasons, but for those that it names."""
        for store, memory in zip((self.store, self.other), self._strips, strict=True):
            seq, rows = await store.read(lambda one, memory=memory: strip.look(one, memory, lambda: self.now))
            assert seq == await store.read(views.last_seq)
            assert [_counted(row) for row in rows] == [_counted(row) for row in fresh]
            named = await store.read(lambda one, rows=rows: strip.named(one, rows))
            assert [(row.incident_id, row.address, row.resident_name) for row in named_on(named)] == [
                (row.incident_id, row.address, row.resident_name) for row in named_on(fresh)
            ]

    async def tell(self, home: DemoHome, hazard: str, severity: Severity, **more: object) -> None:
        alert = home.alert(f"{hazard}:meter", hazard=hazard, severity=severity, **more)  # type: ignore[arg-type]
        await self.write(lambda connection: intake.take_in(connection, [home.envelope(alert)], self.now))

    async def order(self, command: str, incident_id: int, **more: object) -> None:
        asked = wish(command, incident_id, **more)
        answer = await self.store.write(lambda connection: orders.carry_out(connection, asked, self.now))
        answer.value()

    async def pass_by(self, seconds: int) -> None:
        moved = engine_lease.update().values(engine_ms=engine_lease.c.engine_ms + seconds * 1000)
        await self.write(lambda connection: connection.execute(moved))
        self.now += timedelta(seconds=seconds)

    async def fire(self) -> None:
        while (await self.store.write(lambda connection: due.fire(connection, self.now, 100))).fired:
            pass

    async def write(self, work: Callable[[Connection], object]) -> None:
        await self.store.write(work)


def _still(row: QueueRow) -> QueueRow:
    return row if row.clock is None else replace(row, clock=replace(row.clock, due_at=NOON, started_at=NOON))


def _counted(row: QueueRow) -> QueueRow:
    """Without what the strip does not know."""
    return replace(_still(row), why=row.state_title, address="", resident_name="", resident_age=None)


@pytest.fixture
async def kept(store: Store, store_url: str) -> AsyncIterator[Kept]:
    homes = [DemoHome(gateway=f"gw-{number:03d}") for number in range(40)]
    of = DemoHome.entry
    entries = [
        of.model_copy(
            update={
                "id": f"home-{home.gateway}",
                "gateway": home.gateway,
                "resident": of.resident.model_copy(update={"id": f"resident-{home.gateway}"}),
            }
        )
        for home in homes
    ]

    def begin(connection: Connection) -> None:
        bring_in(connection, entries)
        lease.take(connection, None, "test")

    await store.write(begin)
    other = await open_store(store_url)
    yield Kept(store, other, homes)
    await other.close()


async def test_a_case_is_shown_as_its_last_step_left_it(kept: Kept) -> None:
    assert await kept.rows() == ()
    await kept.tell(kept.homes[0], "sos", Severity.P1)
    await kept.tell(kept.homes[1], "medication-missed", Severity.P4)
    assert [row.version for row in await kept.rows()] == [1, 1]
    await kept.order("ack", 1, version=1)
    assert [(row.incident_id, row.owner) for row in await kept.rows()] == [(1, "zhang"), (2, None)]
    await kept.tell(kept.homes[1], "medication-missed", Severity.P4, since=NOON + timedelta(seconds=1))
    assert (await kept.rows())[1].alerts == 2
    await kept.tell(kept.homes[0], "sos", Severity.P1, state=AlertState.RESOLVED)
    assert (await kept.rows())[0].cleared
    kept.is_by_hand = True
    await kept.write(lambda connection: connection.execute(schema.incidents.update().values(state="CLOSED")))
    assert await kept.rows() == ()


async def test_a_card_that_a_clock_draws_is_seen_and_so_is_time_that_only_passes(kept: Kept) -> None:
    await kept.tell(kept.homes[0], "sos", Severity.P1)
    (before,) = await kept.rows()
    await kept.pass_by(20)  # nothing is due: the case is as it was, and less time is left
    (later,) = await kept.rows()
    assert (before.version, before.card) == (later.version, later.card)
    assert before.clock is not None
    assert later.clock is not None
    assert later.clock.due_at - kept.now < before.clock.due_at - NOON - timedelta(seconds=18)
    await kept.pass_by(100)
    await kept.fire()
    (row,) = await kept.rows()
    assert row.card == "red"
    assert row.version > before.version


async def test_another_engine_with_another_time_moves_all_clocks(kept: Kept) -> None:
    await kept.tell(kept.homes[0], "sos", Severity.P1)
    began = time.monotonic()
    (before,) = await kept.rows()
    seen = await kept.store.read(lease.look)
    await kept.other.write(lambda connection: lease.take(connection, seen, "standby"))
    doubtful = engine_lease.update().values(engine_ms=engine_lease.c.engine_ms + lease.DOUBTFUL_JUMP_MS)
    await kept.other.write(lambda connection: connection.execute(doubtful))
    (after,) = await kept.rows()
    assert before.clock is not None
    assert after.clock is not None
    moved = before.clock.due_at - after.clock.due_at
    assert abs(moved - timedelta(milliseconds=lease.DOUBTFUL_JUMP_MS)) < agrees_since(began)


async def test_names_addresses_and_words_change_without_a_step_of_the_case(kept: Kept) -> None:
    await kept.tell(kept.homes[0], "sos", Severity.P1)
    await kept.tell(kept.homes[1], "fall", Severity.P1)
    assert {row.resident_name for row in await kept.rows()} == {"王桂兰"}
    mine = schema.residents.c.resident_id == "resident-gw-000"
    await kept.write(lambda connection: connection.execute(schema.residents.update().where(mine).values(name="王秀兰")))
    assert [row.resident_name for row in await kept.rows()] == ["王秀兰", "王桂兰"]
    here = schema.homes.c.home_id == "home-gw-000"
    await kept.write(lambda connection: connection.execute(schema.homes.update().where(here).values(address="7号楼")))
    assert (await kept.rows())[0].address == "7号楼"
    second = {"resident_id": "r-second", "home_id": "home-gw-000", "name": "李建国", "living": "", "notes": ""}
    second |= {"conditions": b"[]", "allergies": b"[]", "medicines": b"[]", "place": 1}
    await kept.write(lambda connection: connection.execute(schema.residents.insert().values(second)))
    assert (await kept.rows())[0].resident_name == "王秀兰"  # the first of a home stands for it
    gone = schema.residents.update().where(mine).values(erased_at=NOON)
    await kept.write(lambda connection: connection.execute(gone))
    assert (await kept.rows())[0].resident_name == "李建国"

    def erase(connection: Connection) -> None:
        table = schema.alerts
        for row in connection.execute(sa.select(table.c.alert_id, table.c.body)).all():
            this = table.c.alert_id == row.alert_id
            connection.execute(table.update().where(this).values(body=thinned(row.body)))

    await kept.write(erase)
    assert {row.why.zh for row in await kept.rows()} == {"已应本人要求删除"}


async def test_a_database_that_was_set_back_and_counts_the_same_versions_anew(kept: Kept) -> None:
    await kept.tell(kept.homes[0], "sos", Severity.P1)
    await kept.rows()
    table = schema.incidents
    (body,) = await kept.store.read(lambda connection: connection.execute(sa.select(table.c.body)).scalars().all())
    case = msgspec.json.decode(body) | {"owner": "li", "changed_at": (NOON + timedelta(seconds=3)).isoformat()}
    values = {"owner": "li", "changed_at": NOON + timedelta(seconds=3), "body": msgspec.json.encode(case)}
    kept.is_by_hand = True
    await kept.write(lambda connection: connection.execute(table.update().values(values)))
    assert [(row.version, row.owner) for row in await kept.rows()] == [(1, "li")]


async def test_a_record_that_was_set_back_and_goes_on_with_the_same_numbers(kept: Kept) -> None:
    cases, events = schema.incidents, schema.incident_events
    for home in kept.homes[:2]:
        await kept.tell(home, "sos", Severity.P1)
    before = await kept.store.read(lambda connection: connection.execute(sa.select(cases)).mappings().all())
    seq = await kept.store.read(views.last_seq)
    await kept.order("ack", 1, version=1)
    assert {row.owner for row in await kept.rows()} == {"zhang", None}
    last = await kept.store.read(views.last_seq)

    def set_back(connection: Connection) -> None:
        connection.execute(events.delete().where(events.c.seq > seq))
        for row in before:
            connection.execute(cases.update().where(cases.c.incident_id == row["incident_id"]).values(dict(row)))

    await kept.write(set_back)
    await kept.order("ack", 2, version=1, by="li")
    assert await kept.store.read(views.last_seq) == last
    assert {row.incident_id: row.owner for row in await kept.rows()} == {1: None, 2: "li"}


async def test_more_steps_than_are_read_one_by_one(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strip, "_FEW", 3)
    for size in (1, 3, 4, 9):
        for home in kept.homes[:size]:
            await kept.tell(home, "sos", Severity.P1)
        assert len(await kept.rows()) == size


async def test_a_step_between_two_reads_of_one_look_is_seen_by_the_next(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop, homes = asyncio.get_running_loop(), iter(kept.homes)
    memory, is_between = strip.Memory(), False

    def with_a_step_after(read: Callable[..., object]) -> Callable[..., object]:
        def then(*given: object) -> object:
            nonlocal is_between
            found = read(*given)
            if not is_between:
                is_between = True
                asyncio.run_coroutine_threadsafe(kept.tell(next(homes), "sos", Severity.P1), loop).result(30)
            return found

        return then

    await kept.tell(next(homes), "sos", Severity.P1)
    monkeypatch.setattr(strip.chain, "head", with_a_step_after(strip.chain.head))
    monkeypatch.setattr(strip, "_cases", with_a_step_after(strip._cases))
    for number in (2, 3, 4):
        is_between = False
        await kept.other.read(lambda one: strip.look(one, memory, lambda: kept.now))
        assert is_between
        _, rows = await kept.other.read(lambda one: strip.look(one, memory, lambda: kept.now))
        assert len(rows) == number


async def test_two_servers_that_both_write_see_each_others_steps_at_once(kept: Kept, store_url: str) -> None:
    far, memory = await other_server(store_url, kept.now), strip.Memory()

    async def agree(theirs: object) -> None:
        _, mine = await kept.store.read(lambda one: strip.look(one, memory, lambda: kept.now))
        fresh = await kept.store.read(lambda one: views.queue(one, kept.now))
        assert seen(mine) == seen(fresh) == theirs

    await agree(await far.do("look"))
    for number in range(5):
        await agree(await far.do("tell", number))
        await kept.tell(kept.homes[number + 20], "sos", Severity.P1)
        await agree(await far.do("look"))
        await kept.order("ack", 2 * number + 1, version=1, by=f"here-{number}")
        await agree(await far.do("take", 2 * number + 2, f"there-{number}"))
    assert len({row[3] for row in await far.do("look")}) == 10
    await far.stop()


async def test_a_storm_holds_cases_back_lets_them_go_and_tells_their_batteries(kept: Kept) -> None:
    for home in kept.homes[:35]:
        await kept.tell(home, "mains", Severity.P3)
    waiting = {row.incident_id for row in await kept.rows()}
    memory = board.Memory(held=True)

    async def held() -> tuple[QueueRow, ...]:
        return await kept.store.read(lambda connection: board.held(connection, memory, lambda: kept.now, storm_id=1))

    back = await held()
    assert back
    assert {row.state for row in back} == {storms.HELD}
    assert waiting.isdisjoint(row.incident_id for row in back)
    began = {"from_at": NOON, "from_level": 100.0, "at": NOON + timedelta(minutes=10), "level": 50.0}
    low = kept.homes[34].gateway
    await kept.write(lambda connection: connection.execute(reserves.insert().values(gateway_id=low, **began)))
    first = (await held())[0]
    assert (first.home_id, first.battery_min) == (f"home-{low}", pytest.approx(20, abs=0.1))
    await kept.write(lambda connection: storms.release(connection, 1, by="chen", now=kept.now))
    for _ in range(40):
        await kept.pass_by(60)
        await kept.write(lambda connection: storm_round.turn(connection, kept.now))
    assert await held() == ()
    rows = await kept.rows()
    assert {row.incident_id for row in back} <= {row.incident_id for row in rows}
    assert {row.home_id: row.battery_min for row in rows}[f"home-{low}"] is not None


class Watched:
    """A store that counts how often it is read."""

    def __init__(self, store: Store) -> None:
        self.reads = 0
        self._store = store

    async def read(self, work: Callable[[Connection], object], **more: float) -> object:
        self.reads += 1
        return await self._store.read(work, **more)


async def test_twenty_consoles_that_ask_at_once_are_two_reads_and_see_what_was_committed(kept: Kept) -> None:
    watched = Watched(kept.store)
    desk = Counter(watched, Bells(kept.store), clock=lambda: kept.now, for_homes=lambda: None)  # type: ignore[arg-type]
    for number, home in enumerate(kept.homes[:12]):
        before = watched.reads
        early = [asyncio.create_task(desk.board()) for _ in range(10)]
        await asyncio.sleep(0)  # they have asked, and their read may be under way
        await kept.tell(home, "sos", Severity.P1)
        boards = await asyncio.gather(*(desk.board() for _ in range(20)))
        assert {len(one.rows) for one in boards} == {number + 1}
        assert len({one.seq for one in boards}) == 1
        await asyncio.gather(*early)
        assert watched.reads - before <= 3
