"""Test alarms that are asked of many boxes: one after the other, so that their alarms do not come all at once."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from community.fleet import ANSWER_WITHIN, ASK_EVERY, RoundOfTests
from community.store import schema, test_wishes, watch_schema
from community.store.fleet_schema import test_round_boxes, test_rounds
from community.store.pairs import words_of

_AT_ONCE = 20
"""So many are asked in one transaction, where the server was away; what is older than the form waits no longer."""
_SHOWN = 3
_Seen = Collection[str] | None


def begin(connection: sa.Connection, gateway_ids: Sequence[str], *, by: str, command_id: str, now: datetime) -> int:
    """Ask these, the first at once. The number of the round."""
    table = test_rounds
    insert = table.insert().values(command_id=command_id, asked_by=by, at=now).returning(table.c.round_id)
    round_id = int(connection.execute(insert).scalar_one())
    rows = [
        {"round_id": round_id, "gateway_id": gateway_id, "due_at": now + place * ASK_EVERY}
        for place, gateway_id in enumerate(dict.fromkeys(gateway_ids))
    ]
    if rows:
        connection.execute(test_round_boxes.insert(), rows)
    return round_id


def is_known(connection: sa.Connection, command_id: str) -> bool:
    """Whether this form has begun a round already."""
    known = sa.select(test_rounds.c.round_id).where(test_rounds.c.command_id == command_id)
    return connection.execute(known).first() is not None


def stop(connection: sa.Connection, round_id: int, now: datetime) -> None:
    """Nobody else is asked."""
    table = test_rounds
    is_on = (table.c.round_id == round_id, table.c.stopped_at.is_(None))
    connection.execute(table.update().where(*is_on).values(stopped_at=now))


def is_due(connection: sa.Connection, now: datetime) -> bool:
    """Whether somebody is to be asked now."""
    return connection.execute(_due(now).limit(1)).first() is not None


def ask_due(connection: sa.Connection, now: datetime) -> int:
    """Ask those whose turn it is. How many."""
    rows = connection.execute(_due(now).limit(_AT_ONCE)).all()
    for row in rows:
        command_id = f"test-round-{row.round_id}-{row.gateway_id}"
        test_wishes.wish(connection, row.gateway_id, by=row.asked_by, command_id=command_id, now=now)
        table = test_round_boxes
        where = (table.c.round_id == row.round_id, table.c.gateway_id == row.gateway_id)
        connection.execute(table.update().where(*where).values(asked_at=now))
    return len(rows)


def rounds(connection: sa.Connection, now: datetime, seen: _Seen = None) -> tuple[RoundOfTests, ...]:
    """The last ones, newest first, as far as their boxes are `seen` (None: all)."""
    table, boxes, tests = test_rounds, test_round_boxes, watch_schema.test_alarms
    has_come = (
        sa.select(tests.c.alert_id)
        .where(tests.c.gateway_id == boxes.c.gateway_id, tests.c.received_at >= boxes.c.asked_at)
        .exists()
    )
    is_asked = boxes.c.asked_at.is_not(None)
    is_old = boxes.c.asked_at < now - ANSWER_WITHIN
    chosen = (
        sa.select(
            table,
            sa.func.count().label("boxes"),
            _count(is_asked).label("asked"),
            _count(has_come).label("arrived"),
            _count(sa.and_(is_asked, sa.not_(has_come), is_old)).label("unanswered"),
            sa.func.max(boxes.c.due_at, type_=schema.UtcMicros).label("ends_at"),
        )
        .join_from(table, boxes)
        .group_by(table.c.round_id)
        .order_by(table.c.round_id.desc())
        .limit(_SHOWN)
    )
    if seen is not None:
        chosen = chosen.where(boxes.c.gateway_id.in_(sa.select(words_of(connection, seen).c.word)))
    return tuple(map(_round, connection.execute(chosen)))


def is_on(connection: sa.Connection) -> bool:
    """Whether boxes are still to be asked: there is one round at a time, or the limit were none."""
    return connection.execute(_left().limit(1)).first() is not None


def _round(row: sa.Row[*tuple[Any, ...]]) -> RoundOfTests:
    return RoundOfTests(
        round_id=row.round_id,
        by=row.asked_by,
        at=row.at,
        boxes=row.boxes,
        asked=row.asked,
        arrived=row.arrived,
        waiting=row.asked - row.arrived - row.unanswered,
        unanswered=row.unanswered,
        ends_at=row.ends_at,
        is_stopped=row.stopped_at is not None,
    )


def _due(now: datetime) -> sa.Select[*tuple[Any, ...]]:
    return _left().where(test_round_boxes.c.due_at <= now).order_by(test_round_boxes.c.due_at)


def _left() -> sa.Select[*tuple[Any, ...]]:
    boxes, table = test_round_boxes, test_rounds
    is_waiting = (boxes.c.asked_at.is_(None), table.c.stopped_at.is_(None))
    return sa.select(boxes, table.c.asked_by).join_from(boxes, table).where(*is_waiting)


def _count(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
    return sa.func.sum(sa.case((condition, 1), else_=0))
