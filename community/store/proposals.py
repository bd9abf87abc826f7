"""What contacts propose for themselves: kept beside the register until somebody of the centre decides it."""

from collections.abc import Collection, Mapping
from dataclasses import asdict, replace
from datetime import datetime

import sqlalchemy as sa

from community.proposals import TOLD_FOR, Proposal, State
from community.store.proposal_schema import contact_proposals as table


def put(connection: sa.Connection, proposal: Proposal) -> None:
    """It stands in the place of an older one of the same contact."""
    withdraw(connection, proposal.resident_id, proposal.contact_id, any_state=True)
    connection.execute(sa.insert(table).values(_values(proposal)))


def withdraw(connection: sa.Connection, resident_id: str, contact_id: str, *, any_state: bool = False) -> bool:
    """Whether there was one that nobody had decided; `any_state`: or had."""
    wanted = _of(resident_id, contact_id)
    wanted = wanted if any_state else wanted & (table.c.state == State.OPEN.value)
    return connection.execute(sa.delete(table).where(wanted)).rowcount > 0


def decide(connection: sa.Connection, proposal: Proposal, state: State, at: datetime, reason: str = "") -> None:
    """It was taken over, or refused with this word to the family."""
    decided = replace(proposal, state=state, decided_at=at, reason=reason)
    this = _of(proposal.resident_id, proposal.contact_id)
    connection.execute(sa.update(table).where(this).values(_values(decided)))


def of_contact(connection: sa.Connection, resident_id: str, contact_id: str) -> Proposal | None:
    """His newest, decided or not."""
    row = connection.execute(sa.select(table).where(_of(resident_id, contact_id))).first()
    return None if row is None else _proposal(row)


def open_of(connection: sa.Connection, resident_id: str) -> Mapping[str, Proposal]:
    """Those of a resident's contacts that nobody has decided, by contact."""
    asked = sa.select(table).where(table.c.resident_id == resident_id, table.c.state == State.OPEN.value)
    return {row.contact_id: _proposal(row) for row in connection.execute(asked)}


def has_open(resident_id: "sa.ColumnElement[str]") -> "sa.ColumnElement[bool]":
    """Whether a contact of this resident waits for somebody to decide."""
    return sa.exists().where(table.c.resident_id == resident_id, table.c.state == State.OPEN.value)


def keep_only(connection: sa.Connection, resident_id: str, contact_ids: Collection[str]) -> None:
    """Those of contacts who are on the list no more go."""
    gone = table.c.contact_id.not_in(sorted(contact_ids))
    connection.execute(sa.delete(table).where(table.c.resident_id == resident_id, gone))


def forget(connection: sa.Connection, resident_id: str) -> None:
    """Of somebody who is erased."""
    connection.execute(sa.delete(table).where(table.c.resident_id == resident_id))


def clear(connection: sa.Connection, now: datetime) -> None:
    """What nobody is told of any more goes."""
    connection.execute(sa.delete(table).where(table.c.decided_at < now - TOLD_FOR))


def _of(resident_id: str, contact_id: str) -> "sa.ColumnElement[bool]":
    return sa.and_(table.c.resident_id == resident_id, table.c.contact_id == contact_id)


def _proposal(row: "sa.Row[tuple[object, ...]]") -> Proposal:
    return Proposal(
        resident_id=row.resident_id,
        contact_id=row.contact_id,
        by=row.by,
        at=row.at,
        instead=row.instead,
        phone=row.phone,
        language=row.language,
        stood=row.stood,
        state=State(row.state),
        decided_at=row.decided_at,
        reason=row.reason,
    )


def _values(proposal: Proposal) -> dict[str, object]:
    return {**asdict(proposal), "state": proposal.state.value}
