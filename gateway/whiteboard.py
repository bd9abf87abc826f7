"""What was last heard of each sensor, for whoever asks how the home is: a person at the box, a part that is new."""

from collections.abc import Collection, Iterator

from shouwang.driver import Measurement
from shouwang.quantities import QUANTITIES, Quantity
from shouwang.reading import Reading
from shouwang.status import SensorStatus


class Whiteboard:
    """The newest of each; no history. `states` by sensor, `readings` by sensor and quantity."""

    def __init__(self) -> None:
        """Nothing was heard."""
        self.states: dict[str, SensorStatus] = {}
        self.readings: dict[tuple[str, Quantity], Reading] = {}

    def note(self, event: Reading | Measurement | SensorStatus) -> None:
        """Something that the gateway was told."""
        if isinstance(event, Reading):
            self.readings[event.sensor_id, event.quantity] = event
        elif isinstance(event, SensorStatus):
            self.states[event.sensor_id] = event
        else:
            for reading in event.readings:
                self.readings[reading.sensor_id, reading.quantity] = reading

    def keep(self, sensors: Collection[str]) -> None:
        """The others are no sensors of the home any more."""
        self.states = {sensor_id: state for sensor_id, state in self.states.items() if sensor_id in sensors}
        self.readings = {place: reading for place, reading in self.readings.items() if place[0] in sensors}

    def standing(self) -> Iterator[Reading | SensorStatus]:
        """All that is so still: states of sensors, and values, but no presses or falls."""
        yield from self.states.values()
        for (_, quantity), reading in self.readings.items():
            if not QUANTITIES[quantity].event:
                yield reading
