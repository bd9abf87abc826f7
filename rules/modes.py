"""Whether the resident is at home: said by the pseudo-sensor `home` as the quantity `mode`, by whom may know it."""

from enum import IntEnum

from shouwang.quantities import Quantity
from shouwang.reading import Quality, Reading
from shouwang.rule import Event

HOME_SENSOR = "home"
"""What says the mode: a message from the family, a button at the door, the centre."""


class Mode(IntEnum):
    """Smoke, gas and water are watched in each of them."""

    HOME = 0
    AWAY = 1
    HOSPITAL = 2
    VISITOR = 3


def mode_of(event: Event) -> Mode | None:
    """The mode that this event says, None where it says none."""
    if not isinstance(event, Reading) or event.quantity is not Quantity.MODE or event.quality is not Quality.GOOD:
        return None
    return next((mode for mode in Mode if mode == event.value), None)
