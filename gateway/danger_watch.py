"""What is dangerous in the house now, by alarms and by the sensors' own last word.

Whoever switches something asks here, so that a reset by the centre hides no gas that a sensor still reports.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable
from typing import Never

from config.cut_offs import Danger
from gateway.clock import Clock
from gateway.dangers import danger_in, danger_of
from shouwang.alert import Alert, AlertState
from shouwang.quantities import Quantity
from shouwang.reading import Reading, SensorId
from shouwang.status import SensorState, SensorStatus

LAPSE_MS = 86_400_000
"""What a sensor said last counts so long after it was lost: a day, in which somebody was there. Set by this project."""
LOOK_S = 60.0
_GAS = frozenset({Danger.GAS})


class DangerWatch:
    """Of one home. `run` is a task of the gateway."""

    def __init__(self, clock: Clock, *, changed: Callable[[], None] = lambda: None) -> None:
        """`changed` is called whenever something has become dangerous, or is no longer."""
        self._clock = clock
        self._changed = changed
        self._said: dict[tuple[SensorId, Quantity], Danger] = {}
        self._lost: dict[SensorId, int] = {}
        self._gas_alarms: set[str] = set()
        self._is_gas = False

    @property
    def is_gas(self) -> bool:
        """Whether there is gas, so that nothing may make a spark: from an alarm or a detector's word until all is over.

        A concentration below every alarm begins nothing: a drifting sensor must not silence the siren of an SOS.
        """
        return self._is_gas

    def still(self, dangers: Collection[Danger]) -> Danger | None:
        """One of these that a sensor still reports."""
        return next((danger for danger in self._said.values() if danger in dangers), None)

    def is_only_of_lost(self, dangers: Collection[Danger]) -> bool:
        """Whether sensors report one of these, but none of them is heard any more."""
        sensors = {sensor_id for (sensor_id, _), danger in self._said.items() if danger in dangers}
        return bool(sensors) and sensors <= self._lost.keys()

    def alerts(self, alerts: Iterable[Alert]) -> None:
        """Steps of alarms; never blocks."""
        before = set(self._gas_alarms)
        for alert in alerts:
            if danger_of(alert.hazard) is Danger.GAS and not alert.is_test:
                is_over = alert.state in (AlertState.CANCELLED, AlertState.RESOLVED)
                (self._gas_alarms.discard if is_over else self._gas_alarms.add)(alert.key)
        if self._gas_alarms != before:
            self._look()

    def hear(self, reading: Reading) -> None:
        """A reading of any sensor; never blocks."""
        found = danger_in(reading)
        if found is None:
            return
        if reading.sensor_id in self._lost:
            self._lost[reading.sensor_id] = self._clock.mono()
        danger, is_there = found
        said = {place: one for place, one in self._said.items() if place != (reading.sensor_id, reading.quantity)}
        if is_there:
            said[reading.sensor_id, reading.quantity] = danger
        self._become(said)

    def status(self, status: SensorStatus) -> None:
        """Whether a sensor is heard."""
        if status.state is SensorState.UP:
            self._lost.pop(status.sensor_id, None)
        else:
            self._lost.setdefault(status.sensor_id, self._clock.mono())

    def keep(self, sensors: Collection[SensorId]) -> None:
        """The others are no sensors of the home any more, and what they said is void."""
        self._lost = {sensor_id: since for sensor_id, since in self._lost.items() if sensor_id in sensors}
        self._become({place: danger for place, danger in self._said.items() if place[0] in sensors})

    def overrule(self, dangers: Collection[Danger]) -> None:
        """A person who is there says that it is not so; believed against sensors that are not heard any more."""
        self._become(
            {place: one for place, one in self._said.items() if one not in dangers or place[0] not in self._lost}
        )

    async def run(self) -> Never:
        """Let lapse what sensors said that are lost for long, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_S)
            since = self._clock.mono() - LAPSE_MS
            lapsed = {sensor_id for sensor_id, lost_at in self._lost.items() if lost_at <= since}
            self._become({place: danger for place, danger in self._said.items() if place[0] not in lapsed})

    # ---- inside ----

    def _become(self, said: dict[tuple[SensorId, Quantity], Danger]) -> None:
        if said != self._said:
            self._said = said
            self._look()

    def _look(self) -> None:
        detected = any(quantity is Quantity.GAS_ALARM for _, quantity in self._said)
        is_begun = bool(self._gas_alarms) or detected
        self._is_gas = is_begun or (self._is_gas and self.still(_GAS) is not None)
        self._changed()
