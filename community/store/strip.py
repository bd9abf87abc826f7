"""The open cases for the strip of every page, by the audit: what it tells of no step of is not read again.

Whatever changes a case seals an entry of the audit in the same transaction, in this server or in another one, and each
entry holds the hash of the one before it. So where the newest one is that of the last look, no case has changed since.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

import sqlalchemy as sa

from community.casefile import Case
from community.desk import QueueRow
from community.store import board, chain, schema
from community.store.case_rows import homes_of, made
from community.store.cases import CLOSED, decode_case
from community.store.lease import engine_now
from community.store.storms import HELD
from community.strip import named_on

_FEW = 200
"""Entries since the last look; with more of them it is cheaper to read all open cases."""


@dataclass(frozen=True, slots=True)
class _Known:
    """`head`: of the audit when `cases` were read; `moment`: by which the clocks of `rows` were computed."""

    head: tuple[int, bytes] | None = None
    moment: board.Moment | None = None
    cases: Mapping[int, Case] = field(default_factory=dict)
    rows: Mapping[int, QueueRow] = field(default_factory=dict)
    ordered: tuple[QueueRow, ...] = ()


class Memory:
    """What one reader keeps from one look to the next: of one database, and of no more cases than it has open.

    Several threads may read with it: each goes on from a whole state, and leaves a whole one.
    """

    def __init__(self) -> None:
        """Nothing is known yet."""
        self.known = _Known()


def look(connection: sa.Connection, memory: Memory, clock: Callable[[], datetime]) -> tuple[int, tuple[QueueRow, ...]]:
    """The number of the newest entry, and the rows of the queue in its order, without homes and reasons."""
    before = memory.known
    head = chain.head(connection)  # before the cases: what is newer than it is read once more
    moment = board.same_moment(before.moment, (clock(), engine_now(connection)))
    if head != before.head or moment is not before.moment:
        cases = before.cases if head == before.head else _cases(connection, before)
        kept = before.rows if moment is before.moment else {}
        rows = {
            number: kept[number] if number in kept and case is before.cases[number] else _row(number, case, moment)
            for number, case in cases.items()
        }
        ordered = tuple(sorted(rows.values(), key=board.urgency))
        before = memory.known = _Known(head=head, moment=moment, cases=cases, rows=rows, ordered=ordered)
    return head[0], board.labelled(connection, before.ordered, clock())


def named(connection: sa.Connection, rows: tuple[QueueRow, ...]) -> tuple[QueueRow, ...]:
    """The rows; those that pages call by name have the name and the address."""
    shown = named_on(rows)
    homes = homes_of(connection, {row.home_id for row in shown})
    known = {
        row.incident_id: replace(row, address=homes[row.home_id].address, resident_name=homes[row.home_id].name)
        for row in shown
        if row.home_id in homes
    }
    return tuple(known.get(row.incident_id, row) for row in rows)


def _row(number: int, case: Case, moment: board.Moment) -> QueueRow:
    return made(number, case, None, None, moment)


def _cases(connection: sa.Connection, before: _Known) -> Mapping[int, Case]:
    table = schema.incidents
    steps = _steps_since(connection, before.head)
    if steps is None:
        return {number: decode_case(body) for number, body in board.bodies(connection, board.IS_OPEN)}
    changed = connection.execute(
        sa.select(table.c.incident_id, table.c.state, table.c.body).where(table.c.incident_id.in_(steps))
    ).all()
    cases = {number: case for number, case in before.cases.items() if number not in steps}
    return cases | {row.incident_id: decode_case(row.body) for row in changed if row.state not in (CLOSED, HELD)}


def _steps_since(connection: sa.Connection, head: tuple[int, bytes] | None) -> frozenset[int] | None:
    """The cases that the audit tells of after this entry; None: too many, or it is not the audit that it was."""
    if head is None or not chain.holds(connection, head):
        return None
    events = schema.incident_events
    newer = sa.select(events.c.incident_id).where(events.c.seq > head[0]).limit(_FEW + 1)
    found = connection.execute(newer).scalars().all()
    return frozenset(found) if len(found) <= _FEW else None
