"""Sums of measurements by minute, quarter of an hour and day; what is too old is let go, after it was summed.

Made anew wherever a reading came late or was mended. Each step is one transaction: a crash leaves it done or undone.
Where the readings of a quarter were let go already, what comes later is added to its sums, once, and let go too.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

import sqlalchemy as sa

from community.measurements.port import Keep, Step
from community.store import schema
from community.store.measurement_schema import dirty_quarters, raw_since, rollups
from community.store.measurements import (
    Sums,
    day_of,
    floor_of,
    kept_since,
    kept_sums,
    moment,
    sums_columns,
    sums_of_raw,
    total_of,
)

SETTLED = timedelta(minutes=1)
"""A quarter that has ended is left so long: what its home still held back is then summed with it."""
_FINE = (Step.MINUTE, Step.QUARTER)


def roll(connection: sa.Connection, now: datetime, keep: Keep, *, limit: int) -> int:
    """Sum up to `limit` quarters that have ended and changed; how many it were."""
    has_ended = dirty_quarters.c.at <= now - Step.QUARTER.span - SETTLED
    return _sum(connection, has_ended, now, keep, limit=limit)


def forget(connection: sa.Connection, after: int, now: datetime, keep: Keep, *, limit: int) -> int | None:
    """Let go of what is too old, of up to `limit` series numbered above `after`, at most one day of raw readings each.

    The number to go on after; None after the last series. A series with more than one day to go is asked for again.
    """
    numbers = (
        connection.execute(
            sa.select(schema.series.c.series_id)
            .where(schema.series.c.series_id > after)
            .order_by(schema.series.c.series_id)
            .limit(limit)
        )
        .scalars()
        .all()
    )
    for number in numbers:
        if _forget_raw(connection, number, now, keep):
            return after
        _forget_sums(connection, number, now, keep)
        after = number
    return after if numbers else None


def forget_messages(connection: sa.Connection, now: datetime, keep: Keep, *, limit: int) -> int:
    """In the file of its own: forget which messages came longer ago than quarters are kept; how many it were.

    Until then a message that comes again is known.
    """
    table = schema.messages
    old = (
        sa.select(table.c.message_id)
        .where(table.c.received_at < now - max(keep.quarters, keep.raw) - Step.DAY.span)
        .order_by(table.c.message_id)
        .limit(limit)
    )
    return connection.execute(table.delete().where(table.c.message_id.in_(old))).rowcount


# ---- inside ----


def _sum(
    connection: sa.Connection, which: sa.ColumnElement[bool], now: datetime, keep: Keep, *, limit: int | None
) -> int:
    """Sum these quarters, in the order of series and time; how many it were."""
    quarters = _chosen(connection, which, limit)
    if not quarters:
        return 0
    first_kept = _day_floor(now - keep.quarters, keep)  # of older days the quarters are gone; their sums stay
    kept = [one for one in quarters if one.at >= first_kept]
    since = _raw_since(connection, {one.series_id for one in kept})
    gone = [one for one in kept if one.series_id in since and one.at < since[one.series_id]]
    whole = {(one.series_id, schema.micros(one.at)) for one in kept} - {
        (one.series_id, schema.micros(one.at)) for one in gone
    }
    minutes = _minutes(connection, which, quarters[-1])
    _put_whole(connection, whole, minutes, now, keep)
    for one in gone:
        _add_late(connection, one.series_id, one.at, now, keep)
    _put_days(connection, {(one.series_id, day_of(schema.micros(one.at), keep.day_offset)) for one in kept})
    connection.execute(_FORGET_DIRTY, [{"one": one.series_id, "start": one.at} for one in quarters])
    return len(quarters)


class _Quarter(NamedTuple):
    series_id: int
    at: datetime


def _chosen(connection: sa.Connection, which: sa.ColumnElement[bool], limit: int | None) -> list[_Quarter]:
    columns = dirty_quarters.c
    order = sa.select(columns.series_id, columns.at).where(which).order_by(columns.series_id, columns.at)
    return [_Quarter(row.series_id, row.at) for row in connection.execute(order.limit(limit))]


def _raw_since(connection: sa.Connection, numbers: set[int]) -> dict[int, datetime]:
    rows = connection.execute(sa.select(raw_since).where(raw_since.c.series_id.in_(sorted(numbers))))
    return {row.series_id: row.at for row in rows}


def _minutes(
    connection: sa.Connection, which: sa.ColumnElement[bool], last: _Quarter
) -> dict[tuple[int, int], list[Sums]]:
    """The minutes of the readings of these quarters up to the last one, by series and quarter."""
    samples, dirty = schema.samples, dirty_quarters.c
    at = floor_of(samples.c.at, int(Step.MINUTE) * 1_000_000).label("floor_at")
    start, after = sa.type_coerce(dirty.at, sa.BigInteger), int(Step.QUARTER) * 1_000_000
    in_quarter = sa.and_(
        samples.c.series_id == dirty.series_id,
        samples.c.at >= dirty.at,
        sa.type_coerce(samples.c.at, sa.BigInteger) < start + after,
    )
    up_to = sa.or_(dirty.series_id < last.series_id, sa.and_(dirty.series_id == last.series_id, dirty.at <= last.at))
    rows = connection.execute(
        sa.select(samples.c.series_id, start, at, *sums_columns())
        .join_from(dirty_quarters, samples, in_quarter)
        .where(which, up_to)
        .group_by(samples.c.series_id, start, at)
        .order_by(samples.c.series_id, at)
    )
    found: dict[tuple[int, int], list[Sums]] = {}
    for number, quarter, *sums in rows:
        found.setdefault((number, quarter), []).append(Sums(*sums))
    return found


def _put_whole(
    connection: sa.Connection,
    quarters: set[tuple[int, int]],
    minutes: Mapping[tuple[int, int], list[Sums]],
    now: datetime,
    keep: Keep,
) -> None:
    """Replace the sums of quarters whose readings are all there."""
    old, new = [], []
    first_minute = schema.micros(_day_floor(now - keep.minutes, keep))
    for number, quarter in quarters:
        start, end = moment(quarter), moment(quarter) + Step.QUARTER.span
        old += [{"one": number, "of_step": int(step), "start": start, "end": end} for step in _FINE]
        of_quarter = minutes.get((number, quarter), [])
        new += _rows(number, Step.QUARTER, [total_of(quarter, of_quarter)])
        if quarter >= first_minute:
            new += _rows(number, Step.MINUTE, of_quarter)
    _replace(connection, old, new)


def _add_late(connection: sa.Connection, number: int, at: datetime, now: datetime, keep: Keep) -> None:
    """To the sums of a quarter whose readings were let go; what was added is let go too."""
    end = at + Step.QUARTER.span
    late = sums_of_raw(connection, number, int(Step.MINUTE) * 1_000_000, at, end)
    kept = {one.at: one for one in kept_sums(connection, number, Step.MINUTE, at, end)}
    for one in late:
        kept[one.at] = kept[one.at].plus(one) if one.at in kept else one
    before = kept_sums(connection, number, Step.QUARTER, at, end)  # there may be no minutes any more
    new = _rows(number, Step.QUARTER, [total_of(schema.micros(at), [*before, *late])])
    if at >= _day_floor(now - keep.minutes, keep):
        new += _rows(number, Step.MINUTE, kept.values())
    old = [{"one": number, "of_step": int(step), "start": at, "end": end} for step in _FINE]
    _replace(connection, old, new)
    _drop_samples(connection, number, at, end)


def _put_days(connection: sa.Connection, days: set[tuple[int, int]]) -> None:
    starts = [(number, moment(day)) for number, day in days]
    if starts:
        old = [{"one": one, "of_step": int(Step.DAY), "start": start, "end": start + _ONE} for one, start in starts]
        connection.execute(_DELETE_SUMS, old)
        whole = [{"one": one, "start": start, "end": start + Step.DAY.span} for one, start in starts]
        connection.execute(_SUM_DAYS, whole)


def _replace(connection: sa.Connection, old: list[dict[str, object]], new: list[dict[str, object]]) -> None:
    if old:
        connection.execute(_DELETE_SUMS, old)
    if new:
        connection.execute(rollups.insert(), new)


def _rows(number: int, step: Step, sums: Iterable[Sums | None]) -> list[dict[str, object]]:
    return [
        {
            "series_id": number,
            "step": int(step),
            "at": moment(one.at),
            "count": one.trusted,
            "total": one.total,
            "least": one.least,
            "most": one.most,
            "doubtful": one.doubtful,
        }
        for one in sums
        if one is not None
    ]


_COLUMNS = rollups.c
_DELETE_SUMS = rollups.delete().where(
    _COLUMNS.series_id == sa.bindparam("one"),
    _COLUMNS.step == sa.bindparam("of_step"),
    _COLUMNS.at >= sa.bindparam("start", type_=schema.UtcMicros),
    _COLUMNS.at < sa.bindparam("end", type_=schema.UtcMicros),
)
_FORGET_DIRTY = dirty_quarters.delete().where(
    dirty_quarters.c.series_id == sa.bindparam("one"),
    dirty_quarters.c.at == sa.bindparam("start", type_=schema.UtcMicros),
)
_SUM_DAYS = rollups.insert().from_select(
    ["series_id", "step", "at", "count", "total", "least", "most", "doubtful"],
    sa.select(
        _COLUMNS.series_id,
        sa.literal_column(str(int(Step.DAY))),
        sa.cast(sa.bindparam("start", type_=schema.UtcMicros), sa.BigInteger),
        sa.cast(sa.func.sum(_COLUMNS["count"]), sa.BigInteger),
        sa.func.sum(_COLUMNS.total),
        sa.func.min(_COLUMNS.least),
        sa.func.max(_COLUMNS.most),
        sa.cast(sa.func.sum(_COLUMNS.doubtful), sa.BigInteger),
    )
    .where(
        _COLUMNS.series_id == sa.bindparam("one"),
        _COLUMNS.step == int(Step.QUARTER),
        _COLUMNS.at >= sa.bindparam("start", type_=schema.UtcMicros),
        _COLUMNS.at < sa.bindparam("end", type_=schema.UtcMicros),
    )
    .group_by(_COLUMNS.series_id),
)
_ONE = timedelta(microseconds=1)


def _forget_raw(connection: sa.Connection, number: int, now: datetime, keep: Keep) -> bool:
    """Whether there is more."""
    samples = schema.samples
    oldest = connection.execute(
        sa.select(samples.c.at).where(samples.c.series_id == number).order_by(samples.c.at).limit(1)
    ).scalar()
    limit = _day_floor(now - keep.raw, keep)
    if oldest is None or oldest >= limit:
        return False
    until = _day_floor(oldest, keep) + Step.DAY.span
    of_it = sa.and_(dirty_quarters.c.series_id == number, dirty_quarters.c.at < until)
    _sum(connection, of_it, now, keep, limit=None)
    _drop_samples(connection, number, None, until)
    since = kept_since(connection, number)
    if since is None:
        connection.execute(raw_since.insert().values(series_id=number, at=until))
    elif since < until:
        connection.execute(raw_since.update().where(raw_since.c.series_id == number).values(at=until))
    return until < limit


def _drop_samples(connection: sa.Connection, number: int, start: datetime | None, end: datetime) -> None:
    """With what was in doubt of them: they are not mended any more."""
    for table in (schema.samples, schema.doubtful_samples):
        which = [table.c.series_id == number, table.c.at < end]
        if start is not None:
            which.append(table.c.at >= start)
        connection.execute(table.delete().where(*which))


def _forget_sums(connection: sa.Connection, number: int, now: datetime, keep: Keep) -> None:
    kept = ((Step.MINUTE, keep.minutes), (Step.QUARTER, keep.quarters), (Step.DAY, keep.days))
    for step, age in kept:
        if age is not None:
            limit = _day_floor(now - age, keep)
            old: dict[str, object] = {"one": number, "of_step": int(step), "start": schema.EARLIEST, "end": limit}
            connection.execute(_DELETE_SUMS, [old])


def _day_floor(at: datetime, keep: Keep) -> datetime:
    """When the day of daily values began; those older than any clock begin with the first."""
    return moment(day_of(schema.micros(max(at, schema.EARLIEST)), keep.day_offset))
