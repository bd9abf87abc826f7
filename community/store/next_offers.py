"""The next one is asked at once: what the call of a step for `next_candidate` leads to."""

from datetime import datetime

import sqlalchemy as sa

from community.casefile import SYSTEM, Case
from community.desk import Wish
from community.store import case_schema, dispatch, dispatch_schema
from community.store.cases import load
from community.store.orders import carry_out, rung_failed
from community.workflow import kept_workflow

AT_ONCE = 50
"""Calls in one transaction: an alarm waits for no more."""
_AUDIENCE = "next_candidate"
_COMMAND = "offer_next"
_done = dispatch_schema.next_offers


def are_any(connection: sa.Connection) -> bool:
    """Whether somebody is to be asked."""
    return connection.execute(_waiting().limit(1)).first() is not None


def ask(connection: sa.Connection, now: datetime) -> tuple[int, int]:
    """Ask the next best of each case that wants one; how many were asked, and in how many nobody is left.

    Where nobody is left it is written down (`missed`) and the ladder goes on at once. A case that has moved on
    meanwhile (an operator sent somebody, it was closed) wants nobody: `dropped`.
    """
    asked = lost = 0
    for row in connection.execute(_waiting().limit(AT_ONCE)).all():
        outcome = _ask(connection, row.notice_id, row.incident_id, now)
        connection.execute(_done.insert().values(notice_id=row.notice_id, outcome=outcome, at=now))
        asked += outcome == "done"
        lost += outcome == "missed"
    return asked, lost


def _ask(connection: sa.Connection, notice_id: int, incident_id: int, now: datetime) -> str:
    case = load(connection, incident_id)
    if case is None or kept_workflow(case.workflow, case.policy).row(_COMMAND, case.state) is None:
        return "dropped"
    found = dispatch.candidates(connection, case, now)
    if not found:
        _go_on(connection, incident_id, case, now)
        return "missed"
    wish = Wish(
        incident_id=incident_id,
        command=_COMMAND,
        by=SYSTEM,
        role=SYSTEM,
        command_id=f"next-offer-{notice_id}",
        targets=found[:1],
    )
    return "done" if carry_out(connection, wish, now).row is not None else "dropped"


def _go_on(connection: sa.Connection, incident_id: int, case: Case, now: datetime) -> None:
    """The ladder goes past the rung that sends people, or to its next one: supervisor, family, keyholder, 120."""
    rungs = kept_workflow(case.workflow, case.policy).ladder.get(case.priority, ())
    sends = max((place for place, rung in enumerate(rungs) if rung.do == "offer_best"), default=-1)
    past, rung = max(sends, case.rung), case.rung
    while rung <= past and rung_failed(connection, incident_id, rung, now):
        after = load(connection, incident_id)
        if after is None or after.rung == rung:  # the last rung was called once more
            return
        rung = after.rung


def _waiting() -> sa.Select[tuple[int, int]]:
    table = case_schema.notices
    # in the order of their numbers, each once: one writer gives the numbers, so that none comes in later below
    newest = sa.select(sa.func.coalesce(sa.func.max(_done.c.notice_id), 0)).scalar_subquery()
    return (
        sa.select(table.c.notice_id, table.c.incident_id)
        .where(table.c.audience == _AUDIENCE, table.c.notice_id > newest)
        .order_by(table.c.notice_id)
    )
