"""A time-series database that gets a copy of all measurements: by InfluxDB's line protocol, asked as VictoriaMetrics.

A copy on its way lies in a small file first, before the home gets its receipt: the other side may be away for days, and
nothing waits for it. What is sent twice after a crash is one point in what is asked here, and there if it is told
-dedup.minScrapeInterval=1ms.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import msgspec
from influxdb_client.client.influxdb_client_async import InfluxDBClientAsync
from influxdb_client.client.write_api_async import WriteApiAsync
from influxdb_client.rest import ApiException

from community.measurement_settings import HistoryEntry
from community.measurements.port import TRUSTED, Bucket, Latest, Measurements, SeriesKey, Span, Step
from community.measurements.port import Keep as Kept
from community.store.history_spool import Spool, open_spool
from messaging.backoff import Backoff
from shouwang.bilingual import both, told_by
from shouwang.errors import ConfigError, GiveUp, TryLater
from shouwang.outage import Outage
from shouwang.reading import Reading
from shouwang.wire import Envelope, MessageId, Sent, TelemetryBody

MEASUREMENT = "shouwang"
_ANSWERS = "{url} answers {status}", "{url} 回答 {status}"
_AWAY = "{url} cannot be reached: {error}", "连不上 {url}：{error}"
_NOT_ASKED = "the history of measurements cannot be asked: {error}", "查不了测量历史库：{error}"
_AT_ONCE = 50
"""Pieces of the spool in one request: some thousand lines."""
REQUEST_S = 20.0
_IDLE_S = 1.0
_RETRY_START_S, _RETRY_CAP_S = 1.0, 60.0
ESCAPES = str.maketrans({",": r"\,", "=": r"\=", " ": r"\ ", "\\": r"\\", "\n": " ", "\r": " "})

log = logging.getLogger(__name__)


def lines_of(telemetry: Sequence[Envelope]) -> str:
    """The readings in line protocol, microseconds. Those of a home whose clock was not set stay out: they may move.

    Two of one series in one millisecond are one point there.
    """
    return "\n".join(
        _line(one.id.gateway, reading)
        for one in telemetry
        if isinstance(one.body, TelemetryBody) and not one.is_clock_unsure
        for reading in one.body.readings
    )


def _line(gateway_id: str, reading: Reading) -> str:
    person = f",resident={reading.resident_id.translate(ESCAPES)}" if reading.resident_id else ""
    trust = "1" if reading.quality in TRUSTED else "0"
    at = round(reading.at.timestamp() * 1000) * 1000
    return (
        f"{MEASUREMENT},gateway={gateway_id},quantity={reading.quantity.value}{person}"
        f",sensor={reading.sensor_id.translate(ESCAPES)},trusted={trust} value={reading.value!r} {at}"
    )


class History:
    """The other side, and what is on its way to it."""

    def __init__(self, entry: HistoryEntry, token: str | None, spool: Path, day_offset: timedelta) -> None:
        """`spool`: the file of what is on its way."""
        self._entry = entry
        self._token = token or "none"
        self._path = spool
        self._spool: Spool | None = None
        self._day_offset = day_offset
        self._outage = Outage(
            log,
            "the history of measurements waits: %s",
            ends="the history of measurements goes on",
            level=logging.WARNING,
        )

    async def note(self, telemetry: Sequence[Envelope]) -> None:
        """What was measured is to be sent; on the disk when this returns. Raises TryLater."""
        lines = lines_of(telemetry)
        if lines:
            await (await self._opened()).add(lines)

    async def run(self) -> None:
        """Send until cancelled."""
        backoff = Backoff(_RETRY_START_S, _RETRY_CAP_S)
        timeout_ms = int(REQUEST_S * 1000)
        async with InfluxDBClientAsync(
            url=self._entry.url, token=self._token, org=self._entry.org, timeout=timeout_ms
        ) as client:
            while True:
                try:
                    sent = await self.send(client.write_api())
                except TryLater as error:
                    self._outage.begin(error)
                    await asyncio.sleep(backoff.next_pause_s())
                else:
                    backoff.succeeded()
                    self._outage.over()
                    if not sent:
                        await asyncio.sleep(_IDLE_S)

    async def send(self, api: WriteApiAsync) -> int:
        """One request of what waits; how many pieces it held. Raises TryLater."""
        spool = await self._opened()
        pieces = await spool.oldest(_AT_ONCE)
        if not pieces:
            return 0
        lines = "\n".join(piece.lines for piece in pieces)
        try:
            async with asyncio.timeout(REQUEST_S):
                await api.write(bucket=self._entry.bucket, record=lines.encode(), write_precision="us")  # type: ignore[arg-type]  # a str there
        except ApiException as error:
            if error.status != 400:
                raise TryLater(both(*_ANSWERS, url=self._entry.url, status=error.status)) from error
            log.error("%s refuses %d pieces, which are dropped: %s", self._entry.url, len(pieces), error.reason)  # noqa: TRY400 - said in words
        except (OSError, TimeoutError) as error:
            raise TryLater(both(*_AWAY, url=self._entry.url, error=error)) from error
        await spool.drop(pieces[-1].number)
        return len(pieces)

    async def query(self, series: SeriesKey, span: Span, step: Step) -> tuple[Bucket, ...]:
        """As the port says, as VictoriaMetrics knows it. Raises TryLater."""
        points = await self._points(series, span)
        if step is Step.RAW:
            return tuple(points)
        groups: dict[datetime, list[Bucket]] = {}
        ahead = self._day_offset if step is Step.DAY else timedelta()
        for point in points:
            groups.setdefault(_floor(point.at, step.span, ahead), []).append(point)
        return tuple(_bucket(at, group) for at, group in sorted(groups.items()))

    async def thin(self, keeps: Callable[[str], bool]) -> None:
        """Lines on their way that are not to be kept go. Raises TryLater."""
        await (await self._opened()).thin(keeps)

    async def close(self) -> None:
        """Finish what waits for the disk."""
        if self._spool is not None:
            await self._spool.close()

    async def _opened(self) -> Spool:
        if self._spool is None:
            try:
                self._spool = await open_spool(self._path)
            except ConfigError as error:
                raise TryLater(told_by(error)) from error
        return self._spool

    async def _points(self, series: SeriesKey, span: Span) -> list[Bucket]:
        labels = {"gateway": series.gateway_id, "sensor": series.sensor_id, "quantity": series.quantity.value}
        labels["resident"] = series.resident_id
        selector = ",".join(f"{name}={msgspec.json.encode(text).decode()}" for name, text in labels.items())
        parameters = {
            "match[]": f"{{__name__={msgspec.json.encode(MEASUREMENT + '_value').decode()},{selector}}}",
            "start": f"{span.start.timestamp():.3f}",
            "end": f"{span.end.timestamp() - 0.001:.3f}",
        }
        headers = {"Authorization": f"Token {self._token}"}
        try:
            async with httpx.AsyncClient(timeout=REQUEST_S) as client:
                answer = await client.get(f"{self._entry.url}/api/v1/export", params=parameters, headers=headers)
                answer.raise_for_status()
                found = [_series.decode(line) for line in answer.content.splitlines() if line]
        except (httpx.HTTPError, msgspec.DecodeError) as error:
            raise TryLater(both(*_NOT_ASKED, error=error)) from error
        return sorted((bucket for one in found for bucket in _buckets(one)), key=lambda bucket: bucket.at)


class _Exported(msgspec.Struct):
    metric: dict[str, str]
    values: list[float]
    timestamps: list[int]


_series = msgspec.json.Decoder(_Exported)


def _buckets(one: _Exported) -> list[Bucket]:
    trusted = int(one.metric.get("trusted") != "0")
    seen: dict[int, float] = dict(zip(one.timestamps, one.values, strict=True))
    return [
        Bucket(
            at=_EPOCH + timedelta(milliseconds=at),
            count=trusted,
            least=value,
            mean=value,
            most=value,
            doubtful=1 - trusted,
        )
        for at, value in seen.items()
    ]


_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


def _floor(at: datetime, width: timedelta, ahead: timedelta) -> datetime:
    return at - (at - _EPOCH + ahead) % width


def _bucket(at: datetime, points: Sequence[Bucket]) -> Bucket:
    values = [point.least for point in points if point.count and point.least is not None]
    return Bucket(
        at=at,
        count=len(values),
        least=min(values, default=None),
        mean=sum(values) / len(values) if values else None,
        most=max(values, default=None),
        doubtful=len(points) - len(values),
    )


class WithHistory:
    """The port with such a copy: what is older than the first place keeps is asked there."""

    def __init__(self, first: Measurements, history: History, keep: Kept, *, clock: Callable[[], datetime]) -> None:
        """`first`: where measurements are kept that are confirmed."""
        self._first = first
        self._history = history
        self._keep = keep
        self._clock = clock

    async def write(
        self, telemetry: Sequence[Envelope], received_at: datetime, sent: Mapping[MessageId, Sent] | None = None
    ) -> None:
        """As the port says. A copy that cannot be noted down stops nobody: it is missing there, which is told."""
        try:
            await self._history.note(telemetry)
        except (TryLater, GiveUp) as error:
            log.error("%d messages will be missing in the history of measurements: %s", len(telemetry), error)  # noqa: TRY400
        await self._first.write(telemetry, received_at, sent)

    async def query(self, series: SeriesKey, span: Span, step: Step) -> tuple[Bucket, ...]:
        """As the port says."""
        kept = {Step.RAW: self._keep.raw, Step.MINUTE: self._keep.minutes, Step.QUARTER: self._keep.quarters}
        if step in kept and self._clock() - span.start > kept[step]:
            return await self._history.query(series, span, step)
        return await self._first.query(series, span, step)

    async def latest(self, gateway_id: str) -> tuple[Latest, ...]:
        """As the port says."""
        return await self._first.latest(gateway_id)
