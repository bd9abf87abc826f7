"""Policies on disk: what was proposed, what is in force, and the past cases that a proposal is tried on."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

import msgspec
import sqlalchemy as sa

from community.casefile import NotNow
from community.lanes import table_of
from community.policy import CENTRE_FROM, Numbers, laid_over
from community.policy_trial import CaseTimes, times_of
from community.store import schema, seals
from community.store.group import recall
from community.store.kpi import sealed_entry
from community.store.policy_schema import policies as table
from community.wording import MOVED_ON
from community.workflow import Workflow, keep_policies, kept_workflow, workflow
from shouwang.alert import Sentence
from shouwang.errors import ConfigError

PROPOSED, REFUSED, IN_FORCE, PAST = "proposed", "refused", "in_force", "past"
_numbers = msgspec.json.Decoder(Numbers)


@dataclass(frozen=True, kw_only=True, slots=True)
class Policy:
    """Numbers for a workflow, proposed by somebody. `instead_of`: the version that they are to follow."""

    policy_id: int
    workflow: str
    base: int
    instead_of: int
    numbers: Numbers
    reason: str
    state: str
    proposed_by: str
    proposed_at: datetime
    decided_by: str | None
    decided_at: datetime | None

    @property
    def version(self) -> int:
        """What cases opened by it are marked with."""
        return CENTRE_FROM + self.policy_id

    def table(self) -> Workflow:
        """The whole table with these numbers. Raises ConfigError where they do not fit it (any more)."""
        return laid_over(kept_workflow(self.workflow, self.base), self.numbers, self.version)


def bring_in(connection: sa.Connection) -> tuple[str, ...]:
    """Tell the engine all versions that ever were in force; what could not be used, in words."""
    tables, lost = [], []
    keep_policies((), is_all=True)
    rows = connection.execute(sa.select(table).where(table.c.state.in_((IN_FORCE, PAST))))
    for row in rows:
        policy = _policy(row)
        try:
            tables.append(policy.table())
        except ConfigError as error:
            lost.append(f"{policy.workflow}@{policy.version}: {error}")
    keep_policies(tables, is_all=True)
    return tuple(lost)


def table_for(connection: sa.Connection, lane: str) -> Workflow:
    """The table by which a new case of this lane is worked on: the centre's own, else what comes with the server."""
    shipped = table_of(lane)
    version = in_force(connection, shipped.workflow)
    return shipped if version is None else kept_workflow(shipped.workflow, version)


def in_force(connection: sa.Connection, name: str) -> int | None:
    """The centre's own version that new cases of this workflow get; None where it has none."""

    def read() -> int | None:
        found: int | None = connection.scalar(
            sa.select(table.c.policy_id).where(table.c.workflow == name, table.c.state == IN_FORCE)
        )
        return None if found is None else CENTRE_FROM + found

    return recall(connection, ("policy in force", name), read)


def propose(connection: sa.Connection, wanted: Policy) -> int:
    """Write a proposal down; its number. Raises NotNow where another version is in force than the one it follows."""
    if current(connection, wanted.workflow) != wanted.instead_of:
        raise NotNow(MOVED_ON)
    made = connection.execute(
        sa.insert(table)
        .values(
            workflow=wanted.workflow,
            base=wanted.base,
            instead_of=wanted.instead_of,
            numbers=msgspec.json.encode(wanted.numbers),
            reason=wanted.reason,
            state=PROPOSED,
            proposed_by=wanted.proposed_by,
            proposed_at=wanted.proposed_at,
        )
        .returning(table.c.policy_id)
    )
    policy_id = int(made.scalar_one())
    seals.seal(connection, table, policy_id, at=wanted.proposed_at)
    return policy_id


def current(connection: sa.Connection, name: str) -> int:
    """The version that new cases of this workflow get."""
    own = in_force(connection, name)
    return workflow(name).version if own is None else own


def put_in_force(connection: sa.Connection, policy_id: int, by: str, at: datetime) -> Policy:
    """New cases get it from now on. Raises NotNow where it was decided on, or something else is in force meanwhile."""
    policy = _undecided(connection, policy_id)
    if current(connection, policy.workflow) != policy.instead_of:
        raise NotNow(MOVED_ON)
    made = policy.table()
    is_old = (table.c.workflow == policy.workflow, table.c.state == IN_FORCE)
    ended = sa.update(table).where(*is_old).values(state=PAST).returning(table.c.policy_id)
    for old in connection.scalars(ended).all():
        seals.seal(connection, table, old, at=at)
    _decide(connection, policy_id, IN_FORCE, by, at)
    keep_policies((made,), is_all=False)
    return policy


def refuse(connection: sa.Connection, policy_id: int, by: str, at: datetime) -> Policy:
    """It does not come. Raises NotNow where it was decided on already."""
    policy = _undecided(connection, policy_id)
    _decide(connection, policy_id, REFUSED, by, at)
    return policy


def one(connection: sa.Connection, policy_id: int) -> Policy | None:
    """The policy of this number."""
    row = connection.execute(sa.select(table).where(table.c.policy_id == policy_id)).first()
    return None if row is None else _policy(row)


def newest(connection: sa.Connection, limit: int, name: str | None = None) -> tuple[Policy, ...]:
    """The newest proposals and versions, of one workflow where it is named."""
    found = sa.select(table).order_by(table.c.policy_id.desc()).limit(limit)
    if name is not None:
        found = found.where(table.c.workflow == name)
    return tuple(map(_policy, connection.execute(found)))


def cases_since(connection: sa.Connection, name: str, since: datetime, limit: int) -> tuple[int, ...]:
    """Cases of this workflow since then, the newest first; no test calls."""
    cases = schema.incidents
    found = sa.select(cases.c.incident_id).where(
        cases.c.workflow == name, cases.c.opened_at >= since, cases.c.is_test.is_(False)
    )
    return tuple(connection.scalars(found.order_by(cases.c.incident_id.desc()).limit(limit)))


def times(connection: sa.Connection, incident_ids: Sequence[int]) -> tuple[CaseTimes, ...]:
    """How long each clock of these cases ran. Raises DecodeError for a damaged log."""
    events = schema.incident_events
    rows = connection.execute(
        sa.select(events.c.incident_id, events.c.body)
        .where(events.c.incident_id.in_(incident_ids))
        .order_by(events.c.incident_id, events.c.seq)
    )
    by_case = groupby(rows, lambda row: row.incident_id)
    found = (times_of(sealed_entry(row.body) for row in group) for _, group in by_case)
    return tuple(one for one in found if one is not None)


def _undecided(connection: sa.Connection, policy_id: int) -> Policy:
    policy = one(connection, policy_id)
    if policy is None:
        raise NotNow(Sentence(zh=f"没有第 {policy_id} 号提案", en=f"there is no proposal {policy_id}"))
    if policy.state != PROPOSED:
        raise NotNow(MOVED_ON)
    return policy


def _decide(connection: sa.Connection, policy_id: int, state: str, by: str, at: datetime) -> None:
    values = {"state": state, "decided_by": by, "decided_at": at}
    connection.execute(sa.update(table).where(table.c.policy_id == policy_id).values(values))
    seals.seal(connection, table, policy_id, at=at)


def _policy(row: sa.Row[tuple[object, ...]]) -> Policy:
    return Policy(
        policy_id=row.policy_id,
        workflow=row.workflow,
        base=row.base,
        instead_of=row.instead_of,
        numbers=_numbers.decode(row.numbers),
        reason=row.reason,
        state=row.state,
        proposed_by=row.proposed_by,
        proposed_at=row.proposed_at,
        decided_by=row.decided_by,
        decided_at=row.decided_at,
    )
