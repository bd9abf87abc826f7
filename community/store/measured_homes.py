"""What the community database knows of homes that measure: their boots, that they live, and samples of before.

Used where measurements lie in a file of their own.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from community.measurements.port import Keep
from community.store import schema
from community.store.directory import meet_gateway
from community.store.measurement_file import Measured, Parcel
from community.store.times import Boot, Doubt, Times, boot_columns, boot_in
from shouwang.wire import Envelope, Lane, MessageId, Sent

_Row = sa.Row[*tuple[object, ...]]
_TELEMETRY = (int(Lane.TELEMETRY), int(Lane.BULK))


def heard(
    connection: sa.Connection, unsure: Iterable[Envelope], received_at: datetime, sent: Mapping[MessageId, Sent]
) -> dict[MessageId, Boot]:
    """The boots of messages whose home's clock had not been set, with what their arrival tells of them."""
    times = Times(connection, received_at, sent)
    found: dict[MessageId, Boot] = {}
    for envelope in unsure:
        meet_gateway(connection, envelope.id.gateway)
        boot = times.doubt(envelope)
        if boot is not None:
            found[envelope.id] = boot
    times.finish()
    return found


def boots(connection: sa.Connection, numbers: Iterable[int]) -> list[Boot]:
    """What is known of them now."""
    rows = connection.execute(sa.select(*boot_columns()).where(schema.boots.c.boot_number.in_(sorted(numbers))))
    return [boot for row in rows if (boot := boot_in(row)) is not None]


def seen(connection: sa.Connection, last: Mapping[str, datetime]) -> None:
    """These gateways were heard of, last at that time."""
    table = schema.gateways
    for gateway_id, at in last.items():
        meet_gateway(connection, gateway_id)
        is_older = sa.or_(table.c.last_seen.is_(None), table.c.last_seen < at)
        connection.execute(
            table.update().where(table.c.gateway_id == gateway_id, is_older).values(last_seen=at, online=True)
        )


# ---- samples of before ----


class Piece(NamedTuple):
    """A piece of what is copied, newest first. `series_id`, `before_us`: where the next one begins; None: the last."""

    parcels: Sequence[Parcel]
    series_id: int | None
    before_us: int


def last_message(connection: sa.Connection) -> int:
    """The number of the newest message of telemetry; 0 where there is none."""
    table = schema.messages
    newest = sa.select(sa.func.max(table.c.message_id)).where(table.c.lane.in_(_TELEMETRY))
    return connection.execute(newest).scalar() or 0


def messages_after(connection: sa.Connection, number: int, limit: int) -> tuple[list[Parcel], int | None]:
    """Messages of telemetry numbered above, and the last number; None after the last one.

    With those of their samples that are in doubt, which may move while others are copied; the others follow by series.
    """
    table = schema.messages
    rows = connection.execute(
        sa.select(table)
        .where(table.c.message_id > number, table.c.lane.in_(_TELEMETRY))
        .order_by(table.c.message_id)
        .limit(limit)
    ).all()
    if not rows:
        return [], None
    parcels = [Parcel(_id_of(row), schema.micros(row.received_at), None, ()) for row in rows]
    last = rows[-1].message_id
    return parcels + _doubtful(connection, number, last), last


def samples_before(
    connection: sa.Connection, series_id: int, before_us: int, messages: tuple[int, int], limit: int
) -> Piece:
    """Samples of this series older than that, and of messages numbered above the first up to the second.

    Where there are none, those of the next series follow.
    """
    series = connection.execute(
        sa.select(schema.series)
        .where(schema.series.c.series_id >= series_id)
        .order_by(schema.series.c.series_id)
        .limit(1)
    ).first()
    if series is None:
        return Piece((), None, before_us)
    if series.series_id != series_id:
        before_us = NEWEST_US
    rows = _rows_before(connection, series.series_id, before_us, messages, limit)
    if not rows:
        return Piece((), series.series_id + 1, NEWEST_US)
    before = schema.micros(rows[-1].at)
    if len(rows) == limit:  # samples of one moment are not torn apart, unless all are of one
        rows = [row for row in rows if schema.micros(row.at) > before] or rows
        before = schema.micros(rows[-1].at)
    return Piece([_parcel_of(row, series) for row in rows], series.series_id, before)


NEWEST_US = schema.micros(schema.LATEST) + 1


def drop_copied(connection: sa.Connection, after: int, now: datetime, keep: Keep, *, limit: int) -> int | None:
    """Samples that were copied, and are older than raw ones are kept, of so many series; the last number, or None."""
    table = schema.series
    numbers = (
        connection.execute(
            sa.select(table.c.series_id).where(table.c.series_id > after).order_by(table.c.series_id).limit(limit)
        )
        .scalars()
        .all()
    )
    for number in numbers:
        for old in (schema.samples, schema.doubtful_samples):
            connection.execute(old.delete().where(old.c.series_id == number, old.c.at < now - keep.raw))
    return numbers[-1] if numbers else None


def _rows_before(
    connection: sa.Connection, series_id: int, before_us: int, messages: tuple[int, int], limit: int
) -> Sequence[sa.Row[*tuple[object, ...]]]:
    samples, doubtful, table = schema.samples, schema.doubtful_samples, schema.messages
    in_doubt = sa.exists().where(doubtful.c.message_id == samples.c.message_id, doubtful.c.place == samples.c.place)
    return connection.execute(
        sa.select(samples, *_message_columns())
        .join_from(samples, table, samples.c.message_id == table.c.message_id)
        .where(
            samples.c.series_id == series_id,
            sa.type_coerce(samples.c.at, sa.BigInteger) < before_us,
            samples.c.message_id > messages[0],
            samples.c.message_id <= messages[1],
            ~in_doubt,
        )
        .order_by(samples.c.at.desc(), samples.c.message_id.desc(), samples.c.place.desc())
        .limit(limit)
    ).all()


def _doubtful(connection: sa.Connection, above: int, up_to: int) -> list[Parcel]:
    samples, doubtful, series = schema.samples, schema.doubtful_samples, schema.series
    of_sample = sa.and_(
        doubtful.c.series_id == samples.c.series_id,
        doubtful.c.at == samples.c.at,
        doubtful.c.message_id == samples.c.message_id,
        doubtful.c.place == samples.c.place,
    )
    in_doubt = (doubtful.c.boot_number.label("doubt_boot"), doubtful.c.engine_ms, doubtful.c.told_at)
    whose = (series.c.sensor_id, series.c.quantity, series.c.resident_id)
    rows = connection.execute(
        sa.select(samples, *_message_columns(), *in_doubt, *boot_columns(), *whose)
        .select_from(
            doubtful.join(samples, of_sample)
            .join(schema.messages, schema.messages.c.message_id == doubtful.c.message_id)
            .join(series, series.c.series_id == doubtful.c.series_id)
            .outerjoin(schema.boots, schema.boots.c.boot_number == doubtful.c.boot_number)
        )
        .where(doubtful.c.message_id > above, doubtful.c.message_id <= up_to)
        .order_by(doubtful.c.message_id, doubtful.c.place)
    )
    return [_parcel_of(row, row, Doubt(row.doubt_boot, row.engine_ms, row.told_at), boot_in(row)) for row in rows]


def _message_columns() -> tuple[sa.Column[object], ...]:
    table = schema.messages
    return table.c.gateway_id, table.c.epoch, table.c.lane, table.c.seq, table.c.received_at


def _parcel_of(row: _Row, series: _Row, doubt: Doubt | None = None, boot: Boot | None = None) -> Parcel:
    of = (series.sensor_id, series.quantity, series.resident_id)
    rest = (row.place, row.value, row.quality, row.mono, row.is_late, row.timing)
    sample = Measured(of, schema.micros(row.at), rest, doubt)
    return Parcel(_id_of(row), schema.micros(row.received_at), boot, (sample,))


def _id_of(row: _Row) -> MessageId:
    return MessageId(gateway=row.gateway_id, epoch=row.epoch, lane=Lane(row.lane), seq=row.seq)
