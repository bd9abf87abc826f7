"""Excuses of cards: sealed in the audit log, kept beside the card. The card itself is never touched."""

from datetime import datetime

import sqlalchemy as sa

from community.casefile import Colour, Excused, NotNow
from community.excuses import EXCUSES
from community.store import case_schema, cases, chain
from shouwang.alert import Sentence


def excuse(connection: sa.Connection, card_id: int, code: str, *, by: str, now: datetime) -> None:
    """Take a card out of the score. Raises IllegalMove for an unknown card or reason, or one excused already."""
    if code not in EXCUSES:
        raise NotNow(Sentence(zh=f"{code} 不在核销原因之列", en=f"{code} is no reason of the list"))
    table, excuses = case_schema.cards, case_schema.excuses
    card = connection.execute(sa.select(table).where(table.c.card_id == card_id)).first()
    case = None if card is None else cases.load(connection, card.incident_id)
    if card is None or case is None:
        raise NotNow(Sentence(zh=f"没有第 {card_id} 张牌", en=f"there is no card {card_id}"))
    if card.responsible == by:
        raise NotNow(Sentence(zh="不能核销自己的牌", en="nobody excuses his own card"))
    if connection.execute(sa.select(excuses).where(excuses.c.card_id == card_id)).first() is not None:
        raise NotNow(Sentence(zh="这张牌已经核销", en="this card has been excused already"))
    connection.execute(excuses.insert().values(card_id=card_id, reason_code=code, by=by, at=now))
    event = Excused(by=by, code=code, version=card.version, step=card.step, colour=Colour(card.colour))
    chain.append(connection, card.incident_id, case, event, at=now, actor=by)
