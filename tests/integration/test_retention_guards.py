"""What must not go wrong at night: a failure ends nothing else, a clock that is wrong ends nothing at all."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NoReturn

import msgspec
import pytest
import sqlalchemy as sa
from fixtures.casebook import at_the_desk, brought_to_end
from fixtures.community_home import NOON, DemoHome
from fixtures.places import close_place, open_place, spo2, telemetry

from community import app, retention_rounds
from community.engine_room import EngineRoom
from community.measurement_settings import MeasurementsEntry
from community.measurements import forgetting, place
from community.measurements.forgetting import forget_at
from community.measurements.history import History
from community.measurements.place import spool_beside
from community.measurements.port import Span
from community.registry import HomeRow, ResidentRow, register_of
from community.retention_rounds import ALL, RetentionRounds
from community.retention_settings import RetentionEntry
from community.settings import BrokerEntry, CommunitySettings
from community.store import (
    dead_letters,
    history_spool,
    intake,
    people_forgetting,
    retention_days,
    round_clock,
    schema,
    views,
)
from community.store.database import Connection, Store
from community.store.lease import LeaseLost
from community.store.log_in_schema import log_in_failures
from community.store.people_register import Hand, Tally, take_in
from community.store.schema import EARLIEST, LATEST
from community.store.stays import Claim
from shouwang.bilingual import Bilingual, chinese
from shouwang.errors import ConfigError, DecodeError, TryLater

SOON = NOON + timedelta(seconds=5)
NIGHT = NOON + timedelta(days=3700)
"""20:00 in Shanghai, in which year everything of NOON is over."""
CLAIM = Claim("gw-demo-0001", "", Span(EARLIEST, LATEST))


class Nights:
    """Rounds by a clock that the test sets."""

    def __init__(self, store: Store) -> None:
        self.store, self.now = store, NIGHT
        self.fails: list[Exception] = []
        self.rounds = RetentionRounds(store, RetentionEntry(), zone=UTC, clock=lambda: self.now, forget=self._forget)

    async def _forget(self, claims: Sequence[Claim]) -> tuple[str, ...]:
        if self.fails:
            raise self.fails[0]
        return ()

    async def follow(self, days: float = 1) -> None:
        """There was a round so long ago."""
        at = self.now - timedelta(days=days)
        await self.store.write(lambda connection: round_clock.begin(connection, f"{at:%Y-%m-%d}", at))


@pytest.fixture
def nights(store: Store, monkeypatch: pytest.MonkeyPatch) -> Nights:
    monkeypatch.setattr(retention_rounds, "PAUSE_S", 0)
    return Nights(store)


def letter(connection: Connection, at: datetime = NOON, topic: str = "v1/gw-1/up/al") -> None:
    dead_letters.bury(connection, topic=topic, payload=b"nonsense", reason="no json", at=at)


def erased_before(connection: Connection) -> None:
    """Somebody, whose measurements are still to be forgotten."""
    people_forgetting.note_claims(connection, "resident-0001", [CLAIM])


async def letters(store: Store) -> int:
    return await store.read(lambda one: one.scalar(sa.select(sa.func.count()).select_from(schema.dead_letters)) or 0)


async def is_done(nights: Nights) -> bool:
    day = f"{nights.now:%Y-%m-%d}"
    return await nights.store.read(lambda connection: retention_days.is_done(connection, day))


# ---- what fails ----


@pytest.mark.parametrize(
    "error",
    [
        ConfigError("token.txt: the file is missing"),
        DecodeError("no protocol says this"),
        msgspec.ValidationError("Expected `int`"),
        OSError("read-only file system"),
        sa.exc.OperationalError("SELECT 1", {}, Exception("locked")),
        KeyError("resident"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_nothing_leaves_the_loop_it_is_said_once_and_tried_the_next_night(
    nights: Nights, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    await nights.store.write(erased_before)
    await nights.store.write(letter)
    await nights.follow()
    nights.fails = [error]
    pauses = [await nights.rounds.look() for _ in range(retention_rounds.TRIES_A_NIGHT)]
    assert pauses == sorted(pauses)
    assert retention_rounds.LOOK_S < pauses[0] <= pauses[-1] <= retention_rounds.AGAIN_CAP_S
    assert list(nights.rounds.undone) == ["measurements"]
    assert not await is_done(nights)
    assert await letters(nights.store) == 0
    nights.fails = []
    assert await nights.rounds.look() == retention_rounds.LOOK_S  # not again in this night
    assert list(nights.rounds.undone) == ["measurements"]
    nights.now += timedelta(days=1)
    await nights.rounds.look()
    assert nights.rounds.undone == {}
    assert await is_done(nights)
    assert len([one for one in caplog.records if one.levelno == logging.ERROR]) == 1


async def test_a_round_that_cannot_begin_does_not_leave_the_loop_either(
    nights: Nights, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def torn(*_: object, **__: object) -> NoReturn:
        raise ConfigError("the file is damaged")

    monkeypatch.setattr(nights.store, "read", torn)
    assert await nights.rounds.look() > retention_rounds.LOOK_S
    assert nights.rounds.undone == {ALL: "the file is damaged"}


async def test_whoever_lost_the_engine_or_is_cancelled_stops(nights: Nights) -> None:
    await nights.store.write(erased_before)
    await nights.follow()
    for stop in (LeaseLost("another server"), asyncio.CancelledError()):
        nights.fails = [stop]  # type: ignore[list-item]
        with pytest.raises(type(stop)):
            await nights.rounds.look()


async def test_a_kind_that_fails_starves_no_other(
    nights: Nights, home: DemoHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    def torn(*_: object) -> NoReturn:
        raise msgspec.DecodeError("not json")

    kinds = tuple(replace(one, look=torn) if one.name == "photos" else one for one in retention_rounds.KINDS)
    monkeypatch.setattr(retention_rounds, "KINDS", kinds)
    await nights.store.write(letter)
    await nights.store.write(erased_before)
    await nights.follow()
    ended = await nights.rounds.turn("2037-01-10", nights.now)
    assert list(ended.undone) == ["photos"]
    assert "an unforeseen fault (DecodeError: not json)" in ended.undone["photos"]
    assert "出了意料之外的错（DecodeError: not json）" in chinese(ended.undone["photos"])
    assert ended.numbers["unreadable messages"] == 1
    assert await letters(nights.store) == 0
    gone = await nights.store.read(lambda connection: people_forgetting.claims_of(connection, "resident-0001"))
    assert gone == ()


async def test_one_person_whose_measurements_cannot_go_starves_no_other(nights: Nights) -> None:
    def two(connection: Connection) -> None:
        rows = (HomeRow(id="home-9", address="8号楼"), ResidentRow(id="resident-9", home="home-9", name="李"))
        take_in(connection, register_of(rows), Hand(by="zhang", at=SOON), Tally())
        people_forgetting.note_claims(connection, "resident-0001", [CLAIM._replace(name="torn")])
        people_forgetting.note_claims(connection, "resident-9", [CLAIM])

    async def forget(claims: Sequence[Claim]) -> tuple[str, ...]:
        if claims[0].name == "torn":
            raise TryLater(Bilingual("the copy is away", zh="副本不在"))
        return ()

    await nights.store.write(two)
    await nights.follow()
    nights.rounds = RetentionRounds(nights.store, RetentionEntry(), zone=UTC, clock=lambda: NIGHT, forget=forget)
    ended = await nights.rounds.turn("2037-01-10", NIGHT)
    assert ended.undone == {"measurements": "resident-0001: the copy is away"}
    assert chinese(ended.undone["measurements"]) == "resident-0001：副本不在"
    left = await nights.store.read(retention_rounds.retention_people.claims)
    assert [who for who, _ in left] == ["resident-0001"]


async def test_looks_have_more_time_than_a_page_of_the_console(nights: Nights, monkeypatch: pytest.MonkeyPatch) -> None:
    real, spans = nights.store.read, []

    async def read(work: Callable[[Connection], object], *, within_s: float | None = 30.0) -> object:
        spans.append(within_s)
        return await real(work, within_s=within_s)

    await nights.follow()
    monkeypatch.setattr(nights.store, "read", read)
    await nights.rounds.turn("2037-01-10", NIGHT)
    assert spans.count(retention_rounds.LOOK_WITHIN_S) == len(retention_rounds.KINDS) + 1


# ---- a clock that is wrong ----


async def closed_case(store: Store, home: DemoHome) -> None:
    await store.write(lambda connection: intake.take_in(connection, [home.envelope(home.alert())], SOON))
    (row,) = await store.read(lambda connection: views.queue(connection, SOON))
    await brought_to_end(at_the_desk(store, SOON), row, text="she slipped")


async def words(store: Store) -> set[str | None]:
    return set(await store.read(lambda one: one.scalars(sa.select(schema.notes.c.words)).all()))


async def test_the_first_round_ever_does_not_believe_a_clock_far_past_the_record(
    nights: Nights, home: DemoHome, caplog: pytest.LogCaptureFixture
) -> None:
    await closed_case(nights.store, home)
    await nights.store.write(letter)
    await nights.rounds.look()
    assert "she slipped" in await words(nights.store)
    assert await letters(nights.store) == 1
    assert f"the clock says {NIGHT:%Y-%m-%d}" in caplog.text
    assert "as if it were 2026-12-01" in caplog.text


async def test_the_first_round_ever_does_not_believe_what_the_same_wrong_clock_has_sealed(
    nights: Nights, home: DemoHome
) -> None:
    late = NIGHT - timedelta(hours=1)

    def alarm(connection: Connection) -> None:
        intake.take_in(connection, [home.envelope(home.alert(since=late, at=late))], late)

    await closed_case(nights.store, home)
    await nights.store.write(letter)
    await nights.store.write(alarm)
    await nights.rounds.look()
    assert "she slipped" in await words(nights.store)
    assert await letters(nights.store) == 1


async def test_where_nothing_is_sealed_nothing_ends(nights: Nights, caplog: pytest.LogCaptureFixture) -> None:
    await nights.store.write(letter)
    ended = await nights.rounds.turn("2037-01-10", NIGHT)
    assert (ended.numbers, await letters(nights.store)) == ({}, 1)
    assert "nothing is sealed in the record yet" in caplog.text


async def test_a_clock_that_leaps_gains_seven_days_a_night_and_no_more(nights: Nights) -> None:
    nights.now = NOON + timedelta(days=10)
    await nights.follow()
    await nights.store.write(letter)
    nights.now = NIGHT
    for _ in range(20):
        await nights.rounds.turn(f"{nights.now:%Y-%m-%d}", nights.now)  # again and again on one day
    assert await letters(nights.store) == 1
    for number in range(1, 12):
        nights.now += timedelta(days=1)
        await nights.rounds.turn(f"{nights.now:%Y-%m-%d}", nights.now)
        assert await letters(nights.store) == (1 if 9 + 7 * (number + 1) <= 90 else 0), number


async def test_a_wrong_clock_that_was_set_right_is_no_longer_shown(nights: Nights) -> None:
    def newest(connection: Connection) -> str:
        found = round_clock.newest(connection, NOON)
        return "" if found is None else found.day

    await nights.follow()  # in 2037
    assert await nights.store.read(newest) == ""
    nights.now = NOON
    await nights.follow()
    assert await nights.store.read(newest) == "2026-11-23"


async def test_what_a_clock_that_was_not_set_wrote_is_left_and_counted(
    nights: Nights, caplog: pytest.LogCaptureFixture
) -> None:
    def rows(connection: Connection) -> None:
        for number in range(450):
            early = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(hours=number)
            letter(connection, early if number % 2 else NOON, topic=f"v1/gw-{number}/up/al")
        connection.execute(log_in_failures.insert().values(who=b"x", failures=1, last_at=round_clock.SANE))

    await nights.store.write(rows)
    await nights.follow()
    ended = await nights.rounds.turn("2037-01-10", NIGHT)
    assert ended.numbers == {"unreadable messages": 225, "failed log-ins": 1}
    assert {name: number for name, number in ended.early.items() if number} == {"unreadable messages": 225}
    assert await letters(nights.store) == 225
    assert "225 unreadable messages" in caplog.text


# ---- in the server ----


@dataclass
class Running:
    """What a server has open: a place of measurements, of which nothing may be opened twice."""

    at: place.Place
    entry: MeasurementsEntry
    community: Store
    samples: Store

    async def count(self) -> int:
        samples = sa.select(sa.func.count()).select_from(schema.samples)
        return await self.samples.read(lambda connection: connection.scalar(samples) or 0)


@pytest.fixture
async def running(tmp_path: Path, home: DemoHome, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Running]:
    """It has a measurement, which is on its way to a copy too that is away."""

    async def second(path: Path) -> NoReturn:
        raise AssertionError(f"{path} is open already")

    opened = await open_place(f"sqlite:///{tmp_path / 'c.db'}", tmp_path / "m.db")
    entry = MeasurementsEntry.model_validate({"history": {"url": "http://127.0.0.1:9"}})
    assert entry.history is not None
    history = History(entry.history, None, spool_beside(tmp_path / "m.db"), timedelta())
    at = place.Place(port=opened.port, keeper=opened.keeper, history=history, own=opened.own)
    sent = telemetry(home, spo2(90, NOON))
    await opened.write(sent)
    await history.note([sent])
    monkeypatch.setattr(forgetting, "open_file", second)
    monkeypatch.setattr(forgetting, "open_spool", second)
    yield Running(at, entry, opened.community, opened.samples)
    await history.close()
    await close_place(opened)


async def test_a_server_opens_no_second_connection_to_forget(running: Running, tmp_path: Path) -> None:
    with pytest.raises(TryLater, match="cannot be deleted"):  # the copy is away; all else is gone before
        await forget_at(lambda: running.at, running.entry, running.community, [CLAIM])
    assert await running.count() == 0
    waits = await history_spool.open_spool(spool_beside(tmp_path / "m.db"))
    assert await waits.oldest(9) == []
    await waits.close()


@pytest.mark.parametrize("runs", [False, True])
async def test_the_server_goes_round_where_it_is_told_to_and_forgets_by_what_it_has_open(
    running: Running, runs: bool
) -> None:
    settings = CommunitySettings(
        name="test",
        broker=BrokerEntry(url="mqtt://127.0.0.1:1"),
        measurements=running.entry,
        retention=RetentionEntry(runs=runs),
    )
    with socket.create_server(("127.0.0.1", 0)) as listener:
        room = EngineRoom(running.community, clock=lambda: NOON)
        server = app._Community(settings, running.community, listener, room, watches={})
        with pytest.raises(TryLater, match="not open yet"):
            await server._retention._forget([CLAIM])
        server.measured_in(running.at)
        works = server._works(running.at)
        for work in works.values():
            work.close()
        assert ("retention" in works) == runs
        with pytest.raises(TryLater, match="cannot be deleted"):
            await server._retention._forget([CLAIM])
    assert await running.count() == 0
