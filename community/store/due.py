"""Clocks that are due, and what they do, in one transaction each: the step, its card, whom it calls."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa

from community import engine
from community.casefile import SYSTEM
from community.store import reach, schema
from community.store.cases import decode_case, record
from community.store.lease import engine_now
from community.store.surroundings import context
from shouwang.errors import ShouwangError


@dataclass(frozen=True, kw_only=True, slots=True)
class Turn:
    """How many clocks fired, and cases of which one could not: by number, why."""

    fired: int
    stuck: dict[int, str] = field(default_factory=dict)


def is_any(connection: sa.Connection, but: Collection[int] = ()) -> bool:
    """Whether a clock is due, of other cases than those."""
    table = schema.incidents
    is_due = (table.c.due_e <= engine_now(connection), table.c.incident_id.not_in(but))
    return connection.execute(sa.select(table.c.incident_id).where(*is_due).limit(1)).first() is not None


def fire(connection: sa.Connection, now: datetime, limit: int, but: Collection[int] = ()) -> Turn:
    """Fire those that are due, the longest due first, at most one of each case and `limit` in all.

    A case whose clock cannot fire is left as it is and told; the others go on. Cases in `but` are passed over.
    """
    table = schema.incidents
    rows = connection.execute(
        sa.select(table.c.incident_id, table.c.body)
        .where(table.c.due_e <= engine_now(connection), table.c.incident_id.not_in(but))
        .order_by(table.c.due_e, table.c.incident_id)
        .limit(limit)
    ).all()
    fired = 0
    known = reach.Known(connection, now)
    stuck: dict[int, str] = {}
    for row in rows:
        step = connection.begin_nested()
        try:
            fired += _fire(connection, row.incident_id, row.body, known)
        except (ShouwangError, ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
            step.rollback()
            stuck[row.incident_id] = f"{type(error).__name__}: {error}"
        else:
            step.commit()
    return Turn(fired=fired, stuck=stuck)


def _fire(connection: sa.Connection, incident_id: int, body: bytes, known: reach.Known) -> int:
    case, now = decode_case(body), known.now
    made = engine.fired(case, context(connection, case, now, known=known), at=now)
    if made is None:
        return 0
    record(connection, incident_id, made, at=now, actor=SYSTEM)
    return 1
