"""Battery Level (0x2A19): Battery Service 1.0, section 3.1."""

import msgspec

from shouwang.driver import Said, Sample
from shouwang.errors import DecodeError
from shouwang.quantities import Quantity

EMITS = frozenset({Quantity.BATTERY})


class Battery(msgspec.Struct, frozen=True, kw_only=True):
    """What is left, in percent."""

    level: int


def decode_battery(value: bytes) -> Battery:
    """Battery Level; numbers above 100 are reserved. Raises DecodeError."""
    if len(value) != 1 or value[0] > 100:
        raise DecodeError(f"not a battery level: {value[:20].hex()}")
    return Battery(level=value[0])


def samples(battery: Battery, frame: bytes) -> list[Said]:
    """The level."""
    return [Sample(quantity=Quantity.BATTERY, value=float(battery.level), frame=frame)]
