"""Tells the home on its own broker, on request, for the family's dashboard. It must never hold up an alarm.

The pipeline only leaves the newest value of each thing here, in a table of bounded size; a task of its own tells them,
over a connection of its own. What cannot be told waits as the newest value, or is dropped: the centre does not need it.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Never

import msgspec

from drivers.mqtt.address import Testament
from drivers.mqtt.link import LocalBroker
from drivers.mqtt.payload import fields_of
from drivers.mqtt.switchboard import Arrival
from gateway.discovery import (
    ALARM,
    ALERT,
    CONNECTED,
    FAULT,
    OFF,
    OFFLINE,
    ON,
    ONLINE,
    UNTOLD,
    Config,
    Names,
    gateway_configs,
    object_of,
    owner_of,
    quantity_config,
    sensor_configs,
)
from gateway.supervise import keep
from rules.modes import HOME_SENSOR
from shouwang.alert import Alert, AlertState, Severity
from shouwang.driver import Measurement
from shouwang.errors import DecodeError, DeviceError
from shouwang.quantities import QUANTITIES, Quantity
from shouwang.reading import Quality, Reading
from shouwang.rule import Reset
from shouwang.status import SensorState, SensorStatus

log = logging.getLogger(__name__)

MAX_TOPICS = 4096
"""Things that are told; 200 sensors with some ten quantities each."""
MAX_EVENTS = 256
"""Presses and steps of alarms that wait for the broker; when full, the oldest goes."""
EVENT_LASTS_S = 60.0
"""A press or a step of an alarm that could not be told for so long is none any more, for a dashboard."""
_TICK_S = 1.0
"""Values of one thing are told once a second at most; states, presses and alarms at once."""
_FAREWELL_S = 1.0
_GRAVE = 2
"""Alarms of P1 and P2 are "alarm", P3 and P4 "fault"."""
_OF_THE_GATEWAY = frozenset(object_of("", what) for what in (CONNECTED, ALARM, FAULT, ALERT))


Shown = Mapping[str, frozenset[Quantity]]
"""The sensors as the dashboard knows them, with what each can say."""


class Dashboard:
    """What is told, and how far it has been."""

    def __init__(self, link: LocalBroker, names: Names, sensors: Callable[[], Shown]) -> None:
        """`link` is a connection of its own, with `last_will_of(names)`; `sensors` tells who there is now."""
        self._link = link
        self._names = names
        self._sensors = sensors
        self._there = sensors()
        self._states: dict[str, bytes] = {}
        self._calm: set[str] = set()
        self._urgent: set[str] = set()
        self._events: deque[tuple[float, str, bytes]] = deque(maxlen=MAX_EVENTS)
        self._configs: dict[str, bytes] = {}
        self._described: set[tuple[str, Quantity]] = set()
        self._new_configs: list[Config] = []
        self._stale: dict[str, bytes] = {}
        self._on: dict[str, dict[str, Alert]] = {}
        self._wake = asyncio.Event()
        self._place = link.subscription([names.configs])  # what of ours the broker still has from before
        link.watch([names.configs], self._notice)

    # ---- for the pipeline: never waits ----

    def note(self, event: Reading | Measurement | SensorStatus | Reset) -> None:
        """Something that the gateway was told."""
        if isinstance(event, Reading):
            self._read(event)
        elif isinstance(event, Measurement):
            for reading in event.readings:
                self._read(reading)
        elif isinstance(event, SensorStatus):
            is_up = event.state is SensorState.UP
            word = ONLINE if is_up else OFFLINE
            self._set(self._names.availability(event.sensor_id), word.encode(), at_once=True)

    def alerts(self, alerts: Iterable[Alert]) -> None:
        """Steps of alarms."""
        for alert in alerts:
            on = self._on.setdefault(alert.sensor_id, {})
            if alert.state in (AlertState.PREALARM, AlertState.FIRING):
                on[alert.key] = alert
            else:
                on.pop(alert.key, None)
            self._tell_alarms(alert.sensor_id)
            self._event(f"{self._names.base}/{ALERT}", {"event_type": str(alert.state), **_facts(alert)})

    def catch_up(self, standing: Iterable[Reading | SensorStatus], alarms: Iterable[Alert]) -> None:
        """How things stood before there was this dashboard; what is an event is told by nobody any more."""
        for event in standing:
            self.note(event)
        self.alerts(alarms)

    def sensors_changed(self) -> None:
        """Sensors have joined or left: what is told of those that are no more is taken back."""
        there = self._there = self._sensors()
        for sensor_id in tuple(self._on):
            if sensor_id not in (*there, HOME_SENSOR):
                del self._on[sensor_id]
        self._described = {one for one in self._described if one[0] in there}
        self._describe()
        owned = {object_of(sensor_id, ""): sensor_id for sensor_id in there}
        for topic, payload in tuple(self._configs.items()):
            if not self._is_ours_now(owner_of(self._names, topic), owned, there):
                self._stale[topic] = payload
                del self._configs[topic]
        for topic in tuple(self._states):
            if topic.removeprefix(f"{self._names.base}/").split("/")[0] not in (*there, HOME_SENSOR, ALERT):
                del self._states[topic]
        self._wake.set()

    # ---- the task ----

    async def run(self) -> Never:
        """Tell until cancelled; then say goodbye, if the broker is there."""
        self._describe()
        self._events.clear()  # the alarms that were on at the start are states, and happen now no more
        async with asyncio.TaskGroup() as group:
            group.create_task(keep("the dashboard's connection", self._link.run), name="dashboard-link")
            try:
                await keep("the dashboard", self._session)
            finally:
                await self._say_goodbye()
        raise AssertionError("it is kept for ever")

    async def _session(self) -> None:
        await self._place.connection()
        await self._publish(self._names.status, ONLINE.encode())
        self._new_configs = [Config(topic, payload) for topic, payload in self._configs.items()]
        self._urgent.update(self._states)
        while True:
            await self._flush()
            self._wake.clear()
            try:
                async with asyncio.timeout(_TICK_S):
                    await self._wake.wait()
            except TimeoutError:
                self._urgent |= self._calm
                self._calm = set()
            if not self._link.is_connected:
                raise DeviceError(self._link.trouble)

    async def _flush(self) -> None:
        """Tell all that waits, the most urgent first: descriptions of thirty sensors must not hold up an alarm."""
        while True:
            if self._events:
                until, topic, payload = self._events.popleft()
                if asyncio.get_running_loop().time() <= until:
                    await self._link.publish(topic, payload)
            elif self._urgent:
                topic = self._urgent.pop()
                if topic in self._states:
                    await self._publish(topic, self._states[topic])
            elif self._stale:
                await self._take_back(*self._stale.popitem())
            elif self._new_configs:
                config = self._new_configs.pop()
                if config.topic in self._configs:  # else its sensor has left meanwhile
                    await self._publish(config.topic, config.payload)
            else:
                return

    async def _publish(self, topic: str, payload: bytes) -> None:
        await self._link.publish(topic, payload, retain=True)

    async def _take_back(self, topic: str, config: bytes) -> None:
        """Remove what is retained of an entity's values, then the entity: until then it can be found again."""
        try:
            fields = fields_of(config)
        except DecodeError:
            fields = {}
        for key in ("state_topic", "json_attributes_topic"):
            told = fields.get(key)
            if isinstance(told, str) and told.startswith(f"{self._names.base}/") and told != self._names.status:
                await self._publish(told, b"")
        await self._publish(topic, b"")

    async def _say_goodbye(self) -> None:
        try:
            async with asyncio.timeout(_FAREWELL_S):
                await self._publish(self._names.status, OFFLINE.encode())
        except (DeviceError, TimeoutError):
            pass  # the broker says it for us

    # ---- inside ----

    def _notice(self, arrival: Arrival) -> None:
        """One of our discovery messages, as the broker has it: from before, unless it is known."""
        if not arrival.retained or not arrival.payload or arrival.topic in self._configs:
            return
        there = self._there
        owned = {object_of(sensor_id, ""): sensor_id for sensor_id in there}
        if len(self._stale) < MAX_TOPICS and not self._is_ours_now(owner_of(self._names, arrival.topic), owned, there):
            self._stale[arrival.topic] = arrival.payload
            self._wake.set()

    def _is_ours_now(self, object_id: str, owned: Mapping[str, str], there: Shown) -> bool:
        """Whether an entity is of a sensor that there is, and of something that it can say."""
        if object_id in _OF_THE_GATEWAY:
            return True
        for prefix, sensor_id in owned.items():
            what = object_id.removeprefix(prefix)
            if what != object_id and what in (ALARM, FAULT, CONNECTED, *map(str, there[sensor_id])):
                return True
        return False

    def _describe(self) -> None:
        for config in gateway_configs(self._names):
            self._config(config)
        self._tell_alarms(HOME_SENSOR)
        for sensor_id in self._there:
            for config in sensor_configs(self._names, sensor_id):
                self._config(config)
            self._tell_alarms(sensor_id)

    def _config(self, config: Config) -> None:
        if self._configs.get(config.topic) == config.payload or len(self._configs) >= MAX_TOPICS:
            return
        self._configs[config.topic] = config.payload
        self._new_configs.append(config)
        self._wake.set()

    def _read(self, reading: Reading) -> None:
        if reading.is_late or reading.resident_id or reading.quality is Quality.IMPLAUSIBLE:
            return  # of another day, of another person, or of none
        if reading.sensor_id not in self._there or reading.quantity in UNTOLD:
            return
        topic, info = self._names.of(reading.sensor_id, reading.quantity), QUANTITIES[reading.quantity]
        if (reading.sensor_id, reading.quantity) not in self._described:
            self._described.add((reading.sensor_id, reading.quantity))
            self._config(quantity_config(self._names, reading.sensor_id, reading.quantity))
        if info.event:
            self._event(topic, {"event_type": str(reading.quantity), "value": reading.value})
        elif info.unit == "1":
            self._set(topic, (ON if reading.value else OFF).encode(), at_once=self._states.get(topic) is None)
        else:
            self._set(topic, f"{reading.value:.6g}".encode(), at_once=False)

    def _tell_alarms(self, sensor_id: str) -> None:
        on = self._on.get(sensor_id, {}).values()
        for what, found in (
            (ALARM, [alert for alert in on if alert.severity.rank <= _GRAVE]),
            (FAULT, [alert for alert in on if alert.severity.rank > _GRAVE]),
        ):
            topic = self._names.of(sensor_id, what)
            details = msgspec.json.encode({"alarms": [_facts(alert) for alert in found]})
            self._set(f"{topic}/details", details, at_once=True)
            self._set(topic, (ON if found else OFF).encode(), at_once=True)

    def _event(self, topic: str, told: Mapping[str, str | float]) -> None:
        until = asyncio.get_running_loop().time() + EVENT_LASTS_S
        self._events.append((until, topic, msgspec.json.encode(told)))
        self._wake.set()

    def _set(self, topic: str, payload: bytes, *, at_once: bool) -> None:
        was = self._states.get(topic)
        if was is None and len(self._states) >= MAX_TOPICS:
            return
        self._states[topic] = payload
        if at_once or (payload in (b"ON", b"OFF") and payload != was):
            self._urgent.add(topic)
            self._wake.set()
        else:
            self._calm.add(topic)


def last_will_of(names: Names) -> Testament:
    """What the broker says when the gateway is gone."""
    return Testament(topic=names.status, payload=OFFLINE.encode())


def _facts(alert: Alert) -> dict[str, str]:
    """Which alarm it is: ids and moments, no sentence and no person."""
    return {
        "key": alert.key,
        "rule": alert.rule_id,
        "sensor": alert.sensor_id,
        "hazard": alert.hazard,
        "severity": str(Severity(alert.severity)),
        "since": alert.since.isoformat(),
        "state": str(alert.state),
    }
