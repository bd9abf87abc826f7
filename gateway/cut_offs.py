"""All valves and switches of the home that alarms close: who is told of which alarm, and who may open them."""

import asyncio
from collections.abc import Iterable, Mapping

from config.cut_offs import Danger
from gateway.annunciators.announcement import Phrase
from gateway.cut_off import CutOff
from gateway.dangers import danger_in
from shouwang.alert import Alert
from shouwang.quantities import Quantity
from shouwang.reading import Quality, Reading


class CutOffs:
    """Those of one home."""

    def __init__(self, cut_offs: Iterable[CutOff]) -> None:
        """Nothing is closed before `run`."""
        self._all = {cut_off.part.id: cut_off for cut_off in cut_offs}
        self._presses = {
            (press.sensor, float(press.value)): cut_off
            for cut_off in self._all.values()
            for press in cut_off.part.open_by
        }
        self._there: dict[tuple[str, Quantity], Danger] = {}

    @property
    def ids(self) -> tuple[str, ...]:
        """All of them."""
        return tuple(self._all)

    def noted(self) -> Mapping[str, str]:
        """What was noted of each, for whoever takes over from here."""
        return {cut_off_id: one.noted for cut_off_id, one in self._all.items() if one.noted is not None}

    def follow(self, before: "CutOffs") -> None:
        """Take over what sensors have said."""
        self._there = dict(before._there)  # noqa: SLF001 - the same class

    def alerts(self, alerts: Iterable[Alert]) -> None:
        """Steps of alarms; never blocks."""
        for alert in alerts:
            for cut_off in self._all.values():
                cut_off.alert(alert)

    def hear(self, reading: Reading) -> None:
        """A reading of any sensor: a press may open one, a danger that is there keeps it closed or closes it again.

        A latched alarm gives no second step, so after a person has opened one the sensors themselves close it.
        """
        if not self._all:
            return
        if reading.quantity is Quantity.BUTTON:
            self._press(reading)
            return
        found = danger_in(reading)
        if found is None:
            return
        danger, is_there = found
        place = (reading.sensor_id, reading.quantity)
        if not is_there:
            self._there.pop(place, None)
            return
        self._there[place] = danger
        for cut_off in self._all.values():
            if danger in cut_off.part.closed_by and cut_off.has_alarm and not cut_off.is_closed:
                cut_off.close(f"{reading.sensor_id} reports {danger.value} again")

    def open(self, cut_off_id: str) -> Phrase:
        """A person at home wants it open; gives what the home says of it."""
        cut_off = self._all[cut_off_id]
        dangers = cut_off.part.closed_by
        return cut_off.open(still=next((danger for danger in self._there.values() if danger in dangers), None))

    async def run(self) -> None:
        """Close and open until cancelled."""
        async with asyncio.TaskGroup() as group:
            for cut_off_id, cut_off in self._all.items():
                group.create_task(cut_off.run(), name=f"cut-off-{cut_off_id}")

    def _press(self, reading: Reading) -> None:
        cut_off = self._presses.get((reading.sensor_id, reading.value))
        if cut_off is not None and not reading.is_late and reading.quality is Quality.GOOD:
            self.open(cut_off.part.id)
