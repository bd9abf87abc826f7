"""The shapes of what `shouwang decode` takes and gives: a row of JSON, and what was found in it."""

from collections.abc import Callable, Mapping

import msgspec

from drivers.ble.codec.date_time import DateTime
from shouwang.driver import Said

Plain = bool | int | float | str | list["Plain"] | dict[str, "Plain"] | None
"""What JSON can hold."""
Row = Mapping[str, object]
Found = tuple[dict[str, Plain], list[Said]]
Reader = Callable[[Row], Found]
"""Reads the rows of one format; raises DecodeError, and nothing else."""


def plain_fields(fields: msgspec.Struct) -> dict[str, Plain]:
    """The members of a struct as JSON can hold them."""
    return {name: plain(getattr(fields, name)) for name in fields.__struct_fields__}


def plain(value: object) -> Plain:
    """A value as JSON can hold it."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, DateTime):
        return value.isoformat()
    if isinstance(value, msgspec.Struct):
        return plain_fields(value)
    if isinstance(value, tuple | list):
        return [plain(one) for one in value]
    return str(value)
