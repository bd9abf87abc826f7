"""What a step of a case leaves beside its row: the cards that it drew and the people whom it calls."""

from datetime import datetime

import msgspec
import sqlalchemy as sa

from community.casefile import Case, Step
from community.store import case_schema
from community.store.belonging import organisation_of
from community.store.group import write_out
from community.store.lease import engine_now


def told_whose(connection: sa.Connection, step: Step, at: datetime) -> Step:
    """Its cards say whose the responsible person is at this moment: later nobody can tell."""
    if not step.cards:
        return step
    cards = tuple(
        msgspec.structs.replace(card, organisation=organisation_of(connection, card.responsible, at))
        for card in step.cards
    )
    return msgspec.structs.replace(step, cards=cards)


def draw_cards(connection: sa.Connection, incident_id: int, case: Case, step: Step, at: datetime) -> None:
    """Rows of the cards that the step drew."""
    rows = [
        {
            "incident_id": incident_id,
            "version": case.version,
            "step": card.step,
            "colour": card.colour.value,
            "priority": case.priority.value,
            "policy": case.policy,
            "responsible": card.responsible,
            "organisation": card.organisation,
            "at": at,
            "limit_ms": card.limit_ms,
            "actual_ms": card.actual_ms,
            "level": card.level,
        }
        for card in step.cards
    ]
    if rows:
        write_out(connection)
        connection.execute(case_schema.cards.insert(), rows)


def call(connection: sa.Connection, incident_id: int, case: Case, step: Step, at: datetime) -> None:
    """Rows of the notices: whom the step calls."""
    if not step.calls:
        return
    now_e = engine_now(connection)
    rows = [
        {
            "incident_id": incident_id,
            "version": case.version,
            "place": place,
            "step": step.name,
            "audience": one.audience,
            "to_whom": one.to,
            "rung": one.rung,
            "prompt": one.prompt,
            "created_at": at,
            "created_e": now_e,
            "state": "missed" if one.is_missed else "waiting",
        }
        for place, one in enumerate(step.calls)
    ]
    write_out(connection)
    connection.execute(case_schema.notices.insert(), rows)
