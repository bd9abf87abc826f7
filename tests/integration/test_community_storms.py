"""Storms on the real tables: one row for many homes, nobody held back who must not be, all let go in their order."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec
import pytest
import sqlalchemy as sa
from fixtures.casebook import at_the_desk, wish
from fixtures.community_home import NOON, DemoHome

from community.casefile import Disposition
from community.desk import CENTRE
from community.quiet import is_sampled
from community.store import (
    cases,
    chain,
    flapping,
    intake,
    lease,
    schema,
    storm_round,
    storm_rows,
    storms,
    views,
)
from community.store.case_schema import engine_lease, notices
from community.store.database import Store
from community.store.directory import bring_in
from community.store.people_schema import home_register, places
from community.store.storm_schema import storm_homes
from community.store.storm_schema import storms as table
from community.storm_rounds import StormRounds
from shouwang.alert import AlertState, Severity
from shouwang.errors import TryLater
from shouwang.quantities import Quantity
from shouwang.reading import Reading
from shouwang.wire import Envelope, TelemetryBody


def at(**by: float) -> datetime:
    return NOON + timedelta(**by)


class Town:
    """Homes on file, each with its gateway; engine time is moved by hand."""

    def __init__(self, store: Store, homes: Sequence[DemoHome]) -> None:
        self.store = store
        self.homes = homes

    async def hear(self, *envelopes: Envelope, when: datetime) -> None:
        await self.store.write(lambda connection: intake.take_in(connection, envelopes, when))

    async def tell(self, homes: Sequence[DemoHome], when: datetime, hazard: str = "mains", **more: object) -> None:
        """They raise it, one after the other in this order, in one moment."""
        more = {"severity": Severity.P3, "since": when} | more
        alerts = [home.envelope(home.alert(f"{hazard}:meter", hazard=hazard, **more)) for home in homes]  # type: ignore[arg-type]
        await self.hear(*alerts, when=when)

    async def end(self, homes: Sequence[DemoHome], when: datetime, since: datetime, hazard: str = "mains") -> None:
        await self.tell(homes, when, hazard, since=since, state=AlertState.RESOLVED, at=when)

    async def battery(self, home: DemoHome, level: float, when: datetime) -> None:
        reading = Reading(sensor_id="gateway", quantity=Quantity.BACKUP_BATTERY, value=level, at=when, mono=1)
        await self.hear(home.envelope(TelemetryBody(readings=(reading,))), when=when)

    async def later(self, minutes: float) -> None:
        step = int(minutes * 60_000)
        moved = engine_lease.update().values(engine_ms=engine_lease.c.engine_ms + step)
        await self.store.write(lambda connection: connection.execute(moved))

    async def turn(self, when: datetime) -> storm_round.Work:
        """Until nothing is left to do."""
        done = storm_round.Work()
        for _ in range(20):
            if (await self.store.read(lambda connection: storm_round.look(connection, when))).is_none:
                return done
            work = await self.store.write(lambda connection: storm_round.turn(connection, when))
            done = done if work.is_none else work
        raise AssertionError("there is always something to do")

    async def queue(self) -> list[tuple[str, str, Severity]]:
        rows = await self.store.read(lambda connection: views.queue(connection, NOON))
        return [(row.home_id, row.hazard, row.priority) for row in rows]

    async def case_of(self, home: DemoHome, lane: str = "tech:mains"):
        rows = await self.rows(schema.incidents)
        row = next(row for row in reversed(rows) if row.home_key == f"home-{home.gateway}" and row.lane == lane)
        return cases.decode_case(row.body)

    async def row(self) -> storm_rows.StormRow:
        (one,) = await self.store.read(lambda connection: storm_rows.summary(connection, at(minutes=1)))
        return one

    async def rows(self, of: sa.Table):
        return await self.store.read(lambda connection: connection.execute(sa.select(of)).all())

    async def flag(self, home: DemoHome, *flags: str) -> None:
        table = schema.residents
        said = (
            table.update()
            .where(table.c.home_id == f"home-{home.gateway}")
            .values(flags=msgspec.json.encode(flags).decode())
        )
        await self.store.write(lambda connection: connection.execute(said))

    async def is_sealed(self) -> bool:
        return (await self.store.read(chain.verify)).faults == ()


@pytest.fixture
async def town(store: Store) -> Town:
    homes = [DemoHome(gateway=f"gw-{number:03d}") for number in range(60)]
    entries = [
        DemoHome.entry.model_copy(
            update={
                "id": f"home-{home.gateway}",
                "gateway": home.gateway,
                "resident": DemoHome.entry.resident.model_copy(update={"id": f"resident-{home.gateway}"}),
            }
        )
        for home in homes
    ]

    def begin(connection: sa.Connection) -> None:
        bring_in(connection, entries)
        lease.take(connection, None, "test")

    await store.write(begin)
    return Town(store, homes)


STORM = (CENTRE, "storm", Severity.P2)


async def power_cut(town: Town, number: int = 30) -> None:
    await town.tell(town.homes[:number], NOON)


# ---- one row for many ----


async def test_power_cut_is_one_row_and_its_cases_wait(town: Town) -> None:
    await power_cut(town)
    queue = await town.queue()
    assert queue[0] == STORM
    assert len(queue) == 1 + 6  # those that had a case before there were too many: a tenth of 61 homes
    row = await town.row()
    assert (row.kind, row.area, row.homes, row.recovered, row.held) == ("mains", "", 30, 0, 24)
    assert (row.is_ours, row.is_released, sum(row.spark)) == (False, False, 30)
    assert row.incident_id is not None
    waits = await town.case_of(town.homes[29])
    assert (waits.state, waits.storm, waits.rung) == ("HELD", row.storm_id, -1)
    bells = await town.store.read(lambda connection: views.bells_after(connection, 0, 100))
    assert len(bells) == 7  # no console hears of those that wait
    assert await town.is_sealed()


async def test_few_homes_or_homes_one_after_the_other_are_no_storm(town: Town) -> None:
    await town.tell(town.homes[:5], NOON)
    for number in range(5, 25):
        await town.tell([town.homes[number]], at(minutes=3 * number))
    assert await town.rows(table) == []
    assert len(await town.queue()) == 25


async def test_different_kinds_are_no_storm_and_dangers_are_none_however_many(town: Town) -> None:
    for number, hazard in enumerate(("mains", "sensor-silent", "path-lost")):
        await town.tell(town.homes[5 * number : 5 * number + 5], NOON, hazard)
    for hazard in ("leak", "combined", "medication-missed"):
        await town.tell(town.homes, NOON, hazard)
    assert await town.rows(table) == []


async def test_box_and_sensor_tell_the_same_power_cut(town: Town) -> None:
    await town.tell(town.homes[:3], NOON)
    await town.tell(town.homes[3:10], NOON, "power-cut")
    assert [(storm.kind, storm.area) for storm in await town.rows(table)] == [("mains", "")]


async def test_home_that_tells_twice_is_one_home(town: Town) -> None:
    await power_cut(town)
    await town.tell(town.homes[:30], at(seconds=30), "power-cut")
    assert (await town.row()).homes == 30


async def test_storm_of_one_building_holds_back_nobody_elsewhere(town: Town) -> None:
    def build(connection: sa.Connection) -> None:
        for place_id, parent, level in (("g1", None, "grid"), ("b1", "g1", "building"), ("b1-501", "b1", "door")):
            connection.execute(
                places.insert().values(place_id=place_id, parent_id=parent, level=level, code="", name=f"{place_id}栋")
            )
        for home in town.homes[:10]:
            home_id = f"home-{home.gateway}"
            values = {"place_id": "b1-501"}
            if (
                connection.execute(
                    home_register.update().where(home_register.c.home_id == home_id).values(values)
                ).rowcount
                == 0
            ):
                connection.execute(home_register.insert().values(home_id=home_id, **values))

    await town.store.write(build)
    await town.tell(town.homes[:10], NOON)
    assert (await town.row()).area == "b1栋"
    await town.tell(town.homes[20:22], at(seconds=30))
    assert (await town.case_of(town.homes[21])).state == "OPEN"
    assert (await town.case_of(town.homes[9])).state == "HELD"
    assert "b1栋" in (await town.store.read(lambda connection: views.queue(connection, NOON)))[0].why.zh


# ---- never held back ----


@pytest.mark.parametrize("severity", [Severity.P1, Severity.P2])
async def test_life_alarm_rings_in_the_middle_of_a_storm(town: Town, severity: Severity) -> None:
    await power_cut(town)
    await town.tell(town.homes[25:26], at(seconds=1), "sos", severity=severity)
    await town.tell(town.homes[26:27], at(seconds=1), "mains", severity=severity)  # whatever it is called
    queue = await town.queue()
    assert ("home-gw-025", "sos", severity) in queue
    assert ("home-gw-026", "mains", severity) in queue


@pytest.mark.parametrize("flag", ["oxygen", "ventilator", "electric_bed", "home_dialysis"])
async def test_who_depends_on_electricity_is_urgent_at_once(town: Town, flag: str) -> None:
    await town.flag(town.homes[28], "falls", flag)
    await power_cut(town)
    assert ("home-gw-028", "mains", Severity.P2) in await town.queue()
    row = await town.row()
    assert (row.homes, row.held, row.urgent) == (30, 23, 1)
    await town.end(town.homes[28:29], at(minutes=1), NOON)
    await town.later(minutes=600)
    await town.turn(at(minutes=601))
    assert (await town.case_of(town.homes[28], "life")).state == "OPEN"  # a person ends it


async def test_who_depends_on_electricity_is_urgent_without_a_storm_too(town: Town) -> None:
    await town.flag(town.homes[0], "oxygen")
    await town.tell(town.homes[:1], NOON)
    await town.tell(town.homes[:1], NOON, "battery")
    assert await town.queue() == [
        ("home-gw-000", "mains", Severity.P2),
        ("home-gw-000", "battery", Severity.P3),
    ]


async def test_short_battery_is_not_held_back_and_one_that_grows_short_is_let_in(town: Town) -> None:
    short, long = town.homes[28], town.homes[29]
    for minute, levels in ((-20, (100, 100)), (0, (75, 95))):
        for home, level in zip((short, long), levels, strict=True):
            await town.battery(home, level, at(minutes=minute))
    await power_cut(town)
    assert (await town.case_of(short)).state == "HELD"  # 60 min are left: not less
    await town.battery(short, 60, at(minutes=5))
    work = await town.turn(at(minutes=5))
    assert len(work.let_in) == 1
    assert (await town.case_of(short)).state == "OPEN"
    assert (await town.case_of(long)).state == "HELD"
    assert (await town.row()).low == 1
    left = await town.store.read(lambda connection: storm_rows.batteries(connection, at(minutes=5)))
    assert sorted(left.values()) == [pytest.approx(37.5), pytest.approx(375, abs=5)]
    await town.tell(town.homes[30:31], at(seconds=10), "backup-battery")
    assert (await town.case_of(town.homes[30], "tech:backup-battery")).state == "OPEN"


# ---- let go ----


async def test_cases_come_in_after_half_an_hour_ten_for_each_operator_the_frail_first(town: Town) -> None:
    frail = town.homes[27]
    await town.flag(frail, "falls", "dementia")
    await power_cut(town)
    await town.turn(at(minutes=29))
    assert (await town.row()).held == 24
    work = await town.turn(at(minutes=30))
    assert len(work.let_in) == 10
    assert (await town.case_of(frail)).state == "OPEN"
    assert (await town.row()).held == 14
    await town.turn(at(minutes=39))
    assert (await town.row()).held == 14
    await town.turn(at(minutes=41))
    assert (await town.row()).held == 4
    assert await town.is_sealed()


async def test_each_operator_at_a_console_can_read_ten_rows(town: Town) -> None:
    def sign_in(connection: sa.Connection) -> None:
        for name, role in (("li", "operator"), ("wu", "operator"), ("boss", "supervisor")):
            connection.execute(
                schema.users.insert().values(
                    user_id=name, login=name, name=name, role=role, language="zh", created_at=NOON
                )
            )
            connection.execute(
                schema.login_sessions.insert().values(
                    token_hash=name.encode(),
                    user_id=name,
                    created_at=NOON,
                    expires_at=at(hours=12),
                    last_seen_at=at(minutes=25),
                )
            )

    await town.store.write(sign_in)
    await power_cut(town)
    await town.turn(at(minutes=30))
    assert (await town.row()).held == 4


async def test_supervisor_lets_one_go_or_ends_the_waiting(town: Town) -> None:
    await power_cut(town)
    rows = await town.rows(schema.incidents)
    held = [row.incident_id for row in rows if row.state == "HELD"]
    give = at_the_desk(town.store, at(minutes=1))
    await give(wish("let_go", held[0], "boss", role="supervisor"))
    assert (await town.row()).held == 23
    storm_id = (await town.row()).storm_id
    done = [
        await town.store.write(lambda connection: storms.release(connection, storm_id, by="boss", now=at(minutes=2)))
        for _ in range(2)
    ]
    assert done == [True, False]
    await town.tell(town.homes[40:41], at(minutes=1, seconds=50))
    assert (await town.case_of(town.homes[40])).state == "OPEN"
    await town.turn(at(minutes=2))
    assert ((await town.row()).held, (await town.row()).is_released) == (13, True)


async def test_recovered_cases_end_by_themselves_and_the_storm_with_a_word_to_each_family(town: Town) -> None:
    await power_cut(town)
    await town.end(town.homes[:28], at(minutes=8), NOON)
    row = await town.row()
    assert (row.homes, row.recovered, row.held) == (30, 28, 24)
    await town.later(minutes=9.9)
    await town.turn(at(minutes=17))
    assert (await town.row()).held == 24
    await town.later(minutes=0.2)
    await town.turn(at(minutes=18))
    ended = {
        row.incident_id: cases.decode_case(row.body)
        for row in await town.rows(schema.incidents)
        if row.lane == "tech:mains"
    }
    by_state = {number: case.state for number, case in ended.items() if case.is_cleared}
    assert len(by_state) == 28
    for number, state in by_state.items():
        assert state == ("FEEDBACK" if is_sampled(number, 5) else "CLOSED")
        assert ended[number].disposition is Disposition.AUTO_CLEARED
    assert (await town.row()).held == 2

    await town.turn(at(minutes=31))  # the two that were left come in, and the storm is over
    await town.turn(at(minutes=31))
    (storm,) = await town.rows(table)
    assert storm.ended_at == at(minutes=31)
    told = [row for row in await town.rows(notices) if row.step == storm_round.SUMMARY]
    assert sorted(row.prompt for row in told) == ["storm_left"] * 2 + ["storm_over"] * 28
    assert len({row.incident_id for row in told}) == 30
    (own,) = [
        row for row in await town.store.read(lambda connection: views.queue(connection, NOON)) if row.home_id == CENTRE
    ]
    assert own.cleared
    assert not own.is_final  # a person ends it
    assert await town.store.read(lambda connection: storm_rows.summary(connection, NOON)) == ()
    assert await town.is_sealed()


async def test_home_that_loses_power_again_is_not_ended(town: Town) -> None:
    await power_cut(town)
    await town.end(town.homes[29:30], at(minutes=5), NOON)
    await town.later(minutes=9)
    await town.tell(town.homes[29:30], at(minutes=14))
    await town.later(minutes=5)
    await town.turn(at(minutes=19))
    assert (await town.case_of(town.homes[29])).state == "HELD"
    assert (await town.row()).recovered == 0


async def test_storm_that_stood_still_grows_again(town: Town) -> None:
    await power_cut(town)
    await town.tell(town.homes[30:45], at(minutes=20))
    storm, *others = await town.rows(table)
    assert others == []
    assert storm.last_at == at(minutes=20)
    assert (await town.case_of(town.homes[44])).state == "HELD"


# ---- quiet cases, flapping, history ----


async def test_case_that_somebody_works_on_does_not_end_by_itself(town: Town) -> None:
    await town.tell(town.homes[:1], NOON)
    (row,) = await town.store.read(lambda connection: views.queue(connection, NOON))
    give = at_the_desk(town.store, NOON)
    row = await give(wish("ack", row.incident_id, version=row.version))
    await town.end(town.homes[:1], at(minutes=1), NOON)
    await town.later(minutes=11)
    await town.turn(at(minutes=12))
    case = await town.case_of(town.homes[0])
    assert case.state == "ACKED"
    await give(wish("release", row.incident_id, version=case.version, reason="home again"))
    await town.later(minutes=11)
    await town.turn(at(minutes=24))
    assert (await town.case_of(town.homes[0])).state in ("CLOSED", "FEEDBACK")


async def test_nothing_ends_by_itself_where_somebody_depends_on_electricity(town: Town) -> None:
    await town.flag(town.homes[0], "oxygen")
    await town.tell(town.homes[:1], NOON, "battery")
    await town.end(town.homes[:1], at(minutes=1), NOON, "battery")
    await town.later(minutes=60)
    await town.turn(at(minutes=61))
    assert (await town.case_of(town.homes[0], "tech:battery")).state == "OPEN"


async def test_life_case_never_ends_by_itself(town: Town) -> None:
    await town.tell(town.homes[:1], NOON, "sos", severity=Severity.P1)
    await town.end(town.homes[:1], at(minutes=1), NOON, "sos")
    await town.later(minutes=60 * 24 * 9)
    await town.turn(at(days=9))
    assert (await town.case_of(town.homes[0], "life")).state == "OPEN"


async def test_alarm_that_comes_and_goes_is_labelled_waits_longer_and_is_one_task(town: Town) -> None:
    home = town.homes[:1]
    for minute in (0, 5, 10):
        await town.tell(home, at(minutes=minute))
        await town.end(home, at(minutes=minute + 1), at(minutes=minute))
    assert await town.rows(flapping.flapping) == []
    await town.tell(home, at(minutes=15))
    await town.end(home, at(minutes=16), at(minutes=15))
    (mains,) = [row.incident_id for row in await town.rows(schema.incidents)]
    labelled = await town.store.read(lambda connection: flapping.labelled(connection, [mains, 77]))
    assert labelled == {mains}
    await town.turn(at(minutes=16))
    await town.tell(home, at(minutes=17))
    await town.end(home, at(minutes=18), at(minutes=17))
    await town.turn(at(minutes=18))
    assert await town.queue() == [
        ("home-gw-000", "mains", Severity.P3),
        ("home-gw-000", "flapping", Severity.P4),
    ]
    await town.later(minutes=29)
    await town.turn(at(minutes=47))
    assert (await town.case_of(home[0])).state == "OPEN"
    await town.later(minutes=2)
    await town.turn(at(minutes=49))
    assert (await town.case_of(home[0])).state in ("CLOSED", "FEEDBACK")
    await town.turn(at(hours=3))
    assert (await town.case_of(home[0], "care:flapping")).is_cleared
    assert await town.rows(flapping.flapping) == []


async def test_old_technical_news_are_kept_with_the_home_and_old_life_alarms_ring(town: Town) -> None:
    await town.tell(town.homes[:2], at(minutes=61), since=NOON)
    await town.tell(town.homes[:1], at(days=3), "sos", since=NOON, severity=Severity.P2)
    await town.tell(town.homes[2:3], at(minutes=59), since=NOON)
    rows = await town.store.read(lambda connection: views.queue(connection, NOON))
    assert [(row.home_id, row.hazard) for row in rows] == [("home-gw-000", "sos"), ("home-gw-002", "mains")]
    assert "LATE" in rows[0].why.en
    assert len(await town.rows(schema.alerts)) == 4


async def test_end_of_an_alarm_is_heard_of_however_late_it_comes(town: Town) -> None:
    await town.tell(town.homes[:1], NOON)
    told = {"hazard": "mains", "severity": Severity.P3, "since": NOON, "at": at(hours=1)}
    late = town.homes[0].alert("mains:meter", state=AlertState.RESOLVED, **told)
    await town.hear(town.homes[0].envelope(late), when=at(hours=9))
    assert (await town.case_of(town.homes[0])).is_cleared


# ---- rounds ----


async def test_rounds_do_what_there_is_to_do_and_ring_once(town: Town) -> None:
    rung = []
    now = [NOON]
    rounds = StormRounds(town.store, clock=lambda: now[0], told=lambda: rung.append(now[0]))
    await rounds.look()
    assert rung == []
    await power_cut(town)
    await rounds.look()
    now[0] = at(minutes=30)
    await rounds.look()
    assert rung == [at(minutes=30)]


async def test_rounds_go_on_when_the_database_is_back(
    town: Town, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    rounds = StormRounds(town.store, clock=lambda: at(minutes=30), told=lambda: None)
    await power_cut(town)

    async def away(*_: object, **__: object) -> object:
        raise TryLater("the database is away")

    with monkeypatch.context() as patched:
        patched.setattr(town.store, "read", away)
        await rounds.look()
        await rounds.look()
    assert caplog.text.count("the database is away") == 1
    await rounds.look()
    assert (await town.row()).held == 14
    assert len(await town.rows(storm_homes)) == 30
