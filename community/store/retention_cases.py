"""Cases that were closed long ago: their words, names and evidence end; that they were, when and how they went, stays.

Nothing of a case that is open or held back (`hold`) ends.
"""

from collections.abc import Collection
from datetime import datetime

import sqlalchemy as sa

from community.casefile import NotNow
from community.store import people_erasure_cases as erasure
from community.store import rings, schema, seals
from community.store.people_access import Act, note
from community.store.people_left import OVER
from community.store.sealed_schema import case_holds, retired_cases
from shouwang.alert import Sentence

BY = "system"
REASON = "kept as long as community.yaml says (retention: case_days)"
_cases = schema.incidents


def ended(before: datetime) -> tuple["sa.ColumnElement[bool]", ...]:
    """Conditions on `incidents`: closed before this moment, and not held."""
    return (_cases.c.state == "CLOSED", _cases.c.changed_at < before, ~_is_held())


def _is_held() -> "sa.ColumnElement[bool]":
    held = sa.select(case_holds.c.hold_id).where(
        case_holds.c.incident_id == _cases.c.incident_id, case_holds.c.ended_at.is_(None)
    )
    return held.exists()


def free(connection: sa.Connection, incident_ids: Collection[int], before: datetime) -> frozenset[int]:
    """Those of these cases of which something may end now."""
    if not incident_ids:
        return frozenset()
    these = _cases.c.incident_id.in_(sorted(incident_ids))
    columns = (_cases.c.incident_id, _cases.c.state, _cases.c.changed_at)
    # Asked by their numbers alone: a planner that saw the rest would walk through all cases that are closed.
    rows = connection.execute(sa.select(*columns).where(these, ~_is_held())).all()
    return frozenset(row.incident_id for row in rows if row.state == "CLOSED" and row.changed_at < before)


def whole(connection: sa.Connection, incident_ids: Collection[int], before: datetime) -> frozenset[int]:
    """Those of these cases that `over` finds."""
    cases = free(connection, incident_ids, before)
    done = sa.select(retired_cases.c.incident_id).where(retired_cases.c.incident_id.in_(sorted(cases)))
    return cases - frozenset(connection.scalars(done))


def over(before: datetime) -> "sa.Select[tuple[int]]":
    """Cases whose words are still there and need not be."""
    done = sa.select(retired_cases.c.incident_id).where(retired_cases.c.incident_id == _cases.c.incident_id)
    return sa.select(_cases.c.incident_id).where(*ended(before), ~done.exists())


def end(connection: sa.Connection, incident_ids: Collection[int], at: datetime) -> None:
    """Their words, names, evidence, pictures and calls go; it stands in the log of reads, sealed.

    Answers to their orders went long before (community.retention_settings: command_days). Hand-overs are a kind of
    their own: a case that is open or held may have gone with this one.
    """
    cases = frozenset(incident_ids)
    access_id = note(connection, Act.ERASURE, actor=BY, at=at, reason=REASON)
    erasure.forget_notes(connection, cases)
    erasure.forget_alerts_in(connection, cases, access_id, OVER)
    erasure.forget_calls(connection, cases)
    erasure.forget_visits(connection, cases)
    rings.forget(connection, cases)
    done = [{"incident_id": number, "at": at} for number in sorted(cases)]
    connection.execute(sa.insert(retired_cases), done)


def hold(connection: sa.Connection, incident_id: int, *, by: str, at: datetime, reason: str) -> int:
    """Nothing of this case ends until the hold does; sealed. Raises NotNow without such a case, or without a reason."""
    known = connection.scalar(sa.select(_cases.c.incident_id).where(_cases.c.incident_id == incident_id))
    if known is None:
        raise NotNow(Sentence(zh="没有这个警情", en="there is no such case"))
    if not reason.strip():
        raise NotNow(Sentence(zh="请写明保全理由", en="say why it must be kept"))
    if holds(connection, incident_id):
        raise NotNow(Sentence(zh="本案已在保全中", en="this case is held already"))
    values = {"incident_id": incident_id, "by": by, "at": at, "reason": reason.strip()}
    row = connection.execute(sa.insert(case_holds).values(**values).returning(case_holds.c.hold_id)).one()
    seals.seal(connection, case_holds, int(row.hold_id), at=at)
    return int(row.hold_id)


def let_go(connection: sa.Connection, incident_id: int, *, by: str, at: datetime) -> None:
    """The hold ends; sealed. Raises NotNow where there is none."""
    standing = (case_holds.c.incident_id == incident_id, case_holds.c.ended_at.is_(None))
    done = sa.update(case_holds).where(*standing).values(ended_by=by, ended_at=at).returning(case_holds.c.hold_id)
    numbers = connection.scalars(done).all()
    if not numbers:
        raise NotNow(Sentence(zh="本案不在保全中", en="this case is not held"))
    for number in numbers:
        seals.seal(connection, case_holds, number, at=at)


def holds(connection: sa.Connection, incident_id: int | None = None) -> tuple["sa.Row[tuple[object, ...]]", ...]:
    """The holds that stand, of this case alone where one is named; oldest first."""
    query = sa.select(case_holds).where(case_holds.c.ended_at.is_(None)).order_by(case_holds.c.hold_id)
    if incident_id is not None:
        query = query.where(case_holds.c.incident_id == incident_id)
    return tuple(connection.execute(query))
