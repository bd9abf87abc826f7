"""One value from one sensor, with its raw evidence."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

import msgspec

from shouwang.quantities import Quantity

Moment = Annotated[datetime, msgspec.Meta(tz=True)]
"""An aware time; a naive one is refused when it is read from the wire."""

SensorId = Annotated[str, msgspec.Meta(pattern="^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]


class Quality(StrEnum):
    """How far a value may be trusted. Rules use GOOD values; the others are kept and shown, marked."""

    GOOD = "good"
    QUESTIONABLE = "questionable"
    IMPLAUSIBLE = "implausible"
    THINNED = "thinned"
    """The mean of a minute, beside its lowest and highest value: the home had no room for the others."""


GUEST = "guest"
"""`resident_id` of somebody whom the home does not name: kept and marked, watched by no rule, never the resident."""


class Reading(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A value in the quantity's canonical unit.

    `at` is aware UTC as believed by the home's clock. `mono` is engine time: milliseconds of CLOCK_BOOTTIME carried on
    across boots by the gateway, never stepping back; rules measure durations with it. `frame` is the raw evidence.

    `is_late`: a device kept the value and gave it long after `at`, its own moment of measuring; `mono` is then that of
    its arrival. It is history: rules do not see it. `resident_id` is empty for the home's resident.
    `axes`: x, y, z of a vector, of which `value` is the length; None for all other quantities.
    """

    sensor_id: SensorId
    quantity: Quantity
    value: float
    at: Moment
    mono: int
    quality: Quality = Quality.GOOD
    frame: bytes = b""
    is_late: bool = False
    resident_id: str = ""
    axes: tuple[float, float, float] | None = None
