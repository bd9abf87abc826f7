"""What the wallboard counts, each in one bounded question. `homes`: of these alone; None: of all."""

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta

import msgspec
import sqlalchemy as sa

from community.casefile import Case
from community.channels.port import Outcome
from community.rosters import Post
from community.store import channel_health, rings, rosters, schema, watch_schema
from community.store.case_schema import attempts
from community.store.pairs import words_of
from community.store.storms import HELD
from community.users import Role
from community.wall import HISTORY, MARK_EVERY, Channel, Desk, Queue, TestAlarm, depth_of
from community.workflow import workflow
from shouwang.alert import Severity
from shouwang.errors import ConfigError

_MARKS = HISTORY // MARK_EVERY + 1
_NEWEST_ATTEMPTS = 2000
"""Enough for the last success of every channel; the table holds years."""
_MOST_ON_SCENE = 500
_WAITING = "reported"
"""The phase of cases that nobody has taken."""
_CALLS = (Severity.P1.value, Severity.P2.value)
_WORKED = (Outcome.SENT.value, Outcome.DELIVERED.value, Outcome.ANSWERED.value)
_IS_OPEN = schema.incidents.c.state != sa.literal_column("'CLOSED'")
"""Written out: only so does SQLite take the index of open cases."""
_US = timedelta(microseconds=1)


def last_seq(connection: sa.Connection) -> int:
    """The newest entry of the audit log."""
    return connection.execute(sa.select(sa.func.max(schema.incident_events.c.seq))).scalar() or 0


def homes_with_cases(connection: sa.Connection, since: datetime) -> frozenset[str]:
    """The homes of cases that are open, or were after `since`."""
    table = schema.incidents
    lately = sa.and_(table.c.state == "CLOSED", table.c.changed_at > since)
    opened = sa.select(table.c.home_key).where(_IS_OPEN)
    return frozenset(connection.scalars(opened.union(sa.select(table.c.home_key).where(lately))))


def queue(connection: sa.Connection, homes: Collection[str] | None, now: datetime) -> Queue:
    """Open cases as they stand."""
    table = schema.incidents
    rows = connection.execute(
        sa.select(
            table.c.workflow,
            table.c.state,
            table.c.priority,
            sa.func.count().label("number"),
            sa.func.min(table.c.opened_at).label("since"),
        )
        .where(_IS_OPEN, table.c.state != HELD, table.c.is_test.is_(False), *_of(connection, homes))
        .group_by(table.c.workflow, table.c.state, table.c.priority)
    ).all()
    by_phase: dict[str, int] = {}
    for row in rows:
        phase = _phase(row.workflow, row.state)
        by_phase[phase] = by_phase.get(phase, 0) + row.number
    life = [row for row in rows if row.priority == Severity.P1.value]
    calls = [row for row in rows if row.priority in _CALLS and _phase(row.workflow, row.state) == _WAITING]
    return Queue(
        life=sum(row.number for row in life),
        life_since=min((row.since for row in life), default=None),
        waiting=sum(row.number for row in calls),
        waiting_since=min((row.since for row in calls), default=None),
        by_phase=by_phase,
        depth=depth_of(_spans(connection, homes, now), _MARKS),
    )


def desk(connection: sa.Connection, now: datetime) -> Desk:
    """Operators and supervisors by the roster, and who is signed in."""
    users, sessions = schema.users, schema.login_sessions
    wanted = {one.person for post in (Post.OPERATOR, Post.SUPERVISOR) for one in rosters.here(connection, post, now)}
    here = connection.scalars(
        sa.select(users.c.login)
        .join(sessions, sessions.c.user_id == users.c.user_id)
        .where(sessions.c.expires_at > now, users.c.role.in_((Role.OPERATOR.value, Role.SUPERVISOR.value)))
        .distinct()
    )
    signed_in = set(here)
    sounds = rings.desks(connection, now)
    return Desk(
        rostered=len(wanted),
        came=len(wanted & signed_in),
        signed_in=len(signed_in),
        ringing=sum(one.rings for one in sounds),
        mute=sum(one.is_mute for one in sounds),
    )


def channels(connection: sa.Connection) -> tuple[Channel, ...]:
    """In the order of the settings; with what the newest messages say of them."""
    newest = sa.select(attempts).order_by(attempts.c.attempt_id.desc()).limit(_NEWEST_ATTEMPTS).subquery()
    has_worked = newest.c.outcome.in_(_WORKED)
    is_queued = newest.c.outcome == Outcome.QUEUED.value
    told = {
        row.channel: row
        for row in connection.execute(
            sa.select(
                newest.c.channel,
                sa.func.max(sa.case((has_worked, newest.c.changed_at))).label("worked_at"),
                sa.func.min(sa.case((is_queued, newest.c.queued_at))).label("waits_since"),
            ).group_by(newest.c.channel)
        )
    }
    found = []
    for row in channel_health.rows(connection):
        said = told.get(row.channel)
        worked = [at for at in (row.tested_at, said.worked_at if said else None) if at is not None]
        found.append(
            Channel(
                name=row.channel,
                way=row.way,
                is_up=row.is_up,
                since=row.since,
                worked_at=max(worked, default=None),
                waits_since=said.waits_since if said else None,
            )
        )
    return tuple(found)


def silent_on_scene(connection: sa.Connection) -> frozenset[str]:
    """Responders who are with somebody and have given no sign of life in time."""
    table = schema.incidents
    rows = connection.execute(
        sa.select(table.c.responder, table.c.body)
        .where(_IS_OPEN, table.c.state == "ON_SCENE", table.c.responder.is_not(None))
        .limit(_MOST_ON_SCENE)
    )
    return frozenset(
        row.responder
        for row in rows
        if any(clock.name == "silent" and clock.reds > 0 for clock in _case.decode(row.body).clocks)
    )


def last_test(connection: sa.Connection, homes: Collection[str] | None) -> TestAlarm | None:
    """The newest test alarm that has arrived; found box by box, each by its index."""
    tests, gateways = watch_schema.test_alarms, schema.gateways
    newest = (
        sa.select(sa.func.max(tests.c.received_at)).where(tests.c.gateway_id == gateways.c.gateway_id).scalar_subquery()
    )
    boxes = sa.select(gateways.c.gateway_id, newest.label("at")).where(gateways.c.home_id.is_not(None))
    if homes is not None:
        boxes = boxes.where(gateways.c.home_id.in_(sa.select(words_of(connection, homes).c.word)))
    box = boxes.subquery()
    row = connection.execute(
        sa.select(tests.c.received_at, tests.c.took_ms)
        .join(box, sa.and_(box.c.gateway_id == tests.c.gateway_id, box.c.at == tests.c.received_at))
        .order_by(tests.c.received_at.desc())
        .limit(1)
    ).first()
    if row is None:
        return None
    return TestAlarm(at=row.received_at, took_s=None if row.took_ms is None else row.took_ms / 1000)


def _of(connection: sa.Connection, homes: Collection[str] | None) -> tuple[sa.ColumnElement[bool], ...]:
    if homes is None:
        return ()
    return (schema.incidents.c.home_key.in_(sa.select(words_of(connection, homes).c.word)),)


def _spans(
    connection: sa.Connection, homes: Collection[str] | None, now: datetime
) -> Iterator[tuple[int, int | None, int]]:
    """Cases of the last day: the first mark at which they were open, the first at which they were no more."""
    table, start = schema.incidents, now - HISTORY
    is_of_day = sa.or_(_IS_OPEN, sa.and_(table.c.state == "CLOSED", table.c.changed_at > start))
    ended = sa.case((_IS_OPEN, None), else_=_mark(table.c.changed_at, start))
    of_day = (
        sa.select(_mark(table.c.opened_at, start).label("opened"), ended.label("ended"))
        .where(is_of_day, table.c.state != HELD, table.c.is_test.is_(False), *_of(connection, homes))
        .subquery()
    )
    columns = (of_day.c.opened, of_day.c.ended)
    for row in connection.execute(sa.select(*columns, sa.func.count().label("number")).group_by(*columns)):
        yield row.opened, row.ended, row.number


def _mark(column: sa.Column[datetime], start: datetime) -> sa.ColumnElement[int]:
    """The first mark at this moment or after it."""
    passed = sa.type_coerce(column, sa.BigInteger) - schema.micros(start)
    return sa.case((passed <= 0, 0), else_=(passed - 1) // (MARK_EVERY // _US) + 1)


def _phase(name: str, state: str) -> str:
    """As the present table of the kind says it; a state that it does not know is a phase by itself."""
    try:
        known = workflow(name).states.get(state)
    except ConfigError:
        return state
    return state if known is None else known.phase


_case = msgspec.json.Decoder(Case)
