"""The centre's supervision on its real tables: outages, storms, lost ways and missing tests are cases, once."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

import msgspec
import pytest
import sqlalchemy as sa
from fixtures.casebook import at_the_desk, brought_to_end, wish
from fixtures.community_home import NOON, DemoHome

from community.casefile import Disposition
from community.desk import CENTRE
from community.expected import PutOnFile
from community.rounds import Rounds
from community.store import (
    chain,
    gaps,
    health,
    intake,
    page,
    schema,
    storm_schema,
    supervision,
    test_wishes,
    views,
    watch_schema,
)
from community.store.database import Store
from community.store.directory import bring_in
from community.store.intake import LifeSign
from community.store.supervision import Watch
from shouwang.alert import Severity
from shouwang.errors import IllegalMove, TryLater
from shouwang.status import SensorState, SensorStatus
from shouwang.wire import (
    BirthBody,
    Envelope,
    GapBody,
    HeartbeatBody,
    Path,
    PathBody,
    RequestTest,
    StatusBody,
    decode_command,
)

BEAT = HeartbeatBody(backlog=0, uptime_s=60)
LONG_AGO = NOON - timedelta(days=40)


def at(**by: float) -> datetime:
    return NOON + timedelta(**by)


class Centre:
    """A store, and rounds that are made by hand."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.watches: dict[str, Watch] = {}

    async def hear(self, home: DemoHome, *bodies: object, when: datetime) -> None:
        envelopes = [one if isinstance(one, Envelope) else home.envelope(one) for one in bodies]
        await self.store.write(lambda connection: intake.take_in(connection, envelopes, when))

    async def will(self, home: DemoHome, *, when: datetime, is_news: bool = True) -> None:
        sign = LifeSign(gateway_id=home.gateway, is_online=False, is_news=is_news)
        await self.store.write(lambda connection: intake.take_in(connection, [sign], when))

    async def round(self, when: datetime, listening_since: datetime = LONG_AGO) -> list[str]:
        """The kinds of what is new, but for homes that are only waited for from now on."""
        found = await self.store.write(
            lambda connection: supervision.judge_and_record(
                connection, self.watches, now=when, listening_since=listening_since
            )
        )
        return [type(verdict).__name__ for verdict in found if not isinstance(verdict, PutOnFile)]

    async def queue(self):
        return await self.store.read(lambda connection: views.queue(connection, NOON))

    async def cases(self) -> list[tuple[str, str, Severity, bool]]:
        """Home, hazard, priority, cleared, of each open case."""
        return [(row.home_id, row.hazard, row.priority, row.cleared) for row in await self.queue()]

    async def health(self, home: DemoHome):
        return await self.store.read(lambda connection: health.health_of(connection, home.gateway, NOON))

    async def rows(self, table: sa.Table):
        return await self.store.read(lambda connection: connection.execute(sa.select(table)).all())


@pytest.fixture
async def centre(store: Store) -> Centre:
    return Centre(store)


# ---- offline ----


async def test_silent_home_is_one_case_which_its_return_clears(centre: Centre, home: DemoHome) -> None:
    await centre.hear(home, BEAT, when=NOON)
    assert await centre.round(at(seconds=180)) == []
    assert await centre.round(at(seconds=181)) == ["Lost"]
    assert await centre.round(at(seconds=186)) == []
    assert await centre.cases() == [("home-501", "gateway-silent", Severity.P3, False)]
    (row,) = await centre.queue()
    assert "3 分钟" in row.why.zh
    assert "3 min" in row.why.en
    (gateway,) = await centre.store.read(views.gateways)
    assert (gateway.online, gateway.offline_since) == (False, NOON)

    await centre.hear(home, BEAT, when=at(seconds=600))
    assert await centre.round(at(seconds=601)) == ["Back"]
    assert await centre.cases() == [("home-501", "gateway-silent", Severity.P3, True)]
    (gateway,) = await centre.store.read(views.gateways)
    assert (gateway.online, gateway.offline_since) == (True, None)
    assert (await centre.store.read(chain.verify)).faults == ()


async def test_internet_of_an_offline_home_is_not_shown_to_work(centre: Centre, home: DemoHome) -> None:
    await centre.hear(home, BEAT, way(Path.INTERNET, is_up=True, mono=1), when=NOON)
    await centre.round(at(seconds=181))
    assert [(one.is_up, one.since) for one in (await centre.health(home)).paths] == [(False, NOON)]
    await centre.hear(home, BEAT, when=at(seconds=600))
    await centre.round(at(seconds=601))
    assert [one.is_up for one in (await centre.health(home)).paths] == [True]


async def test_each_outage_is_told_anew_in_the_open_case(centre: Centre, home: DemoHome) -> None:
    for start in (0, 1000):
        await centre.hear(home, BEAT, when=at(seconds=start))
        await centre.round(at(seconds=start + 1))
        assert await centre.round(at(seconds=start + 181)) == ["Lost"]
    (row,) = await centre.queue()
    assert (row.alerts, row.cleared) == (2, False)


async def test_closed_case_of_an_outage_is_not_opened_again_by_it(centre: Centre, home: DemoHome) -> None:
    await centre.hear(home, BEAT, when=NOON)
    await centre.round(at(minutes=4))
    (row,) = await centre.queue()
    await brought_to_end(at_the_desk(centre.store, NOON), row, disposition=Disposition.TECHNICAL_FIXED)
    assert await centre.round(at(minutes=5)) == []
    assert await centre.queue() == ()


async def test_no_home_hears_that_help_is_coming_because_it_was_not_heard(centre: Centre, home: DemoHome) -> None:
    centre.watches[home.gateway] = Watch(is_high_risk=True)
    await centre.hear(home, BEAT, when=NOON)
    await centre.round(at(minutes=4))
    await centre.hear(home, BEAT, when=at(minutes=5))
    await at_the_desk(centre.store, NOON)(wish("ack", 1, version=1))
    assert await centre.rows(schema.downlink) == []


async def test_high_risk_resident_makes_it_urgent(centre: Centre, home: DemoHome) -> None:
    centre.watches[home.gateway] = Watch(is_high_risk=True)
    await centre.hear(home, BEAT, when=NOON)
    await centre.round(at(minutes=4))
    assert await centre.cases() == [("home-501", "gateway-silent", Severity.P2, False)]


async def test_will_shortens_and_a_beat_takes_it_back(centre: Centre, home: DemoHome) -> None:
    await centre.hear(home, BEAT, when=NOON)
    await centre.will(home, when=at(seconds=40))
    assert await centre.round(at(seconds=99)) == []
    await centre.hear(home, BEAT, when=at(seconds=100))
    assert await centre.round(at(seconds=101)) == []
    await centre.will(home, when=at(seconds=130))
    assert await centre.round(at(seconds=191)) == ["Lost"]


async def test_will_that_the_broker_kept_is_no_hint(centre: Centre, home: DemoHome) -> None:
    await centre.hear(home, BEAT, when=NOON)
    await centre.will(home, when=at(seconds=10), is_news=False)
    assert await centre.round(at(seconds=179)) == []


async def test_home_on_file_that_is_never_heard_of_is_a_case_until_it_is(centre: Centre, home: DemoHome) -> None:
    assert await centre.round(NOON) == []
    assert await centre.round(at(hours=24)) == []
    assert await centre.round(at(hours=24, seconds=1), listening_since=at(hours=24)) == []
    assert await centre.round(at(hours=24, minutes=4), listening_since=at(hours=24)) == ["NeverHeard"]
    assert await centre.round(at(hours=25)) == []
    assert await centre.cases() == [("home-501", "gateway-never-heard", Severity.P3, False)]
    assert home.gateway in (await centre.queue())[0].why.zh
    await centre.hear(home, BEAT, when=at(hours=26))
    assert await centre.round(at(hours=26)) == ["HeardAtLast"]
    assert await centre.cases() == [("home-501", "gateway-never-heard", Severity.P3, True)]
    assert (await centre.store.read(chain.verify)).faults == ()


async def test_gateway_that_is_on_nobodys_file_is_not_waited_for(centre: Centre, stranger: DemoHome) -> None:
    sign = LifeSign(gateway_id=stranger.gateway, is_online=False, is_news=False)
    await centre.store.write(lambda connection: intake.take_in(connection, [sign], NOON))
    await centre.store.write(lambda connection: bring_in(connection, ()))
    await centre.round(NOON)
    assert await centre.round(at(days=9)) == []


async def test_city_that_is_put_on_file_at_once_is_one_case_until_all_are_heard_or_taken_out(centre: Centre) -> None:
    homes = [DemoHome(gateway=f"gw-{number:02d}") for number in range(40)]
    entries = [
        DemoHome.entry.model_copy(update={"id": f"home-{home.gateway}", "gateway": home.gateway}) for home in homes
    ]
    await centre.store.write(lambda connection: bring_in(connection, entries))
    await centre.round(NOON)
    assert await centre.round(at(days=2)) == ["NeverHeard"]
    assert [(row.home_id, row.alerts, row.cleared) for row in await centre.queue()] == [(CENTRE, 1, False)]
    for home in homes[1:]:
        await centre.hear(home, BEAT, when=at(days=2))
    assert await centre.round(at(days=2)) == ["HeardAtLast"]
    assert not (await centre.queue())[0].cleared
    await centre.store.write(lambda connection: bring_in(connection, entries[1:]))
    assert await centre.round(at(days=2)) == ["HeardAtLast"]
    assert (await centre.queue())[0].cleared


async def test_nothing_is_forgotten_by_a_restart_and_nobody_accused(centre: Centre, home: DemoHome) -> None:
    await centre.hear(home, BEAT, when=NOON)
    restarted_at = at(hours=2)
    assert await centre.round(at(hours=2, seconds=179), listening_since=restarted_at) == []
    assert await centre.round(at(hours=2, seconds=181), listening_since=restarted_at) == ["Lost"]
    (row,) = await centre.queue()
    assert "2 小时" in row.why.zh  # the length of the silence, not of our listening
    again = at(hours=3)
    assert await centre.round(at(hours=3, seconds=200), listening_since=again) == []


# ---- storms ----


async def test_forty_homes_at_once_are_one_row_and_the_first_suspect_is_our_own_line(centre: Centre) -> None:
    homes = [DemoHome(gateway=f"gw-{number:02d}") for number in range(40)]
    for number, home in enumerate(homes):
        await centre.hear(home, BEAT, when=at(seconds=number))
    for second in range(180, 230, 5):
        await centre.round(at(seconds=second))
    assert [(row.home_id, row.hazard, row.priority) for row in await centre.queue()] == [
        (CENTRE, "gateways-silent", Severity.P2)
    ]
    why = (await centre.queue())[0].why.en
    assert why.startswith("40 homes are not heard")
    assert "own line" in why
    assert "do not call the homes" in why
    (storm,) = await centre.rows(storm_schema.storms)
    assert (storm.kind, storm.area, storm.is_ours) == ("gateway-silent", "", True)
    for number, home in enumerate(homes):
        await centre.hear(home, BEAT, when=at(seconds=300 + number))
        if number % 5 == 0:
            await centre.round(at(seconds=300 + number))
    await centre.round(at(seconds=345))
    assert {row.recovered_at is None for row in await centre.rows(storm_schema.storm_homes)} == {False}
    assert {row.state for row in await centre.rows(schema.incidents) if row.lane == "tech:gateway-silent"} == {"HELD"}
    assert await centre.cases() == [(CENTRE, "gateways-silent", Severity.P2, False)]
    assert (await centre.store.read(chain.verify)).faults == ()


async def test_who_falls_silent_long_after_a_storm_has_a_case_of_his_own(centre: Centre) -> None:
    homes = [DemoHome(gateway=f"gw-{number:02d}") for number in range(12)]
    for home in homes:
        await centre.hear(home, BEAT, when=NOON)
    await centre.hear(homes[0], BEAT, when=at(seconds=170))
    await centre.round(at(seconds=181))
    await centre.hear(homes[0], BEAT, when=at(seconds=400))
    assert await centre.round(at(seconds=581)) == ["Lost"]
    assert sorted(await centre.cases()) == [
        (CENTRE, "gateways-silent", Severity.P2, False),
        ("gateway:gw-00", "gateway-silent", Severity.P3, False),
    ]


async def test_high_risk_home_is_held_back_by_no_storm(centre: Centre) -> None:
    homes = [DemoHome(gateway=f"gw-{number:02d}") for number in range(12)]
    centre.watches["gw-07"] = Watch(is_high_risk=True)
    for home in homes:
        await centre.hear(home, BEAT, when=NOON)
    await centre.round(at(seconds=181))
    assert sorted(await centre.cases()) == [
        (CENTRE, "gateways-silent", Severity.P2, False),
        ("gateway:gw-07", "gateway-silent", Severity.P2, False),
    ]


# ---- ways ----


def silent(sensor_id: str, *, mono: int, state: SensorState = SensorState.SILENT) -> StatusBody:
    status = SensorStatus(sensor_id=sensor_id, state=state, since=NOON, at=NOON, mono=mono, reason="")
    return StatusBody(status=status)


def way(path: Path, *, is_up: bool, mono: int, tested_at: datetime | None = None, reason: str = "") -> PathBody:
    return PathBody(path=path, is_up=is_up, since=NOON, at=NOON, mono=mono, tested_at=tested_at, reason=reason)


async def test_lost_way_is_a_case_which_its_restore_clears(centre: Centre, home: DemoHome) -> None:
    await centre.hear(home, BEAT, way(Path.SMS, is_up=True, mono=1, tested_at=NOON), when=NOON)
    await centre.hear(home, BEAT, way(Path.SMS, is_up=False, mono=2, reason="no SIM card"), when=at(seconds=60))
    assert await centre.round(at(seconds=80)) == []
    assert await centre.round(at(seconds=91)) == ["PathLost"]
    (row,) = await centre.queue()
    assert (row.hazard, row.priority) == ("path-lost", Severity.P3)
    assert "no SIM card" in row.why.en
    assert [(one.path, one.is_up, one.reason) for one in (await centre.health(home)).paths] == [
        (Path.SMS, False, "no SIM card")
    ]
    await centre.hear(home, BEAT, way(Path.SMS, is_up=True, mono=3, tested_at=at(seconds=99)), when=at(seconds=100))
    assert await centre.round(at(seconds=101)) == ["PathBack"]
    assert (await centre.queue())[0].cleared


async def test_word_of_a_way_that_was_overtaken_changes_nothing(centre: Centre, home: DemoHome) -> None:
    await centre.hear(home, way(Path.SMS, is_up=True, mono=9, tested_at=NOON), when=NOON)
    await centre.hear(home, way(Path.SMS, is_up=False, mono=5), when=at(seconds=1))
    assert [one.is_up for one in (await centre.health(home)).paths] == [True]


async def test_box_with_a_new_card_is_believed_though_its_engine_time_began_anew(
    centre: Centre, home: DemoHome
) -> None:
    await centre.hear(home, birth(None), way(Path.SMS, is_up=True, mono=9_000_000_000, tested_at=NOON), when=NOON)
    await centre.hear(home, silent("radar", mono=9_000_000_000), when=NOON)
    again = DemoHome(epoch="ffeeddccbbaa9988")
    await centre.hear(again, birth(None, sensors={"radar": "radar"}), when=at(hours=1))
    await centre.hear(again, way(Path.SMS, is_up=False, mono=1500, reason="no SIM card"), when=at(hours=1))
    await centre.hear(again, silent("radar", mono=1500, state=SensorState.UP), when=at(hours=1))
    assert [(one.path, one.is_up) for one in (await centre.health(home)).paths] == [(Path.SMS, False)]
    (gateway,) = await centre.store.read(views.gateways)
    assert [state for _, state, _ in gateway.sensors] == [SensorState.UP]


async def test_outage_that_a_home_tells_afterwards_is_no_second_case(centre: Centre, home: DemoHome) -> None:
    await centre.hear(home, BEAT, way(Path.INTERNET, is_up=True, mono=1), when=NOON)
    await centre.round(at(minutes=4))
    lost = way(Path.INTERNET, is_up=False, mono=2)
    await centre.hear(home, lost, way(Path.INTERNET, is_up=True, mono=3), BEAT, when=at(minutes=9))
    await centre.round(at(minutes=9, seconds=5))
    await centre.round(at(minutes=9, seconds=50))
    assert [row.hazard for row in await centre.queue()] == ["gateway-silent"]


async def test_standby_way_without_a_test_counts_as_lost_until_the_next(centre: Centre, home: DemoHome) -> None:
    await centre.hear(home, way(Path.SMS, is_up=True, mono=1, tested_at=NOON), when=NOON)
    await centre.hear(home, way(Path.SMS, is_up=True, mono=2, tested_at=at(hours=24)), when=at(hours=24))
    await centre.hear(home, BEAT, when=at(hours=48.9))
    assert await centre.round(at(hours=48.9)) == []
    await centre.hear(home, BEAT, when=at(hours=49.1))
    assert await centre.round(at(hours=49.1)) == ["PathLost"]
    assert "test" in (await centre.queue())[0].why.en
    again = way(Path.SMS, is_up=True, mono=3, tested_at=at(hours=50))
    await centre.hear(home, BEAT, again, when=at(hours=50))
    assert await centre.round(at(hours=50)) == ["PathBack"]


# ---- test alarms ----


def rehearsal(home: DemoHome, when: datetime):
    alert = home.alert("self-test:gateway", severity=Severity.P4, hazard="self-test", since=when, sensor_id="gateway")
    return msgspec.structs.replace(alert, is_test=True)


def birth(due_at: datetime | None, **more: object) -> BirthBody:
    return BirthBody(version="1", test_due_at=due_at, **({"sensors": {}} | more))  # type: ignore[arg-type]


async def test_test_alarm_is_recorded_and_neither_opens_a_case_nor_rings(centre: Centre, home: DemoHome) -> None:
    await centre.hear(home, birth(at(hours=1)), when=NOON)
    raised = at(hours=1)
    alarm = rehearsal(home, raised)
    copy = home.envelope(alarm)
    await centre.hear(home, home.envelope(alarm), when=raised + timedelta(milliseconds=420))
    await centre.hear(home, copy, when=raised + timedelta(seconds=9))  # from memory and from the card
    assert await centre.queue() == ()
    assert await centre.store.read(lambda connection: views.bells_after(connection, 0, 10)) == ()
    told = await centre.health(home)
    assert [(one.raised_at, one.took_s) for one in told.tests] == [(raised, 0.42)]
    assert told.test_due_at == at(hours=1, days=7)


async def test_real_alarm_after_a_test_alarm_opens_a_case(centre: Centre, home: DemoHome) -> None:
    await centre.hear(home, rehearsal(home, NOON), home.alert(), when=at(seconds=1))
    assert [(row.hazard, row.alerts) for row in await centre.queue()] == [("sos", 1)]


@pytest.mark.parametrize(
    "more",
    [{"severity": Severity.P1}, {"severity": Severity.P4}, {"hazard": "self-test", "severity": Severity.P1}],
)
async def test_mark_of_a_test_on_any_other_alarm_is_not_believed(
    centre: Centre, home: DemoHome, more: dict[str, object]
) -> None:
    marked = msgspec.structs.replace(home.alert(**more), is_test=True)  # type: ignore[arg-type]
    await centre.hear(home, marked, when=at(seconds=1))
    assert len(await centre.queue()) == 1
    assert (await centre.health(home)).tests == ()


async def test_test_alarm_that_comes_an_hour_early_is_the_one_that_was_due(centre: Centre, home: DemoHome) -> None:
    """In spring the clocks of the home are put forward; we count in weeks."""
    await centre.hear(home, birth(at(hours=2)), rehearsal(home, at(hours=1)), when=at(hours=1))
    assert (await centre.health(home)).test_due_at == at(hours=2, days=7)
    await centre.hear(home, BEAT, when=at(hours=5))
    assert await centre.round(at(hours=5)) == []


async def test_missing_test_alarm_is_a_case_until_one_arrives(centre: Centre, home: DemoHome) -> None:
    await centre.hear(home, birth(at(hours=2)), when=NOON)
    await centre.hear(home, BEAT, when=at(hours=3, minutes=59))
    assert await centre.round(at(hours=3, minutes=59)) == []
    await centre.hear(home, BEAT, when=at(hours=4, minutes=1))
    assert await centre.round(at(hours=4, minutes=1)) == ["OverdueTest"]
    assert await centre.round(at(hours=4, minutes=2)) == []
    assert await centre.cases() == [("home-501", "test-missing", Severity.P3, False)]
    assert (await centre.health(home)).is_test_missing
    await centre.hear(home, birth(at(hours=2)), rehearsal(home, at(hours=5)), when=at(hours=5))
    assert await centre.round(at(hours=5)) == ["MadeGood"]
    assert await centre.cases() == [("home-501", "test-missing", Severity.P3, True)]
    assert (await centre.health(home)).test_due_at == at(hours=2, days=7)


async def test_test_of_an_unset_clock_has_no_duration_and_is_due_within_a_week(centre: Centre, home: DemoHome) -> None:
    unset = datetime(1970, 1, 3, tzinfo=NOON.tzinfo)
    said = [home.envelope(birth(unset)), home.envelope(rehearsal(home, unset))]
    await centre.hear(home, *(msgspec.structs.replace(one, is_clock_unsure=True) for one in said), when=NOON)
    told = await centre.health(home)
    assert told.test_due_at == at(days=7)
    assert [one.took_s for one in told.tests] == [None]


async def test_test_that_is_due_by_a_clock_years_ahead_is_due_within_a_week(centre: Centre, home: DemoHome) -> None:
    await centre.hear(home, birth(at(days=4000)), when=NOON)
    assert (await centre.health(home)).test_due_at == at(days=7)


async def test_operator_asks_for_a_test_alarm_once_for_each_form(centre: Centre, home: DemoHome) -> None:
    await centre.hear(home, BEAT, when=NOON)

    async def ask(gateway_id: str, by: str = "zhang") -> None:
        await centre.store.write(
            lambda connection: test_wishes.wish(connection, gateway_id, by=by, command_id="c1", now=NOON)
        )

    await ask(home.gateway)
    await ask(home.gateway)
    (letter,) = await centre.rows(schema.downlink)
    assert decode_command(letter.body).action == RequestTest(by="zhang")
    assert [(wish.by, wish.outcome) for wish in (await centre.health(home)).wishes] == [("zhang", "waiting")]
    with pytest.raises(IllegalMove, match="another order"):
        await ask(home.gateway, by="li")
    with pytest.raises(IllegalMove, match="another order"):
        await ask("gw-9")


async def test_nobody_can_ask_a_gateway_that_is_not_there(centre: Centre) -> None:
    with pytest.raises(IllegalMove, match="no gateway gw-9"):
        await centre.store.write(
            lambda connection: test_wishes.wish(connection, "gw-9", by="zhang", command_id="c1", now=NOON)
        )


# ---- starts and gaps ----


async def test_starts_are_shown_as_the_last_birth_told(centre: Centre, home: DemoHome) -> None:
    await centre.hear(home, birth(None, starts=3), birth(None, starts=4), when=NOON)
    told = await centre.health(home)
    assert (told.starts, told.born_at, told.test_due_at) == (4, NOON, None)


async def test_gaps_stand_on_the_page_of_the_home_and_of_the_case_that_they_touch(
    centre: Centre, home: DemoHome
) -> None:
    around = GapBody(reason="x", code="card-full", count=7, first_at=at(hours=-3), last_at=at(hours=-2))
    before = GapBody(reason="y", count=1, first_at=at(days=-3), last_at=at(days=-2))
    whole = GapBody(reason="z", code="damaged", count=0)
    await centre.hear(home, home.alert(), around, before, whole, when=at(seconds=1))
    told = await centre.health(home)
    assert [(gap.code, gap.reason, gap.count) for gap in told.gaps] == [
        ("damaged", "z", 0),
        ("", "y", 1),
        ("card-full", "x", 7),
    ]
    assert told.gaps[0].first_at == at(seconds=1)
    case = await centre.store.read(lambda connection: page.page(connection, 1, NOON))
    assert case is not None
    assert [gap.code for gap in case.gaps] == ["damaged", "card-full"]
    assert await centre.store.read(lambda connection: gaps.gaps_around(connection, ())) == ()


# ---- rounds ----


class Wall:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


class Going:
    """Rounds with a clock that is moved by hand."""

    def __init__(self, store: Store) -> None:
        self.wall = Wall()
        self.hears_since: datetime | None = NOON
        self.told = 0
        self.store = store
        self.rounds = Rounds(store, {}, clock=self.wall, hears_since=lambda: self.hears_since, told=self._told)

    def _told(self) -> None:
        self.told += 1

    async def to(self, end: datetime, step_s: float = 5, each: Callable[[datetime], None] | None = None) -> None:
        while self.wall.now < end:
            self.wall.now = min(end, self.wall.now + timedelta(seconds=step_s))
            if each is not None:
                each(self.wall.now)
            await self.rounds.look()

    async def cases(self) -> int:
        return len(await self.store.read(lambda connection: views.queue(connection, NOON)))


@pytest.fixture
async def going(store: Store, home: DemoHome) -> Going:
    await store.write(lambda connection: intake.take_in(connection, [home.envelope(BEAT)], NOON))
    return Going(store)


async def test_rounds_find_an_outage_by_themselves_and_ring(going: Going) -> None:
    await going.to(at(seconds=180))
    assert (await going.cases(), going.told) == (0, 0)
    await going.to(at(seconds=190))
    assert (await going.cases(), going.told) == (1, 1)


async def test_while_the_broker_is_away_and_180_s_after_nobody_is_judged(going: Going) -> None:
    await going.to(at(seconds=60))
    going.hears_since = None
    await going.to(at(seconds=1000))
    going.hears_since = at(seconds=1000)
    await going.to(at(seconds=1180))
    assert await going.cases() == 0
    await going.to(at(seconds=1190))
    assert await going.cases() == 1


@pytest.mark.parametrize("step", [timedelta(hours=1), timedelta(hours=-1), timedelta(seconds=40)])
async def test_clock_that_is_set_or_a_machine_that_slept_accuses_nobody(going: Going, step: timedelta) -> None:
    await going.to(at(seconds=100))
    going.wall.now += step
    await going.rounds.look()
    begun = going.wall.now
    await going.to(begun + timedelta(seconds=175))
    assert await going.cases() == 0
    await going.to(begun + timedelta(seconds=190))
    assert await going.cases() == 1


async def test_database_that_did_not_answer_begins_the_wait_anew(
    going: Going, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    await going.to(at(seconds=170))

    async def away(*_: object, **__: object) -> object:
        raise TryLater("the database is away")

    with monkeypatch.context() as patched:
        patched.setattr(going.store, "read", away)
        await going.to(at(seconds=300))
    assert caplog.text.count("the database is away") == 1
    await going.to(at(seconds=470))
    assert await going.cases() == 0
    await going.to(at(seconds=490))
    assert await going.cases() == 1


async def test_city_that_falls_silent_is_one_case_written_in_pieces(store: Store) -> None:
    going = Going(store)
    homes = [DemoHome(gateway=f"gw-{number:03d}") for number in range(450)]
    beats = [home.envelope(BEAT) for home in homes]
    await store.write(lambda connection: intake.take_in(connection, beats, NOON))
    await going.to(at(seconds=190))
    assert (await going.cases(), going.told) == (1, 3)
    rows = await store.read(lambda connection: connection.execute(sa.select(watch_schema.supervision)).all())
    assert [row.offline_since for row in rows if row.offline_since] == [NOON] * len(homes)


async def test_rounds_go_on_until_they_are_cancelled(going: Going) -> None:
    looked = asyncio.Event()
    going.wall.now = at(seconds=5)
    going.rounds._clock = lambda: (looked.set(), going.wall.now)[1]
    task = asyncio.create_task(going.rounds.run())
    async with asyncio.timeout(20):
        await looked.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
