"""Wiring of the community server: one task group of named tasks. If one dies the process ends and is started anew."""

import asyncio
import logging
import signal
import socket
from collections.abc import Callable, Coroutine, Mapping
from datetime import UTC, datetime
from functools import partial

from fastapi import FastAPI

from community.accounts import Accounts
from community.admin_rooms import admin_rooms, means_of
from community.asking import Asking
from community.batches import ALERT_BYTES, BATCH_BYTES, TELEMETRY_BYTES
from community.bells import Bells
from community.care_desk import CareDesk
from community.care_room import CareRoom
from community.care_rounds import CareRounds
from community.case_room import CaseRoom
from community.channel_lines import answer_token, lines_of, people_of
from community.counter import Counter
from community.daily_backup import DailyBackup
from community.dispatch_room import DispatchRoom
from community.dispatcher import Dispatcher
from community.downlink import Downlink
from community.engine_room import EngineRoom
from community.errands import Errands
from community.family_room import FamilyRoom
from community.fhir.records import Records
from community.firing import Firing
from community.fleet_room import FleetRoom
from community.heap import settled
from community.hourly import Hourly
from community.ingest import LINGER_S, Ingest, Lot
from community.kpi_desk import KpiDesk
from community.kpi_rounds import KpiRounds
from community.map_room import MapRoom
from community.measurements.forgetting import forget_at
from community.measurements.place import Place, measured_file, place_of
from community.metrics import metrics_of
from community.notifier import Notifier
from community.plan_room import PlanRoom
from community.programs import Programs
from community.register_room import RegisterRoom
from community.registry_sealing import Safe, open_safe
from community.replies import Replies
from community.resident_room import ResidentRoom
from community.retention_rounds import RetentionRounds
from community.ring_room import RingRoom
from community.rounds import Rounds
from community.settings import BrokerEntry, CommunitySettings, WebEntry, broker_settings, secret
from community.sign_on import SignOn
from community.sms_inlet import inlet_of
from community.store.database import TIMEOUT_S, Store, open_store
from community.store.directory import bring_in
from community.store.orders import rung_failed
from community.store.people_watches import watches as watches_of_homes
from community.store.supervision import Watch
from community.storm_rounds import StormRounds
from community.trace_room import TraceRoom
from community.wall_room import WallRoom
from community.web.app import create_app
from community.web.oversight import oversight
from community.web.serve import NO_LISTENING
from community.web.serve import serve as serve_console
from messaging.broker import BrokerSettings
from messaging.service_manager import ServiceManager
from shouwang.bilingual import both
from shouwang.errors import ConfigError
from shouwang.wire import ingest_topics

SESSION_EXPIRY_S = 3600
"""How long the broker keeps what comes while the server is away; after that the homes send it again by themselves."""
_ALERT_WINDOW = 200
_STATES = 1
"""Place of the ingest by which homes say that they live."""
_WINDOW = 400
"""MQTT 5 Receive Maximum: how much may be unacknowledged; the broker's own limit may be lower."""
_STUCK_AFTER_S = TIMEOUT_S + 15
"""An ingest without a turn for longer than the slowest write is stuck."""

log = logging.getLogger(__name__)


async def serve(settings: CommunitySettings, *, started: Callable[[str], None] | None = None) -> None:
    """Run the community server until SIGTERM or SIGINT. `started` gets the console's address.

    Raises ConfigError where the database, a secret, a certificate or the console's port cannot be used.
    """
    password = secret(settings.store.password_file)
    measured = measured_file(settings.measurements, settings.store.url)
    store = await open_store(settings.store.url, password=password, measured=measured, zone=settings.kpi.zone)
    try:
        room = EngineRoom(store, clock=_now)
        await room.enter()
        with _listener(settings.web) as listener:  # not before: a server that waits for the engine answers nobody
            await store.write(lambda connection: bring_in(connection, settings.homes))
            watches = await store.read(watches_of_homes)
            community = _Community(settings, store, listener, room, watches=watches)
            async with place_of(
                settings.measurements, store, measured, clock=_now, told=community.committed
            ) as measurements:
                await community.run(measurements, started)
        await room.leave()
    finally:
        await store.close()


class _Community:
    def __init__(
        self,
        settings: CommunitySettings,
        store: Store,
        listener: socket.socket,
        room: EngineRoom,
        *,
        watches: Mapping[str, Watch],
    ) -> None:
        self._settings, self._store, self._room, self._listener = settings, store, room, listener
        self._manager = ServiceManager()
        self._address = address_of(settings.web, listener.getsockname()[1])
        self._beats: dict[str, float] = {}
        self._bells = Bells(store)
        self._firing = Firing(store, clock=_now, fired=self.committed, beat=partial(self._beat, "clocks"))
        self._downlink = Downlink(_session(settings.broker, "downlink", window=20, keeps=False), store, clock=_now)
        self._desk = Counter(store, self._bells, clock=_now, for_homes=self._downlink.look)
        self._dispatcher = Dispatcher(store, clock=_now, told=self.committed)
        self._kpis = KpiDesk(store, clock=_now, zone=settings.kpi.zone)
        self._figures = KpiRounds(self._kpis)
        self._replies = Replies(
            store, token=answer_token(settings.channels), clock=_now, order=self._desk.order, rung_failed=rung_failed
        )
        self._lines = lines_of(settings.channels, public_url=self._address)
        self._notifier = self._calls()
        self._residents = ResidentRoom(store, clock=_now)
        self._care = CareRoom(store, clock=_now, zone=settings.kpi.zone)
        self._programs = Programs(store, self._desk, clock=_now, told=self.committed, figures=self._kpis)
        self._families = self._family_room()
        self._ringing = RingRoom(store, clock=_now, changed=self.committed)
        self._place: Place | None = None
        self._retention = self._forgetting()
        self._app = self._console()
        self._ingests: list[Ingest] = []
        self._rounds = Rounds(
            store, watches, clock=_now, hears_since=lambda: self._ingests[_STATES].hears_since, told=self.committed
        )
        self._storms = StormRounds(store, clock=_now, told=self.committed)
        witnesses = _session(settings.broker, "witnesses", window=20, keeps=False)
        self._hourly = Hourly(witnesses, store, clock=_now, told=self.committed)

    def _forgetting(self) -> RetentionRounds:
        settings, store = self._settings, self._store
        forget = partial(forget_at, lambda: self._place, settings.measurements, store)
        return RetentionRounds(store, settings.retention, zone=settings.kpi.zone, clock=_now, forget=forget)

    def _family_room(self) -> FamilyRoom:
        return FamilyRoom(
            self._store,
            self._desk,
            self._programs.requests,
            clock=_now,
            pressed=self._replies.pressed,
            phone=self._settings.dispatch.phone or "",
        )

    def _console(self) -> FastAPI:
        settings, store = self._settings, self._store
        safe = open_safe(settings.registry.key_file)
        pinned = {home.id: home.gateway for home in settings.homes}
        accounts = Accounts(store, totp_for=settings.access.totp_for(self._address), safe=safe)
        app = create_app(
            self._desk,
            accounts,
            name=settings.name,
            clock=_now,
            secure_cookies=self._address.startswith("https://"),
            zone=settings.kpi.zone,
            sms_inlet=inlet_of(settings, store, clock=_now, committed=self.committed),
            dispatch=self._dispatch_room(settings, store),
            records=Records(settings, store),
            programs=self._programs,
            figures=self._kpis,
            gauges=metrics_of(settings, store, clock=_now),
            rooms=(
                *admin_rooms(
                    store,
                    accounts,
                    clock=_now,
                    safe=safe,
                    centre=settings.name,
                    address=self._address,
                    means=means_of(settings, self._lines, undone=lambda: self._retention.undone),
                    zone=settings.kpi.zone,
                    pinned=pinned,
                ),
                *oversight(store, self._kpis, clock=_now, zone=settings.kpi.zone),
                *(room(store, clock=_now) for room in (FleetRoom, CaseRoom, TraceRoom)),
                self._ringing,
                *self._plans(),
                *_sign_on(settings, accounts, self._address),
                *self._people(safe, pinned),
            ),
        )
        app.state.replies = self._replies if settings.channels.answers else None
        return app

    def _people(self, safe: Safe, pinned: Mapping[str, str]) -> tuple[object, ...]:
        """Pages of residents and families, and where their entries are kept."""
        settings, store = self._settings, self._store
        return (
            RegisterRoom(store, clock=_now, safe=safe, pinned=pinned),
            CareDesk(store, clock=_now, zone=settings.kpi.zone),
            self._residents,
            self._care,
            self._families,
        )

    def _plans(self) -> tuple[PlanRoom | WallRoom | MapRoom, ...]:
        wall = WallRoom(self._store, self._kpis, clock=_now, zone=self._settings.kpi.zone)
        entry = self._settings.web.map
        streets = () if entry is None else (MapRoom(self._store, entry, clock=_now),)
        return (PlanRoom(self._store, clock=_now), wall, *streets)

    def _calls(self) -> Notifier:
        channels = self._settings.channels
        return Notifier(
            self._store,
            self._lines,
            clock=_now,
            rung_failed=rung_failed,
            answered=self._replies.act_on,
            changed=self.committed,
            people=people_of(channels),
            public_url=self._address,
        )

    async def run(self, measurements: Place, started: Callable[[str], None] | None) -> None:
        """Until SIGTERM or SIGINT."""
        self.measured_in(measurements)
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for name in ("clocks", *(ingest.name for ingest in self._ingests)):
            self._beat(name)
        await self._notifier.bring_in()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(work, name=name) for name, work in self._works(measurements).items()]
            log.info("the console is at %s", self._address)
            self._manager.ready(f"the console is at {self._address}")
            if started is not None:
                started(self._address)
            with settled():
                await stop.wait()
            self._manager.stopping()
            for task in tasks:
                task.cancel()
        log.info("stopped")

    def measured_in(self, measurements: Place) -> None:
        """Measurements are kept there."""
        self._place = measurements
        self._ingests = self._ingests_into(measurements)
        for room in (self._residents, self._care, self._families):
            room.measured_by(measurements.port)

    def _works(self, measurements: Place) -> dict[str, Coroutine[None, None, None]]:
        """All that runs beside each other, by name."""
        works = {f"ingest {ingest.name}": ingest.run() for ingest in self._ingests}
        works |= {
            "measurements": measurements.keeper.run(),
            "downlink": self._downlink.run(),
            "bells": self._bells.run(),
            "clocks": self._firing.run(),
            "dispatcher": self._dispatcher.run(),
            "engine": self._room.run(),
            "notifier": self._notifier.run(),
            "rounds": self._rounds.run(),
            "storms": self._storms.run(),
            "rings": self._ringing.run(),
            "asking": Asking(self._store, clock=_now, asked=self._downlink.look).run(),
            "hourly": self._hourly.run(),
            "figures": self._figures.run(),
            "care": CareRounds(self._care).run(),
            "console": serve_console(self._app, self._listener),
            "watchdog": self._watch(),
        }
        if self._settings.retention.runs:
            works["retention"] = self._retention.run()
        if measurements.history is not None:
            works["history"] = measurements.history.run()
        if self._settings.backup is not None:
            works["backup"] = DailyBackup(self._settings, self._store, clock=_now, told=self.committed).run()
        return works

    def _dispatch_room(self, settings: CommunitySettings, store: Store) -> DispatchRoom:
        errands = Errands(
            store,
            clock=_now,
            changed=self._went_on,
            safe=open_safe(settings.registry.key_file),
            phone=settings.dispatch.phone or "",
        )
        return DispatchRoom(store, errands, clock=_now, changed=self._went_on, centre=settings.name)

    def _went_on(self) -> None:
        """A responder's phone has moved a case: consoles, the home and the next one hear of it."""
        self.committed()
        self._downlink.look()

    def committed(self) -> None:
        """Look whether there is something new to ring, to call or to fire."""
        self._bells.look()
        self._notifier.look()
        self._dispatcher.look()
        self._firing.look()

    def _ingests_into(self, measurements: Place) -> list[Ingest]:
        """Three sessions: neither telemetry that has to wait nor a flood of it keeps beats and alarms waiting."""
        alerts, states, telemetry, wills = ingest_topics()
        at_once = TELEMETRY_BYTES if measurements.has_own_file else BATCH_BYTES
        lots = (
            (_alerts_of(alerts), _ALERT_WINDOW),
            (Lot(name="states", topics=(states, wills), linger_s=LINGER_S, is_urgent=False), _WINDOW),
            (
                Lot(
                    name="telemetry",
                    topics=(telemetry,),
                    linger_s=LINGER_S,
                    is_urgent=False,
                    bytes_at_once=at_once,
                ),
                _WINDOW,
            ),
        )
        return [
            Ingest(
                lot,
                _session(self._settings.broker, f"ingest-{lot.name}", window=window, keeps=True),
                self._store,
                clock=_now,
                beat=partial(self._beat, lot.name),
                committed=self.committed,
                measurements=measurements.port,
            )
            for lot, window in lots
        ]

    def _beat(self, name: str) -> None:
        self._beats[name] = asyncio.get_running_loop().time()

    async def _watch(self) -> None:
        """Tell systemd that the server lives, as long as every ingest turns."""
        pause_s = (self._manager.watchdog_s or 3 * _STUCK_AFTER_S) / 3
        while True:
            now = asyncio.get_running_loop().time()
            stuck = [name for name, beat in self._beats.items() if now - beat > _STUCK_AFTER_S]
            if stuck:
                log.error("%s: stuck", " and ".join(stuck))
            else:
                self._manager.alive()
            await asyncio.sleep(pause_s)


def address_of(web: WebEntry, port: int) -> str:
    """The console's address for browsers."""
    if web.public_url is not None:
        return web.public_url
    host = f"[{web.host}]" if ":" in web.host else web.host
    return f"http://{host}:{port}"


def _sign_on(settings: CommunitySettings, accounts: Accounts, address: str) -> tuple[SignOn, ...]:
    entry = settings.access.oidc
    if entry is None:
        return ()
    return (SignOn(accounts, entry, secret=secret(entry.client_secret_file), address=address, clock=_now),)


def _alerts_of(topic: str) -> Lot:
    return Lot(name="alerts", topics=(topic,), linger_s=0, is_urgent=True, bytes_at_once=ALERT_BYTES)


def _listener(web: WebEntry) -> socket.socket:
    family = socket.AF_INET6 if ":" in web.host else socket.AF_INET
    try:
        return socket.create_server((web.host, web.port), family=family, backlog=128)
    except OSError as error:
        raise ConfigError(both(*NO_LISTENING, host=web.host, port=web.port, error=error.strerror)) from error


def _session(broker: BrokerEntry, role: str, *, window: int, keeps: bool) -> BrokerSettings:
    return broker_settings(broker, role, receive_maximum=window, session_expiry_s=SESSION_EXPIRY_S if keeps else 0)


def _now() -> datetime:
    return datetime.now(UTC)
