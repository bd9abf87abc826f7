"""What was measured, asked for: raw, by minute, quarter of an hour or day, and the newest. In either place.

An answer is right at any moment: quarters that were not summed since they changed are summed while it is made.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple, Self, cast

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from community.desk import Timing
from community.measurements.port import TRUSTED, Bucket, Latest, SeriesKey, Span, Step
from community.store import schema
from community.store.measurement_schema import dirty_quarters, raw_since, rollups
from shouwang.quantities import Quantity
from shouwang.reading import Quality

MOST_POINTS = 50_000
"""An answer holds the newest so many raw readings at most."""
_QUARTER_US = int(Step.QUARTER) * 1_000_000


class Sums(NamedTuple):
    """Of the readings of one step. `at` in microseconds since 1970."""

    at: int
    trusted: int
    total: float
    least: float | None
    most: float | None
    doubtful: int

    def plus(self, more: Self) -> Self:
        """Both together, at the beginning of this one."""
        return self._replace(
            trusted=self.trusted + more.trusted,
            total=self.total + more.total,
            least=min((one for one in (self.least, more.least) if one is not None), default=None),
            most=max((one for one in (self.most, more.most) if one is not None), default=None),
            doubtful=self.doubtful + more.doubtful,
        )

    def bucket(self) -> Bucket:
        """The same for people."""
        mean = self.total / self.trusted if self.trusted else None
        return Bucket(
            at=moment(self.at),
            count=self.trusted,
            least=self.least,
            mean=mean,
            most=self.most,
            doubtful=self.doubtful,
        )


def moment(at_us: int) -> datetime:
    """As Python holds it."""
    return _EPOCH + timedelta(microseconds=at_us)


_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


def quarter_of(at_us: int) -> int:
    """When its quarter of an hour began, all in microseconds."""
    return at_us - at_us % _QUARTER_US


def touch_samples(connection: sa.Connection, samples: Iterable[Mapping[str, object]]) -> None:
    """The quarters in which these rows of samples lie are to be summed anew."""
    changed = {(row["series_id"], quarter_of(schema.micros(cast("datetime", row["at"])))) for row in samples}
    rows = [{"series_id": series_id, "at": moment(at_us)} for series_id, at_us in changed]
    connection.execute(_insert(connection, dirty_quarters).on_conflict_do_nothing(), rows)


def touch_doubtful(connection: sa.Connection, which: sa.ColumnElement[bool]) -> None:
    """The quarters in which these doubtful samples lie are to be summed anew."""
    table = schema.doubtful_samples
    quarter = sa.type_coerce(floor_of(table.c.at, _QUARTER_US), schema.UtcMicros)
    chosen = sa.select(table.c.series_id, quarter).where(which).distinct()
    insert = _insert(connection, dirty_quarters).from_select(["series_id", "at"], chosen)
    connection.execute(insert.on_conflict_do_nothing())


def series_number(connection: sa.Connection, series: SeriesKey) -> int | None:
    """None where nothing was ever measured."""
    table = schema.series
    number: int | None = connection.execute(
        sa.select(table.c.series_id).where(
            table.c.gateway_id == series.gateway_id,
            table.c.sensor_id == series.sensor_id,
            table.c.quantity == series.quantity.value,
            table.c.resident_id == series.resident_id,
        )
    ).scalar()
    return number


def query(
    connection: sa.Connection, series: SeriesKey, span: Span, step: Step, day_offset: timedelta
) -> tuple[Bucket, ...]:
    """As the port says. `day_offset`: how far the day of daily values is ahead of UTC."""
    number = series_number(connection, series)
    if number is None:
        return ()
    if step is Step.RAW:
        return _raw(connection, number, span)
    sums = _days(connection, number, span, day_offset) if step is Step.DAY else _fine(connection, number, span, step)
    return tuple(sums[at].bucket() for at in sorted(sums))


def latest(connection: sa.Connection, gateway_id: str) -> tuple[Latest, ...]:
    """As the port says."""
    table, samples = schema.series, schema.samples
    found = []
    for row in connection.execute(sa.select(table).where(table.c.gateway_id == gateway_id).order_by(table.c.series_id)):
        last = connection.execute(
            sa.select(samples.c.at, samples.c.value, samples.c.quality, samples.c.timing)
            .where(samples.c.series_id == row.series_id)
            .order_by(samples.c.at.desc(), samples.c.message_id.desc(), samples.c.place.desc())
            .limit(1)
        ).first()
        if last is not None:
            key = SeriesKey(
                gateway_id=gateway_id,
                sensor_id=row.sensor_id,
                quantity=Quantity(row.quantity),
                resident_id=row.resident_id,
            )
            found.append(
                Latest(
                    series=key,
                    at=last.at,
                    value=last.value,
                    quality=Quality(last.quality),
                    timing=Timing(last.timing),
                )
            )
    return tuple(found)


def sums_of_raw(
    connection: sa.Connection, number: int, width_us: int, start: datetime, end: datetime, *, only_dirty: bool = False
) -> list[Sums]:
    """What the readings from `start` up to `end` make, by steps of that width."""
    samples = schema.samples
    at = floor_of(samples.c.at, width_us).label("floor_at")
    chosen = (
        sa.select(at, *sums_columns())
        .where(samples.c.series_id == number, samples.c.at >= start, samples.c.at < end)
        .group_by(at)
        .order_by(at)
    )
    if only_dirty:
        quarter = sa.type_coerce(floor_of(samples.c.at, _QUARTER_US), schema.UtcMicros)
        chosen = chosen.join_from(
            samples,
            dirty_quarters,
            sa.and_(dirty_quarters.c.series_id == samples.c.series_id, dirty_quarters.c.at == quarter),
        )
    return [Sums._make(row) for row in connection.execute(chosen)]


def sums_columns() -> tuple[sa.ColumnElement[Any], ...]:
    """What a query of samples has to ask for to make `Sums` of it, behind the moment."""
    value = schema.samples.c.value
    trusted = schema.samples.c.quality.in_(sorted(one.value for one in TRUSTED))
    return (
        sa.func.count().filter(trusted),
        sa.func.coalesce(sa.func.sum(value).filter(trusted), 0.0),
        sa.func.min(value).filter(trusted),
        sa.func.max(value).filter(trusted),
        sa.func.count().filter(~trusted),
    )


def kept_sums(connection: sa.Connection, number: int, step: Step, start: datetime, end: datetime) -> list[Sums]:
    """The sums from `start` up to `end` as they were made."""
    columns = rollups.c
    rows = connection.execute(
        sa.select(
            sa.type_coerce(columns.at, sa.BigInteger),
            columns["count"],
            columns.total,
            columns.least,
            columns.most,
            columns.doubtful,
        )
        .where(columns.series_id == number, columns.step == int(step), columns.at >= start, columns.at < end)
        .order_by(columns.at)
    )
    return [Sums(*row) for row in rows]


def kept_since(connection: sa.Connection, number: int) -> datetime | None:
    """From when on its samples are all there; None: always."""
    since: datetime | None = connection.execute(
        sa.select(raw_since.c.at).where(raw_since.c.series_id == number)
    ).scalar()
    return since


def floor_of(column: sa.ColumnElement[datetime], width_us: int, ahead_us: int = 0) -> sa.ColumnElement[int]:
    """When the step began in which a moment lies, also before 1970 (where % is negative)."""
    at = sa.type_coerce(column, sa.BigInteger)
    return at - ((at + ahead_us) % width_us + width_us) % width_us


def day_of(at_us: int, day_offset: timedelta) -> int:
    """When its day began, all in microseconds."""
    ahead = day_offset // timedelta(microseconds=1)
    return at_us - (at_us + ahead) % (int(Step.DAY) * 1_000_000)


# ---- inside ----


def _raw(connection: sa.Connection, number: int, span: Span) -> tuple[Bucket, ...]:
    samples = schema.samples
    rows = connection.execute(
        sa.select(samples.c.at, samples.c.value, samples.c.quality)
        .where(samples.c.series_id == number, samples.c.at >= span.start, samples.c.at < span.end)
        .order_by(samples.c.at.desc(), samples.c.message_id.desc(), samples.c.place.desc())
        .limit(MOST_POINTS)
    ).all()
    found = []
    for row in reversed(rows):
        count = int(Quality(row.quality) in TRUSTED)
        found.append(
            Bucket(at=row.at, count=count, least=row.value, mean=row.value, most=row.value, doubtful=1 - count)
        )
    return tuple(found)


def _fine(connection: sa.Connection, number: int, span: Span, step: Step) -> dict[int, Sums]:
    """By minutes or quarters: as they were summed, but for the quarters that have changed since."""
    start = moment(quarter_of(schema.micros(span.start)))
    ending = moment(quarter_of(schema.micros(span.end) - 1) + _QUARTER_US)
    dirty = _dirty(connection, number, Span(start, ending))
    sums: dict[int, Sums] = {}
    since = kept_since(connection, number)
    for one in kept_sums(connection, number, step, start, ending):
        is_stale = quarter_of(one.at) in dirty and not (since and moment(one.at) < since)
        if not is_stale:
            sums[one.at] = one
    if dirty:
        for one in sums_of_raw(connection, number, int(step) * 1_000_000, start, ending, only_dirty=True):
            sums[one.at] = sums[one.at].plus(one) if one.at in sums else one
    first, end = schema.micros(span.start), schema.micros(span.end)
    width = int(step) * 1_000_000
    return {at: one for at, one in sums.items() if first - width < at < end}


def _days(connection: sa.Connection, number: int, span: Span, day_offset: timedelta) -> dict[int, Sums]:
    first = day_of(schema.micros(span.start), day_offset)
    start = moment(first)
    dirty = {day_of(at, day_offset) for at in _dirty(connection, number, Span(start, span.end + Step.DAY.span))}
    sums = {one.at: one for one in kept_sums(connection, number, Step.DAY, start, span.end) if one.at not in dirty}
    for day in dirty:
        if day < schema.micros(span.end):
            whole = Span(moment(day), moment(day) + Step.DAY.span)
            made = total_of(day, _fine(connection, number, whole, Step.QUARTER).values())
            if made is not None:
                sums[day] = made
    return sums


def total_of(at_us: int, parts: Iterable[Sums]) -> Sums | None:
    """All together, from `at_us` on; None where there is nothing."""
    total = Sums(at_us, 0, 0.0, None, None, 0)
    for part in parts:
        total = total.plus(part)
    return total if total.trusted or total.doubtful else None


def _dirty(connection: sa.Connection, number: int, span: Span) -> set[int]:
    rows = connection.execute(
        sa.select(sa.type_coerce(dirty_quarters.c.at, sa.BigInteger)).where(
            dirty_quarters.c.series_id == number, dirty_quarters.c.at >= span.start, dirty_quarters.c.at < span.end
        )
    )
    return set(rows.scalars())


def _insert(connection: sa.Connection, table: sa.Table) -> sqlite.Insert | postgresql.Insert:
    return sqlite.insert(table) if connection.dialect.name == "sqlite" else postgresql.insert(table)
