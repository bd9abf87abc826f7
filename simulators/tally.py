"""What simulated sensors said to somebody who listened: the side of the sum that the stored readings must equal."""

from collections import Counter

from shouwang.quantities import Quantity


class Tally:
    """Counts of (sensor id, quantity, value)."""

    def __init__(self) -> None:
        """Nothing said yet."""
        self._counts: Counter[tuple[str, Quantity, float]] = Counter()

    def add(self, sensor_id: str, quantity: Quantity, value: float) -> None:
        """One more value was handed to a listener."""
        self._counts[sensor_id, quantity, float(value)] += 1

    def counts(self) -> Counter[tuple[str, Quantity, float]]:
        """A copy of the counts."""
        return self._counts.copy()

    def of(self, sensor_id: str, quantity: Quantity) -> Counter[float]:
        """The counts of one quantity of one sensor, by value."""
        return Counter(
            {
                value: count
                for (sensor, said, value), count in self._counts.items()
                if (sensor, said) == (sensor_id, quantity)
            }
        )
