"""What a case shows of the values around its alarms: whose, when measured, which, on SQLite and PostgreSQL."""

from datetime import datetime, timedelta

import msgspec
import pytest
import sqlalchemy as sa
from fixtures.community_home import NOON, DemoHome

from community.desk import IncidentPage, Series
from community.store import intake, page, schema, views
from community.store.database import Store
from community.store.evidence import VITALS
from shouwang.alert import Alert, Severity
from shouwang.quantities import Quantity
from shouwang.reading import Reading
from shouwang.wire import Envelope, TelemetryBody, decode_envelope

SOON = NOON + timedelta(seconds=1)
HERS, HIS, GUEST = "", "li-jianguo", "guest"
# What a gateway sent before readings had `resident_id` and `is_late`.
OLD_MESSAGE = (
    b'{"id":{"gateway":"gw-demo-0001","epoch":"00112233445566aa","lane":2,"seq":1},'
    b'"created_at":"2026-11-24T12:00:00Z","boot":"boot-1","mono":1000,"body":{"kind":"telemetry","readings":['
    b'{"sensor_id":"oximeter","quantity":"spo2","value":91.0,"at":"2026-11-24T11:59:58Z","mono":900}]}}'
)


async def take(store: Store, *envelopes: Envelope) -> None:
    await store.write(lambda connection: intake.take_in(connection, envelopes, SOON))


async def send(store: Store, home: DemoHome, *readings: Reading) -> None:
    await take(store, home.envelope(TelemetryBody(readings=readings)))


async def the_case(store: Store) -> IncidentPage:
    (row,) = await store.read(lambda connection: views.queue(connection, SOON))
    found = await store.read(lambda connection: page.page(connection, row.incident_id, SOON))
    assert found is not None
    return found


async def stored(store: Store) -> list[tuple[str, str, float, datetime, bool]]:
    """Whose, what, value, when measured, late: ordered by the first three."""
    series, samples = schema.series, schema.samples
    query = (
        sa.select(series.c.resident_id, series.c.quantity, samples.c.value, samples.c.at, samples.c.is_late)
        .join_from(samples, series)
        .order_by(series.c.resident_id, series.c.quantity, samples.c.value)
    )
    return [tuple(row) for row in await store.read(lambda connection: connection.execute(query).all())]


def cuff(value: float, of: str, *, at: datetime = NOON, is_late: bool = False) -> Reading:
    return Reading(
        sensor_id="cuff", quantity=Quantity.SYSTOLIC, value=value, at=at, mono=1000, resident_id=of, is_late=is_late
    )


def alarm(home: DemoHome, of: str, *evidence: Reading) -> Alert:
    """As a threshold rule gives it: a further resident is the third part of its key."""
    key = f"high:cuff:{of}" if of else "high:cuff"
    alert = home.alert(key, severity=Severity.P2, hazard="systolic", sensor_id="cuff", evidence=evidence)
    return msgspec.structs.replace(alert, resident_id=of) if of else alert


def told(case: IncidentPage) -> list[tuple[str, Quantity, list[float]]]:
    return [(one.resident_id, one.quantity, [point.value for point in one.points]) for one in case.evidence]


# ---- whose ----


async def test_people_who_share_a_cuff_are_kept_apart(store: Store, home: DemoHome) -> None:
    await send(store, home, cuff(121, HERS), cuff(152, HIS), cuff(133, GUEST))
    assert [(of, value) for of, _, value, _, _ in await stored(store)] == [(HERS, 121), (GUEST, 133), (HIS, 152)]
    await send(store, home, cuff(122, HERS, at=SOON), cuff(153, HIS, at=SOON))
    series = await store.read(lambda connection: connection.execute(sa.select(schema.series)).all())
    assert sorted(row.resident_id for row in series) == [HERS, GUEST, HIS]


@pytest.mark.parametrize(("of", "values"), [(HERS, [121, 181]), (HIS, [152, 182])])
async def test_case_shows_the_values_of_whom_it_is_about(
    store: Store, home: DemoHome, of: str, values: list[float]
) -> None:
    earlier = NOON - timedelta(minutes=5)
    rang = cuff(values[-1], of)
    await send(store, home, cuff(121, HERS, at=earlier), cuff(152, HIS, at=earlier), cuff(133, GUEST, at=earlier))
    await send(store, home, home.reading(97))
    await take(store, home.envelope(alarm(home, of, rang)))
    case = await the_case(store)
    hers = [(HERS, Quantity.SPO2, [97])] if of == HERS else []
    assert told(case) == [(of, Quantity.SYSTOLIC, values), *hers]
    assert case.others == frozenset({of} - {HERS})


async def test_case_of_two_people_says_whose_value_is_whose(store: Store, home: DemoHome) -> None:
    await take(store, home.envelope(alarm(home, HERS, cuff(181, HERS))))
    await take(store, home.envelope(alarm(home, HIS, cuff(182, HIS))))
    await send(store, home, cuff(181, HERS), cuff(182, HIS), cuff(183, GUEST))
    case = await the_case(store)
    assert told(case) == [(HERS, Quantity.SYSTOLIC, [181]), (HIS, Quantity.SYSTOLIC, [182])]
    assert case.others == {HIS}


async def test_alarm_that_came_before_the_persons_values_shows_nobody_elses(store: Store, home: DemoHome) -> None:
    await send(store, home, cuff(121, HERS), home.reading(97))
    await take(store, home.envelope(alarm(home, HIS, cuff(182, HIS))))
    case = await the_case(store)
    assert told(case) == [(HIS, Quantity.SYSTOLIC, [182])]
    assert case.others == {HIS}


async def test_home_not_on_file_still_tells_its_people_apart(store: Store, stranger: DemoHome) -> None:
    await send(store, stranger, cuff(121, HERS), cuff(152, HIS))
    await take(store, stranger.envelope(alarm(stranger, HERS, cuff(181, HERS))))
    assert [of for of, _, _ in told(await the_case(store))] == [HERS]


async def test_resident_whom_home_and_directory_call_differently_keeps_his_values(store: Store, home: DemoHome) -> None:
    await send(store, home, home.reading(84))
    await take(store, home.envelope(msgspec.structs.replace(home.alert(), resident_id="r-wang-guilan")))
    case = await the_case(store)
    assert told(case) == [(HERS, Quantity.SPO2, [84])]
    assert case.others == frozenset()


# ---- when ----


async def test_late_value_is_stored_at_its_own_time_and_marked(store: Store, home: DemoHome) -> None:
    morning = NOON - timedelta(hours=4)
    await send(store, home, cuff(166, HERS, at=morning, is_late=True), cuff(171, HERS))
    assert await stored(store) == [
        (HERS, "systolic", 166, morning, True),
        (HERS, "systolic", 171, NOON, False),
    ]
    await take(store, home.envelope(home.alert()))
    (series,) = (await the_case(store)).evidence
    assert [(point.value, point.at, point.is_late) for point in series.points] == [
        (166, morning, True),
        (171, NOON, False),
    ]


async def test_message_of_an_older_gateway_is_the_residents_and_in_time(store: Store, home: DemoHome) -> None:
    await take(store, decode_envelope(OLD_MESSAGE, gateway=home.gateway))
    assert await stored(store) == [(HERS, "spo2", 91, NOON - timedelta(seconds=2), False)]


@pytest.mark.parametrize(("quantity", "before"), VITALS.items())
async def test_each_vital_sign_is_shown_from_as_far_back_as_it_tells_something(
    store: Store, home: DemoHome, quantity: Quantity, before: timedelta
) -> None:
    first, too_old = NOON - before, NOON - before - timedelta(seconds=1)
    await send(store, home, *(home.reading(37, at=at, quantity=quantity) for at in (too_old, first, NOON)))
    await take(store, home.envelope(home.alert()))
    (series,) = (await the_case(store)).evidence
    assert [point.at for point in series.points] == [first, NOON]


async def test_alarm_at_the_beginning_of_time_can_be_read(store: Store, home: DemoHome) -> None:
    await send(store, home, home.reading(70, quantity=Quantity.WEIGHT))
    await take(store, home.envelope(home.alert(since=schema.EARLIEST)))
    (weighed,) = (await the_case(store)).evidence  # the case is open: what was measured since then goes on with it
    assert (weighed.quantity, len(weighed.points)) == (Quantity.WEIGHT, 1)


# ---- which ----


async def test_what_rang_comes_first_then_vital_signs_then_the_rest(store: Store, home: DemoHome) -> None:
    said = [
        Quantity.BODY_FAT,
        Quantity.WEIGHT,
        Quantity.GLUCOSE,
        Quantity.DIASTOLIC,
        Quantity.SYSTOLIC,
        Quantity.HEART_RATE,
        Quantity.SPO2,
        Quantity.BMI,
    ]
    readings = [home.reading(50, quantity=quantity) for quantity in said]
    rang = readings[said.index(Quantity.BMI)]
    await send(store, home, *readings)
    await take(store, home.envelope(home.alert(sensor_id="oximeter", evidence=(rang,))))
    assert [one.quantity for one in (await the_case(store)).evidence] == [
        Quantity.BMI,
        Quantity.SPO2,
        Quantity.HEART_RATE,
        Quantity.SYSTOLIC,
        Quantity.DIASTOLIC,
        Quantity.GLUCOSE,
        Quantity.WEIGHT,
        Quantity.BODY_FAT,
    ]


async def test_what_tells_of_the_device_only_is_left_out_unless_it_rang(store: Store, home: DemoHome) -> None:
    power, battery = (
        home.reading(3, quantity=quantity) for quantity in (Quantity.SIGNAL_STRENGTH, Quantity.BATTERY_VOLTAGE)
    )
    await send(store, home, power, battery, home.reading(160, quantity=Quantity.CUFF_PRESSURE), home.reading(96))
    await take(store, home.envelope(home.alert(sensor_id="oximeter", evidence=(battery,))))
    shown: tuple[Series, ...] = (await the_case(store)).evidence
    assert [one.quantity for one in shown] == [Quantity.BATTERY_VOLTAGE, Quantity.SPO2]
