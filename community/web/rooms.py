"""What stands behind a page besides the desk: one object for each noun, found by its type."""

from collections.abc import Callable, Iterable
from typing import TypeVar

from fastapi import HTTPException, Request

_Room = TypeVar("_Room")


def rooms(found: Iterable[object]) -> dict[type, object]:
    """These, by type; a later one of the same type stands in for an earlier."""
    return {type(one): one for one in found}


def has_room(request: Request, kind: type[object]) -> bool:
    """Whether this server has the room of this type."""
    return kind in request.app.state.rooms


def room_of(kind: type[_Room]) -> Callable[[Request], _Room]:
    """A dependency of routes: the room of this type. 404 where this server has none."""

    def found(request: Request) -> _Room:
        room = request.app.state.rooms.get(kind)
        if not isinstance(room, kind):
            raise HTTPException(404)
        return room

    return found
