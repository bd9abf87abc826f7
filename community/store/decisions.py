"""Decisions of the joint meeting (督办) on disk: each opened once, settled once, both sealed in the audit log."""

from collections.abc import Collection
from datetime import date, datetime

import msgspec
import sqlalchemy as sa

from community.casefile import Directed, NotNow
from community.store import cases, chain, note_words, seals
from community.store.supervising_schema import decisions as table
from shouwang.alert import Sentence
from shouwang.reading import Moment

_NOT_WHOLE = Sentence(
    zh="督办决定要写明做什么、谁负责、何时完成",
    en="a decision says what is to be done, who answers for it and until when",
)


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What was decided for a case. `measure`, `outcome` None: erased, or not settled."""

    decision_id: int
    incident_id: int
    by: str
    at: Moment
    owner: str
    due_on: date
    measure: str | None
    settled_at: datetime | None = None
    settled_by: str = ""
    outcome: str | None = None

    def is_late(self, today: date) -> bool:
        """Whether it should be settled by now and is not."""
        return self.settled_at is None and self.due_on < today


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """A decision to be written down."""

    measure: str
    owner: str
    due_on: date


def decide(connection: sa.Connection, incident_id: int, wanted: Wanted, *, by: str, now: datetime) -> int:
    """Open one; its number. Raises NotNow where something is left out, or the case has ended."""
    case = cases.load(connection, incident_id)
    if case is None or case.state == cases.CLOSED:
        raise NotNow(Sentence(zh="没有这个未结警情", en="there is no such open case"))
    if not wanted.measure.strip() or not wanted.owner.strip():
        raise NotNow(_NOT_WHOLE)
    note_id, digest = note_words.keep(connection, incident_id, wanted.measure)
    due_on = wanted.due_on.isoformat()
    values = {"incident_id": incident_id, "by": by, "at": now, "owner": wanted.owner, "due_on": due_on}
    row = connection.execute(table.insert().values(**values, note_id=note_id).returning(table.c.decision_id)).one()
    number = int(row.decision_id)
    seals.seal(connection, table, number, at=now)
    event = Directed(by=by, decision=number, note_id=note_id, digest=digest, owner=wanted.owner, due_on=due_on)
    chain.append(connection, incident_id, case, event, at=now, actor=by)
    return number


def settle(connection: sa.Connection, decision_id: int, outcome: str, *, by: str, now: datetime) -> None:
    """It has been done. Raises NotNow where there is none that is open, or nothing is said of how it went."""
    row = connection.execute(sa.select(table).where(table.c.decision_id == decision_id, _is_open())).first()
    case = None if row is None else cases.load(connection, row.incident_id)
    if row is None or case is None:
        raise NotNow(Sentence(zh="没有这项未销号的决定", en="there is no such open decision"))
    if not outcome.strip():
        raise NotNow(Sentence(zh="请写明办理结果", en="say in a few words how it went"))
    note_id, digest = note_words.keep(connection, row.incident_id, outcome)
    done = {"settled_at": now, "settled_by": by, "settled_note_id": note_id}
    connection.execute(table.update().where(table.c.decision_id == decision_id).values(done))
    seals.seal(connection, table, decision_id, at=now)
    event = Directed(by=by, decision=decision_id, note_id=note_id, digest=digest, is_settled=True)
    chain.append(connection, row.incident_id, case, event, at=now, actor=by)


def is_open(connection: sa.Connection, incident_id: int) -> bool:
    """Whether one of this case is open."""
    query = sa.select(table.c.decision_id).where(table.c.incident_id == incident_id, _is_open()).limit(1)
    return connection.execute(query).first() is not None


def case_of(connection: sa.Connection, decision_id: int) -> int | None:
    """Of which case it is; None for no such decision."""
    found = connection.scalar(sa.select(table.c.incident_id).where(table.c.decision_id == decision_id))
    return None if found is None else int(found)


def of_cases(connection: sa.Connection, numbers: Collection[int]) -> tuple[Decision, ...]:
    """Those of these cases, oldest first."""
    rows = connection.execute(
        sa.select(table).where(table.c.incident_id.in_(sorted(numbers))).order_by(table.c.decision_id)
    ).all()
    words = note_words.of(connection, {name for row in rows for name in (row.note_id, row.settled_note_id)})
    return tuple(
        Decision(
            decision_id=row.decision_id,
            incident_id=row.incident_id,
            by=row.by,
            at=row.at,
            owner=row.owner,
            due_on=date.fromisoformat(row.due_on),
            measure=words.get(row.note_id),
            settled_at=row.settled_at,
            settled_by=row.settled_by,
            outcome=words.get(row.settled_note_id),
        )
        for row in rows
    )


def open_cases() -> sa.Select[tuple[int]]:
    """The cases with an open decision."""
    return sa.select(table.c.incident_id).where(_is_open())


def _is_open() -> sa.ColumnElement[bool]:
    return table.c.settled_at.is_(None)
