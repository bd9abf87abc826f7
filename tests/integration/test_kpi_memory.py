"""A month that is looked at again and again says what a fresh look says, whatever has happened in between."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from fixtures.casework import BEGIN, Casework
from fixtures.kpi_cases import histories, play, stored, walked
from hypothesis import HealthCheck, given, settings

from community.improvement import Planned
from community.kpi_desk import KpiDesk, MonthPage
from community.kpi_months import Month, Window
from community.store import case_schema, kpi, schema
from community.store.database import Store, open_store
from community.store.kpi_memory import SPANS, Memory
from community.store.people_schema import home_register, places
from community.users import EVERYWHERE, Role, User

SHANGHAI = ZoneInfo("Asia/Shanghai")
NOVEMBER = Month(year=2026, month=11)
WINDOW = NOVEMBER.window(SHANGHAI)
AFTER = WINDOW.end + timedelta(hours=2)
ALWAYS = Window(start=BEGIN - timedelta(days=1), end=BEGIN + timedelta(days=400))
BOSS = User(user_id="u", login="boss", name="boss", role=Role.SUPERVISOR, language="zh", areas=EVERYWHERE)


def late() -> Casework:
    """Answered after 65 s: a yellow and a red card of the shift."""
    work = Casework()
    work.wait(65)
    work.order("ack")
    return work


async def keep(store: Store, *works: Casework, home: str = "") -> list[int]:
    """Seal these cases."""
    return await store.write(lambda found: [stored(found, work, home or f"home-{uuid4()}") for work in works])


class Looks:
    """One desk that looks again and again, and for each look one that has never looked before."""

    def __init__(self, store: Store, now: datetime = AFTER) -> None:
        """`now`: on the clock of both."""
        self.store, self.now = store, now
        self.desk = self._new()

    def _new(self) -> KpiDesk:
        return KpiDesk(self.store, clock=lambda: self.now, zone=SHANGHAI)

    async def same(self, user: User | None = None) -> MonthPage:
        """What both see; it is the same, and so is the sample."""
        fresh = self._new()
        found, wanted = await self.desk.month(NOVEMBER, user), await fresh.month(NOVEMBER, user)
        assert found == wanted
        assert await self.desk.sample(NOVEMBER, user) == await fresh.sample(NOVEMBER, user)
        return found


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(played=histories)
def test_who_looks_again_sees_what_who_looks_first_sees(store_url: str, played: list[list[object]]) -> None:
    """Each case after the other, counted in small pieces, with a look before and after each of them."""

    async def run() -> None:
        store = await open_store(store_url)
        memory = Memory()

        async def same() -> None:
            for window in (ALWAYS, WINDOW):
                found = await store.read(lambda connection, window=window: kpi.from_tables(connection, window, memory))
                wanted = await store.read(lambda connection, window=window: kpi.from_tables(connection, window))
                assert found == wanted

        for moves in played:
            await keep(store, play(Casework(candidates=("liu", "zhao")), moves))
            await same()
            while await store.write(lambda connection: kpi.catch_up(connection, 5)):
                await same()
        await store.close()

    asyncio.run(run())


@pytest.mark.parametrize("is_counted", [False, True])
async def test_a_sealed_step_an_excuse_and_an_item_show_at_once(store: Store, *, is_counted: bool) -> None:
    """Whether the tables of figures have come as far or not."""
    looks = Looks(store)
    numbers = []
    for work in (late(), walked("CLOSED"), late()):
        numbers += await keep(store, work)
        if is_counted:
            await looks.desk.take_in()
        assert {one.incident_id for _, one in (await looks.same(BOSS)).cards} <= set(numbers)
    red = next(card_id for card_id, one in (await looks.same()).cards if one.colour == "red")
    before = (await looks.same()).scores[0]
    await looks.desk.excuse(red, "weather", by=BOSS)
    after = (await looks.same()).scores[0]
    assert (before.excused, after.excused, before.red - after.red) == (0, 1, 1)
    await looks.desk.take_in()
    assert (await looks.same()).scores[0] == after
    item = (await looks.desk.items(BOSS))[0]
    plan = Planned(cause="c", measure="m", owner="boss", due_on=AFTER.date())
    await looks.desk.move(item.item_id, plan, by=BOSS)
    assert (await looks.desk.items(BOSS))[0].steps[-1].move == plan


@pytest.mark.parametrize("is_counted", [False, True])
async def test_a_case_that_goes_on_is_counted_anew(store: Store, *, is_counted: bool) -> None:
    """Looked at after each of its steps: the number of cases stays the same, what they are does not."""
    looks, work = Looks(store), walked("CLOSED")
    number, seen = None, []
    for place in range(len(work.steps)):
        part = slice(place, place + 1)
        number = await store.write(
            lambda connection, part=part, number=number: stored(connection, work, "home-1", of=part, number=number)
        )
        if is_counted:
            await looks.desk.take_in()
        seen.append((await looks.same()).times)
    assert len(set(seen)) > 3


async def test_who_belongs_elsewhere_since_yesterday_is_scored_there(store: Store) -> None:
    """Teams and organisations are those of today's books, which no step of a case touches."""
    looks = Looks(store)
    row = {"user_id": "1", "login": "li", "name": "Li", "role": "operator", "language": "zh", "password_hash": ""}
    await store.write(lambda connection: connection.execute(schema.users.insert().values(row | _NEW)))
    await keep(store, walked("CLOSED"))
    await looks.desk.take_in()
    assert "operator" in {score.name for score in (await looks.same()).scores}
    await store.write(lambda connection: connection.execute(schema.users.update().values(role="supervisor")))
    names = {score.name for score in (await looks.same()).scores}
    assert "supervisor" in names
    assert "operator" not in names


_NEW: dict[str, object] = {"created_at": BEGIN}


async def test_other_areas_show_other_cases(store: Store) -> None:
    """One desk, several viewers in turn; a home that moves to another place is seen there."""

    def write(connection: sa.Connection) -> None:
        for name in ("north", "south"):
            row = {"place_id": name, "parent_id": None, "level": "grid", "code": name, "name": name}
            connection.execute(sa.insert(places).values(row))
            connection.execute(sa.insert(schema.homes).values(home_id=f"home-{name}", address=name))
            connection.execute(sa.insert(home_register).values(home_id=f"home-{name}", place_id=name))
            stored(connection, late(), f"home-{name}")

    await store.write(write)
    looks = Looks(store)
    await looks.desk.take_in()
    north, south = (replace(BOSS, areas=frozenset({name})) for name in ("north", "south"))
    for _ in range(2):
        seen = [{one.incident_id for _, one in (await looks.same(who)).cards} for who in (BOSS, north, south)]
        assert seen == [{1, 2}, {1}, {2}]
    moves = home_register.update().where(home_register.c.home_id == "home-south").values(place_id="north")
    await store.write(lambda connection: connection.execute(moves))
    seen = [{one.incident_id for _, one in (await looks.same(who)).cards} for who in (north, south)]
    assert seen == [{1, 2}, set()]


async def test_a_month_that_goes_on_follows_the_clock(store: Store) -> None:
    """A figure that only time changes: an open case comes into its denominator when its time is over."""
    await keep(store, Casework())
    looks = Looks(store, BEGIN + timedelta(seconds=1))
    await looks.desk.take_in()
    before = await looks.same()
    looks.now = BEGIN + timedelta(days=2)
    after = await looks.same()
    assert before.as_of < after.as_of
    assert before.figures != after.figures


async def test_cards_that_are_changed_behind_the_log_show(store: Store) -> None:
    looks = Looks(store)
    await keep(store, late())
    await looks.desk.take_in()
    await looks.same()
    await store.write(lambda connection: connection.execute(case_schema.cards.update().values(responsible="zhao")))
    assert "zhao" in {score.name for score in (await looks.same()).scores}


async def test_little_is_kept(store: Store) -> None:
    """Whoever pages through ten years leaves no more behind than some spans."""
    await keep(store, late())
    await store.write(kpi.catch_up)
    memory = Memory()
    windows = [Window(start=BEGIN - timedelta(days=day), end=BEGIN + timedelta(days=1)) for day in range(SPANS + 3)]
    for window in windows:
        await store.read(lambda connection, window=window: kpi.from_tables(connection, window, memory))
    kept = [window for window in windows if memory.span(window).of]
    assert kept == windows[-SPANS:]
    assert not memory.histories
