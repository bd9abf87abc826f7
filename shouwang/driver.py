"""What a sensor driver is."""

from collections.abc import Callable
from datetime import timedelta
from typing import Protocol

import msgspec

from shouwang.quantities import Quantity
from shouwang.reading import Quality


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """What a decoder says: a value without place or time. The supervisor stamps it and makes it a Reading."""

    quantity: Quantity
    value: float
    quality: Quality = Quality.GOOD
    frame: bytes = b""


class Alive(msgspec.Struct, frozen=True, kw_only=True):
    """A life sign without a value (a heartbeat frame): moves the silence deadline, is stored nowhere."""


Said = Sample | Alive
Emit = Callable[[Said], None]


class Driver(Protocol):
    """One sensor. `run` emits until cancelled; any failure is raised as a ShouwangError, never swallowed.

    A driver does not reconnect, stamp time, log failures, count, or know the uplink: the supervisor does.
    """

    @property
    def sensor_id(self) -> str:
        """The id given in the home's configuration."""
        ...

    @property
    def max_silence(self) -> timedelta | None:
        """The longest time it may say nothing; None where it speaks only on events."""
        ...

    async def run(self, emit: Emit) -> None:
        """Connect and emit until cancelled or the device is lost (DeviceError).

        One without `max_silence` emits Alive when its link and device stand, since it may say nothing else for days.
        Until it does it may wait here, also for a device that it has raised for.
        """
        ...
