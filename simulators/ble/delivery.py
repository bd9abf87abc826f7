"""Values on their way from a simulated device to a listener: what goes wrong with them, and what arrived."""

from collections import deque
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field

from shouwang.quantities import Quantity
from simulators.ble.numbers import Number
from simulators.tally import Tally

Values = Sequence[tuple[Quantity, float]]
Part = tuple[Values, Hashable]
"""Values, and the record that they belong to, if to any that may be sent again."""
Misshape = Callable[[bytes], bytes]

_IN_FLIGHT_MAX = 256
"""Values on their way through the simulated stack; more than this have been lost."""


@dataclass(kw_only=True)
class Mishaps:
    """What goes wrong next; each counts down to nothing as it happens."""

    drop_after: int | None = None
    """After so many more values the link drops."""
    drops_unconfirmed: bool = False
    """The link then drops before the confirmation of the last indication arrives: it was heard, and will come again."""
    lost_confirmations: int = 0
    """So many confirmations are missed; what was indicated counts as not heard."""
    resends: int = 0
    """So many records that are notified go out twice."""
    misshapen: deque[Misshape] = field(default_factory=deque)
    """What becomes of the next measurements on their way out, one each, e.g. `lambda value: value[:-1]`."""

    def shape(self, value: bytes) -> bytes:
        """The value as it goes out."""
        return self.misshapen.popleft()(value) if self.misshapen else value

    def loses_confirmation(self) -> bool:
        """Whether the confirmation that has just come is missed."""
        is_lost = self.lost_confirmations > 0
        self.lost_confirmations -= is_lost
        return is_lost

    def turns(self, parts: Sequence[Part]) -> int:
        """How often this goes out; what is no record cannot be told from its repetition, and goes out once."""
        is_sent_again = self.resends > 0 and all(record is not None for _, record in parts)
        self.resends -= is_sent_again
        return 2 if is_sent_again else 1

    def drops_now(self) -> bool:
        """Whether the link drops after the value that has just gone."""
        if self.drop_after is None:
            return False
        self.drop_after -= 1
        if self.drop_after > 0:
            return False
        self.drop_after = None
        return True

    def is_about_to_drop(self) -> bool:
        """Whether the link drops before what goes now is confirmed."""
        return self.drops_unconfirmed and self.drop_after == 1


class Delivery:
    """The values of one device between it and its listeners; counts those that arrive in the tally."""

    def __init__(self, tally: Tally, sensor_id: str) -> None:
        """`sensor_id` names the values in the tally."""
        self.repeats = 0
        """How often a record reached a listener that had done so before."""
        self._tally = tally
        self._sensor_id = sensor_id
        self._in_flight: deque[tuple[bytes, Sequence[Part]]] = deque(maxlen=_IN_FLIGHT_MAX)
        self._arrived: set[Hashable] = set()

    def send(self, payload: bytes, parts: Sequence[Part]) -> None:
        """It goes out, with these in it."""
        self._in_flight.append((payload, parts))

    def arrive(self, payload: bytes) -> None:
        """A listener got it; its values are counted, those of one record once."""
        if payload not in (sent for sent, _ in self._in_flight):
            return
        while True:  # the air keeps the order, so what stands before it was lost
            sent, parts = self._in_flight.popleft()
            if sent == payload:
                break
        for values, record in parts:
            if record is not None and record in self._arrived:
                self.repeats += 1
                continue
            self._arrived.add(record)
            for quantity, value in values:
                self.count(quantity, value)

    def has_arrived(self, record: Hashable) -> bool:
        """Whether a listener has this record."""
        return record in self._arrived

    def count(self, quantity: Quantity, value: float) -> None:
        """A listener has this value."""
        self._tally.add(self._sensor_id, quantity, value)


def measured(values: Mapping[Quantity, Number]) -> Values:
    """Those that are numbers."""
    return [(quantity, float(value)) for quantity, value in values.items() if isinstance(value, (int, float))]
