"""A large register in parts that may be taken in one after the other, so that no alarm waits behind it."""

from collections.abc import Iterable
from typing import TypeVar

from community.people import Level
from community.registry import TABLES, ContactRow, PlaceRow, Register, Row, Written

BATCH = 200
"""Rows in one transaction: a tenth of a second on a slow disk."""
_R = TypeVar("_R", bound=Row)


def batches(register: Register) -> Iterable[Register]:
    """Parts that may be taken in one after the other: nothing leans on a later part, no list of contacts is split."""
    for model in TABLES.values():
        part: list[Written[Row]] = []
        for one in _in_order(register, model):
            is_full = len(part) >= BATCH
            if is_full and not (isinstance(one.row, ContactRow) and one.row.resident == _resident_of(part[-1].row)):
                yield Register(entries=tuple(part))
                part = []
            part.append(one)
        if part:
            yield Register(entries=tuple(part))


def _in_order(register: Register, model: type[_R]) -> list[Written[_R]]:
    found = list(register.of(model))
    found.sort(key=lambda one: _rank(one.row))
    return found


def _rank(row: Row) -> tuple[int, str]:
    """Wider places first; the contacts of one resident beside each other; the others as they are written."""
    if isinstance(row, PlaceRow):
        return (list(Level).index(row.level), "")
    return (0, row.resident if isinstance(row, ContactRow) else "")


def _resident_of(row: Row) -> str:
    return row.resident if isinstance(row, ContactRow) else ""
