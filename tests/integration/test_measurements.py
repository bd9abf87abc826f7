"""Measurements in every place: each message once, sums that stay right, what is too old, clocks that were wrong."""

import random
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import pytest
import sqlalchemy as sa
from fixtures.community_home import NOON, DemoHome
from fixtures.places import Place, close_place, open_place, spo2, telemetry

from community.desk import Timing
from community.measurement_settings import MeasurementsEntry
from community.measurements.charts import DAY, MONTH, WEEK, charts, step_for
from community.measurements.place import place_of
from community.measurements.port import TRUSTED, Bucket, Keep, SeriesKey, Span, Step
from community.store import dead_letters, intake, measured, modes, page, schema, views
from community.store.database import open_store
from community.store.measurement_schema import dirty_quarters, rollups
from shouwang.errors import GiveUp, TryLater
from shouwang.quantities import Quantity
from shouwang.reading import Quality, Reading
from shouwang.wire import ClockBody

SPO2 = SeriesKey(gateway_id="gw-demo-0001", sensor_id="oximeter", quantity=Quantity.SPO2)
SECOND, MINUTE, QUARTER, HOUR = (timedelta(seconds=s) for s in (1, 60, 900, 3600))
UTC_DAYS = timedelta()


async def asked(place: Place, span: Span, step: Step) -> tuple[Bucket, ...]:
    return await place.port.query(SPO2, span, step)


async def count(place: Place, table: sa.Table) -> int:
    return await place.samples.read(
        lambda connection: connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
    )


def expected(readings: Iterable[Reading], step: Step) -> list[Bucket]:
    """What the sums must be, the plain way."""
    groups: dict[datetime, list[Reading]] = {}
    for reading in readings:
        start = reading.at - (reading.at - datetime(1970, 1, 1, tzinfo=NOON.tzinfo)) % step.span
        groups.setdefault(start, []).append(reading)
    found = []
    for at, group in sorted(groups.items()):
        values = [one.value for one in group if one.quality in TRUSTED]
        mean = sum(values) / len(values) if values else None
        found.append(
            Bucket(
                at=at,
                count=len(values),
                least=min(values, default=None),
                mean=pytest.approx(mean) if mean is not None else None,
                most=max(values, default=None),
                doubtful=len(group) - len(values),
            )
        )
    return found


def many(start: datetime, number: int, apart: timedelta, seed: int = 1) -> list[Reading]:
    chance = random.Random(seed)
    qualities = [Quality.GOOD] * 6 + [Quality.QUESTIONABLE, Quality.IMPLAUSIBLE, Quality.THINNED]
    return [spo2(chance.randint(80, 100), start + apart * nth, chance.choice(qualities)) for nth in range(number)]


async def send(place: Place, home: DemoHome, readings: list[Reading]) -> None:
    for start in range(0, len(readings), 20):
        await place.write(telemetry(home, *readings[start : start + 20]))


async def test_a_message_counts_once_however_often_it_comes(place: Place, home: DemoHome) -> None:
    envelope = telemetry(home, spo2(97, NOON), spo2(97, NOON), spo2(98, NOON + SECOND))
    for _ in range(3):
        await place.write(envelope, envelope)
    await place.pass_time(HOUR)
    await place.write(envelope)
    raw = await asked(place, Span(NOON, NOON + HOUR), Step.RAW)
    assert [one.least for one in raw] == [97, 97, 98]
    (minute,) = await asked(place, Span(NOON, NOON + HOUR), Step.MINUTE)
    assert (minute.count, minute.least, minute.mean, minute.most) == (3, 97, pytest.approx(292 / 3), 98)


@pytest.mark.parametrize("step", [Step.MINUTE, Step.QUARTER, Step.DAY])
async def test_sums_are_right_before_and_after_they_are_kept(place: Place, home: DemoHome, step: Step) -> None:
    readings = many(NOON - 26 * HOUR, 370, timedelta(seconds=251))
    span = Span(NOON - 3 * DAY, NOON + 3 * DAY)
    await send(place, home, readings)
    assert list(await asked(place, span, step)) == expected(readings, step)
    await place.pass_time(2 * DAY)
    assert await count(place, dirty_quarters) == 0
    assert list(await asked(place, span, step)) == expected(readings, step)
    late = [msgspec.structs.replace(spo2(70, NOON - 20 * HOUR), is_late=True), *many(NOON - 25 * HOUR, 30, MINUTE, 2)]
    await send(place, home, late)
    assert list(await asked(place, span, step)) == expected(readings + late, step)
    await place.pass_time(DAY)
    assert list(await asked(place, span, step)) == expected(readings + late, step)


async def test_a_part_of_a_span_holds_the_steps_that_touch_it(place: Place, home: DemoHome) -> None:
    place.now = NOON + HOUR
    await send(place, home, [spo2(90, NOON + MINUTE * nth) for nth in range(40)])
    for _ in range(2):
        found = await asked(place, Span(NOON + MINUTE * 7 + SECOND, NOON + MINUTE * 20), Step.MINUTE)
        assert [one.at for one in found] == [NOON + MINUTE * nth for nth in range(7, 20)]
        found = await asked(place, Span(NOON + MINUTE * 20, NOON + MINUTE * 31), Step.QUARTER)
        assert [(one.at, one.count) for one in found] == [(NOON + QUARTER, 15), (NOON + 2 * QUARTER, 10)]
        await place.pass_time(HOUR)


async def test_old_readings_go_and_their_sums_stay(place: Place, home: DemoHome) -> None:
    old, new = many(NOON - 40 * DAY, 300, 3 * MINUTE), many(NOON - DAY, 50, 3 * MINUTE)
    await send(place, home, old + new)
    for _ in range(3):  # an hour lies between two clearings
        await place.pass_time(2 * HOUR)
    raw = await asked(place, Span(NOON - 60 * DAY, NOON + DAY), Step.RAW)
    assert [one.at for one in raw] == [reading.at for reading in new]
    for step in (Step.MINUTE, Step.QUARTER, Step.DAY):
        assert list(await asked(place, Span(NOON - 60 * DAY, NOON + DAY), step)) == expected(old + new, step)


async def test_what_comes_after_its_quarter_was_let_go_is_added_once(place: Place, home: DemoHome) -> None:
    old = many(NOON - 40 * DAY, 300, 3 * MINUTE)
    await send(place, home, old)
    for _ in range(3):
        await place.pass_time(2 * HOUR)
    assert await count(place, schema.samples) == 0
    late = telemetry(home, spo2(60, NOON - 40 * DAY + MINUTE), spo2(61, NOON - 41 * DAY))
    for _ in range(3):
        await place.write(late)
        for step in (Step.MINUTE, Step.QUARTER, Step.DAY):
            found = await asked(place, Span(NOON - 60 * DAY, NOON), step)
            assert list(found) == expected([*old, *late.body.readings], step)
        await place.pass_time(2 * HOUR)
    assert await count(place, schema.samples) == 0
    more = [telemetry(home, spo2(value, NOON - 40 * DAY + MINUTE)) for value in (62, 63)]
    for envelope in more:  # to the same quarter, before anything is cleared
        await place.write(envelope)
        place.now += HOUR
        await place.keeper.roll()
    found = await asked(place, Span(NOON - 60 * DAY, NOON), Step.QUARTER)
    sent = [*old, *late.body.readings, *(reading for envelope in more for reading in envelope.body.readings)]
    assert list(found) == expected(sent, Step.QUARTER)


async def test_minutes_quarters_and_days_go_at_their_times(tmp_path: Path, home: DemoHome) -> None:
    keep = Keep(
        raw=timedelta(days=8),
        minutes=timedelta(days=20),
        quarters=timedelta(days=60),
        days=timedelta(days=100),
        day_offset=timedelta(hours=8),
    )
    place = await open_place(f"sqlite:///{tmp_path / 'c.db'}", tmp_path / "m.db", keep)
    for days in (10, 30, 70, 200):
        await place.write(telemetry(home, spo2(90, NOON - days * DAY)))
    for _ in range(3):
        await place.pass_time(2 * HOUR)
    kept = {}
    for step in Step:
        found = await asked(place, Span(NOON - 300 * DAY, NOON), step)
        kept[step] = [round((NOON - one.at) / DAY) for one in found]
    assert kept == {Step.RAW: [], Step.MINUTE: [10], Step.QUARTER: [30, 10], Step.DAY: [31, 11]}
    (first, *_) = await asked(place, Span(NOON - 300 * DAY, NOON), Step.DAY)
    assert (first.at.hour, first.at.minute) == (16, 0)  # midnight, 8 h ahead of UTC
    await close_place(place)


async def test_latest_is_by_the_moment_of_measuring(place: Place, home: DemoHome) -> None:
    pulse = Reading(sensor_id="oximeter", quantity=Quantity.HEART_RATE, value=60, at=NOON, mono=1)
    await place.write(telemetry(home, spo2(97, NOON), spo2(91, NOON - HOUR), pulse))
    assert [(one.series.quantity, one.value, one.at) for one in await place.port.latest("gw-demo-0001")] == [
        (Quantity.SPO2, 97, NOON),
        (Quantity.HEART_RATE, 60, NOON),
    ]
    assert await place.port.latest("gw-nobody") == ()
    assert (
        await place.port.query(
            SeriesKey(gateway_id="x", sensor_id="y", quantity=Quantity.SPO2), Span(NOON, NOON), Step.RAW
        )
        == ()
    )


async def test_a_clock_that_is_set_later_moves_what_came_before(place: Place, home: DemoHome) -> None:
    wrong = datetime(1970, 1, 2, tzinfo=NOON.tzinfo)
    reading = spo2(88, wrong)
    unsure = msgspec.structs.replace(telemetry(home, reading), is_clock_unsure=True, created_at=wrong)
    await place.write(unsure)
    (estimated,) = await place.port.latest("gw-demo-0001")
    assert (estimated.timing, estimated.at) == (Timing.ESTIMATED, NOON)
    await place.pass_time(HOUR)
    anchor = home.envelope(ClockBody(mono=1000, wall=NOON - 2 * HOUR, error_ms=5, source="ntp"))
    await place.community.write(lambda connection: intake.take_in(connection, [anchor], place.now))
    await place.pass_time(HOUR)
    (mended,) = await place.port.latest("gw-demo-0001")
    assert (mended.timing, mended.at, mended.value) == (Timing.MENDED, NOON - 2 * HOUR, 88)
    for step in (Step.MINUTE, Step.QUARTER):
        assert [one.at for one in await asked(place, Span(NOON - DAY, NOON + DAY), step)] == [NOON - 2 * HOUR]
    await place.write(unsure)
    await place.pass_time(HOUR)
    assert await count(place, schema.samples) == 1


async def test_a_time_that_no_clock_means_is_refused_alone(place: Place, home: DemoHome) -> None:
    with pytest.raises(GiveUp):
        await place.write(telemetry(home, spo2(88, datetime(1800, 1, 1, tzinfo=NOON.tzinfo))))
    await place.write(telemetry(home, spo2(88, NOON)))
    assert await count(place, schema.samples) == 1


async def test_case_page_and_mode_are_shown_wherever_samples_lie(place: Place, home: DemoHome) -> None:
    away = Reading(sensor_id="home", quantity=Quantity.MODE, value=1, at=NOON, mono=1)
    await place.write(telemetry(home, spo2(84, NOON - MINUTE), away))
    await place.community.write(lambda connection: intake.take_in(connection, [home.envelope(home.alert())], NOON))
    (row,) = await place.community.read(lambda connection: views.queue(connection, NOON))
    case = await place.community.read(lambda connection: page.page(connection, row.incident_id, NOON))
    assert [[point.value for point in one.points] for one in case.evidence] == [[84]]
    found = await place.community.read(lambda connection: modes.home_page(connection, home.gateway, NOON))
    assert found.mode == "away"


# ---- a file of its own ----


@pytest.fixture
async def own(tmp_path: Path):
    place = await open_place(f"sqlite:///{tmp_path / 'c.db'}", tmp_path / "m.db")
    yield place
    await close_place(place)


async def test_a_file_that_cannot_be_used_keeps_no_case_waiting(tmp_path: Path, home: DemoHome) -> None:
    (tmp_path / "m.db").write_bytes(b"no database at all" * 1000)
    place = await open_place(f"sqlite:///{tmp_path / 'c.db'}", tmp_path / "m.db")
    with pytest.raises(TryLater):
        await place.write(telemetry(home, spo2(84, NOON)))
    await place.community.write(lambda connection: intake.take_in(connection, [home.envelope(home.alert())], NOON))
    (row,) = await place.community.read(lambda connection: views.queue(connection, NOON))
    case = await place.community.read(lambda connection: page.page(connection, row.incident_id, NOON))
    assert case.evidence == ()
    await place.pass_time(MINUTE)
    assert len(await place.community.read(lambda connection: views.queue(connection, NOON))) == 1
    await place.pass_time(5 * MINUTE)
    both = await place.community.read(lambda connection: views.queue(connection, NOON))
    assert [one.hazard for one in both] == ["sos", "measurements-down"]
    await place.pass_time(5 * MINUTE)
    (tmp_path / "m.db").unlink()
    await place.pass_time(MINUTE)
    await place.write(telemetry(home, spo2(84, NOON)))
    both = await place.community.read(lambda connection: views.queue(connection, NOON))
    assert [(one.hazard, one.cleared) for one in both] == [("sos", False), ("measurements-down", True)]
    await close_place(place)


async def test_what_an_older_version_stored_is_copied_and_known(own: Place, home: DemoHome) -> None:
    before = [telemetry(home, *many(NOON - 3 * HOUR + MINUTE * nth, 20, SECOND, nth)) for nth in range(5)]
    unsure = msgspec.structs.replace(telemetry(home, spo2(50, NOON - 5 * HOUR)), is_clock_unsure=True)
    await own.community.write(lambda connection: intake.take_in(connection, [*before, unsure], NOON))
    readings = [reading for envelope in before for reading in envelope.body.readings]
    own.own.knows_what_came_before.clear()  # as at a start
    again = await reopened(own)
    await again.write(*before)  # comes again: it is known before it is copied
    for _ in range(2):
        await again.pass_time(HOUR)
        found = await asked(again, Span(NOON - 4 * HOUR, NOON - SECOND), Step.MINUTE)
        assert list(found) == expected(readings, Step.MINUTE)
    assert len(await asked(again, Span(NOON - DAY, NOON + DAY), Step.RAW)) == 101
    await again.pass_time(40 * DAY)
    left = await again.community.read(lambda connection: connection.execute(sa.select(schema.samples)).all())
    assert left == []
    await close_place(again)


async def reopened(place: Place) -> Place:
    path = place.own._path
    url = f"sqlite:///{path.with_name('c.db')}"
    await close_place(place)
    return await open_place(url, path)


async def test_an_older_version_in_between_loses_and_doubles_nothing(own: Place, home: DemoHome) -> None:
    await own.write(telemetry(home, spo2(90, NOON)))
    place = own
    for nth in range(3):
        older = [telemetry(home, spo2(91 + nth, NOON + MINUTE * (nth - 5)))]
        await place.community.write(lambda connection, older=older: intake.take_in(connection, older, NOON))
        place = await reopened(place)
        await place.pass_time(HOUR)
        await place.write(telemetry(home, spo2(80 + nth, NOON + SECOND * nth)))
    raw = await asked(place, Span(NOON - DAY, NOON + DAY), Step.RAW)
    assert sorted(one.least for one in raw) == [80, 81, 82, 90, 91, 92, 93]
    await close_place(place)


async def test_a_home_that_measures_is_seen(own: Place, stranger: DemoHome) -> None:
    await own.write(telemetry(stranger, spo2(90, NOON)))
    await own.pass_time(SECOND)
    (row,) = await own.community.read(
        lambda connection: connection.execute(
            sa.select(schema.gateways).where(schema.gateways.c.gateway_id == stranger.gateway)
        ).all()
    )
    assert (row.last_seen, row.online) == (NOON, True)
    assert await own.community.read(lambda connection: dead_letters.listed(connection, 9)) == ()


# ---- charts ----


@pytest.mark.parametrize(
    ("span", "age", "step"),
    [
        (HOUR, HOUR, Step.RAW),
        (DAY, DAY, Step.MINUTE),
        (WEEK, WEEK, Step.QUARTER),
        (MONTH, MONTH, Step.QUARTER),
        (12 * MONTH, 12 * MONTH, Step.DAY),
        (HOUR, 31 * DAY, Step.MINUTE),
        (HOUR, 100 * DAY, Step.QUARTER),
        (DAY, 1000 * DAY, Step.DAY),
    ],
)
def test_a_chart_has_the_step_that_suits_it(span: timedelta, age: timedelta, step: Step) -> None:
    assert step_for(Span(NOON - age, NOON - age + span), NOON, Keep()) is step


async def test_charts_of_a_home_show_what_was_measured_in_the_span(place: Place, home: DemoHome) -> None:
    scale = Reading(sensor_id="scale", quantity=Quantity.WEIGHT, value=70, at=NOON - 20 * DAY, mono=1)
    await place.write(telemetry(home, scale, *many(NOON - 2 * HOUR, 90, MINUTE)))
    day = await charts(place.port, home.gateway, Span(NOON - DAY, NOON + DAY), now=NOON, keep=Keep())
    assert [(one.series.quantity, one.step, len(one.buckets)) for one in day] == [(Quantity.SPO2, Step.MINUTE, 90)]
    month = await charts(place.port, home.gateway, Span(NOON - MONTH, NOON + DAY), now=NOON, keep=Keep())
    assert [(one.series.quantity, one.step) for one in month] == [
        (Quantity.WEIGHT, Step.QUARTER),
        (Quantity.SPO2, Step.QUARTER),
    ]
    assert len(await place.samples.read(lambda connection: connection.execute(sa.select(rollups)).all())) == 0


async def test_who_has_read_before_the_file_was_made_sees_it_at_once(tmp_path: Path) -> None:
    """As the server does at its first start: a page of that minute shows what was measured."""
    file = tmp_path / "m.db"
    store = await open_store(f"sqlite:///{tmp_path / 'c.db'}", measured=file)
    assert await store.read(series_seen) is None
    async with place_of(MeasurementsEntry(), store, file, clock=lambda: NOON, told=lambda: None):
        assert await store.read(series_seen) == 0
    await store.close()


def series_seen(connection: sa.Connection) -> int | None:
    """How many; None where they cannot be read."""
    table = measured.tables(connection).series
    count = sa.select(sa.func.count()).select_from(table)
    return measured.or_without(connection, None, lambda: connection.execute(count).scalar_one())
