"""What stands behind the page of places: the tree a step at a time, a place renamed, a grid or community moved."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from pydantic import ValidationError

from community.casefile import NotNow
from community.facts import fact, kept
from community.people import Level
from community.registry import PlaceRow
from community.store import place_tree, tokens
from community.store.database import Connection, Store
from community.store.place_tree import AT_ONCE, FOUND_AT_ONCE, Spot
from community.users import User
from community.wording import MOVED_ON
from shouwang.alert import Sentence

MOVABLE = frozenset({Level.COMMUNITY, Level.GRID})
"""Buildings and what is below have ids that tell where they stand."""
_GONE = Sentence(zh="没有这个地方。", en="There is no such place.")
_FIXED = Sentence(zh="只有社区和网格可以移到别处。", en="Only communities and grids are moved here.")
_NAME = Sentence(zh="名称要有 1 到 200 个能显示的字。", en="A name has 1 to 200 characters that can be shown.")


@dataclass(frozen=True, kw_only=True, slots=True)
class Tree:
    """A place, what is around it and in it; at the top there is no place. `next`: where the next page begins."""

    here: Spot | None
    path: tuple[Spot, ...]
    inside: tuple[Spot, ...]
    next: str
    wider: tuple[Spot, ...]


def standing(one: Spot) -> str:
    """How a place stands, in a word that forms carry."""
    return hashlib.sha256(repr((one.place_id, one.parent_id, one.level, one.name)).encode()).hexdigest()[:16]


class PlaceRoom:
    """The tree of places."""

    def __init__(self, store: Store, *, clock: Callable[[], datetime]) -> None:
        """Places of this store."""
        self._store, self._clock = store, clock

    async def tree(self, at: str = "", after: str = "") -> Tree | None:
        """The tree at this place, at its top where none is named; None where there is no such place."""

        def read(connection: Connection) -> Tree | None:
            here = place_tree.spot(connection, at) if at else None
            if at and here is None:
                return None
            rows = place_tree.inside(connection, at or None, after)
            can_move = here is not None and here.level in MOVABLE
            return Tree(
                here=here,
                path=place_tree.path(connection, at) if at else (),
                inside=rows[:AT_ONCE],
                next=rows[AT_ONCE - 1].place_id if len(rows) > AT_ONCE else "",
                wider=place_tree.wider(connection, here.level) if here is not None and can_move else (),
            )

        return await self._store.read(read)

    async def found(self, words: str) -> tuple[tuple[Spot, ...], bool]:
        """Places that hold these words, and whether there are more."""
        rows = await self._store.read(lambda connection: place_tree.found(connection, words))
        return rows[:FOUND_AT_ONCE], len(rows) > FOUND_AT_ONCE

    async def rename(self, by: User, place_id: str, name: str, *, seen: str) -> None:
        """Another name. Raises NotNow."""
        try:
            row = PlaceRow.model_validate({"id": place_id, "level": "district", "name": name})
        except ValidationError:
            raise NotNow(_NAME) from None
        await self._put(by, place_id, seen, lambda _: {"name": row.name}, "place renamed")

    async def move(self, by: User, place_id: str, within: str, *, seen: str) -> None:
        """A grid or community in another place. Raises NotNow, ConfigError."""

        def moved(one: Spot) -> dict[str, object]:
            if one.level not in MOVABLE:
                raise NotNow(_FIXED)
            return {"within": within}

        await self._put(by, place_id, seen, moved, "place moved")

    async def _put(
        self, by: User, place_id: str, seen: str, wanted: Callable[[Spot], dict[str, object]], what: str
    ) -> None:
        now = self._clock()

        def write(connection: Connection) -> None:
            one = place_tree.spot(connection, place_id)
            if one is None:
                raise NotNow(_GONE)
            if seen != standing(one):
                raise NotNow(MOVED_ON)
            changed = wanted(one)
            before: dict[str, object] = {"name": one.name, "within": one.parent_id}
            whole = {"id": one.place_id, "level": one.level, "code": one.code, **before, **changed}
            place_tree.put(connection, PlaceRow.model_validate(whole), by=by.login, at=now, reason="console")
            said = kept(fact(key, old=str(before[key] or "–"), new=str(value)) for key, value in changed.items())
            tokens.changed(connection, by.login, what, place_id, said, at=now)

        await self._store.write(write)
