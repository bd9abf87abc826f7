"""A small state as a note on the card: written as JSON, and read back by the version that wrote it."""

from typing import TypeVar

import msgspec

_State = TypeVar("_State", bound=msgspec.Struct)


def written(state: msgspec.Struct) -> str:
    """The note."""
    return msgspec.json.encode(state).decode()


def read_back(noted: str | None, kind: type[_State]) -> _State | None:
    """The state; None where nothing was noted. What another version noted is forgotten."""
    if noted is None:
        return None
    try:
        return msgspec.json.decode(noted, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
