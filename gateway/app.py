"""Wiring of the gateway: one group of named tasks. If a core task dies, the process ends and systemd starts it anew."""

import asyncio
import logging
import signal
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Never

from config.home import Home
from drivers import Links
from drivers.links import address_of, links_for, receivers_for
from drivers.mqtt.link import LocalBroker
from gateway.box import Box
from gateway.clock import Clock
from gateway.dashboard import Dashboard, last_will_of
from gateway.discovery import Names
from gateway.health import Health
from gateway.household import Household
from gateway.local import Annunciator, ConsoleAnnunciator, Voice
from gateway.modes import NOTE, Modes
from gateway.outbox import DAMAGED, Outbox, Stored
from gateway.phone import Phone, phone_of
from gateway.pipeline import Pipeline
from gateway.scribe import Scribe
from gateway.slips import Slips
from gateway.supervise import Supervisor, keep
from gateway.uplink import Uplink
from messaging.broker import BrokerSettings, TlsFiles, parse_broker_url
from messaging.secret import read_secret
from messaging.service_manager import ServiceManager
from messaging.tls import tls_context
from rules.bound import BoundRule
from rules.engine import Engine
from rules.modes import HOME_SENSOR
from shouwang.alert import Alert
from shouwang.driver import Driver, Measurement
from shouwang.quantities import Quantity
from shouwang.reading import Reading
from shouwang.status import SensorStatus
from shouwang.wire import Command, GapBody, HelpComing, Lane, ResetAlarm, SetMode

log = logging.getLogger(__name__)

OUTBOX_FILE = "outbox.sqlite3"
_FAREWELL_S = 3.0
_SESSION_EXPIRY_S = 86_400
"""The broker keeps our commands for a day while we are away."""


async def run(home: Home, *, time_scale: float = 1.0) -> None:
    """Run the home's gateway until SIGTERM or SIGINT; what is in memory is written before it returns.

    `time_scale` lets the rules' time run faster than the clock, to play recordings; it is 1 in a home.
    Raises ConfigError where the data folder, a secret or a certificate cannot be used.
    """
    settings = uplink_settings(home)
    with ThreadPoolExecutor(1, thread_name_prefix="outbox") as thread:
        loop = asyncio.get_running_loop()
        outbox = await loop.run_in_executor(thread, Outbox, Path(home.gateway.data_dir) / OUTBOX_FILE, home.gateway.id)
        try:
            async with phone_of(home) as phone:
                await _Gateway(home, settings, outbox, thread, time_scale, phone=phone).run()
        finally:
            await loop.run_in_executor(thread, outbox.close)


class _Gateway:
    def __init__(
        self,
        home: Home,
        settings: BrokerSettings,
        outbox: Outbox,
        thread: ThreadPoolExecutor,
        time_scale: float,
        *,
        phone: Phone | None,
    ) -> None:
        self.home = home
        self.phone = phone
        self.outbox = outbox
        self.clock = Clock(outbox.clock_mark(), scale=time_scale)
        self.manager = ServiceManager()
        self.voice = Voice(_annunciators(home), self.clock)
        self.pauses = {(press.sensor, Quantity(press.quantity), float(press.value)) for press in home.audio_pause}
        self.links = _links(home, outbox)
        self.household = Household(home, self._named(), outbox.active_alarms())
        self.dashboard = dashboard_of(home, self.links, self.household)
        self.modes = self._modes()
        self.engine = Engine(self.household.bound_rules(), outbox.saved_states())
        self.pipeline = Pipeline(self.engine, self.clock, announce=self._announce, beat=self.manager.alive)
        self.scribe = Scribe(
            outbox, thread, self.clock, Slips(home.gateway.id), stored=self._stored, unwritten=self._unwritten
        )
        self.uplink = Uplink(
            settings,
            home.gateway.id,
            self.scribe,
            confirmed=self.pipeline.confirmed,
            obey=self._obey,
            done=outbox.commands_done(),
        )
        self.health = Health(home, self.scribe, self.pipeline, self.clock, self.household.drivers)

    def _named(self) -> list[Driver]:
        """The drivers that are there for ever."""
        named: list[Driver] = [sensor.build(self.links) for sensor in self.home.sensors]
        named += self.links.radios.values()
        if self.phone is not None:
            named.append(self.phone.driver)
        if self.home.watches_box:
            named.append(Box(self.home.gateway.id, Path(self.home.gateway.data_dir), self.clock, self._waiting))
        return named

    def _modes(self) -> Modes:
        noted = self.outbox.notes().get(HOME_SENSOR, {}).get(NOTE)
        modes = Modes(self.clock, self.home.modes, noted=noted, accept=self._accept, say=self.voice.notice)
        if self.phone is not None:
            self.phone.wish = modes.wish
        return modes

    async def run(self) -> None:
        self._tell_what_was_lost()
        active = self.outbox.active_alarms()
        self.health.birth(active, self.household.kinds())
        self._announce(active)
        self.modes.restore()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._stop_on_signal(), name="signals")
                for name, work in self._work():
                    group.create_task(work, name=name)
                self.household.watch(
                    partial(self._start, group), self._rebind, self.pipeline.accept, self._sensors_changed
                )
                self.manager.ready(f"watching {len(self.home.sensors)} sensors")
                log.info("gateway %s watches %d sensors", self.home.gateway.id, len(self.home.sensors))
        except* _Stop:
            self.manager.stopping()
        finally:  # also where a core task died: what is in memory is no less true
            await self._write_the_rest()

    async def _write_the_rest(self) -> None:
        self.pipeline.judge_all()
        with suppress(TimeoutError):
            async with asyncio.timeout(_FAREWELL_S):
                await self.scribe.finish(self.pipeline)
        left = self.pipeline.batch
        if left.is_empty:
            log.info("gateway %s has stopped; nothing is left in memory", self.home.gateway.id)
        else:
            log.error(
                "the card did not take all in %.0f s: %d alerts and %d readings are lost with this stop",
                _FAREWELL_S,
                len(left.alerts),
                len(left.readings),
            )

    def _work(self) -> list[tuple[str, Coroutine[None, None, object]]]:
        found: list[tuple[str, Coroutine[None, None, object]]] = [
            ("pipeline", self.pipeline.run()),
            ("scribe", self.scribe.run(self.pipeline)),
            ("voice", self.voice.run()),
            ("modes", self.modes.run()),
            ("uplink", self.uplink.run()),
            ("health", self.health.run()),
        ]
        if self.links.local_broker is not None:
            found.append(("local-broker", keep("the local MQTT broker", self.links.local_broker.run)))
        for name, line in self.links.modbus.items():
            found.append((f"modbus-{name}", keep(f"the RS-485 line {name}", line.run)))
        for part, receiver in self.links.receivers.items():
            found.append((f"receiver-{part}", keep(f"the {part} receiver", receiver.run)))
        if self.phone is not None:
            found.append(("sms-queue", self.phone.run()))
        if self.dashboard is not None:
            found.append(("dashboard", self.dashboard.run()))
        return found

    async def _waiting(self, lane: Lane, after: int, limit: int) -> list[Stored]:
        return await self.scribe.pending(lane, after, limit)

    def _start(self, group: asyncio.TaskGroup, driver: Driver) -> Callable[[], object]:
        supervisor = Supervisor(driver, self.clock, self._accept)
        return group.create_task(supervisor.run(), name=f"sensor-{driver.sensor_id}").cancel

    def _rebind(self, rules: tuple[BoundRule, ...]) -> None:
        self.pipeline.rebind(rules)
        self.modes.restore()

    def _sensors_changed(self) -> None:
        if self.dashboard is not None:
            self.dashboard.sensors_changed()

    def _announce(self, alerts: Sequence[Alert]) -> None:
        self.voice.alerts(alerts)
        self.household.alerts(alerts)
        self.modes.alerts(alerts)
        if self.dashboard is not None:
            self.dashboard.alerts(alerts)
        if self.phone is not None:
            self.phone.roster.alerts(alerts)

    def _accept(self, event: Reading | Measurement | SensorStatus) -> None:
        self.pipeline.accept(event)
        for reading in _readings_of(event):
            self.modes.hear(reading)
            if (reading.sensor_id, reading.quantity, reading.value) in self.pauses and not reading.is_late:
                self.voice.pause()
        if self.dashboard is not None:
            self.dashboard.note(event)
        if self.phone is not None and isinstance(event, SensorStatus):
            self.phone.roster.status(event)

    def _stored(self, stored: list[Stored]) -> None:
        self.uplink.offer(stored)

    def _unwritten(self, slips: list[Stored]) -> None:
        self.uplink.offer_unwritten(slips)

    def _obey(self, command: Command, done: Callable[[], None]) -> None:
        if isinstance(command.action, HelpComing):
            self.voice.help_coming(command.incident_id, command.action.say)
        elif isinstance(command.action, SetMode):
            self.modes.order(command.action, command.issued_at)
        self.pipeline.obey(command, done)
        if isinstance(command.action, ResetAlarm):
            self.household.closed(command.action.keys)

    def _tell_what_was_lost(self) -> None:
        if self.outbox.put_aside is not None:
            log.error("the outbox file was damaged; it is kept as %s and a new one begun", self.outbox.put_aside)
            self.pipeline.send(Lane.STATE, GapBody(reason=DAMAGED, count=0))
        for key in self.engine.forgotten:
            log.warning("the saved state of rule %s is of another version: the rule starts afresh", key)

    async def _stop_on_signal(self) -> Never:
        loop = asyncio.get_running_loop()
        asked = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, asked.set)
        await asked.wait()
        raise _Stop


def _readings_of(event: Reading | Measurement | SensorStatus) -> tuple[Reading, ...]:
    if isinstance(event, Reading):
        return (event,)
    return event.readings if isinstance(event, Measurement) else ()


class _Stop(Exception):
    """A person or systemd asked to stop."""


def uplink_settings(home: Home) -> BrokerSettings:
    """How to reach the centre's broker; raises ConfigError where a secret or certificate cannot be read."""
    uplink = home.uplink
    host, port, is_tls = parse_broker_url(uplink.url)
    tls = TlsFiles(ca_file=uplink.ca_file, cert_file=uplink.cert_file, key_file=uplink.key_file) if is_tls else None
    if tls is not None:
        tls_context(tls)  # files that cannot be used are told at the start; later they are a lost connection
    return BrokerSettings(
        host=host,
        port=port,
        client_id=home.gateway.id,
        username=uplink.username or home.gateway.id,
        password=None if uplink.password_file is None else read_secret(uplink.password_file),
        tls=tls,
        version=uplink.version,
        session_expiry_s=_SESSION_EXPIRY_S,
        clean_start=False,
    )


def dashboard_of(home: Home, links: Links, household: Household) -> Dashboard | None:
    """What tells the home on its own broker; None where nobody asked for it."""
    broker = home.local_broker
    if broker is None or broker.publish is None or links.local_broker is None:
        return None
    part = broker.publish
    names = Names(home.gateway.id, part.topic, part.discovery_prefix, home.gateway.language)
    links.local_broker.mute(names.own_filters)  # what we say ourselves is no news to us
    link = LocalBroker(address_of(broker), name=names.base, testament=last_will_of(names))
    return Dashboard(link, names, household.sensors)


def _links(home: Home, outbox: Outbox) -> Links:
    return links_for(
        home.local_broker,
        bluetooth=home.bluetooth,
        modbus=home.modbus,
        receivers=receivers_for(home.enocean, home.rfxtrx),
        notes=outbox.notes(),
        resident_id=home.resident.id,
        names=home.names(),
    )


def _annunciators(home: Home) -> list[Annunciator]:
    return [ConsoleAnnunciator(home.gateway.language) for _ in home.annunciators]
