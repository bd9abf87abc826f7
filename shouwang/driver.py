"""What a sensor driver is."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Protocol

import msgspec

from shouwang.quantities import Quantity
from shouwang.reading import Moment, Quality, Reading


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """What a decoder says: a value without place or time. The supervisor stamps it and makes it a Reading.

    `measured_at` only where the device kept the value and its clock is known to be right; else it is measured now.
    `resident_id` only where a device tells several people apart; else it is of the home's resident. `axes` as in
    Reading.
    """

    quantity: Quantity
    value: float
    quality: Quality = Quality.GOOD
    frame: bytes = b""
    measured_at: Moment | None = None
    resident_id: str = ""
    axes: tuple[float, float, float] | None = None


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """What a driver wants to know again after a restart; a later note of the same name replaces it."""

    name: str
    text: str


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """Samples of one measurement and notes on it: on the card in one transaction, soon, all or none.

    So a stored measurement that is fetched again after a power cut is neither lost nor taken twice.
    """

    samples: tuple[Sample, ...] = ()
    notes: tuple[Note, ...] = ()


class Alive(msgspec.Struct, frozen=True, kw_only=True):
    """A life sign without a value (a heartbeat frame): moves the silence deadline, is stored nowhere."""


class Measurement(msgspec.Struct, frozen=True, kw_only=True):
    """A record that the supervisor has stamped."""

    sensor_id: str
    readings: tuple[Reading, ...]
    notes: tuple[Note, ...] = ()


Said = Sample | Alive
Emitted = Said | Record
Emit = Callable[[Emitted], None]
Notes = Mapping[str, str]
"""What one sensor's driver has noted, by name, up to the last that it emitted."""


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
