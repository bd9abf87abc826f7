"""What happened in the centre in one shift, read for its report; and the head of the chain at its end."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from community.kpi_months import Window
from community.rosters import Post, Shift
from community.store import chain, dispatch_schema, links, note_words, rosters, schema, seals
from community.store.handovers import Change, Handover, Note, handover_of
from community.store.storm_schema import storms
from community.store.watch_schema import test_alarms

MOST = 200
"""Rows of each list; a shift that holds more says so."""
LONGEST = timedelta(hours=24)
UNKNOWN = timedelta(hours=12)
"""A shift of which nobody knows when it began is reported over its last 12 hours."""
_AT_ONCE = 500
_handovers = dispatch_schema.handovers


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """From when to when somebody was on. `is_known` False: nobody has said when it began."""

    window: Window
    is_known: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Head:
    """The last entry of the audit log by some moment: its number and its hash (hex); the same of the changes."""

    seq: int
    hash: str
    changes: int
    changes_hash: str


@dataclass(frozen=True, kw_only=True, slots=True)
class StormOf:
    """A storm that was on. `homes`: of how many."""

    storm_id: int
    kind: str
    since: datetime
    ended_at: datetime | None
    homes: int
    incident_id: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Tests:
    """Test alarms that arrived; `slowest_ms` None: of none is it known how long it took."""

    count: int
    homes: int
    slowest_ms: int | None


def handover(connection: sa.Connection, handover_id: int) -> Handover | None:
    """A shift that went over; None where there is none that both have signed."""
    row = connection.execute(
        sa.select(_handovers).where(_handovers.c.handover_id == handover_id, _handovers.c.state == "done")
    ).first()
    return None if row is None else handover_of(row)


def span_of(connection: sa.Connection, login: str, end: datetime) -> Span:
    """Since when he was on, at `end`: since the shift was given to him, else since his duty of the roster began."""
    took = connection.scalar(
        sa.select(sa.func.max(_handovers.c.signed_at)).where(
            _handovers.c.taker == login,
            _handovers.c.state == "done",
            _handovers.c.signed_at < end,
            _handovers.c.signed_at > end - LONGEST,
        )
    )
    moment = timedelta(microseconds=1)
    duties = rosters.shifts(connection, end - moment, end)
    begun = [one.starts_at for one in duties if one.person == login and one.post is not Post.RESPONDER]
    start = took or min(begun, default=None)
    if start is None:
        return Span(window=Window(start=end - UNKNOWN, end=end), is_known=False)
    return Span(window=Window(start=start, end=end), is_known=True)


def head_at(connection: sa.Connection, moment: datetime) -> Head:
    """The last entry sealed by then; the newest numbers come first, so that a shift of today is found at once."""
    events = schema.incident_events
    row = connection.execute(
        sa.select(events.c.seq, events.c.hash).where(events.c.at <= moment).order_by(events.c.seq.desc()).limit(1)
    ).first()
    seq, sealed = (0, links.GENESIS) if row is None else (row.seq, row.hash)
    changes, changed = seals.head_at(connection, moment)
    return Head(seq=seq, hash=sealed.hex(), changes=changes, changes_hash=changed.hex())


def notes(connection: sa.Connection, numbers: Collection[int], window: Window) -> tuple[Note, ...]:
    """What was noted in these cases, oldest first; the words of erased notes are empty."""
    events, table = schema.incident_events, schema.notes
    found: list[tuple[int, bytes]] = []
    ordered = sorted(numbers)
    for start in range(0, len(ordered), _AT_ONCE):
        of_them = (events.c.incident_id.in_(ordered[start : start + _AT_ONCE]), events.c.kind == "note")
        in_time = (events.c.at >= window.start, events.c.at < window.end)
        rows = connection.execute(sa.select(events.c.seq, events.c.body).where(*of_them, *in_time))
        found += [(row.seq, row.body) for row in rows]
    entries = [chain.decode_entry(body) for _, body in sorted(found)[:MOST]]
    ids = {entry.seq: note_words.id_in(entry) for entry in entries}
    words = {
        row.note_id: row.words or ""
        for row in connection.execute(sa.select(table).where(table.c.note_id.in_(sorted(set(ids.values())))))
    }
    return tuple(
        Note(incident_id=entry.incident_id, at=entry.at, by=entry.actor, words=words.get(ids[entry.seq], ""))
        for entry in entries
    )


def on_duty(connection: sa.Connection, window: Window) -> tuple[Shift, ...]:
    """Duties of the desk in this time, by the roster; absences and who did not come stand beside."""
    duties = rosters.shifts(connection, window.start, window.end)
    return tuple(one for one in duties if one.post is not Post.RESPONDER)


def went_over(connection: sa.Connection, window: Window) -> tuple[Handover, ...]:
    """Shifts that were signed over in this time."""
    signed = (
        _handovers.c.state == "done",
        _handovers.c.signed_at >= window.start,
        _handovers.c.signed_at <= window.end,
    )
    rows = connection.execute(sa.select(_handovers).where(*signed).order_by(_handovers.c.signed_at).limit(MOST))
    return tuple(handover_of(row) for row in rows)


def missing(connection: sa.Connection, window: Window) -> tuple[rosters.NoShow, ...]:
    """Who should have come in this time and did not, or late."""
    table = dispatch_schema.no_shows
    of_it = (table.c.starts_at >= window.start, table.c.starts_at < window.end)
    rows = connection.execute(sa.select(table).where(*of_it).order_by(table.c.starts_at).limit(MOST))
    return tuple(rosters.no_show_of(row) for row in rows)


def away_changes(connection: sa.Connection, window: Window) -> tuple[tuple[str, Change], ...]:
    """Who was said to be away or back, oldest first, each with its home; the home is empty for a box of none."""
    table, boxes = schema.mode_orders, schema.gateways
    rows = connection.execute(
        sa.select(table, boxes.c.home_id)
        .join(boxes, boxes.c.gateway_id == table.c.gateway_id)
        .where(table.c.at >= window.start, table.c.at < window.end)
        .order_by(table.c.at)
        .limit(MOST)
    )
    return tuple(
        (
            row.home_id or "",
            Change(gateway_id=row.gateway_id, mode=row.mode, hours=row.hours, by=row.actor, at=row.at),
        )
        for row in rows
    )


def storms_in(connection: sa.Connection, window: Window) -> tuple[StormOf, ...]:
    """Storms that were on in this time."""
    is_of_it = (storms.c.since < window.end, sa.or_(storms.c.ended_at.is_(None), storms.c.ended_at >= window.start))
    rows = connection.execute(sa.select(storms).where(*is_of_it).order_by(storms.c.since).limit(MOST))
    return tuple(
        StormOf(
            storm_id=row.storm_id,
            kind=row.kind,
            since=row.since,
            ended_at=row.ended_at,
            homes=row.homes,
            incident_id=row.incident_id,
        )
        for row in rows
    )


def tests_in(connection: sa.Connection, window: Window) -> Tests:
    """Test alarms that arrived in this time."""
    table = test_alarms
    row = connection.execute(
        sa.select(
            sa.func.count().label("number"),
            sa.func.count(table.c.gateway_id.distinct()).label("homes"),
            sa.func.max(table.c.took_ms).label("slowest"),
        ).where(table.c.received_at >= window.start, table.c.received_at < window.end)
    ).one()
    return Tests(count=row.number, homes=row.homes, slowest_ms=row.slowest)
