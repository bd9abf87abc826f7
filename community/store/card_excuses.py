"""Excuses of cards: sealed in the audit log, kept beside the card. The card itself is never touched."""

from datetime import datetime

import sqlalchemy as sa

from community.casefile import Colour, Excused
from community.excuses import EXCUSES
from community.store import case_schema, cases, chain
from shouwang.errors import IllegalMove


def excuse(connection: sa.Connection, card_id: int, code: str, *, by: str, now: datetime) -> None:
    """Take a card out of the score. Raises IllegalMove for an unknown card or reason, or one excused already."""
    if code not in EXCUSES:
        raise IllegalMove(f"{code} is no reason of the list")
    table, excuses = case_schema.cards, case_schema.excuses
    card = connection.execute(sa.select(table).where(table.c.card_id == card_id)).first()
    case = None if card is None else cases.load(connection, card.incident_id)
    if card is None or case is None:
        raise IllegalMove(f"there is no card {card_id}")
    if card.responsible == by:
        raise IllegalMove("nobody excuses his own card")
    if connection.execute(sa.select(excuses).where(excuses.c.card_id == card_id)).first() is not None:
        raise IllegalMove("this card has been excused already")
    connection.execute(excuses.insert().values(card_id=card_id, reason_code=code, by=by, at=now))
    event = Excused(by=by, code=code, version=card.version, step=card.step, colour=Colour(card.colour))
    chain.append(connection, card.incident_id, case, event, at=now, actor=by)
