"""What rules say to recorded readings: the alerts that a home would have had, without any sensor, broker or clock."""

from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta

from rules.bound import BoundRule
from rules.engine import Engine
from shouwang.alert import Alert
from shouwang.reading import Reading

RUN_ON = timedelta(minutes=10)
"""How long time goes on after the last reading: longer than any home asks before it calls for help."""
_MS = timedelta(milliseconds=1)

Bind = Callable[[str], Iterable[BoundRule]]


class Replay:
    """One engine for the home, or, with `bind`, one for each sensor, made when it is first heard."""

    def __init__(self, bind: Bind, *, by_sensor: bool) -> None:
        """`bind` gives the rules of a home, or those of one sensor."""
        self._bind = bind
        self._by_sensor = by_sensor
        self._engines: dict[str, tuple[Engine, Reading]] = {}

    def alerts(self, readings: Iterable[Reading], *, run_on: timedelta = RUN_ON) -> Iterator[Alert]:
        """The alerts, as they come; those that need no further reading at the end."""
        for reading in readings:
            whose = reading.sensor_id if self._by_sensor else ""
            known = self._engines.get(whose)
            engine = Engine(tuple(self._bind(whose)), {}) if known is None else known[0]
            self._engines[whose] = (engine, reading)
            yield from engine.feed(reading).alerts
        for engine, last in self._engines.values():
            yield from engine.advance(last.at + run_on, last.mono + run_on // _MS).alerts
