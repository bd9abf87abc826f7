"""Who lived where and which box stood there, from when to when: what a box measured is of whoever it stood with then.

The register says where everybody is now; each change of it ends a stay and begins one. What is shown of somebody is
bound by both (decision 028).
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from community.measurements.port import Span
from community.store import schema
from community.store.living import living
from community.store.people_schema import box_stays, resident_stays

ALWAYS = Span(schema.EARLIEST, schema.LATEST)
_AT_ONCE = 400


class Stay(NamedTuple):
    """Somebody lived there. `is_first`: readings that named nobody meant him."""

    resident_id: str
    home_id: str
    is_first: bool
    span: Span


class Claim(NamedTuple):
    """What a box measured within the span under this name is one person's; `name` is empty where it named nobody."""

    gateway_id: str
    name: str
    span: Span


def overlap(one: Span, two: Span) -> Span | None:
    """What lies in both."""
    start, end = max(one.start, two.start), min(one.end, two.end)
    return Span(start, end) if start < end else None


def of_person(connection: sa.Connection, resident_id: str) -> tuple[Stay, ...]:
    """Where he lived, oldest first."""
    rows = connection.execute(sa.select(resident_stays).where(resident_stays.c.resident_id == resident_id))
    return tuple(sorted(map(_stay, rows), key=lambda one: one.span))


def of_homes(connection: sa.Connection, home_ids: Iterable[str]) -> tuple[Stay, ...]:
    """Who lived in these homes."""
    found: list[Stay] = []
    for part in _parts(home_ids):
        rows = connection.execute(sa.select(resident_stays).where(resident_stays.c.home_id.in_(part)))
        found += map(_stay, rows)
    return tuple(found)


def housemates(connection: sa.Connection, resident_id: str, home_ids: Iterable[str]) -> frozenset[str]:
    """Who else is on file in these homes, or lived there."""
    found: set[str] = set()
    for part in _parts(home_ids):
        for table in (schema.residents, resident_stays):
            found.update(connection.scalars(sa.select(table.c.resident_id).where(table.c.home_id.in_(part))))
    return frozenset(found) - {resident_id}


def claims(connection: sa.Connection, resident_id: str) -> tuple[Claim, ...]:
    """All that was measured of a person, wherever he lived and whichever box stood there."""
    found: list[Claim] = []
    for stay in of_person(connection, resident_id):
        for box in connection.execute(sa.select(box_stays).where(box_stays.c.home_id == stay.home_id)):
            together = overlap(stay.span, _span(box))
            if together is not None:
                names = [resident_id, ""] if stay.is_first else [resident_id]
                found += [Claim(box.gateway_id, name, together) for name in names]
    return tuple(_merged(sorted(found)))


def around(connection: sa.Connection, home_key: str, gateway_id: str, name: str, at: datetime) -> Span | None:
    """What a case of a home may show of a box: while it stood where it did at that moment, and with whom it meant.

    `name`: as the readings name the person. Whom nobody knows is bound by the box alone.
    """
    boxes = connection.execute(sa.select(box_stays).where(box_stays.c.gateway_id == gateway_id))
    lives = resident_stays.c.home_id == home_key
    whom = resident_stays.c.is_first if name == "" else resident_stays.c.resident_id == name
    people = connection.execute(sa.select(resident_stays).where(lives, whom))
    return overlap(_at(map(_span, boxes), at), _at(map(_span, people), at))


def settle_boxes(connection: sa.Connection, at: datetime) -> None:
    """Boxes have moved: note since when each stands where `gateways` says."""
    table, gateways = box_stays, schema.gateways
    placed = sa.select(gateways.c.gateway_id, gateways.c.home_id).where(gateways.c.home_id.is_not(None))
    now = {row.gateway_id: row.home_id for row in connection.execute(placed)}
    met = set(connection.scalars(sa.select(table.c.gateway_id).distinct()))
    for row in connection.execute(sa.select(table).where(table.c.until.is_(None))).all():
        if now.get(row.gateway_id) == row.home_id:
            del now[row.gateway_id]
        else:
            _end(connection, table, row, at)
    new = [
        {"gateway_id": gateway_id, "home_id": home_id, "since": at if gateway_id in met else None}
        for gateway_id, home_id in sorted(now.items())
    ]
    if new:
        connection.execute(sa.insert(table), new)


def settle_residents(connection: sa.Connection, at: datetime, home_ids: Iterable[str] | None = None) -> None:
    """People have come, gone or changed places in these homes (None: in any): note since when."""
    if home_ids is None:
        home_ids = set(connection.scalars(sa.select(schema.residents.c.home_id).distinct()))
        home_ids |= set(connection.scalars(sa.select(resident_stays.c.home_id).where(resident_stays.c.until.is_(None))))
    parts = list(_parts(home_ids))
    for part in parts:  # all ends first: whoever moves ends one stay before the next begins
        _end_stays(connection, part, at)
    for part in parts:
        _begin_stays(connection, part, at)


def _end_stays(connection: sa.Connection, home_ids: Sequence[str], at: datetime) -> None:
    now = set(_living(connection, home_ids))
    table = resident_stays
    for row in connection.execute(sa.select(table).where(table.c.home_id.in_(home_ids), table.c.until.is_(None))).all():
        if (row.resident_id, row.home_id, row.is_first) not in now:
            _end(connection, table, row, at)


def _begin_stays(connection: sa.Connection, home_ids: Sequence[str], at: datetime) -> None:
    table = resident_stays
    there = connection.execute(sa.select(table).where(table.c.home_id.in_(home_ids))).all()
    still = {(row.resident_id, row.home_id, row.is_first) for row in there if row.until is None}
    lived_in = {row.home_id for row in there if row.until is not None}
    new = [one for one in _living(connection, home_ids) if one not in still]
    came_from = set()
    for part in _parts(resident_id for resident_id, _, _ in new):
        came_from |= set(connection.scalars(sa.select(table.c.resident_id).where(table.c.resident_id.in_(part))))
    rows = [
        {
            "resident_id": resident_id,
            "home_id": home_id,
            "is_first": is_first,
            "since": at if home_id in lived_in or resident_id in came_from else None,
        }
        for resident_id, home_id, is_first in new
    ]
    if rows:
        connection.execute(sa.insert(table), rows)


def _living(connection: sa.Connection, home_ids: Sequence[str]) -> list[tuple[str, str, bool]]:
    """Everybody in these homes, and whether he is the first."""
    table = schema.residents
    here = (table.c.home_id.in_(home_ids), living())
    rows = connection.execute(sa.select(table).where(*here).order_by(table.c.place, table.c.resident_id))
    seen: set[str] = set()
    found = []
    for row in rows:
        found.append((row.resident_id, row.home_id, row.home_id not in seen))
        seen.add(row.home_id)
    return found


def _end(connection: sa.Connection, table: sa.Table, row: "sa.Row[tuple[object, ...]]", at: datetime) -> None:
    until = at if row.since is None else max(at, row.since)  # the clock of the server may have been set back
    connection.execute(sa.update(table).where(table.c.stay_id == row.stay_id).values(until=until))


def _at(spans: Iterable[Span], at: datetime) -> Span:
    """The span that holds the moment, else the gap between spans that does."""
    start, end = ALWAYS
    for span in spans:
        if span.start <= at < span.end:
            return span
        if span.end <= at:
            start = max(start, span.end)
        else:
            end = min(end, span.start)
    return Span(start, end)


def _merged(ordered: Iterable[Claim]) -> Iterable[Claim]:
    last: Claim | None = None
    for one in ordered:
        if last is not None and last[:2] == one[:2] and one.span.start <= last.span.end:
            last = last._replace(span=Span(last.span.start, max(last.span.end, one.span.end)))
            continue
        if last is not None:
            yield last
        last = one
    if last is not None:
        yield last


def _stay(row: "sa.Row[tuple[object, ...]]") -> Stay:
    return Stay(row.resident_id, row.home_id, row.is_first, _span(row))


def _span(row: "sa.Row[tuple[object, ...]]") -> Span:
    return Span(row.since or schema.EARLIEST, row.until or schema.LATEST)


def _parts(names: Iterable[str]) -> Iterable[list[str]]:
    ordered = sorted(set(names))
    return (ordered[start : start + _AT_ONCE] for start in range(0, len(ordered), _AT_ONCE))
