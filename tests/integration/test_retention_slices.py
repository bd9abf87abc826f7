"""What ends is looked for slice by slice, each within the time of one statement, and goes on where it was cut off."""

import asyncio
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from fixtures.community_home import NOON, DemoHome

from community import centre_room, retention_rounds
from community.centre_room import CentreRoom, Means
from community.retention_rounds import RetentionRounds
from community.retention_settings import RetentionEntry
from community.store import dead_letters, retention, retention_days, retention_people, round_clock, schema
from community.store.database import Connection, Store
from community.store.retention import KINDS, Key, Kind, Page
from community.store.round_clock import Looked, Reckoned
from community.store.stays import Claim
from shouwang.errors import TryLater

NIGHT = NOON + timedelta(days=3700)
OF = {kind.name: kind for kind in KINDS}
LETTERS = OF["unreadable messages"]
SLICE = 3


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "SLICE", SLICE)
    monkeypatch.setattr(retention_rounds, "PAUSE_S", 0)


async def letters(store: Store, *ages: timedelta) -> None:
    """Unreadable messages of these ages, in this order."""

    def bury(connection: Connection) -> None:
        for number, age in enumerate(ages):
            topic, at = f"v1/gw-{number}/up/al", NIGHT - age
            dead_letters.bury(connection, topic=topic, payload=b"nonsense", reason="no json", at=at)

    await store.write(bury)


async def left(store: Store) -> int:
    asked = sa.select(sa.func.count()).select_from(schema.dead_letters)
    return await store.read(lambda connection: connection.execute(asked).scalar_one())


YOUNG, OLD = timedelta(days=1), timedelta(days=2000)


async def walk(store: Store, kind: Kind, before: datetime) -> list[tuple[Key, ...]]:
    """What each look has found."""
    pages: list[tuple[Key, ...]] = []
    after: Key | None = None
    while True:
        page = await store.read(lambda connection, after=after: kind.look(connection, before, after))
        pages.append(page.keys)
        after = page.last
        if after is None:
            return pages


async def test_one_statement_looks_through_a_slice_however_little_is_over(store: Store) -> None:
    await letters(store, *[YOUNG] * 7, OLD)
    found = await walk(store, LETTERS, NIGHT - timedelta(days=90))
    assert [len(keys) for keys in found] == [0, 0, 1], "what is young is passed over, a slice at a time"


async def test_slices_of_a_key_of_two_parts_miss_nothing(store: Store, home: DemoHome) -> None:
    def alone(connection: Connection) -> None:
        for number in range(8):
            said = {"home_key": "home-a", "key": "k", "since": NOON, "state": "raised", "is_late": False}
            at = NOON if number % 4 == 3 else NIGHT
            row = {"gateway_id": home.gateway, "alert_id": f"a{number}", "body": b"{}", "received_at": at}
            connection.execute(sa.insert(schema.alerts).values(**row, **said))

    await store.write(alone)
    found = await walk(store, OF["alarms without a case"], NIGHT)
    assert found == [(), ((home.gateway, "a3"),), ((home.gateway, "a7"),)]


async def test_who_is_gone_is_found_slice_by_slice(store: Store, home: DemoHome) -> None:
    def gone(connection: Connection) -> None:
        for number in range(11):
            home_id = f"home-{number:02}"
            connection.execute(sa.insert(schema.homes).values(home_id=home_id, address="3-501"))
            words = {"conditions": b"[]", "allergies": b"[]", "medicines": b"[]", "notes": "", "living": "alone"}
            left_on = {"left_why": "moved", "left_on": f"{NOON:%Y-%m-%d}"} if number in (1, 10) else {}
            person = {"resident_id": f"r{number:02}", "home_id": home_id, "name": "Wang"} | words | left_on
            connection.execute(sa.insert(schema.residents).values(person))

    await store.write(gone)
    assert await store.read(lambda connection: retention_people.over(connection, NIGHT)) == ("r01", "r10")


async def test_what_waits_is_counted_to_the_end_or_not_at_all(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    await letters(store, *[YOUNG] * 10, OLD, OLD)

    def count(connection: Connection) -> dict[str, int]:
        return retention_days.waiting(connection, [(LETTERS, NIGHT - timedelta(days=90))])

    assert await store.read(count) == {LETTERS.name: 2}
    monkeypatch.setattr(retention_days, "LOOKS", 2)
    with pytest.raises(TryLater, match="too many"):
        await store.read(count)


async def test_who_counts_stops_when_nobody_waits_any_more(store: Store) -> None:
    await letters(store, OLD)
    before = NIGHT - timedelta(days=90)
    kinds = [(LETTERS, before)]
    for work in (
        lambda connection: retention_days.waiting(connection, kinds, until_s=time.monotonic()),
        lambda connection: retention_rounds.people_over(connection, before, until_s=time.monotonic()),
    ):
        with pytest.raises(TryLater, match="too long"):
            await store.read(work)
    in_time = time.monotonic() + 3600
    assert await store.read(lambda connection: retention_days.waiting(connection, kinds, until_s=in_time))


class Slow:
    """A look at a table, as long as it is held; how many there are at once."""

    def __init__(self) -> None:
        self.free, self.begun = threading.Event(), threading.Event()
        self.inside = self.most = 0
        self._lock = threading.Lock()

    def look(self, *_: object) -> Page:
        with self._lock:
            self.inside += 1
            self.most = max(self.most, self.inside)
        self.begun.set()
        self.free.wait(20)
        with self._lock:
            self.inside -= 1
        return Page(keys=(), last=None)


async def test_a_page_of_administration_that_is_loaded_again_takes_no_reader_more(
    store: Store, rounds: RetentionRounds, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow, read, real = Slow(), threading.Semaphore(0), round_clock.reckoned

    def reckoned(connection: Connection, day: str, clock: datetime) -> Reckoned:
        read.release()
        return real(connection, day, clock)

    monkeypatch.setattr(round_clock, "reckoned", reckoned)
    monkeypatch.setattr(retention_rounds, "KINDS", (replace(LETTERS, look=slow.look),))
    room = CentreRoom(store, clock=lambda: NIGHT, means=Means())
    first = asyncio.create_task(room.endings())
    assert await asyncio.to_thread(slow.begun.wait, 20)
    first.cancel()  # he did not wait
    again = [asyncio.create_task(room.endings()) for _ in range(4)]
    for _ in (first, *again):
        assert await asyncio.to_thread(read.acquire, timeout=20)
    slow.free.set()
    found = await asyncio.gather(*again)
    assert [one.waiting[LETTERS.name] for one in found] == [0] * 4
    assert slow.most == 1


async def test_a_count_that_takes_too_long_gives_its_reader_back(
    store: Store, rounds: RetentionRounds, monkeypatch: pytest.MonkeyPatch
) -> None:
    done, real = threading.Event(), centre_room._counted

    def endless(*_: object) -> Page:
        time.sleep(0.005)
        return Page(keys=(), last=(1,))

    def counted(*args: object, **more: object) -> tuple[int, int]:
        try:
            return real(*args, **more)  # type: ignore[arg-type]
        finally:
            done.set()

    monkeypatch.setattr(retention_days, "LOOKS", 5_000)
    monkeypatch.setattr(centre_room, "_COUNTED_WITHIN_S", 0.05)
    monkeypatch.setattr(centre_room, "_counted", counted)
    monkeypatch.setattr(retention_rounds, "KINDS", (replace(LETTERS, look=endless),))
    room = CentreRoom(store, clock=lambda: NIGHT, means=Means())
    assert (await room.endings()).waiting[LETTERS.name] is None
    assert await asyncio.to_thread(done.wait, 20)


# ---- a round ----


class Cut:
    """Looks of one kind, of which some are cut off."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[Key | None] = []
        self.cut_at: int | None = None
        self._real = retention_rounds._looked
        monkeypatch.setattr(retention_rounds, "_looked", self._looked)

    def _looked(self, kind: Kind, before: datetime, after: Key | None, connection: Connection) -> Looked:
        if kind is LETTERS:
            self.asked.append(after)
            if len(self.asked) == self.cut_at:
                raise TryLater("canceling statement due to statement timeout")
        return self._real(kind, before, after, connection)


@pytest.fixture
async def rounds(store: Store) -> RetentionRounds:
    before = NIGHT - timedelta(days=1)
    await store.write(lambda connection: round_clock.begin(connection, f"{before:%Y-%m-%d}", before))
    return RetentionRounds(store, RetentionEntry(), zone=UTC, clock=lambda: NIGHT, forget=_nothing)


async def _nothing(_: Sequence[Claim]) -> tuple[str, ...]:
    return ()


async def test_a_look_that_was_cut_goes_on_where_it_was_and_the_next_one_begins_anew(
    store: Store, rounds: RetentionRounds, monkeypatch: pytest.MonkeyPatch
) -> None:
    await letters(store, OLD, *[YOUNG] * 5, OLD, YOUNG, OLD)
    cut = Cut(monkeypatch)
    cut.cut_at = 3
    first = await rounds.turn("2037-01-10", NIGHT)
    assert list(first.undone) == [LETTERS.name]
    assert first.numbers.get(LETTERS.name) == 1
    assert await left(store) == 8
    reached = cut.asked[-1]
    assert reached is not None
    second = await rounds.turn("2037-01-10", NIGHT)
    assert second.undone == {}
    assert cut.asked[3] == reached, "not from the beginning"
    assert second.numbers[LETTERS.name] == 2
    assert await left(store) == 6
    await rounds.turn("2037-01-11", NIGHT + timedelta(days=1))
    assert cut.asked.count(None) == 2, "once it has come to the end, from the beginning"


async def test_slices_of_which_nothing_ends_do_not_use_up_the_night(
    store: Store, rounds: RetentionRounds, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention_rounds, "PAGES", 1)
    await letters(store, *[YOUNG] * 9, OLD, *[YOUNG] * 2, OLD)
    assert (await rounds.turn("2037-01-10", NIGHT)).numbers[LETTERS.name] == 1
    ended = await rounds.turn("2037-01-11", NIGHT + timedelta(days=1))
    assert ended.numbers[LETTERS.name] == 1, "the next night goes on with what is left"
    assert await left(store) == 11
