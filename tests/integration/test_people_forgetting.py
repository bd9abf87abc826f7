"""An erased person's measurements go out of every place, also after a crash; what is another's stays."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from fixtures.community_home import NOON, DemoHome
from fixtures.places import Place, place, spo2, telemetry

from community.measurement_settings import MeasurementsEntry
from community.measurements.forgetting import forget_copied, forget_stored
from community.measurements.port import SeriesKey, Span, Step
from community.registry import HomeRow, ResidentRow, register_of
from community.store import measurements, people_forgetting, schema
from community.store.measurement_schema import dirty_quarters, rollups
from community.store.people_erasure import erase
from community.store.people_register import Hand, Tally, take_in
from shouwang.quantities import Quantity
from shouwang.reading import Reading

__all__ = ["place"]
HOUR, MINUTE, DAY = timedelta(hours=1), timedelta(minutes=1), timedelta(days=1)
GUILAN, HERE, THERE = "resident-0001", "home-501", "home-9"
SPO2 = SeriesKey(gateway_id="gw-demo-0001", sensor_id="oximeter", quantity=Quantity.SPO2)


async def taken(place: Place, *rows: object, at=NOON) -> None:
    hand = Hand(by="zhang", at=at)
    await place.community.write(lambda connection: take_in(connection, register_of(rows), hand, Tally()))


def where(place: Place) -> tuple[MeasurementsEntry, str]:
    """As community.yaml would say it; without a file, a database in which samples lie beside the cases."""
    if place.own is None:
        return MeasurementsEntry(), "postgresql://nowhere/beside"
    return MeasurementsEntry(file=place.own._path), "sqlite:///c.db"


async def erased(place: Place, resident_id: str = GUILAN, at=NOON + HOUR) -> int:
    gone = await place.community.write(
        lambda connection: erase(connection, resident_id, by="li", at=at, reason="asked in writing")
    )
    entry, url = where(place)
    return await forget_stored(entry, url, place.community, gone.claims)


async def count(place: Place, *tables: sa.Table) -> int:
    """Rows in both places."""
    found = 0
    for store in {place.community, place.samples}:
        for table in tables:
            asked = sa.select(sa.func.count()).select_from(table)
            found += await store.read(lambda connection, asked=asked: connection.scalar(asked))
    return found


async def query(place: Place, step: Step, series: SeriesKey = SPO2) -> dict[int, tuple[float | None, float | None]]:
    """Least and most by the minute of the day."""
    span = Span(NOON - DAY, NOON + DAY)
    found = await place.samples.read(lambda connection: measurements.query(connection, series, span, step, timedelta()))
    return {(one.at - NOON) // MINUTE: (one.least, one.most) for one in found}


ALL = (schema.samples, schema.doubtful_samples, rollups, dirty_quarters)


async def test_all_goes_readings_and_sums(place: Place) -> None:
    home = DemoHome()
    await place.write(telemetry(home, *(spo2(90 + nth % 5, NOON - nth * MINUTE) for nth in range(60))))
    await place.pass_time(2 * HOUR)
    await place.write(telemetry(home, spo2(91, NOON + MINUTE)))
    assert await count(place, *ALL) > 100
    assert await erased(place) == 1
    assert await count(place, *ALL) == 0
    await place.pass_time(2 * HOUR)
    assert await count(place, *ALL) == 0


async def test_what_comes_again_does_not_bring_it_back(place: Place) -> None:
    home = DemoHome()
    message = telemetry(home, spo2(91, NOON))
    await place.write(message)
    await erased(place)
    await place.write(message)
    assert await count(place, schema.samples) == 0


async def test_values_of_a_housemate_and_of_other_homes_stay(place: Place) -> None:
    home, other = DemoHome(), DemoHome(gateway="gw-other")
    await taken(place, ResidentRow(id="mate", home=HERE, order=1, name="李建国"), at=NOON - DAY)
    his = Reading(sensor_id="oximeter", quantity=Quantity.SPO2, value=70, at=NOON, mono=1, resident_id="mate")
    await place.write(telemetry(home, spo2(91, NOON), his), telemetry(other, spo2(80, NOON)))
    await erased(place)
    values = sa.select(schema.samples.c.value).order_by(schema.samples.c.value)
    assert list(await place.samples.read(lambda connection: connection.scalars(values).all())) == [70, 80]


async def test_only_his_time_with_a_box_goes_and_sums_at_its_edges_are_made_anew(place: Place) -> None:
    """Hers up to 12:05, his from then on: his erasure leaves her day as if he had never been."""
    home, moved = DemoHome(), NOON + 5 * MINUTE
    place.now = NOON + HOUR
    await place.write(telemetry(home, *(spo2(61, NOON + nth * MINUTE) for nth in range(-20, 5))))
    rows = [HomeRow(id=THERE, address="8号楼"), ResidentRow(id=GUILAN, home=THERE, name="王桂兰")]
    await taken(place, *rows, ResidentRow(id="tenant", home=HERE, name="陈"), at=moved)
    await place.write(telemetry(home, *(spo2(88, moved + nth * MINUTE) for nth in range(40))))
    await place.pass_time(2 * HOUR)
    assert (await query(place, Step.DAY))[-720] == (61, 88)
    await erased(place, "tenant", NOON + 2 * HOUR)
    assert await query(place, Step.RAW) == dict.fromkeys(range(-20, 5), (61, 61))
    for _ in range(2):
        for step, starts in ((Step.MINUTE, range(-20, 5)), (Step.QUARTER, (-30, -15, 0)), (Step.DAY, (-720,))):
            assert await query(place, step) == dict.fromkeys(starts, (61, 61)), step
        await place.pass_time(2 * HOUR)


async def test_her_part_goes_and_his_stays(place: Place) -> None:
    home, moved = DemoHome(), NOON + 5 * MINUTE
    place.now = NOON + HOUR
    await place.write(telemetry(home, spo2(61, NOON - MINUTE), spo2(61, NOON)))
    rows = [HomeRow(id=THERE, address="8号楼"), ResidentRow(id=GUILAN, home=THERE, name="王桂兰")]
    await taken(place, *rows, ResidentRow(id="tenant", home=HERE, name="陈"), at=moved)
    await place.write(telemetry(home, spo2(88, moved)))
    await place.pass_time(2 * HOUR)
    await erased(place)
    await place.pass_time(2 * HOUR)
    assert await query(place, Step.RAW) == {5: (88, 88)}
    assert await query(place, Step.QUARTER) == {0: (88, 88)}
    assert await query(place, Step.DAY) == {-720: (88, 88)}


async def test_long_series_goes_piece_by_piece(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(people_forgetting.forget_series, "__defaults__", (7,))
    await place.write(telemetry(DemoHome(), *(spo2(90, NOON - nth * MINUTE) for nth in range(40))))
    await erased(place)
    assert await count(place, *ALL) == 0


async def test_crash_on_the_way_is_made_good_by_the_same_command(place: Place) -> None:
    await place.write(telemetry(DemoHome(), spo2(91, NOON)))
    await place.community.write(lambda connection: erase(connection, GUILAN, by="li", at=NOON, reason="r"))
    assert await count(place, schema.samples) == 1
    claims = await place.community.read(lambda connection: people_forgetting.claims_of(connection, GUILAN))
    entry, url = where(place)
    for _ in range(2):
        await forget_stored(entry, url, place.community, claims)
    assert await count(place, schema.samples) == 0
    await place.community.write(lambda connection: people_forgetting.drop_claims(connection, GUILAN))
    assert await place.community.read(lambda connection: people_forgetting.claims_of(connection, GUILAN)) == ()


async def test_without_a_copy_nothing_is_asked(place: Place) -> None:
    assert await forget_copied(MeasurementsEntry(), "sqlite:///c.db", ()) == ()


# ---- InfluxDB, of which there is none here: what it would be asked ----


class Influx:
    """Says that it is one, and keeps what it was told."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = next(
            (int(line.partition(":")[2]) for line in head.splitlines() if "ontent-" in line and "ength" in line), 0
        )
        body = (await reader.readexactly(length)).decode()
        self.asked.append(f"{head.splitlines()[0]} {body}")
        said = b'{"name":"influxdb"}'
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(said), said))
        await writer.drain()
        writer.close()


async def test_influx_is_told_names_and_times_and_the_rest_is_said(place: Place, tmp_path: Path) -> None:
    influx = Influx()
    server = await asyncio.start_server(influx.answer, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    gone = await place.community.write(lambda connection: erase(connection, GUILAN, by="li", at=NOON, reason="r"))
    entry = MeasurementsEntry.model_validate({"history": {"url": url, "bucket": "homes"}})
    (left,) = await forget_copied(entry, f"sqlite:///{tmp_path / 'c.db'}", gone.claims)
    server.close()
    assert "in homes, what gw-demo-0001 measured without a tag resident" in left
    (told,) = [one for one in influx.asked if one.startswith("POST /api/v2/delete?org=shouwang&bucket=homes")]
    assert 'AND resident=\\"resident-0001\\"' in told
    assert '"stop":"2262-01-01T00:00:00+00:00"' in told
