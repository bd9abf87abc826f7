"""Wiring of the gateway: one group of named tasks. If a core task dies, the process ends and systemd starts it anew."""

import asyncio
import logging
import signal
from collections import ChainMap
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, nullcontext, suppress
from functools import partial
from pathlib import Path
from typing import Never

from config.home import Home
from drivers.serial.modem_part import MODEM_ID
from gateway.control import Control, folders_of, reported, worded
from gateway.equipment import dashboard_of, way_to_centre
from gateway.fittings import BROKER
from gateway.household import Hands
from gateway.outbox import Outbox
from gateway.outbox_budget import MEGABYTE, Budget
from gateway.parts import Part, Parts
from gateway.phone import phone_of
from gateway.reload import Prepared, Reload, heed_hangup, prepare
from gateway.status import Overview, Sources
from gateway.supervise import Supervisor, keep
from gateway.tail import Tail, tail_folders
from gateway.wiring import Wiring, ways_of
from messaging.service_manager import ServiceManager
from rules.bound import rule_of
from shouwang.alert import Sentence
from shouwang.driver import Driver

log = logging.getLogger(__name__)

OUTBOX_FILE = "outbox.sqlite3"
_PAUSED = Sentence(
    zh="已经播报过的报警两分钟内不再重复；其余照常，新的报警马上播报",
    en="alarms that were told are not repeated for two minutes; all else goes on, and a new one is told at once",
)
_FAREWELL_S = 3.0
_CHECKING_S = 300.0
"""A full outbox of 256 MB is read through after a power cut: 1 to 30 s, minutes on a card that is failing."""


async def run(home: Home, *, time_scale: float = 1.0, reread: Callable[[], Home] | None = None) -> None:
    """Run the home's gateway until SIGTERM or SIGINT; what is in memory is written before it returns.

    `time_scale` lets the rules' time run faster than the clock, to play recordings; it is 1 in a home. The box is not
    watched then, for its memory, queue and clock go by real time. `reread` gives the home as its file is now, for a
    reload.

    Raises ConfigError where the data folder, or a secret that the home itself needs, cannot be used. What the way to
    the centre needs is no reason not to watch: it is a lost connection until it is put right.
    """
    hangup = heed_hangup()
    if time_scale != 1:
        home, reread = _unwatched(home), reread and partial(_reread_unwatched, reread)
    settings = way_to_centre(home)
    ServiceManager().starting(_CHECKING_S)
    with ThreadPoolExecutor(1, thread_name_prefix="outbox") as thread:
        loop = asyncio.get_running_loop()
        outbox = await loop.run_in_executor(thread, _opened_outbox, home)
        tail = Tail(tail_folders(Path(home.gateway.data_dir)), home.gateway.id, committed=outbox.position())
        try:
            async with AsyncExitStack() as modem:
                phone = await modem.enter_async_context(phone_of(home))
                gateway = _Gateway(
                    home, settings, outbox, tail, thread, time_scale=time_scale, phone=phone, modem=modem
                )
                await gateway.run(reread, hangup)
        finally:
            tail.close()
            await loop.run_in_executor(thread, outbox.close)


def _unwatched(home: Home) -> Home:
    return home.model_copy(update={"box": home.box.model_copy(update={"watch": False})})


def _reread_unwatched(reread: Callable[[], Home]) -> Home:
    return _unwatched(reread())


def _opened_outbox(home: Home) -> Outbox:
    return Outbox(Path(home.gateway.data_dir) / OUTBOX_FILE, home.gateway.id, budget=_budget(home))


def _budget(home: Home) -> Budget:
    return Budget(bytes=home.outbox.megabytes * MEGABYTE, kept=home.outbox.keep)


class _Gateway(Wiring):
    """What runs, and what is exchanged while it runs. Who hears what: `gateway.wiring`."""

    async def run(self, reread: Callable[[], Home] | None, hangup: asyncio.Event) -> None:
        self._tell_what_was_lost()
        active = self.outbox.active_alarms()
        self.starts.keep(self.pipeline.note)
        self.health.birth(active, self.household.kinds())
        self._announce(active)
        self.pipeline.replay(self.recovered)
        self._end_orphans()
        self.self_test.resume(self.outbox.pending, self.pipeline.batch.bodies)
        self.modes.restore()
        reload = Reload(reread, self._try_out, self._use, self.manager, hangup)
        try:
            async with asyncio.TaskGroup() as group:
                for name, work in self._core(reload):
                    group.create_task(work, name=name)
                self.parts = Parts(group)
                self.parts.start(self._parts())
                start = partial(self._start, group)
                self.household.watch(
                    Hands(start=start, rebind=self._rebind, accept=self._accept, changed=self._sensors_changed)
                )
                await asyncio.sleep(0)  # signals are taken before anybody hears that we are ready: a stop must write
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

    def _core(self, reload: Reload) -> list[tuple[str, Coroutine[None, None, object]]]:
        """What runs from the start to the end, whatever becomes of the configuration."""
        return [
            ("signals", self._stop_on_signal()),
            ("reload", reload.run()),
            ("control", self._control(reload).run()),
            ("pipeline", self.pipeline.run()),
            ("scribe", self.scribe.run(self.pipeline)),
            ("voice", self.voice.run()),
            ("modes", self.modes.run()),
            ("health", self.health.run()),
            *((("timekeeper", self.timekeeper.run()),) if self.clock.is_real else ()),
            ("paths", self.paths.run()),
            ("self-test", self.self_test.run()),
            ("internet", self.internet.run()),
        ]

    def _control(self, reload: Reload) -> Control:
        """What people at the box may ask; a command that is done at once needs one line in `do`."""
        home = self.home
        do = {"audio-pause": self._pause_audio}
        commands = worded(home.gateway.id, {"reload": reload.now, "test-alarm": self.self_test.by_hand}, do)
        commands["status"] = reported(home.gateway.id, self._overview().status)
        self.orders = worded(home.gateway.id, {}, self.house.orders())
        folders = folders_of(Path(home.gateway.data_dir))
        return Control(
            home.gateway.id,
            folders,
            ChainMap(commands, self.orders),
            language=lambda: self.home.gateway.language,
        )

    def _overview(self) -> Overview:
        return Overview(
            Sources(
                about=self._about,
                kinds=lambda: self.health.kinds(self.household.kinds()),
                board=self.board,
                alarms=self.alarms,
                engine=self.engine,
                scribe=self.scribe,
                paths=self.paths,
                clock=self.clock,
                data_dir=Path(self.home.gateway.data_dir),
            )
        )

    def _about(self) -> tuple[str, str, str, str]:
        gateway = self.home.gateway
        return gateway.id, gateway.language, gateway.timezone, self.modes.stay.mode.name.lower()

    def _pause_audio(self) -> Sentence:
        self.voice.pause()
        return _PAUSED

    def _parts(self) -> list[Part]:
        """What can be exchanged while the home is watched; its fingerprint is in `gateway.fittings.prints_of`."""
        links = self.fittings.links
        found = [Part(name="uplink", work=self.uplink.run), Part(name="annunciators", work=self.house.run)]
        found.append(Part(name="lifeline", work=partial(self.lifeline.run, self.alarms.on.values)))
        if self.phone is not None:
            found.append(Part(name="modem", work=self.phone.run))
        if self.dashboard is not None:
            found.append(Part(name="dashboard", work=self.dashboard.run))
        if links.local_broker is not None:
            links.local_broker.remember(self.taken)
            found.append(_link(BROKER, "the local MQTT broker", links.local_broker.run))
        found += [_link(f"modbus-{name}", f"the RS-485 line {name}", line.run) for name, line in links.modbus.items()]
        for name, receiver in links.receivers.items():
            found.append(_link(f"receiver-{name}", f"the {name} receiver", receiver.run))
        return found

    # ---- another configuration ----

    def _try_out(self, reread: Callable[[], Home]) -> Prepared:
        return prepare(reread, self.home, self.fittings)

    async def _use(self, new: Prepared) -> None:
        """Stop what is over, first what takes its time; then exchange it in one breath, so that nothing is missed."""
        over = new.change.sensors | self.household.members_of(new.change.sensors)
        on_broker = new.change.on_broker | self.household.members_of(new.change.on_broker)
        modem = {MODEM_ID} if "modem" in new.change.parts else set()
        async with asyncio.TaskGroup() as group:
            group.create_task(self.household.stop((over | modem) - on_broker), name="stop-sensors")
            group.create_task(self.parts.stop(new.change.parts), name="stop-parts")
        if modem:
            await self.modem.aclose()
            self.phone = await self.modem.enter_async_context(phone_of(new.home))
        broker = self.fittings.links.local_broker
        with nullcontext() if broker is None else broker.held():
            await self.household.stop(on_broker)
            self.pipeline.judge_all()
            self._exchange(new)

    def _exchange(self, new: Prepared) -> None:
        home = self.home = new.home
        self.fittings.exchange(home, new.change, self.notes)
        self.household.renew(home, self._named())
        rules = self.household.bound_rules()
        self.pipeline.rebind(rules, {bound.rule.key for bound in rules if rule_of(bound.rule.key) in new.revised})
        self._end_orphans()
        self.board.keep(self.household.sensors())
        self.house.renew(home)
        self.house.keep(self.household.sensors().keys())
        self.outbox.use(_budget(home))
        self.modes.use(home.modes)
        self.modes.restore()
        self._exchange_parts(new)
        self.self_test.use(home.self_test, home.gateway.zone)
        self.health.use(home)
        self.health.birth(self.alarms.on.values(), self.household.kinds())
        self.parts.start(self._parts())
        self.household.resume()

    def _exchange_parts(self, new: Prepared) -> None:
        home, over = new.home, new.change.parts
        if "annunciators" in over:
            self.house.refit(home, self.fittings.links, self.alarms.on.values())
            self.orders.clear()
            self.orders.update(worded(home.gateway.id, {}, self.house.orders()))
        if "lifeline" in over:
            self.paths.use(ways_of(home))
            self.lifeline.use(home, self.phone)
        if "uplink" in over:
            self.uplink.use(self._way(new.uplink), is_metered=home.uplink.metered)
        if "dashboard" in over:
            self.dashboard = dashboard_of(home, self.fittings.links, self.household)
            if self.dashboard is not None:
                self.dashboard.catch_up(self.board.standing(), self.alarms.on.values())
        elif self.dashboard is not None:
            self.dashboard.sensors_changed()
        if self.phone is not None:
            self.phone.wish = self.modes.wish
            self.phone.roster.know(sensor.id for sensor in home.sensors)
            self.phone.roster.catch_up(self.board.states.values(), self.alarms.on.values())

    def _start(self, group: asyncio.TaskGroup, driver: Driver) -> asyncio.Task[object]:
        supervisor = Supervisor(driver, self.clock, self._accept)
        return group.create_task(supervisor.run(), name=f"sensor-{driver.sensor_id}")

    async def _stop_on_signal(self) -> Never:
        loop = asyncio.get_running_loop()
        asked = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, asked.set)
        await asked.wait()
        raise _Stop


def _link(name: str, words: str, work: Callable[[], Coroutine[object, object, None]]) -> Part:
    return Part(name=name, work=partial(keep, words, work))


class _Stop(Exception):
    """A person or systemd asked to stop."""
