"""Times of homes whose clock was wrong: mended by anchors, estimated from arrivals, marked, never lost."""

from datetime import UTC, datetime, timedelta
from itertools import permutations

import msgspec
import pytest
import sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.operations import Operations
from fixtures.community_home import EPOCH, GATEWAY, DemoHome
from fixtures.shapes import LATER
from hypothesis import given
from hypothesis import strategies as st

from community.desk import Timing
from community.store import intake, modes, page, schema, views
from community.store.database import Store
from community.store.engines import engines
from community.store.migrations.versions import times_mended
from community.store.missing import missing_numbers
from shouwang.alert import Alert
from shouwang.quantities import Quantity
from shouwang.reading import Reading
from shouwang.status import SensorState, SensorStatus
from shouwang.wire import (
    AlertBody,
    BirthBody,
    Body,
    ClockBody,
    Envelope,
    GapBody,
    HeartbeatBody,
    Lane,
    MessageId,
    Sent,
    StatusBody,
    TelemetryBody,
)

BEGAN = datetime(2026, 11, 24, 8, tzinfo=UTC)
"""When the box was switched on: engine millisecond 0 of the boot."""
BEGAN_AS_TOLD = datetime(1970, 1, 1, tzinfo=UTC)
MINUTE_MS = 60_000


def at(ms: int) -> datetime:
    return BEGAN + timedelta(milliseconds=ms)


def told_at(ms: int) -> datetime:
    return BEGAN_AS_TOLD + timedelta(milliseconds=ms)


def reading(ms: int, *, told: datetime | None = None, **more: object) -> Reading:
    return Reading(sensor_id="oximeter", quantity=Quantity.SPO2, value=95, at=told or told_at(ms), mono=ms, **more)


def message(body: Body, seq: int, ms: int, **more: object) -> Envelope:
    """From the box with the wrong clock, made at `ms` of its boot."""
    lane = {AlertBody: Lane.LIFE_SAFETY, TelemetryBody: Lane.TELEMETRY}.get(type(body), Lane.STATE)
    values = {"created_at": told_at(ms), "boot": "boot-1", "is_clock_unsure": True, **more}
    return Envelope(id=MessageId(gateway=GATEWAY, epoch=EPOCH, lane=lane, seq=seq), mono=ms, body=body, **values)


def telemetry(seq: int, *times_ms: int, **more: object) -> Envelope:
    return message(TelemetryBody(readings=tuple(reading(ms) for ms in times_ms)), seq, times_ms[-1], **more)


def anchor(seq: int, ms: int, *, error_ms: int = 20, off_ms: int = 0, **more: object) -> Envelope:
    body = ClockBody(mono=ms, wall=at(ms + off_ms), error_ms=error_ms, source="ntp", **more)
    return message(body, seq, ms, is_clock_unsure=False, created_at=at(ms))


def sos(ms: int, *, told: datetime | None = None, evidence: tuple[Reading, ...] = ()) -> Alert:
    when = told or told_at(ms)
    return msgspec.structs.replace(DemoHome().alert(since=when, at=when, evidence=evidence), mono=ms)


async def take(store: Store, envelope: Envelope, *, ms: int, sent: Sent | None = None) -> None:
    """It arrives at `ms` of the boot."""
    stamps = {} if sent is None else {envelope.id: sent}
    await store.write(lambda connection: intake.take_in(connection, [envelope], at(ms), stamps))


async def samples(store: Store) -> list[tuple[datetime, Timing]]:
    table = schema.samples
    order = sa.select(table.c.at, table.c.timing).order_by(table.c.at)
    rows = await store.read(lambda connection: connection.execute(order).all())
    return [(row.at, Timing(row.timing)) for row in rows]


async def queue(store: Store, ms: int):
    return await store.read(lambda connection: views.queue(connection, at(ms)))


async def whole(store: Store, incident_id: int, ms: int):
    return await store.read(lambda connection: page.page(connection, incident_id, at(ms)))


@pytest.mark.parametrize("order", [*permutations(range(3))])
async def test_what_a_boot_measured_before_its_clock_was_set_is_mended_in_any_order(store: Store, order) -> None:
    messages = [telemetry(1, 1_000, 2_000), telemetry(2, 3_000), anchor(1, 40_000)]
    for place in (*order, *order):  # and once more: a resend changes nothing
        await take(store, messages[place], ms=41_000)
    assert await samples(store) == [(at(ms), Timing.MENDED) for ms in (1_000, 2_000, 3_000)]


async def test_a_boot_whose_clock_was_never_set_is_estimated_by_when_it_was_sent(store: Store) -> None:
    waited = telemetry(1, 1_000, 2_000)
    await take(store, waited, ms=7_200_500, sent=Sent(boot="boot-1", mono=7_200_000))  # half a second on the way
    assert await samples(store) == [(at(ms + 500), Timing.ESTIMATED) for ms in (1_000, 2_000)]
    later = telemetry(2, 7_300_000)
    await take(store, later, ms=7_300_100)  # an estimate within a second is not moved
    assert (await samples(store))[0] == (at(1_500), Timing.ESTIMATED)


async def test_an_estimate_gets_better_with_the_quickest_message(store: Store) -> None:
    await take(store, telemetry(1, 1_000), ms=3_600_000)  # an old broker: nobody says when it was sent
    assert await samples(store) == [(at(3_600_000), Timing.ESTIMATED)]
    await take(store, telemetry(2, 3_700_000), ms=3_700_300)
    assert await samples(store) == [(at(1_300), Timing.ESTIMATED), (at(3_700_300), Timing.ESTIMATED)]


async def test_what_a_boot_left_behind_is_dated_by_the_next_one(store: Store) -> None:
    await take(store, telemetry(1, 1_000), ms=90_000, sent=Sent(boot="boot-2", mono=89_900))
    assert await samples(store) == [(at(1_100), Timing.ESTIMATED)]
    # the box may believe that it was off for days: its own anchor knows better
    await take(store, telemetry(2, 2_000), ms=91_000, sent=Sent(boot="boot-2", mono=600_000_000))
    await take(store, anchor(1, 3_000), ms=92_000)
    assert await samples(store) == [(at(1_000), Timing.MENDED), (at(2_000), Timing.MENDED)]


async def test_what_a_boot_sent_itself_counts_more_than_what_a_later_one_believes(store: Store) -> None:
    await take(store, telemetry(1, 1_000), ms=2_000, sent=Sent(boot="boot-1", mono=1_900))
    await take(store, telemetry(2, 1_500), ms=91_000, sent=Sent(boot="boot-2", mono=600_000_000))
    assert await samples(store) == [(at(1_100), Timing.ESTIMATED), (at(1_600), Timing.ESTIMATED)]


async def test_a_clock_that_was_right_although_nobody_had_set_it_needs_no_mark(store: Store) -> None:
    right = TelemetryBody(readings=(reading(1_000, told=at(1_900)),))
    await take(store, message(right, 1, 1_000, created_at=at(1_900)), ms=1_200)
    await take(store, anchor(1, 5_000), ms=5_100)
    assert await samples(store) == [(at(1_000), Timing.RIGHT)]


async def test_the_better_anchor_counts_and_one_from_the_future_does_not(store: Store) -> None:
    await take(store, telemetry(1, 1_000), ms=2_000)
    await take(store, anchor(1, 10_000, error_ms=1_500, off_ms=1_200), ms=10_100)
    assert await samples(store) == [(at(2_200), Timing.MENDED)]
    await take(store, anchor(2, 20_000, error_ms=10), ms=20_100)
    assert await samples(store) == [(at(1_000), Timing.MENDED)]
    await take(store, anchor(3, 30_000, error_ms=0, off_ms=86_400_000), ms=30_100)
    assert await samples(store) == [(at(1_000), Timing.MENDED)]


async def test_boots_and_cards_are_kept_apart(store: Store) -> None:
    await take(store, telemetry(1, 1_000), ms=2_000)
    other = msgspec.structs.replace(telemetry(1, 1_000), id=MessageId(
        gateway=GATEWAY, epoch="ff" * 8, lane=Lane.TELEMETRY, seq=1))  # fmt: skip
    await take(store, other, ms=50_000)
    await take(store, telemetry(2, 90_000, boot="boot-2"), ms=95_000)
    await take(store, anchor(1, 40_000), ms=95_000)
    assert await samples(store) == [
        (at(1_000), Timing.MENDED),
        (at(50_000), Timing.ESTIMATED),
        (at(95_000), Timing.ESTIMATED),
    ]


async def test_a_value_that_a_device_had_kept_moves_with_the_clock(store: Store) -> None:
    kept = reading(60 * MINUTE_MS, told=told_at(0) + timedelta(minutes=15), is_late=True)
    await take(store, message(TelemetryBody(readings=(kept,)), 1, 61 * MINUTE_MS), ms=62 * MINUTE_MS)
    await take(store, anchor(1, 70 * MINUTE_MS), ms=70 * MINUTE_MS)
    assert await samples(store) == [(at(15 * MINUTE_MS), Timing.MENDED)]


async def test_a_moment_in_the_future_counts_as_that_of_its_arrival_with_a_mark(store: Store) -> None:
    readings = (reading(1_000, told=at(86_400_000)), reading(31_000, told=at(86_430_000)))
    sure = message(TelemetryBody(readings=readings), 1, 32_000, is_clock_unsure=False, created_at=at(86_431_000))
    await take(store, sure, ms=32_500)
    assert await samples(store) == [(at(1_500), Timing.AHEAD), (at(31_500), Timing.AHEAD)]
    await take(store, anchor(1, 40_000), ms=40_000)
    assert await samples(store) == [(at(1_500), Timing.AHEAD), (at(31_500), Timing.AHEAD)]


@pytest.mark.parametrize("days", [1, 29, 31, 400])
async def test_what_comes_late_is_kept_as_it_was(store: Store, days: int) -> None:
    late = message(TelemetryBody(readings=(reading(5, told=at(5)),)), 1, 5, is_clock_unsure=False, created_at=at(5))
    await take(store, late, ms=days * 86_400_000)
    assert await samples(store) == [(at(5), Timing.RIGHT)]


async def test_moments_of_states_and_gaps_follow_what_is_known_when_they_come(store: Store) -> None:
    lost = SensorStatus(sensor_id="oximeter", state=SensorState.DOWN, since=told_at(500), at=told_at(500), mono=500)
    gap = GapBody(reason="full", count=3, first_at=told_at(0), last_at=told_at(900))
    await take(store, message(StatusBody(status=lost), 1, 1_000), ms=1_200)
    await take(store, message(gap, 2, 1_000), ms=1_200)
    rows = await store.read(lambda connection: connection.execute(sa.select(schema.sensor_status.c.since)).all())
    assert [row.since for row in rows] == [at(700)]
    rows = await store.read(lambda connection: connection.execute(sa.select(schema.gaps)).all())
    assert [(row.first_at, row.last_at) for row in rows] == [(at(200), at(1_100))]


# ---- alarms ----


async def test_an_alarm_of_1970_that_comes_at_once_is_not_late(store: Store) -> None:
    await take(store, message(AlertBody(alert=sos(60_000)), 1, 60_010), ms=60_200, sent=Sent("boot-1", 60_100))
    (row,) = await queue(store, 61_000)
    assert row.why.en.startswith("the SOS")
    case = await whole(store, row.incident_id, 61_000)
    assert [alert.at for alert in case.alerts] == [at(60_100)]
    assert case.timings == {case.alerts[0].alert_id: Timing.ESTIMATED}


async def test_an_alarm_of_1970_that_waited_for_hours_is_late_and_says_by_how_much(store: Store) -> None:
    waited = message(AlertBody(alert=sos(60_000)), 1, 60_010)
    await take(store, waited, ms=200 * MINUTE_MS, sent=Sent("boot-1", 200 * MINUTE_MS))
    (row,) = await queue(store, 201 * MINUTE_MS)
    assert row.why.en.startswith("LATE by 3 h 19 min: the SOS")
    assert row.why.zh.startswith("【迟到3小时19分】")


async def test_an_alarm_whose_clock_was_years_ahead_is_late_all_the_same(store: Store) -> None:
    sure = sos(60_000, told=datetime(2031, 1, 1, tzinfo=UTC))
    waited = message(AlertBody(alert=sure), 1, 60_010, is_clock_unsure=False)
    await take(store, waited, ms=40 * MINUTE_MS, sent=Sent("boot-1", 40 * MINUTE_MS))
    (row,) = await queue(store, 41 * MINUTE_MS)
    assert row.why.en.startswith("LATE by 39 min")
    case = await whole(store, row.incident_id, 41 * MINUTE_MS)
    assert [alert.at for alert in case.alerts] == [at(40 * MINUTE_MS)]
    assert [*case.timings.values()] == [Timing.AHEAD]


async def test_a_right_clock_tells_how_late_an_alarm_is(store: Store) -> None:
    right = message(AlertBody(alert=sos(0, told=at(0))), 1, 10, is_clock_unsure=False)
    await take(store, right, ms=45 * MINUTE_MS)
    (row,) = await queue(store, 46 * MINUTE_MS)
    assert row.why.en.startswith("LATE by 45 min: ")


async def test_the_page_of_a_case_is_mended_with_its_values(store: Store) -> None:
    seen = reading(59_000)
    await take(store, message(AlertBody(alert=sos(60_000, evidence=(seen,))), 1, 60_010), ms=60_900)
    await take(store, telemetry(1, 58_000, 59_000), ms=65_000)
    await take(store, anchor(1, 70_000), ms=70_100)
    (row,) = await queue(store, 71_000)
    case = await whole(store, row.incident_id, 71_000)
    assert [(alert.at, alert.since) for alert in case.alerts] == [(at(60_000), at(60_000))]
    assert [*case.timings.values()] == [Timing.MENDED]
    (series,) = case.evidence
    assert [(point.at, point.timing) for point in series.points] == [
        (at(58_000), Timing.MENDED),
        (at(59_000), Timing.MENDED),
    ]


async def test_values_that_came_long_after_they_were_measured_say_so(store: Store) -> None:
    await take(store, message(AlertBody(alert=sos(0, told=at(0))), 1, 10, is_clock_unsure=False), ms=100)
    measured = TelemetryBody(readings=(reading(60_000, told=at(60_000)), reading(900_000, told=at(900_000))))
    await take(store, message(measured, 1, 900_000, is_clock_unsure=False), ms=15 * MINUTE_MS)
    (row,) = await queue(store, 16 * MINUTE_MS)
    (series,) = (await whole(store, row.incident_id, 16 * MINUTE_MS)).evidence
    assert [point.is_late for point in series.points] == [True, False]


# ---- the tables ----


async def test_going_back_a_version_keeps_the_mended_times(store: Store) -> None:
    await take(store, message(AlertBody(alert=sos(1_000)), 1, 1_000), ms=1_100)
    await take(store, telemetry(1, 1_000), ms=2_000)
    await take(store, anchor(1, 5_000), ms=5_000)

    above = LATER[LATER.index(times_mended) :]

    def back_and_forth(connection: sa.Connection) -> None:
        with Operations.context(MigrationContext.configure(connection)):
            for one in reversed(above):
                one.downgrade()
            for one in above:
                one.upgrade()

    await store.write(back_and_forth)
    assert await samples(store) == [(at(1_000), Timing.RIGHT)]
    assert len(await queue(store, 6_000)) == 1


NONSENSE = (0, 1, 10**12, 10**15, 2**63 - 1, -(2**63))


@pytest.mark.parametrize("sent", [None, *NONSENSE[:4]])
@pytest.mark.parametrize("mono", NONSENSE)
async def test_no_engine_time_however_wrong_costs_an_alarm(store: Store, mono: int, sent: int | None) -> None:
    odd = message(AlertBody(alert=msgspec.structs.replace(sos(5), mono=mono)), 1, 0)
    odd = msgspec.structs.replace(odd, mono=mono)
    await take(store, odd, ms=100, sent=None if sent is None else Sent("boot-1", sent))
    (row,) = await queue(store, 200)
    assert (await whole(store, row.incident_id, 200)).alerts[0].key == "sos:sos-bed"


@pytest.mark.parametrize("mono", NONSENSE)
async def test_no_engine_time_however_wrong_costs_a_value_or_the_anchor(store: Store, mono: int) -> None:
    odd = message(TelemetryBody(readings=(msgspec.structs.replace(reading(5), mono=mono),)), 1, 0)
    await take(store, msgspec.structs.replace(odd, mono=mono), ms=100)
    await take(store, telemetry(2, 1_000), ms=2_000)
    await take(store, anchor(1, 3_000), ms=3_100)
    assert len(await samples(store)) == 2
    assert (at(1_000), Timing.MENDED) in await samples(store)


FIRST, LAST = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    "wall", [datetime(1970, 1, 1, 1, tzinfo=UTC), datetime(2001, 1, 1, tzinfo=UTC), at(MINUTE_MS * 60)]
)
async def test_an_anchor_of_a_time_that_cannot_be_is_none(store: Store, wall: datetime) -> None:
    """A time server that lies, or a kernel that calls a dead clock right."""
    odd = message(ClockBody(mono=3_000, wall=wall, error_ms=0, source="ntp"), 1, 3_000)
    await take(store, telemetry(1, 1_000), ms=1_100)
    await take(store, odd, ms=3_100)
    assert await samples(store) == [(at(1_100), Timing.ESTIMATED)]
    await take(store, anchor(2, 4_000), ms=4_100)
    assert await samples(store) == [(at(1_000), Timing.MENDED)]


@pytest.mark.parametrize("wild", [FIRST, LAST])
async def test_no_calendar_however_wrong_costs_a_case_its_page(store: Store, wild: datetime) -> None:
    """A device that kept its value has a clock of its own."""
    told = sos(5_000, evidence=(reading(5, told=wild), reading(6)))
    await take(store, message(AlertBody(alert=told), 1, 5_000), ms=5_100)
    (row,) = await queue(store, 6_000)
    assert len((await whole(store, row.incident_id, 6_000)).alerts) == 1


MESSAGES = (
    telemetry(1, 1_000),
    telemetry(2, 2_000, 2_500),
    telemetry(3, 9_000, boot="boot-2"),
    message(AlertBody(alert=sos(3_000)), 1, 3_000),
    anchor(1, 4_000, error_ms=1_200, off_ms=700),
    anchor(2, 8_000, error_ms=15),
    message(ClockBody(mono=12_000, wall=at(12_040), error_ms=30, source="ntp"), 3, 12_000, boot="boot-2"),
)
"""All of them arrive in the end, each at one moment: what stands in the tables then follows from them alone."""


@given(
    st.permutations(range(len(MESSAGES))), st.lists(st.integers(0, len(MESSAGES) - 1), max_size=6), st.integers(1, 4)
)
def test_the_end_is_the_same_in_any_order_with_any_repeats(order, again, together) -> None:
    engine = sa.create_engine("sqlite://")
    schema.metadata.create_all(engine)
    story = [MESSAGES[place] for place in (*order, *again)]
    with engine.begin() as connection:
        for start in range(0, len(story), together):
            intake.take_in(connection, story[start : start + together], at(15_000))
        found = [
            (row.at, Timing(row.timing))
            for row in connection.execute(sa.select(schema.samples).order_by(schema.samples.c.at))
        ]
        kept = connection.execute(sa.select(schema.doubtful_samples)).all()
    engine.dispose()
    assert found == [(at(ms), Timing.MENDED) for ms in (1_000, 2_000, 2_500)] + [(at(9_040), Timing.MENDED)]
    assert sorted(row.told_at for row in kept) == [told_at(ms) for ms in (1_000, 2_000, 2_500, 9_000)]


def test_ten_thousand_samples_are_mended_in_one_statement(tmp_path) -> None:
    opened = engines(f"sqlite:///{tmp_path / 'c.db'}", None)
    schema.metadata.create_all(opened.writer)
    with opened.writer.begin() as connection:
        for seq in range(1, 101):
            intake.take_in(connection, [telemetry(seq, *range(seq * 1_000, seq * 1_000 + 100))], at(seq * 1_000 + 900))
        statements: list[str] = []
        sa.event.listen(connection, "before_cursor_execute", lambda *call: statements.append(call[2]))
        intake.take_in(connection, [anchor(1, 200_000)], at(200_001))
        changed = [statement for statement in statements if statement.startswith("UPDATE samples")]
        count = connection.execute(sa.select(sa.func.count()).where(schema.samples.c.timing == 1)).scalar_one()
    opened.writer.dispose()
    opened.reader.dispose()
    assert (len(changed), count) == (1, 10_000)


# ---- numbers that never came ----


def beat(seq: int, lane: Lane = Lane.STATE) -> Envelope:
    body = HeartbeatBody(backlog=0, uptime_s=1)
    message_id = MessageId(gateway=GATEWAY, epoch=EPOCH, lane=lane, seq=seq)
    return Envelope(id=message_id, created_at=BEGAN, boot="boot-1", mono=seq, body=body)


def birth(epoch: str = EPOCH) -> Envelope:
    message_id = MessageId(gateway=GATEWAY, epoch=epoch, lane=Lane.STATE, seq=1)
    return Envelope(id=message_id, created_at=BEGAN, boot="b", mono=1, body=BirthBody(version="1", sensors={}))


async def missing(store: Store, minute: float) -> list[tuple[Lane, int]]:
    found = await store.read(lambda connection: missing_numbers(connection, GATEWAY, at(int(minute * MINUTE_MS))))
    return [(one.lane, one.count) for one in found]


async def test_a_number_that_is_overtaken_for_long_is_missing(store: Store) -> None:
    await take(store, birth(), ms=0)
    for seq, minute in ((2, 1), (5, 2), (6, 3), (7, 13), (8, 20)):
        await take(store, beat(seq), ms=minute * MINUTE_MS)
    assert await missing(store, 13) == []  # overtaken 11 min ago, but that which shows it is just in
    assert await missing(store, 16) == [(Lane.STATE, 2)]
    await take(store, beat(3), ms=21 * MINUTE_MS)
    assert await missing(store, 22) == [(Lane.STATE, 1)]
    page_of_home = await store.read(lambda connection: modes.home_page(connection, GATEWAY, at(22 * MINUTE_MS)))
    assert page_of_home.health.missing == 1


async def test_what_may_still_come_is_not_missing(store: Store) -> None:
    await take(store, birth(), ms=0)
    await take(store, beat(3), ms=MINUTE_MS)  # 2 is under way when the line is cut for a day
    assert await missing(store, 24 * 60) == []
    await take(store, beat(4), ms=24 * 60 * MINUTE_MS)
    assert await missing(store, 24 * 60 + 1) == []
    await take(store, beat(2), ms=24 * 60 * MINUTE_MS)
    assert await missing(store, 24 * 60 + 30) == []


async def test_what_a_home_tells_to_be_lost_is_not_missing(store: Store) -> None:
    await take(store, birth(), ms=0)
    for seq, minute in ((1, 1), (2, 2), (9, 3), (10, 20)):
        await take(store, beat(seq, Lane.TELEMETRY), ms=minute * MINUTE_MS)
    assert await missing(store, 23) == [(Lane.TELEMETRY, 6)]
    for seq, first, last in ((2, 2, 4), (3, 4, 6), (4, 8, 20)):  # 2, 9 and 10 have come all the same
        gap = GapBody(reason="full", count=1, lane=Lane.TELEMETRY, first_seq=first, last_seq=last)
        told = msgspec.structs.replace(beat(seq), body=gap)
        await take(store, told, ms=21 * MINUTE_MS)
    assert await missing(store, 23) == [(Lane.TELEMETRY, 1)]


async def test_numbers_before_the_first_one_count_and_another_card_does_not(store: Store) -> None:
    await take(store, birth(), ms=0)
    await take(store, beat(3, Lane.LIFE_SAFETY), ms=MINUTE_MS)
    await take(store, beat(4, Lane.LIFE_SAFETY), ms=30 * MINUTE_MS)
    assert await missing(store, 40) == [(Lane.LIFE_SAFETY, 2)]
    await take(store, birth("ff" * 8), ms=41 * MINUTE_MS)
    assert await missing(store, 50) == []
