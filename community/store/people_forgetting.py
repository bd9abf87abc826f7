"""What was measured of an erased person goes: in the community database and in the file of measurements, by piece.

Series are looked up by box and name, for their numbers differ from place to place. Where a box stood with others too,
only what was measured while it was his goes, and sums that hold more than that are made anew.
"""

from collections.abc import Iterable
from datetime import timedelta

import sqlalchemy as sa

from community.measurements.port import Span, Step
from community.store import schema
from community.store.measurement_schema import dirty_quarters, raw_since, rollups
from community.store.measurements import touch_samples
from community.store.people_schema import to_forget
from community.store.stays import ALWAYS, Claim

_SAMPLES_AT_ONCE = 50_000
"""Under a second of the writer: an alarm waits for no more."""
_ONE = timedelta(microseconds=1)


def note_claims(connection: sa.Connection, resident_id: str, claims: Iterable[Claim]) -> None:
    """They are to be forgotten wherever they lie, also after a crash on the way."""
    rows = [
        {
            "resident_id": resident_id,
            "gateway_id": one.gateway_id,
            "name": one.name,
            "since": one.span.start,
            "until": one.span.end,
        }
        for one in claims
    ]
    if rows:
        connection.execute(sa.insert(to_forget), rows)


def claims_of(connection: sa.Connection, resident_id: str) -> tuple[Claim, ...]:
    """What is still to be forgotten of an erased person."""
    rows = connection.execute(sa.select(to_forget).where(to_forget.c.resident_id == resident_id))
    return tuple(Claim(row.gateway_id, row.name, Span(row.since, row.until)) for row in rows)


def drop_claims(connection: sa.Connection, resident_id: str) -> None:
    """All of it is forgotten."""
    connection.execute(sa.delete(to_forget).where(to_forget.c.resident_id == resident_id))


def numbers_of(connection: sa.Connection, claim: Claim) -> tuple[int, ...]:
    """The series of the claim where this connection leads."""
    table = schema.series
    his = (table.c.gateway_id == claim.gateway_id, table.c.resident_id == claim.name)
    return tuple(connection.scalars(sa.select(table.c.series_id).where(*his).order_by(table.c.series_id)))


def forget_series(connection: sa.Connection, number: int, span: Span, limit: int = _SAMPLES_AT_ONCE) -> bool:
    """Whether all of a series within the span is gone; else there are more: a transaction must not hold alarms up."""
    samples = schema.samples
    his = _within(samples, number, span)
    last = connection.scalar(sa.select(samples.c.at).where(his).order_by(samples.c.at).offset(limit).limit(1))
    connection.execute(sa.delete(samples).where(his if last is None else his & (samples.c.at <= last)))
    for table in (schema.doubtful_samples, dirty_quarters):
        connection.execute(sa.delete(table).where(_within(table, number, span)))
    if last is not None:
        return False
    if span == ALWAYS:
        for table in (rollups, raw_since):
            connection.execute(sa.delete(table).where(table.c.series_id == number))
    else:
        _forget_sums(connection, number, span)
    return True


def _forget_sums(connection: sa.Connection, number: int, span: Span) -> None:
    """Every sum that holds any of it; those at the edges are made anew of what is left."""
    columns = rollups.c
    for step in (Step.MINUTE, Step.QUARTER, Step.DAY):
        start = span.start - step.span if span.start > schema.EARLIEST else span.start
        touches = sa.and_(columns.at > start, columns.at < span.end)
        connection.execute(rollups.delete().where(columns.series_id == number, columns.step == int(step), touches))
    edges = [span.start - _ONE] if span.start > schema.EARLIEST else []
    edges += [span.end] if span.end < schema.LATEST else []
    if edges:
        touch_samples(connection, [{"series_id": number, "at": at} for at in edges])


def _within(table: sa.Table, number: int, span: Span) -> "sa.ColumnElement[bool]":
    his = table.c.series_id == number
    return his if span == ALWAYS else sa.and_(his, table.c.at >= span.start, table.c.at < span.end)
