"""All valves and switches of the home that alarms close: who is told of which alarm, and who may open them."""

import asyncio
from collections.abc import Iterable, Mapping

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

    @property
    def ids(self) -> tuple[str, ...]:
        """All of them."""
        return tuple(self._all)

    def noted(self) -> Mapping[str, str]:
        """What was noted of each, for whoever takes over from here."""
        return {cut_off_id: one.noted for cut_off_id, one in self._all.items() if one.noted is not None}

    def alerts(self, alerts: Iterable[Alert]) -> None:
        """Steps of alarms; never blocks."""
        for alert in alerts:
            for cut_off in self._all.values():
                cut_off.alert(alert)
        self.look()

    def look(self) -> None:
        """What is dangerous has changed; never blocks."""
        for cut_off in self._all.values():
            cut_off.look()

    def hear(self, reading: Reading) -> None:
        """A reading of any sensor: a press may open one, a danger that is there closes it again.

        A latched alarm gives no second step, so after a person has opened one the sensors themselves close it.
        """
        if reading.quantity is Quantity.BUTTON:
            self._press(reading)
            return
        found = danger_in(reading)
        if found is None or not found[1]:
            return
        danger = found[0]
        for cut_off in self._all.values():
            if danger in cut_off.part.closed_by and cut_off.has_alarm and not cut_off.is_closed:
                cut_off.close(f"{reading.sensor_id} reports {danger.value} again")

    def open(self, cut_off_id: str) -> Phrase:
        """A person orders it at the box; gives what the home says of it."""
        return self._all[cut_off_id].open(is_order=True)

    async def run(self) -> None:
        """Close and open until cancelled."""
        async with asyncio.TaskGroup() as group:
            for cut_off_id, cut_off in self._all.items():
                group.create_task(cut_off.run(), name=f"cut-off-{cut_off_id}")

    def _press(self, reading: Reading) -> None:
        cut_off = self._presses.get((reading.sensor_id, reading.value))
        if cut_off is not None and not reading.is_late and reading.quality is Quality.GOOD:
            cut_off.open(is_order=False)
