"""The sensors of one home as they are now: those of the configuration, and those that join and leave while it runs.

One that joins is a sensor like any other: its own supervisor and status, and all rules of the home. One that was taken
out is told (it is down, and a `silence` rule tells the centre) and stays, until a person at the centre has closed the
alarm about it.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

from config.home import Home
from drivers.joining import Hub, Member
from gateway.parts import end
from rules.bound import BoundRule
from rules.silence import HAZARD
from shouwang.alert import Alert, AlertState
from shouwang.driver import Driver, Measurement
from shouwang.quantities import Quantity

Task = asyncio.Task[object]


@dataclass(frozen=True, kw_only=True, slots=True)
class Hands:
    """What the household does with its sensors.

    `start` runs a driver under its supervisor, `rebind` replaces the rules, `accept` takes notes, `changed` hears that
    sensors have come or gone.
    """

    start: Callable[[Driver], Task]
    rebind: Callable[[tuple[BoundRule, ...]], None]
    accept: Callable[[Measurement], None]
    changed: Callable[[], None]


class Household:
    """Who is watched. `drivers` changes in place when sensors come and go."""

    def __init__(self, home: Home, named: Iterable[Driver], active: Iterable[Alert] = ()) -> None:
        """`named`: the drivers that are there for ever, hubs among them; `active`: the alarms that are on."""
        self._home = home
        self.drivers: list[Driver] = list(named)
        self._hubs: list[Hub] = [driver for driver in self.drivers if isinstance(driver, Hub)]
        self._running: dict[str, tuple[Driver, Task]] = {}
        self._hands: Hands | None = None
        self._is_paused = False
        self._notes: dict[str, str] = {}
        self._on: set[str] = set()
        self._told: set[str] = set()
        self.joined: Mapping[str, Member] = {}
        """The sensors that joined, by id."""
        self.alerts(active)
        self._take_stock()

    def bound_rules(self) -> tuple[BoundRule, ...]:
        """The home's rules on all sensors that there are."""
        return self._home.bound_rules(self._emits())

    def kinds(self) -> dict[str, str]:
        """Each sensor that joined, and of which kind it is."""
        return {sensor_id: member.kind for sensor_id, member in self.joined.items()}

    def sensors(self) -> Mapping[str, frozenset[Quantity]]:
        """Each sensor, and what it can say."""
        return self._home.facts(self._emits()).emits

    def watch(self, hands: Hands) -> None:
        """Begin."""
        self._hands = hands
        for driver in self.drivers:
            self._running[driver.sensor_id] = (driver, hands.start(driver))
        self._listen()

    async def stop(self, sensors: Collection[str]) -> None:
        """End the drivers of these, and wait until they have; who joins or leaves meanwhile waits for `resume`."""
        self._is_paused = True
        await end([self._running.pop(sensor_id)[1] for sensor_id in sensors if sensor_id in self._running])

    def renew(self, home: Home, named: Iterable[Driver]) -> None:
        """The configuration is this one from now on, and these are the drivers of it; who was stopped is none of them.

        Rules and drivers are as before until `resume`.
        """
        self._home = home
        self.drivers[:] = named
        self._hubs = [driver for driver in self.drivers if isinstance(driver, Hub)]
        self.joined = {}
        self._take_stock()

    def resume(self) -> None:
        """Run whoever does not run yet; what was noted by hubs that are no more is not told."""
        self._is_paused = False
        if self._hands is not None:
            self._restart(self._hands.start)
            self._listen()
            self._remember(self._hands.accept)

    def members_of(self, hub_ids: Collection[str]) -> set[str]:
        """The sensors that these hubs brought."""
        return {member.sensor_id for hub in self._hubs if hub.sensor_id in hub_ids for member in hub.members}

    def alerts(self, alerts: Iterable[Alert]) -> None:
        """Steps of alarms: no sensor is forgotten while an alarm about it is on, or before its loss was told."""
        for alert in alerts:
            is_on = alert.state in (AlertState.PREALARM, AlertState.FIRING)
            (self._on.add if is_on else self._on.discard)(alert.key)
            if alert.hazard == HAZARD and is_on:
                self._told.add(alert.sensor_id)
            elif alert.hazard == HAZARD and not self._is_left(alert.sensor_id):
                self._told.discard(alert.sensor_id)  # it was heard again

    def closed(self, keys: Iterable[str]) -> None:
        """A person has closed these alarms: who was taken out, and has no other alarm, is no sensor any more."""
        for key in keys:
            member = self.joined.get(_sensor_in(key))
            if member is None or not member.is_left or member.sensor_id not in self._told:
                continue
            if not any(_sensor_in(one) == member.sensor_id for one in self._on):
                self._told.discard(member.sensor_id)
                for hub in self._hubs:
                    hub.forget(member.sensor_id)

    # ---- inside ----

    def _listen(self) -> None:
        for hub in self._hubs:
            self._notes.setdefault(hub.sensor_id, hub.note.text)
            hub.on_change(self._follow)

    def _follow(self) -> None:
        hands = self._hands
        if hands is None or self._is_paused:
            return
        emits = self._emits()
        self._take_stock()
        if self._emits() != emits:  # the rules first: what a new sensor says must find them
            hands.rebind(self.bound_rules())
        self._restart(hands.start)
        self._remember(hands.accept)
        hands.changed()

    def _is_left(self, sensor_id: str) -> bool:
        member = self.joined.get(sensor_id)
        return member is not None and member.is_left

    def _take_stock(self) -> None:
        before = {id(member.driver) for member in self.joined.values()}
        self.joined = {member.sensor_id: member for hub in self._hubs for member in hub.members}
        stay = [driver for driver in self.drivers if id(driver) not in before]
        self.drivers[:] = stay + [member.driver for member in self.joined.values()]

    def _restart(self, start: Callable[[Driver], Task]) -> None:
        wanted = {driver.sensor_id: driver for driver in self.drivers}
        for sensor_id, (driver, task) in tuple(self._running.items()):
            if wanted.get(sensor_id) is not driver:
                task.cancel()
                del self._running[sensor_id]
        for sensor_id, driver in wanted.items():
            if sensor_id not in self._running:
                self._running[sensor_id] = (driver, start(driver))

    def _remember(self, accept: Callable[[Measurement], None]) -> None:
        for hub in self._hubs:
            note = hub.note
            if self._notes.get(hub.sensor_id) != note.text:
                self._notes[hub.sensor_id] = note.text
                accept(Measurement(sensor_id=hub.sensor_id, readings=(), notes=(note,)))

    def _emits(self) -> dict[str, frozenset[Quantity]]:
        return {member.sensor_id: member.emits for member in self.joined.values()}


def _sensor_in(key: str) -> str:
    """The sensor of an alarm's key, `rule:sensor[:person]`."""
    return key.split(":")[1] if ":" in key else ""
