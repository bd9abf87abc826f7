"""What was measured around the alarms of a case: whose values, of which quantities, how far back, in which order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from community.desk import Point, Series, Timing
from community.lanes import is_late
from community.measurements.port import Span
from community.store import measured, schema, stays
from shouwang.alert import Alert
from shouwang.quantities import Quantity
from shouwang.reading import Quality, Reading

BEFORE_ALARM = timedelta(minutes=15)
AFTER_ALARM = timedelta(minutes=15)
"""What the plot shows around the alarms of a case: enough to tell a slide from a dropped probe."""
_DAY = timedelta(days=1)
VITALS: Mapping[Quantity, timedelta] = {
    Quantity.SPO2: BEFORE_ALARM,
    Quantity.HEART_RATE: BEFORE_ALARM,
    # Pressure is taken at home in the morning and in the evening (ESH 2021, practice guideline on out-of-office
    # measurement, home monitoring); temperature and sugar are taken about as often.
    Quantity.SYSTOLIC: _DAY,
    Quantity.DIASTOLIC: _DAY,
    Quantity.BODY_TEMPERATURE: _DAY,
    Quantity.GLUCOSE: _DAY,
    Quantity.INTERSTITIAL_GLUCOSE: _DAY,
    # More than 2 kg in 3 days tell a failing heart (ESC 2021, heart failure, self-care); people forget the scale.
    Quantity.WEIGHT: timedelta(days=7),
}
"""Shown with every alarm, whatever rang, in this order, and from how long before it."""
_OF_THE_DEVICE = (
    Quantity.BATTERY,
    Quantity.BATTERY_VOLTAGE,
    Quantity.BATTERY_LOW,
    Quantity.SIGNAL_STRENGTH,
    Quantity.CUFF_PRESSURE,
)
"""Tells nothing of the person; shown only where it rang itself."""
POINTS_PER_SERIES = 2000
LIVE_POINTS = 600
"""Of what came later, while the case is open: ten minutes of a probe that speaks each second, hours of the others."""
_Alerts = Sequence[tuple[str, Alert]]
"""Each with its gateway."""


@dataclass(frozen=True, slots=True)
class _Measured:
    """What makes a series, whichever box of the home sent it."""

    sensor_id: str
    quantity: Quantity
    resident_id: str


_Points = dict[_Measured, dict[datetime, Point]]


def further_residents(connection: sa.Connection, alerts: _Alerts) -> frozenset[str]:
    """Whom the alerts are about besides the home's resident.

    Told by the readings, which name everybody but the home's resident: his id at home and in our directory may differ.
    """
    told_of = {alert.resident_id for _, alert in alerts}
    table = measured.tables(connection).series
    of_homes = table.c.gateway_id.in_(sorted({gateway_id for gateway_id, _ in alerts}))
    names = sa.select(table.c.resident_id).where(of_homes).distinct()
    nobody: Sequence[str] = ()
    named = measured.or_without(connection, nobody, lambda: connection.execute(names).scalars().all())
    read = {reading.resident_id for _, alert in alerts for reading in alert.evidence}
    return frozenset(told_of & {*named, *read} - {""})


def measured_around(
    connection: sa.Connection,
    home_key: str,
    alerts: _Alerts,
    others: frozenset[str],
    *,
    until: datetime | None = None,
) -> tuple[Series, ...]:
    """What rang, then the vital signs, then what else the sensors that rang have measured; of nobody else.

    `others`: as `further_residents` says. All other alerts are the home's resident's. Of what the box measured
    elsewhere, or of who lived there before or after, nothing is shown. `until`: of an open case the newest readings up
    to now belong to it as well.
    """
    if not alerts:
        return ()
    nothing: _Points = {}
    points = measured.or_without(
        connection, nothing, lambda: _stored_around(connection, home_key, alerts, others, until)
    )
    rang = set()
    for _, alert in alerts:  # telemetry comes behind the alert: until it is here, the alert's own readings show why
        for reading in alert.evidence:
            one = _Measured(reading.sensor_id, reading.quantity, reading.resident_id)
            points.setdefault(one, {}).setdefault(reading.at, _point(reading))
            rang.add(one)
    order = [*VITALS, *Quantity]
    return tuple(
        Series(
            sensor_id=one.sensor_id,
            quantity=one.quantity,
            resident_id=one.resident_id,
            points=tuple(points[one][at] for at in sorted(points[one])),
        )
        for one in sorted(
            (one for one in points if points[one]),
            key=lambda one: (one not in rang, order.index(one.quantity), one.sensor_id, one.resident_id),
        )
    )


def _stored_around(
    connection: sa.Connection, home_key: str, alerts: _Alerts, others: frozenset[str], until: datetime | None
) -> _Points:
    points: _Points = {}
    last = max(alert.since for _, alert in alerts)
    bounds: dict[tuple[str, str], Span | None] = {}
    for gateway_id, one, series_id in _series_of(connection, alerts, others):
        key = (gateway_id, one.resident_id)
        if key not in bounds:
            bounds[key] = stays.around(connection, home_key, *key, at=last)
        for window, most in _windows(one.quantity, alerts, until):
            bound = bounds[key]
            shown = None if bound is None else stays.overlap(bound, window)
            if shown is not None:
                found = points.setdefault(one, {})
                found.update((point.at, point) for point in _points(connection, series_id, shown, most))
    return points


def _series_of(connection: sa.Connection, alerts: _Alerts, others: frozenset[str]) -> list[tuple[str, _Measured, int]]:
    """The series that belong to the case, with box and number; a home whose box was changed has some twice."""
    gateways = {gateway_id for gateway_id, _ in alerts}
    sensors = {alert.sensor_id for _, alert in alerts}
    people = {alert.resident_id if alert.resident_id in others else "" for _, alert in alerts}
    table = measured.tables(connection).series
    rows = connection.execute(
        sa.select(table)
        .where(
            table.c.gateway_id.in_(sorted(gateways)),
            table.c.resident_id.in_(sorted(people)),
            sa.or_(table.c.sensor_id.in_(sorted(sensors)), table.c.quantity.in_([one.value for one in VITALS])),
            table.c.quantity.not_in([one.value for one in _OF_THE_DEVICE]),
        )
        .order_by(table.c.gateway_id, table.c.series_id)
    )
    return [
        (row.gateway_id, _Measured(row.sensor_id, Quantity(row.quantity), row.resident_id), row.series_id)
        for row in rows
    ]


def _windows(quantity: Quantity, alerts: _Alerts, until: datetime | None) -> list[tuple[Span, int]]:
    """What is shown, and how many points of it: around the alarms, and the newest since then."""
    around = _window(quantity, alerts)
    if until is None or until <= around.end:
        return [(around, POINTS_PER_SERIES)]
    return [(around, POINTS_PER_SERIES), (Span(around.end, until), LIVE_POINTS)]


def _window(quantity: Quantity, alerts: _Alerts) -> Span:
    start = min(alert.since for _, alert in alerts) - VITALS.get(quantity, BEFORE_ALARM)
    end = max(alert.at for _, alert in alerts) + AFTER_ALARM
    return Span(max(start, schema.EARLIEST), min(end, schema.LATEST))


def _points(connection: sa.Connection, series_id: int, shown: Span, most: int) -> list[Point]:
    _, table, messages = measured.tables(connection)
    rows = connection.execute(
        sa.select(table.c.at, table.c.value, table.c.quality, table.c.is_late, table.c.timing, messages.c.received_at)
        .join_from(table, messages, table.c.message_id == messages.c.message_id)
        .where(table.c.series_id == series_id, table.c.at.between(*shown))
        .order_by(table.c.at.desc())
        .limit(most)
    )
    return [
        Point(
            at=row.at,
            value=row.value,
            quality=Quality(row.quality),
            is_late=row.is_late or is_late(row.at, row.received_at),
            timing=Timing(row.timing),
        )
        for row in rows
    ]


def _point(reading: Reading) -> Point:
    return Point(at=reading.at, value=reading.value, quality=reading.quality, is_late=reading.is_late)
