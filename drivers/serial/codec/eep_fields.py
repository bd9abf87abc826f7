"""Numbers and flags in the payload of an EnOcean telegram: bits in, fields and values out. Pure.

Offsets count bits from the highest of the first byte on, as the equipment profiles do.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from drivers.rows import Plain
from shouwang.quantities import Quantity

Values = Mapping[Quantity, float]
NO_VALUES: Values = {}


class Meaning(NamedTuple):
    """What a telegram says: all fields by name, the values among them, and the buttons that are pressed."""

    fields: dict[str, Plain]
    values: Values = NO_VALUES
    pressed: tuple[str, ...] = ()


Read = Callable[[bytes, int], Meaning]
"""Reads payload and status; raises DecodeError for what the profile does not define."""


class Linear(NamedTuple):
    """A number of `size` bits at `offset`; raw `low` to `high` is `minimum` to `maximum`; beyond, it is not known."""

    name: str
    quantity: Quantity
    offset: int
    size: int
    low: int
    high: int
    minimum: float
    maximum: float

    def of(self, payload: bytes) -> float | None:
        """The number, None where the device has none."""
        raw = bits(payload, self.offset, self.size)
        if not min(self.low, self.high) <= raw <= max(self.low, self.high):
            return None
        share = (raw - self.low) / (self.high - self.low)
        return round(self.minimum + share * (self.maximum - self.minimum), 2)


class Flag(NamedTuple):
    """A bit; `is_on` is its value where the state is there."""

    name: str
    quantity: Quantity
    offset: int
    is_on: int = 1

    def of(self, payload: bytes) -> float | None:
        """1 or 0."""
        return float(bits(payload, self.offset, 1) == self.is_on)


Member = Linear | Flag


def members_of(*members: Member, given: Mapping[str, int] | None = None) -> Read:
    """Numbers and flags; one that is in `given` only where the bit at this offset says that the device has it."""
    has = given or {}

    def read(payload: bytes, _status: int) -> Meaning:
        found = {
            member: None if member.name in has and not bits(payload, has[member.name], 1) else member.of(payload)
            for member in members
        }
        values = {member.quantity: value for member, value in found.items() if value is not None}
        return Meaning({member.name: value for member, value in found.items()}, values)

    return read


def bits(payload: bytes, offset: int, size: int) -> int:
    """The number in `size` bits at `offset`."""
    return int.from_bytes(payload, "big") >> (8 * len(payload) - offset - size) & ((1 << size) - 1)


def emitted_by(*members: Member) -> frozenset[Quantity]:
    """What these can say."""
    return frozenset(member.quantity for member in members)
