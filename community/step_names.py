"""A step of a case with people's names where it holds their ids: to be read by people, never to be stored."""

from collections.abc import Mapping
from typing import TypeVar

import msgspec

from community.casefile import Step

E = TypeVar("E")


def named(event: E, names: Mapping[str, str]) -> E | Step:
    """The event with the names of those it sends, calls or holds responsible; `names` by login or responder's id."""
    if not isinstance(event, Step):
        return event
    order = event.order
    if order is not None and order.targets:
        order = msgspec.structs.replace(order, targets=tuple(names.get(one, one) for one in order.targets))
    cards = tuple(
        msgspec.structs.replace(card, responsible=names.get(card.responsible, card.responsible)) for card in event.cards
    )
    calls = tuple(msgspec.structs.replace(call, to=names.get(call.to, call.to)) for call in event.calls)
    return msgspec.structs.replace(event, order=order, cards=cards, calls=calls)
