"""Who is connected with whom in one gateway: built by hand, one by one. Nothing runs here, see `gateway.app`."""

import logging
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path

from config.home import Home
from gateway.account import Account
from gateway.alarms import Alarms
from gateway.batch import Key
from gateway.box import Box
from gateway.clock import Clock
from gateway.equipment import dashboard_of
from gateway.fittings import Fittings
from gateway.health import Health
from gateway.house import House
from gateway.household import Household
from gateway.internet import Internet
from gateway.lifeline import Lifeline
from gateway.modes import NOTE, Modes
from gateway.outbox import Outbox, Stored
from gateway.paths import NOTES as PATHS
from gateway.paths import Paths
from gateway.phone import Phone
from gateway.pipeline import Pipeline
from gateway.repeats import taken_in
from gateway.scribe import Scribe
from gateway.self_test import self_test_of
from gateway.slips import Slips
from gateway.starts import Starts
from gateway.tail import Tail
from gateway.timekeeper import Timekeeper, floor_of
from gateway.uplink import Uplink
from gateway.whiteboard import Whiteboard
from messaging.broker import BrokerSettings
from messaging.service_manager import ServiceManager
from rules.bound import BoundRule
from rules.engine import Engine
from rules.modes import HOME_SENSOR
from shouwang.alert import Alert
from shouwang.driver import Driver, Measurement
from shouwang.reading import Reading
from shouwang.status import SensorStatus
from shouwang.wire import Command, HelpComing, Lane, RequestTest, ResetAlarm, SetMode
from shouwang.wire import Path as Way

log = logging.getLogger(__name__)


class Wiring:
    """All of one home, and who hears what."""

    def __init__(
        self,
        home: Home,
        settings: BrokerSettings,
        outbox: Outbox,
        tail: Tail,
        thread: ThreadPoolExecutor,
        *,
        time_scale: float,
        phone: Phone | None,
        modem: AsyncExitStack,
    ) -> None:
        """Opens nothing. `modem` holds what the phone has open."""
        self.home = home
        self.phone = phone
        self.modem = modem
        self.outbox = outbox
        self.recovered = tail.recovered
        self.notes = {owner: dict(notes) for owner, notes in self.recovered.notes(outbox.notes()).items()}
        self.clock = Clock(self.recovered.clock_mark(outbox.clock_mark()), floor=floor_of(self.notes), scale=time_scale)
        tail.start(self.clock.mark)
        self.starts = Starts(self.clock, self.notes)
        self.taken = taken_in(Path(home.gateway.data_dir), home.gateway.id, self.clock.boot, tail)
        self.manager = ServiceManager()
        self.alarms = Alarms()
        self.board = Whiteboard()
        self.fittings = Fittings(home, self.notes)
        self.house = House(home, self.fittings.links, self.clock, notes=self.notes, accept=self._accept)
        self.voice = self.house.voice
        self.box = Box(home.gateway, self.clock, self._waiting, starts=self.starts.count, say=self.voice.notice)
        self.household = Household(home, self._named(), outbox.active_alarms())
        self.dashboard = dashboard_of(home, self.fittings.links, self.household)
        self.modes = self._modes()
        self.engine = Engine(self.household.bound_rules(), outbox.saved_states())
        self.pipeline = Pipeline(self.engine, self.clock, announce=self._raised, beat=self.manager.alive, tail=tail)
        self.scribe = Scribe(
            outbox, thread, self.clock, Slips(home.gateway.id), stored=self._stored, unwritten=self._unwritten
        )
        self._wire_way(settings)
        self._wire_health()

    def _wire_way(self, settings: BrokerSettings) -> None:
        """How the home reaches the centre and, where it cannot, people."""
        home = self.home
        self.paths = Paths(
            self.clock, ways_of(home), noted=self.notes.get(PATHS, {}), send=self.pipeline.send, note=self.pipeline.note
        )
        self.internet = Internet(self.paths, self.clock)
        say, pending = self.voice.progress, self._waiting
        self.lifeline = Lifeline(
            home,
            self.phone,
            self.clock,
            paths=self.paths,
            say=say,
            pending=pending,
            is_card_whole=self.outbox.put_aside is None,
        )
        self.uplink = Uplink(
            self._way(settings),
            home.gateway.id,
            self.scribe,
            confirmed=self._confirmed,
            obey=self._obey,
            done=self.outbox.commands_done() | self.recovered.commands(),
            internet=self.internet,
            clock=self.clock,
            is_metered=home.uplink.metered,
        )

    def _wire_health(self) -> None:
        """What the gateway says of itself."""
        home = self.home
        self.timekeeper = Timekeeper(self.clock, send=self.pipeline.send, note=self.pipeline.note)
        self.self_test = self_test_of(home, self.clock, self.notes, self.pipeline, self.internet)
        self.health = Health(
            home,
            self.scribe,
            self.pipeline,
            self.clock,
            self.household.drivers,
            account=Account(
                self.board,
                self.clock,
                certificate=lambda: self.home.uplink.cert_file,
                sensors=lambda: self.health.kinds(self.household.kinds()),
            ),
            starts=self.starts.count,
            test_due=lambda: self.self_test.due,
        )

    def _way(self, settings: BrokerSettings) -> BrokerSettings:
        return replace(settings, earliest=self.clock.wall.earliest)

    def _named(self) -> list[Driver]:
        """The drivers of what the configuration names."""
        named = self.fittings.drivers
        if self.phone is not None:
            named.append(self.phone.driver)
        if self.home.watches_box:
            named.append(self.box)
        return named

    def _modes(self) -> Modes:
        noted = self.notes.get(HOME_SENSOR, {}).get(NOTE)
        say, answer = self.voice.notice, partial(self.voice.notice, is_answer=True)
        modes = Modes(self.clock, self.home.modes, noted=noted, accept=self._accept, say=say, answer=answer)
        if self.phone is not None:
            self.phone.wish = modes.wish
        return modes

    def _end_orphans(self) -> None:
        orphans = self.alarms.orphans(self.engine.stands, self.clock)
        if orphans:
            self.pipeline.end(orphans)

    async def _waiting(self, lane: Lane, after: int, limit: int) -> list[Stored]:
        return await self.scribe.pending(lane, after, limit)

    def _rebind(self, rules: tuple[BoundRule, ...]) -> None:
        self.pipeline.rebind(rules)
        self.modes.restore()

    def _sensors_changed(self) -> None:
        self.house.keep(self.household.sensors().keys())
        if self.dashboard is not None:
            self.dashboard.sensors_changed()

    def _raised(self, alerts: Sequence[Alert]) -> None:
        self._announce(alerts)
        self.lifeline.alerts(alerts)

    def _announce(self, alerts: Sequence[Alert]) -> None:
        self.alarms.alerts(alerts)
        self.house.alerts(alerts)
        self.household.alerts(alerts)
        self.modes.alerts(alerts)
        if self.dashboard is not None:
            self.dashboard.alerts(alerts)
        if self.phone is not None:
            self.phone.roster.alerts(alerts)

    def _accept(self, event: Reading | Measurement | SensorStatus) -> None:
        self.pipeline.accept(event)
        self.board.note(event)
        if isinstance(event, Measurement):
            for note in event.notes:
                self.notes.setdefault(event.sensor_id, {})[note.name] = note.text
        for reading in _readings_of(event):
            self.modes.hear(reading)
            self.house.hear(reading)
        if self.dashboard is not None:
            self.dashboard.note(event)
        if isinstance(event, SensorStatus):
            self.house.status(event)
            self.lifeline.status(event)
            if self.phone is not None:
                self.phone.roster.status(event)

    def _stored(self, stored: list[Stored]) -> None:
        self.uplink.offer(stored)
        self.self_test.stored(stored)
        self.lifeline.stored(stored)

    def _confirmed(self, keys: Iterable[Key]) -> None:
        keys = tuple(keys)
        self.pipeline.confirmed(keys)
        self.scribe.confirmed(keys)
        self.self_test.confirmed(keys)
        self.lifeline.confirmed(keys)

    def _unwritten(self, slips: list[Stored]) -> None:
        self.uplink.offer_unwritten(slips)
        self.lifeline.stored(slips)

    def _obey(self, command: Command, done: Callable[[], None]) -> None:
        if isinstance(command.action, HelpComing):
            self.voice.help_coming(command.incident_id, command.action.say, command.action.keys)
            self.lifeline.help_coming(command.action.keys)
        elif isinstance(command.action, SetMode):
            self.modes.order(command.action, command.issued_at)
        elif isinstance(command.action, RequestTest):
            self.self_test.request()
        self.pipeline.obey(command, done)
        if isinstance(command.action, ResetAlarm):
            self.household.closed(command.action.keys)

    def _tell_what_was_lost(self) -> None:
        if self.outbox.put_aside is not None:
            log.error("the outbox file was damaged; it is kept as %s and a new one begun", self.outbox.put_aside)
        for key in self.engine.forgotten:
            log.warning("the saved state of rule %s is of another version: the rule starts afresh", key)


def ways_of(home: Home) -> tuple[Way, ...]:
    """The ways from this home to the centre."""
    return (Way.INTERNET,) if home.second_path is None else (Way.INTERNET, Way.SMS, Way.VOICE)


def _readings_of(event: Reading | Measurement | SensorStatus) -> tuple[Reading, ...]:
    if isinstance(event, Reading):
        return (event,)
    return event.readings if isinstance(event, Measurement) else ()
