"""A copy of all measurements in a real VictoriaMetrics: what is sent, what is asked, what while it is away."""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from shutil import which

import httpx
import msgspec
import pytest
from fixtures.addresses import unused_port
from fixtures.community_home import DemoHome
from fixtures.places import Place, close_place, open_place, spo2, telemetry
from influxdb_client.client.influxdb_client_async import InfluxDBClientAsync

from community.measurement_settings import HistoryEntry, MeasurementsEntry
from community.measurements.forgetting import forget_copied
from community.measurements.history import History, WithHistory, lines_of
from community.measurements.place import spool_beside
from community.measurements.port import Keep, SeriesKey, Span, Step
from community.store import history_spool
from community.store.schema import LATEST
from community.store.stays import Claim
from shouwang.errors import TryLater
from shouwang.quantities import Quantity
from shouwang.reading import Quality, Reading

SPO2 = SeriesKey(gateway_id="gw-demo-0001", sensor_id="oximeter", quantity=Quantity.SPO2)
PATIENCE_S = 60.0
NOW = datetime.now(UTC).replace(minute=7, second=0, microsecond=0) - timedelta(hours=3)
"""The real thing keeps nothing that is much older than its own clock allows."""
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


class Victoria:
    """The server; `start` and `stop` keep its data."""

    def __init__(self, program: str, folder: Path) -> None:
        self.url = f"http://127.0.0.1:{unused_port()}"
        self._command = [
            program,
            f"-httpListenAddr={self.url.removeprefix('http://')}",
            f"-storageDataPath={folder}",
            "-dedup.minScrapeInterval=1ms",
            "-retentionPeriod=12",
            "-search.latencyOffset=0s",
        ]
        self._child: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        self._child = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        async with asyncio.timeout(PATIENCE_S), httpx.AsyncClient() as client:
            while True:
                try:
                    if (await client.get(f"{self.url}/health")).is_success:
                        return
                except httpx.HTTPError:
                    await asyncio.sleep(0.05)

    def stop(self) -> None:
        if self._child is not None:
            self._child.terminate()
            self._child.wait(PATIENCE_S)

    async def flush(self) -> None:
        """What was written can be asked for."""
        async with httpx.AsyncClient() as client:
            (await client.get(f"{self.url}/internal/force_flush")).raise_for_status()


@pytest.fixture
def victoria(tmp_path: Path) -> Iterator[Victoria]:
    program = which("victoria-metrics")
    if program is None:
        pytest.skip("needs VictoriaMetrics (Debian package victoria-metrics)")
    server = Victoria(program, tmp_path / "victoria")
    yield server
    server.stop()


@asynccontextmanager
async def with_history(
    folder: Path, url: str, keep: Keep | None = None, spool: Path | None = None
) -> AsyncIterator[tuple[Place, History, WithHistory]]:
    keep = keep or Keep(day_offset=timedelta())
    place = await open_place(f"sqlite:///{folder / 'c.db'}", folder / "m.db", keep)
    place.now = NOW + HOUR
    history = History(HistoryEntry(url=url), None, spool or folder / "spool.db", timedelta())
    port = WithHistory(place.port, history, keep, clock=lambda: place.now)
    yield place, history, port
    await history.close()
    await close_place(place)


async def send_all(history: History, url: str) -> int:
    async with InfluxDBClientAsync(url=url, token="none", org="shouwang") as client:
        total = 0
        while sent := await history.send(client.write_api()):
            total += sent
    return total


async def test_what_is_written_is_found_there_once(tmp_path: Path, victoria: Victoria, home: DemoHome) -> None:
    await victoria.start()
    keep = Keep(raw=timedelta(), minutes=timedelta(), quarters=timedelta(), day_offset=timedelta())
    async with with_history(tmp_path, victoria.url, keep) as (place, history, port):
        readings = [spo2(90 + nth, NOW + MINUTE * nth) for nth in range(10)]
        bad = spo2(10, NOW + MINUTE * 3 + timedelta(seconds=1), Quality.IMPLAUSIBLE)
        odd = Reading(sensor_id="oxi.2", quantity=Quantity.SPO2, value=1, at=NOW, mono=1, resident_id="li, =\\ 李")
        envelope = telemetry(home, *readings, bad, odd)
        for _ in range(3):
            await port.write([envelope], place.now)
        assert await send_all(history, victoria.url) == 3
        await victoria.flush()
        raw = await port.query(SPO2, Span(NOW, NOW + HOUR), Step.RAW)
        assert [(one.at, one.least, one.count) for one in raw] == sorted(
            (one.at, one.value, int(one.quality is Quality.GOOD)) for one in [*readings, bad]
        )
        (first, second) = await port.query(SPO2, Span(NOW, NOW + HOUR), Step.QUARTER)
        assert (first.at.minute, first.count, first.doubtful, first.least, first.most) == (0, 8, 1, 90, 97)
        assert (second.count, second.mean) == (2, 98.5)
        his = SeriesKey(gateway_id=home.gateway, sensor_id="oxi.2", quantity=Quantity.SPO2, resident_id="li, =\\ 李")
        assert [one.least for one in await port.query(his, Span(NOW, NOW + HOUR), Step.RAW)] == [1]
        assert [one.value for one in await port.latest(home.gateway)] == [99, 1]


async def test_nothing_waits_for_it_and_nothing_is_lost_while_it_is_away(
    tmp_path: Path, victoria: Victoria, home: DemoHome
) -> None:
    async with with_history(tmp_path, victoria.url) as (place, history, port):
        await port.write([telemetry(home, spo2(90, NOW))], place.now)
        with pytest.raises(TryLater):
            await send_all(history, victoria.url)
        with pytest.raises(TryLater):
            await history.query(SPO2, Span(NOW, NOW + HOUR), Step.RAW)
    await victoria.start()
    async with with_history(tmp_path, victoria.url) as (place, history, port):
        await port.write([telemetry(home, spo2(90, NOW)), telemetry(home, spo2(91, NOW + MINUTE))], place.now)
        assert await send_all(history, victoria.url) == 2
        await victoria.flush()
        found = await history.query(SPO2, Span(NOW, NOW + HOUR), Step.RAW)
        assert [one.least for one in found] == [90, 91]


async def test_recent_questions_are_answered_here(tmp_path: Path, home: DemoHome) -> None:
    async with with_history(tmp_path, "http://127.0.0.1:9") as (place, _, port):
        await port.write([telemetry(home, spo2(90, NOW))], place.now)
        assert len(await port.query(SPO2, Span(NOW, NOW + HOUR), Step.RAW)) == 1
        with pytest.raises(TryLater):
            await port.query(SPO2, Span(NOW - 40 * DAY, NOW), Step.RAW)


async def test_a_spool_that_is_full_lets_the_oldest_go(
    tmp_path: Path, home: DemoHome, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(history_spool, "MOST_PIECES", 3)
    spool = await history_spool.open_spool(tmp_path / "spool.db")
    for number in range(5):
        await spool.add(str(number))
    assert [piece.lines for piece in await spool.oldest(9)] == ["2", "3", "4"]
    assert "pieces are lost to it" in caplog.text
    await spool.close()


async def test_a_spool_that_cannot_be_used_stops_nobody(tmp_path: Path, home: DemoHome) -> None:
    (tmp_path / "spool.db").mkdir()
    async with with_history(tmp_path, "http://127.0.0.1:9") as (place, _, port):
        await port.write([telemetry(home, spo2(90, NOW))], place.now)
        assert len(await port.query(SPO2, Span(NOW, NOW + HOUR), Step.RAW)) == 1


def test_readings_of_a_clock_that_was_not_set_stay_out(home: DemoHome) -> None:
    sure = telemetry(home, spo2(90, NOW))
    assert lines_of([sure]).startswith(
        "shouwang,gateway=gw-demo-0001,quantity=spo2,sensor=oximeter,trusted=1 value=90 "
    )
    assert lines_of([msgspec.structs.replace(sure, is_clock_unsure=True), home.envelope(home.alert())]) == ""


async def test_erased_person_is_forgotten_there_and_on_the_way_there(
    tmp_path: Path, victoria: Victoria, home: DemoHome
) -> None:
    await victoria.start()
    odd = 'li, "=\\ 李'
    entry = MeasurementsEntry.model_validate({"file": tmp_path / "m.db", "history": {"url": victoria.url}})
    async with with_history(tmp_path, victoria.url, spool=spool_beside(tmp_path / "m.db")) as (place, history, port):
        named = Reading(sensor_id="oximeter", quantity=Quantity.SPO2, value=70, at=NOW, mono=1, resident_id=odd)
        await port.write([telemetry(home, spo2(90, NOW), named)], place.now)
        assert await send_all(history, victoria.url) == 1
        later = msgspec.structs.replace(named, at=NOW + MINUTE, value=71)
        before = msgspec.structs.replace(named, at=NOW - MINUTE, value=69)
        await port.write([telemetry(home, spo2(91, NOW + MINUTE), later, before), telemetry(home, later)], place.now)
        claims = [Claim(home.gateway, odd, Span(NOW - MINUTE, LATEST))]
        assert await forget_copied(entry, "sqlite:///c.db", claims) == ()
        assert await send_all(history, victoria.url) == 1
        await victoria.flush()
        span = Span(NOW - HOUR, NOW + HOUR)
        his = SeriesKey(gateway_id=home.gateway, sensor_id="oximeter", quantity=Quantity.SPO2, resident_id=odd)
        assert [one.least for one in await history.query(his, span, Step.RAW)] == []
        assert [one.least for one in await history.query(SPO2, span, Step.RAW)] == [90, 91]


async def test_box_that_others_had_too_is_said_where_only_whole_series_can_go(
    tmp_path: Path, victoria: Victoria, home: DemoHome
) -> None:
    await victoria.start()
    entry = MeasurementsEntry.model_validate({"file": tmp_path / "m.db", "history": {"url": victoria.url}})
    async with with_history(tmp_path, victoria.url, spool=spool_beside(tmp_path / "m.db")) as (place, history, port):
        await port.write([telemetry(home, spo2(90, NOW), spo2(91, NOW + MINUTE))], place.now)
        claim = Claim(home.gateway, "", Span(NOW + MINUTE, LATEST))
        (said,) = await forget_copied(entry, "sqlite:///c.db", [claim])
        assert "went with it" in said
        assert await send_all(history, victoria.url) == 1
        await victoria.flush()
        assert [one.least for one in await history.query(SPO2, Span(NOW, NOW + HOUR), Step.RAW)] == [90]


async def test_copy_that_cannot_be_reached_is_forgotten_later(tmp_path: Path, home: DemoHome) -> None:
    entry = MeasurementsEntry.model_validate({"file": tmp_path / "m.db", "history": {"url": "http://127.0.0.1:9"}})
    with pytest.raises(TryLater, match="cannot be deleted"):
        await forget_copied(entry, "sqlite:///c.db", [Claim(home.gateway, "", Span(NOW, LATEST))])
