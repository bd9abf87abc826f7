"""Figures as far as the areas of whoever asks reach: cases of other homes are counted in none of his numbers."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

import sqlalchemy as sa

from community.improvement import Item
from community.kpi_facts import Drawn
from community.rights import Right
from community.store import case_schema, rights, schema
from community.store.kpi import Material
from community.users import EVERYWHERE, User
from shouwang.errors import IllegalMove

_AT_ONCE = 500
"""Numbers in one question; a database takes some thousands."""
_T = TypeVar("_T")


class Scope:
    """Whose cases count, within one transaction; nobody's name, or one of all areas: everybody's."""

    def __init__(self, connection: sa.Connection, user: User | None, now: datetime) -> None:
        """`user`: who asks, at `now`."""
        self._connection = connection
        is_everywhere = user is None or (user.areas == EVERYWHERE and user.organisations == EVERYWHERE)
        self._user = None if is_everywhere else user
        self._now = now

    def of(self, material: Material) -> Material:
        """What is left of it."""
        numbers = {one.incident_id for part in (material.facts, material.timed_steps, material.cards) for one in part}
        seen = self._seen(numbers)
        if seen is None:
            return material
        return replace(
            material,
            facts=tuple(one for one in material.facts if one.incident_id in seen),
            timed_steps=tuple(one for one in material.timed_steps if one.incident_id in seen),
            cards=tuple(one for one in material.cards if one.incident_id in seen),
        )

    def cards(self, cards: Sequence[tuple[int, Drawn]]) -> tuple[tuple[int, Drawn], ...]:
        """Those of his cases."""
        seen = self._seen({card.incident_id for _, card in cards})
        return tuple(one for one in cards if seen is None or one[1].incident_id in seen)

    def cases(self, numbers: Iterable[int]) -> frozenset[int]:
        """Those of these cases."""
        wanted = frozenset(numbers)
        seen = self._seen(wanted)
        return wanted if seen is None else seen

    def items(self, items: Sequence[Item]) -> tuple[Item, ...]:
        """Those of his cases; an item of the whole centre is for whoever sees all of it."""
        if self._user is None:
            return tuple(items)
        seen = self.cases(one.incident_id for one in items if one.incident_id is not None)
        return tuple(one for one in items if one.incident_id in seen)

    def must_see(self, card_id: int) -> None:
        """Raise IllegalMove for a card of a case that is none of his."""
        table = case_schema.cards
        of = self._connection.scalar(sa.select(table.c.incident_id).where(table.c.card_id == card_id))
        seen = self._seen(() if of is None else (of,))
        if seen is not None and of not in seen:
            raise IllegalMove(f"there is no card {card_id} of your areas")

    def open_cases(self) -> Sequence[str] | None:
        """The homes with open cases that he sees; None: all."""
        if self._user is None:
            return None
        table = schema.incidents
        homes = self._connection.scalars(sa.select(table.c.home_key).where(table.c.state != "CLOSED").distinct())
        return sorted(rights.visible(self._connection, self._user, Right.READ_KPIS, homes, self._now))

    def _seen(self, numbers: Iterable[int]) -> frozenset[int] | None:
        """Those of these cases that he sees; None: all."""
        if self._user is None:
            return None
        homes: dict[int, str] = {}
        for part in _parts(sorted(numbers)):
            homes |= rights.homes_of(self._connection, part)
        seen = rights.visible(self._connection, self._user, Right.READ_KPIS, homes.values(), self._now)
        return frozenset(number for number, home in homes.items() if home in seen)


def _parts(found: Sequence[_T]) -> Iterable[Sequence[_T]]:
    return (found[start : start + _AT_ONCE] for start in range(0, len(found), _AT_ONCE))
