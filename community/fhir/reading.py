"""What was measured, read from the store: by the hour or day, or value by value, a bounded piece at a time."""

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import partial

from community.fhir.codes import PRESSURE
from community.fhir.measured import Watched, observations, rolled_up
from community.fhir.record import OwnSeries, RollUp, Sample
from community.fhir.resources import Observation
from community.measurements.port import Bucket, SeriesKey, Span, Step
from community.store import fhir, measurements
from community.store.database import Connection, Store
from community.store.stays import overlap
from shouwang.quantities import Quantity

FEW = 4
"""So many values of an hour are told one by one: two blood pressures, each taken twice (ESH 2021), lose nothing."""
_PAGE = 500
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FINER = {Step.DAY: Step.QUARTER, Step.QUARTER: Step.MINUTE}


class Every(StrEnum):
    """How much of what was measured is told."""

    HOUR = "hour"
    DAY = "day"
    VALUE = "value"

    @property
    def span(self) -> timedelta:
        """How long one Observation lasts that stands for many values."""
        return timedelta(days=1) if self is Every.DAY else timedelta(hours=1)


_WINDOWS = {Every.HOUR: timedelta(days=1), Every.DAY: timedelta(days=64)}
_WIDEST = timedelta(days=64)
"""No piece of the record that is read at once is longer: 64 days of quarters of an hour are 6,144 sums."""


class Reader:
    """Reads for one export. `day_offset`: how far the day of daily values is ahead of UTC."""

    def __init__(self, store: Store, span: Span, every: Every, *, day_offset: timedelta) -> None:
        """`store`: where the samples lie."""
        self._store = store
        self._every = every
        self._day_offset = day_offset
        self._span = span if every is Every.VALUE else _whole(span, every.span, day_offset)

    async def spans(self, watched: Watched, series: Sequence[OwnSeries]) -> AsyncIterator[Observation]:
        """One Observation for each hour or day; few values of an hour, one by one."""
        start, width = self._span.start, _WINDOWS[self._every]
        while start < self._span.end:
            end = min(start + width, self._span.end)
            found = await self._store.read(partial(self._sums, series=series, span=Span(start, end)))
            for together in found:
                for one in await self._told(watched, series, together):
                    yield one
            width = _WINDOWS[self._every] if found else min(width * 2, _WIDEST)
            start = end

    async def values(
        self, watched: Watched, series: Sequence[OwnSeries], limit: int
    ) -> AsyncIterator[Observation | datetime]:
        """One Observation for each value; in the end, where there are more than `limit`, when the first untold was."""
        after, told = None, 0
        held: tuple[Sample, ...] = ()  # a pressure may stand on both sides of a page
        while True:
            page = await self._samples(series, self._span, after)
            is_last = len(page) < _PAGE
            after = None if is_last else fhir.Place(page[-1].at, page[-1].message_id, page[-1].place)
            ready = held + page
            held = () if is_last else tuple(one for one in ready if one.at == ready[-1].at)
            ready = ready[: len(ready) - len(held)]
            for one in observations(watched, ready[: limit - told]):
                yield one
            if len(ready) > limit - told:
                yield ready[limit - told].at
                return
            told += len(ready)
            if is_last:
                return

    async def _told(
        self, watched: Watched, series: Sequence[OwnSeries], together: Sequence[RollUp]
    ) -> Iterator[Observation]:
        numbers = [span.count + span.doubtful for span in together]
        if self._every is Every.HOUR and max(numbers) <= FEW:
            values = await self._samples(series, Span(together[0].start, together[0].end), None)
            if len(values) == sum(numbers):  # else some are not kept any more
                return observations(watched, values)
        return rolled_up(watched, together)

    async def _samples(self, series: Sequence[OwnSeries], span: Span, after: fhir.Place | None) -> tuple[Sample, ...]:
        return await self._store.read(lambda connection: fhir.samples(connection, series, span, after, _PAGE))

    def _sums(self, connection: Connection, *, series: Sequence[OwnSeries], span: Span) -> list[list[RollUp]]:
        """What stands for each hour or day of these series, oldest first."""
        step = Step.DAY if self._every is Every.DAY else Step.QUARTER
        sums: dict[tuple[datetime, Quantity], RollUp] = {}
        for one in series:
            for bucket in self._of_his(connection, one, span, step):
                start = _floor(bucket.at, self._every.span, self._day_offset)
                key = (start, one.quantity)
                sums[key] = _plus(sums.get(key), one, Span(start, start + self._every.span), bucket)
        found: dict[datetime, list[RollUp]] = {}
        for start, quantity in sorted(sums, key=lambda key: (key[0], key[1] not in PRESSURE, key[1])):
            found.setdefault(start, []).append(sums[start, quantity])
        return list(found.values())

    def _of_his(self, connection: Connection, one: OwnSeries, span: Span, step: Step) -> Iterator[Bucket]:
        """Sums of what was the person's. One that reaches beyond it is made of finer ones; a minute is left out."""
        for own in one.spans:
            part = overlap(own, span)
            if part is None:
                continue
            for bucket in measurements.query(connection, one, part, step, self._day_offset):
                whole = Span(bucket.at, bucket.at + step.span)
                if own.start <= whole.start and whole.end <= own.end:
                    yield bucket
                elif step in _FINER and (rest := overlap(own, whole)) is not None:
                    yield from self._of_his(connection, replace(one, spans=(rest,)), rest, _FINER[step])


def groups(series: Sequence[OwnSeries]) -> Iterator[tuple[OwnSeries, ...]]:
    """Series of one sensor that are told together: the pressures; each other quantity by itself."""
    for quantities in (PRESSURE, *((quantity,) for quantity in Quantity if quantity not in PRESSURE)):
        chosen = tuple(one for one in series if one.quantity in quantities)
        if chosen:
            yield chosen


def _plus(before: RollUp | None, series: SeriesKey, span: Span, bucket: Bucket) -> RollUp:
    count = bucket.count + (before.count if before else 0)
    total = (bucket.mean or 0.0) * bucket.count + (before.mean * before.count if before else 0.0)
    lows = [one for one in (bucket.least, before.low if before and before.count else None) if one is not None]
    highs = [one for one in (bucket.most, before.high if before and before.count else None) if one is not None]
    return RollUp(
        gateway_id=series.gateway_id,
        sensor_id=series.sensor_id,
        quantity=series.quantity,
        start=span.start,
        end=span.end,
        count=count,
        low=min(lows, default=0.0),
        high=max(highs, default=0.0),
        mean=total / count if count else 0.0,
        doubtful=bucket.doubtful + (before.doubtful if before else 0),
    )


def _floor(at: datetime, width: timedelta, ahead: timedelta) -> datetime:
    return at - (at + ahead - _EPOCH) % width


def _whole(span: Span, width: timedelta, ahead: timedelta) -> Span:
    """With whole hours or days at both ends."""
    end = _floor(span.end, width, ahead)
    return Span(_floor(span.start, width, ahead), end if end == span.end else end + width)
