"""Cases that supervisors look after: those that drew a red card, and those that wait for a call-back."""

from collections.abc import Sequence

import sqlalchemy as sa

from community.casefile import Case, Colour
from community.store import case_schema, decisions, schema
from community.store.cases import CLOSED, decode_case

MOST = 2000
"""So many at most are looked through for those of somebody's areas."""
_REVISIT = "REVISIT"
Numbered = tuple[int, Case]


def red(connection: sa.Connection) -> Sequence[Numbered]:
    """Open cases with a red card that nobody excused, or an open decision; the most urgent and oldest first."""
    table, cards, excuses = schema.incidents, case_schema.cards, case_schema.excuses
    drew = (
        sa.select(cards.c.incident_id)
        .outerjoin(excuses, excuses.c.card_id == cards.c.card_id)
        .where(
            cards.c.incident_id == table.c.incident_id,
            cards.c.colour == Colour.RED.value,
            excuses.c.card_id.is_(None),
        )
        .correlate(table)
    )
    is_red = sa.or_(sa.exists(drew), table.c.incident_id.in_(decisions.open_cases()))
    is_theirs = (table.c.state != CLOSED, table.c.is_test.is_(False), is_red)
    order = (table.c.priority, table.c.opened_at, table.c.incident_id)
    return _numbered(connection, sa.select(table).where(*is_theirs).order_by(*order))


def red_steps(connection: sa.Connection, numbers: Sequence[int]) -> dict[int, tuple[str, ...]]:
    """The steps of these cases that drew a red card, each once, the first one first."""
    cards = case_schema.cards
    found: dict[int, dict[str, None]] = {}
    rows = connection.execute(
        sa.select(cards.c.incident_id, cards.c.step)
        .where(cards.c.incident_id.in_(numbers), cards.c.colour == Colour.RED.value)
        .order_by(cards.c.card_id)
    )
    for row in rows:
        found.setdefault(int(row.incident_id), {})[row.step] = None
    return {number: tuple(steps) for number, steps in found.items()}


def to_call_back(connection: sa.Connection) -> Sequence[Numbered]:
    """Cases that wait for a call-back, the first due first."""
    table = schema.incidents
    waiting = (table.c.state == _REVISIT, table.c.is_test.is_(False))
    order = (table.c.due_e, table.c.incident_id)
    return _numbered(connection, sa.select(table).where(*waiting).order_by(*order))


def _numbered(connection: sa.Connection, of: sa.Select[tuple[object, ...]]) -> Sequence[Numbered]:
    return [(int(row.incident_id), decode_case(row.body)) for row in connection.execute(of.limit(MOST))]
