"""Wiring of the community server: one task group of named tasks. If one dies the process ends and is started anew."""

import asyncio
import logging
import signal
import socket
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial

from community.accounts import Accounts
from community.bells import Bells
from community.counter import Counter
from community.downlink import Downlink
from community.engine_room import EngineRoom
from community.firing import Firing
from community.ingest import LINGER_S, Ingest, Lot
from community.rounds import Rounds
from community.settings import BrokerEntry, CommunitySettings, HomeEntry, WebEntry, broker_settings, secret
from community.sms_inlet import inlet_of
from community.store.database import TIMEOUT_S, Store, open_store
from community.store.directory import bring_in
from community.store.supervision import Watch
from community.web.app import create_app
from community.web.serve import serve as serve_console
from messaging.broker import BrokerSettings
from messaging.service_manager import ServiceManager
from shouwang.errors import ConfigError
from shouwang.wire import ingest_topics

SESSION_EXPIRY_S = 3600
"""How long the broker keeps what comes while the server is away; after that the homes send it again by themselves."""
_ALERT_WINDOW = 50
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
    store = await open_store(settings.store.url, password=password)
    try:
        room = EngineRoom(store, clock=_now)
        await room.enter()
        with _listener(settings.web) as listener:  # not before: a server that waits for the engine answers nobody
            await store.write(lambda connection: bring_in(connection, settings.homes))
            await _Community(settings, store, listener, room).run(started)
        await room.leave()
    finally:
        await store.close()


class _Community:
    def __init__(self, settings: CommunitySettings, store: Store, listener: socket.socket, room: EngineRoom) -> None:
        self._room = room
        self._manager = ServiceManager()
        self._listener = listener
        self._address = address_of(settings.web, listener.getsockname()[1])
        self._beats: dict[str, float] = {}
        self._bells = Bells(store)
        self._firing = Firing(store, clock=_now, fired=self._bells.look, beat=partial(self._beat, "clocks"))
        self._downlink = Downlink(_session(settings.broker, "downlink", window=20, keeps=False), store, clock=_now)
        desk = Counter(store, self._bells, clock=_now, for_homes=self._downlink.look)
        self._app = create_app(
            desk,
            Accounts(store),
            name=settings.name,
            clock=_now,
            secure_cookies=self._address.startswith("https://"),
            sms_inlet=inlet_of(settings, store, clock=_now, committed=self._committed),
        )
        alerts, *others = ingest_topics()
        self._ingests = [
            Ingest(
                lot,
                _session(settings.broker, f"ingest-{lot.name}", window=window, keeps=True),
                store,
                clock=_now,
                beat=partial(self._beat, lot.name),
                committed=self._committed,
            )
            for lot, window in (
                (Lot(name="alerts", topics=(alerts,), linger_s=0, is_urgent=True), _ALERT_WINDOW),
                (Lot(name="telemetry", topics=others, linger_s=LINGER_S, is_urgent=False), _WINDOW),
            )
        ]

        beats = self._ingests[-1]  # of the state of homes
        self._rounds = Rounds(
            store,
            {home.gateway: _watch(home) for home in settings.homes},
            clock=_now,
            hears_since=lambda: beats.hears_since,
            told=self._committed,
        )

    async def run(self, started: Callable[[str], None] | None) -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for name in ("clocks", *(ingest.name for ingest in self._ingests)):
            self._beat(name)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(ingest.run(), name=f"ingest {ingest.name}") for ingest in self._ingests]
            tasks.append(group.create_task(self._downlink.run(), name="downlink"))
            tasks.append(group.create_task(self._bells.run(), name="bells"))
            tasks.append(group.create_task(self._firing.run(), name="clocks"))
            tasks.append(group.create_task(self._room.run(), name="engine"))
            tasks.append(group.create_task(self._rounds.run(), name="rounds"))
            tasks.append(group.create_task(serve_console(self._app, self._listener), name="console"))
            tasks.append(group.create_task(self._watch(), name="watchdog"))
            log.info("the console is at %s", self._address)
            self._manager.ready(f"the console is at {self._address}")
            if started is not None:
                started(self._address)
            await stop.wait()
            self._manager.stopping()
            for task in tasks:
                task.cancel()
        log.info("stopped")

    def _committed(self) -> None:
        self._bells.look()
        self._firing.look()

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


def _watch(home: HomeEntry) -> Watch:
    return Watch(limit=timedelta(minutes=home.offline_after), is_high_risk=home.high_risk)


def _listener(web: WebEntry) -> socket.socket:
    family = socket.AF_INET6 if ":" in web.host else socket.AF_INET
    try:
        return socket.create_server((web.host, web.port), family=family, backlog=128)
    except OSError as error:
        raise ConfigError(
            f"web: cannot listen on {web.host}:{web.port}: {error.strerror}; is another server running there?"
        ) from error


def _session(broker: BrokerEntry, role: str, *, window: int, keeps: bool) -> BrokerSettings:
    return broker_settings(broker, role, receive_maximum=window, session_expiry_s=SESSION_EXPIRY_S if keeps else 0)


def _now() -> datetime:
    return datetime.now(UTC)
