"""Who lived where and which box stood there: what is shown of somebody is bound by both, in every place of samples."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import msgspec
import pytest
import sqlalchemy as sa
from fixtures.community_home import NOON, DemoHome
from fixtures.fhir_rules import checked, of_type
from fixtures.places import Place, place, spo2, telemetry

from community.consent import How, Purpose
from community.desk import IncidentPage
from community.fhir.export import Sources, Wish, export, permit_of_shell
from community.fhir.names import Names
from community.fhir.reading import Every
from community.fhir.record import Reader
from community.measurements.port import Span
from community.registry import ConsentRow, HomeRow, PlaceRow, ResidentRow, register_of
from community.store import care, intake, page, people_dossier, schema, stays
from community.store.directory import bring_in
from community.store.people_register import Hand, Tally, take_in
from community.store.people_schema import box_stays, resident_stays
from shouwang.quantities import Quantity
from shouwang.reading import Reading

__all__ = ["place"]
DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
GUILAN, TENANT = "resident-0001", "tenant"
HERE, THERE = "home-501", "home-9"
HERS, HIS = 61.0, 88.0


async def taken(place: Place, *rows: object, at=NOON) -> None:
    hand = Hand(by="zhang", at=at)
    await place.community.write(lambda connection: take_in(connection, register_of(rows), hand, Tally()))


def weight(value: float, at, sensor: str = "scale") -> Reading:
    return Reading(sensor_id=sensor, quantity=Quantity.WEIGHT, value=value, at=at, mono=1000)


def agreed(who: str) -> list[ConsentRow]:
    return [
        ConsentRow(resident=who, purpose=one, given=True, by="self", at=(NOON - DAY).isoformat(), how=How.PAPER)
        for one in (Purpose.HEALTH_MONITORING, Purpose.SHARING_WITH_CLINICS)
    ]


async def new_tenant(place: Place) -> None:
    """She moves to another home, he moves in; the box stays. Both were weighed, and both rang."""
    home = DemoHome()
    await place.write(telemetry(home, weight(HERS, NOON - HOUR), spo2(HERS, NOON - MINUTE)))
    await alarm(place, home, "fall:bath", NOON - HOUR)
    closed = sa.update(schema.incidents).values(state="CLOSED")
    await place.community.write(lambda connection: connection.execute(closed))
    there = HomeRow(id=THERE, address="8号楼")
    he = ResidentRow(id=TENANT, home=HERE, name="陈德明")
    await taken(place, there, ResidentRow(id=GUILAN, home=THERE, name="王桂兰"), he, at=NOON)
    await taken(place, *agreed(TENANT), *agreed(GUILAN))
    place.now = NOON + HOUR  # what says that it is of later than now is not believed
    await place.write(telemetry(home, weight(HIS, NOON + HOUR), spo2(HIS, NOON + HOUR)))
    await alarm(place, home, "sos:sos-bed", NOON + HOUR)


async def box_moves(place: Place) -> None:
    """The box goes to another home: it was hers, and is his."""
    home = DemoHome()
    await place.write(telemetry(home, weight(HERS, NOON - HOUR), spo2(HERS, NOON - MINUTE)))
    await alarm(place, home, "fall:bath", NOON - HOUR)
    rows = [HomeRow(id=THERE, address="8号楼", gateway=home.gateway), ResidentRow(id=TENANT, home=THERE, name="陈德明")]
    await taken(place, *rows, at=NOON)
    await taken(place, *agreed(TENANT), *agreed(GUILAN))
    place.now = NOON + HOUR  # what says that it is of later than now is not believed
    await place.write(telemetry(home, weight(HIS, NOON + HOUR), spo2(HIS, NOON + HOUR)))
    await alarm(place, home, "sos:sos-bed", NOON + HOUR)


MOVES = pytest.mark.parametrize("move", [new_tenant, box_moves])


async def alarm(place: Place, home: DemoHome, key: str, at) -> None:
    alert = home.alert(key, hazard=key.partition(":")[0], since=at)
    envelope = home.envelope(msgspec.structs.replace(alert, resident_id=""))
    await place.community.write(lambda connection: intake.take_in(connection, [envelope], at))


async def pages(place: Place) -> list[IncidentPage]:
    def read(connection: sa.Connection) -> list[IncidentPage]:
        numbers = connection.scalars(sa.select(schema.incidents.c.incident_id).order_by(schema.incidents.c.incident_id))
        return [page.page(connection, number, NOON + 2 * HOUR) for number in numbers]

    return await place.community.read(read)


def values_of(shown: IncidentPage) -> set[float]:
    return {point.value for series in shown.evidence for point in series.points}


async def record(place: Place, who: str, every: Every = Every.VALUE, span: Span | None = None) -> dict:
    reader = Reader(who="zhang", why="复诊", at=NOON + DAY)
    wish = Wish(resident_id=who, span=span or Span(NOON - DAY, NOON + DAY), reader=reader, every=every)
    sources = Sources(
        store=place.community,
        samples=place.samples,
        names=Names(centre="演示中心", url="https://care.example.org"),
        zone=ZoneInfo("Asia/Shanghai"),
        day_offset=timedelta(),
    )
    return checked(b"".join([piece async for piece in export(sources, wish, permit_of_shell(wish))]))


def told_in(bundle: dict) -> set[float]:
    return {one["valueQuantity"]["value"] for one in of_type(bundle, "Observation")}


async def filed(place: Place, who: str) -> tuple[set[float], int]:
    """The values of a dossier, and how many cases it tells of."""
    told = await place.community.write(
        lambda connection: people_dossier.dossier(connection, who, by="li", at=NOON + DAY, reason="asked")
    )
    found: set[float] = set()
    for series in await place.samples.read(lambda connection: people_dossier.series_of(connection, told.claims)):
        part = await place.samples.read(lambda connection, one=series: people_dossier.samples_of(connection, one, None))
        found |= {value for *_, value, _ in part}
    return found, len(told.cases)


@MOVES
async def test_case_shows_nothing_of_who_had_the_box_before(place: Place, move) -> None:
    await move(place)
    before, after = await pages(place)
    assert values_of(before) == {HERS}
    assert values_of(after) == {HIS}


@MOVES
async def test_fhir_record_holds_ones_own_and_follows_whoever_moves(place: Place, move) -> None:
    await move(place)
    for who, value, code in ((GUILAN, HERS, "fall"), (TENANT, HIS, "sos")):
        bundle = await record(place, who)
        assert told_in(bundle) == {value}
        assert [one["code"]["coding"][0]["code"] for one in of_type(bundle, "Flag")][-1:] == [code]
        assert len(of_type(bundle, "Task")) == 1


@pytest.mark.parametrize("every", [Every.HOUR, Every.DAY])
async def test_sums_that_reach_over_the_move_are_made_of_ones_own(place: Place, every: Every) -> None:
    home, day = DemoHome(), NOON - HOUR * 12
    place.now = NOON + MINUTE * 20
    move_at = NOON + MINUTE * 5
    hers = [spo2(HERS, NOON + timedelta(seconds=10 * nth)) for nth in range(30)]
    await place.write(telemetry(home, *hers))
    await taken(place, HomeRow(id=THERE, address="x"), ResidentRow(id=GUILAN, home=THERE, name="王桂兰"), at=move_at)
    await taken(place, ResidentRow(id=TENANT, home=HERE, name="陈德明"), *agreed(TENANT), *agreed(GUILAN), at=move_at)
    await place.write(telemetry(home, *(spo2(HIS, move_at + timedelta(seconds=10 * nth)) for nth in range(30))))
    await place.pass_time(HOUR)
    for who, value in ((GUILAN, HERS), (TENANT, HIS)):
        (one,) = of_type(await record(place, who, every, Span(day, day + DAY)), "Observation")
        (sums,) = [part for part in one["extension"] if part["url"].endswith("roll-up")]
        said = {part["url"]: part for part in sums["extension"]}
        assert said["count"]["valueUnsignedInt"] == 30
        assert said["minimum"]["valueQuantity"]["value"] == said["maximum"]["valueQuantity"]["value"] == value


@MOVES
async def test_dossier_holds_ones_own(place: Place, move) -> None:
    await move(place)
    assert await filed(place, GUILAN) == ({HERS}, 1)
    assert await filed(place, TENANT) == ({HIS}, 1)


async def test_second_resident_who_becomes_the_first_gets_nothing_of_before(place: Place) -> None:
    home = DemoHome()
    mate = ResidentRow(id="mate", home=HERE, order=1, name="李建国")
    await taken(place, mate, *agreed("mate"), at=NOON - DAY)
    his = msgspec.structs.replace(spo2(70, NOON - HOUR), resident_id="mate")
    await place.write(telemetry(home, spo2(HERS, NOON - HOUR), his))
    await taken(place, HomeRow(id=THERE, address="x"), ResidentRow(id=GUILAN, home=THERE, name="王桂兰"), at=NOON)
    place.now = NOON + HOUR
    await place.write(telemetry(home, spo2(HIS, NOON + HOUR)))
    assert told_in(await record(place, "mate")) == {70, HIS}


async def test_first_ones_are_bound_by_nothing(place: Place) -> None:
    """A box that measured before it was registered, and clocks that run behind, lose nothing."""
    claims = await place.community.read(lambda connection: stays.claims(connection, GUILAN))
    assert [(one.name, one.span) for one in claims] == [("", stays.ALWAYS), (GUILAN, stays.ALWAYS)]


async def test_nothing_changes_where_nobody_moved(place: Place) -> None:
    def rows(connection: sa.Connection) -> list[tuple[object, ...]]:
        return [tuple(row) for table in (box_stays, resident_stays) for row in connection.execute(sa.select(table))]

    before = await place.community.read(rows)
    await place.community.write(lambda connection: bring_in(connection, (DemoHome.entry,), NOON + DAY))
    await taken(
        place, PlaceRow(id="g", level="grid", code="g", name="G"), ResidentRow(id=GUILAN, home=HERE, name="王桂芝")
    )
    assert await place.community.read(rows) == before


async def test_box_that_comes_back_shows_both_times_at_home_and_not_between(place: Place) -> None:
    home = DemoHome()
    for hours, where in ((-2, THERE), (-1, HERE)):
        await place.write(telemetry(home, spo2(hours, NOON + hours * HOUR - MINUTE)))
        await taken(place, HomeRow(id=where, address=where, gateway=home.gateway), at=NOON + hours * HOUR)
    await place.write(telemetry(home, spo2(0, NOON)))
    await taken(place, *agreed(GUILAN))
    assert told_in(await record(place, GUILAN)) == {-2, 0}
    assert await place.community.read(lambda one: one.scalar(sa.select(sa.func.count()).select_from(box_stays))) == 3


async def test_clock_of_the_server_that_was_set_back_makes_no_stay_that_ends_before_it_begins(place: Place) -> None:
    for hours, who in ((0, "a"), (-3, "b")):
        rows = [ResidentRow(id=who, home=HERE, order=0, name=who)]
        await taken(place, *rows, at=NOON + hours * HOUR)

    def odd(connection: sa.Connection) -> list[object]:
        wrong = resident_stays.c.until < resident_stays.c.since
        return list(connection.execute(sa.select(resident_stays).where(wrong)))

    assert await place.community.read(odd) == []


async def test_dose_that_a_housemate_missed_before_he_moved_out_is_not_counted_to_who_stayed(place: Place) -> None:
    home = DemoHome()
    await taken(place, ResidentRow(id=TENANT, home=HERE, name="陈德明"), at=NOON - DAY)
    alert = home.alert("medication-missed:box", hazard=care.MISSED)
    envelope = home.envelope(msgspec.structs.replace(alert, resident_id=TENANT))
    await place.community.write(lambda connection: intake.take_in(connection, [envelope], NOON))

    async def missed() -> int:
        span = {"since": NOON - DAY, "now": NOON + DAY}
        return await place.community.read(lambda connection: care.missed_doses(connection, GUILAN, **span))

    assert await missed() == 0
    rows = [HomeRow(id=THERE, address="8号楼"), ResidentRow(id=TENANT, home=THERE, name="陈德明")]
    await taken(place, *rows, at=NOON + HOUR)
    assert await missed() == 0


def test_overlap_of_spans() -> None:
    one = Span(NOON, NOON + HOUR)
    assert stays.overlap(one, Span(NOON + MINUTE, NOON + DAY)) == Span(NOON + MINUTE, NOON + HOUR)
    assert stays.overlap(one, Span(NOON + HOUR, NOON + DAY)) is None
    assert stays.overlap(stays.ALWAYS, one) == one
    assert stays.ALWAYS.start == schema.EARLIEST
