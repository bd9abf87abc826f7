"""One Bluetooth adapter that never dies in silence: its one scan, the turns at it, its recovery.

It is a sensor of the home like any other: heard while it works, down when all steps of its recovery have failed. These
follow each other while nothing is heard: a new scanner, the adapter off and on, bluetoothd restarted, a report.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    asynccontextmanager,
    contextmanager,
    nullcontext,
    suppress,
)
from datetime import timedelta

from drivers.ble.adapter import SLOTS, radio_id
from drivers.ble.daemon import Daemon, connected_daemon
from drivers.ble.hearing import Ear, Hearing, Sighting
from drivers.ble.recovery import Anew, Recovery, Step
from drivers.ble.scan import Pause, Scan, Scanning, any_advert
from drivers.ble.standing import Standing
from shouwang.bilingual import Bilingual, both, told_by
from shouwang.driver import Alive, Emit
from shouwang.errors import DeviceError

log = logging.getLogger(__name__)

CHECK_S = 10.0
READY_S = 20.0
_UNUSED = "the Bluetooth adapter {adapter} is not in use yet", "蓝牙适配器 {adapter} 还没有启用"
_STOPPED = "the Bluetooth adapter {adapter} is being stopped", "蓝牙适配器 {adapter} 正在停用"
_RECOVERED = "the Bluetooth adapter {adapter} is being recovered: {why}", "正在恢复蓝牙适配器 {adapter}：{why}"
_NOT_GOING_ON = "the scan does not go on after a pause: {error}", "扫描暂停后没有继续：{error}"
_CHANGING = "{error}: changing to active", "{error}：改用主动扫描"
_RESTARTED = Bilingual("bluetoothd was restarted", zh="蓝牙服务（bluetoothd）重启了")
_SWITCHED_OFF = Bilingual("the adapter was switched off", zh="适配器被关掉了")
_SCAN_ENDED = Bilingual("the scan has ended by itself", zh="扫描自己停了")
_PASSIVE_IS_DEAF = Bilingual(
    "passive scanning hears nothing (bluetoothd without -E?): changing to active",
    zh="被动扫描什么也收不到（bluetoothd 没有加 -E？）：改用主动扫描",
)
SETTLE_S = 2.0
"""bluetoothd says that it scans when the kernel does, a moment after it has answered."""


class Radio:
    """One adapter. As a driver, `run` keeps it listening; the others use it through `ear`, `sighting` and the turns."""

    def __init__(self, adapter: str, *, scan: Scan = "active", slots: int = SLOTS) -> None:
        """Nothing is touched before `run`. `slots`: connections at a time; one of them is left to passing devices."""
        self.adapter = adapter
        self.initiator = asyncio.Lock()
        """Held while connecting: an adapter makes one connection at a time. Taken by `turn`."""
        self._waiting = 0
        self.slots = asyncio.Semaphore(slots)
        self.lasting_slots = asyncio.Semaphore(max(1, slots - 1))
        self.standing = Standing(adapter, self.data_came)
        """What bonded devices say before anybody asks."""
        self._hearing = Hearing()
        self._scanning = Scanning(adapter, scan, self._hearing.heard)
        self._recovery = Recovery(adapter)
        self._news = asyncio.Event()
        self._pause = Pause(self._news.set)
        self._why_down: str | None = both(*_UNUSED, adapter=adapter)
        self.up_since = float("-inf")
        """The loop's time at which it came up after it was down."""
        self._settled = asyncio.Event()
        self._lose: set[Callable[[str], None]] = set()
        self._last_data = float("-inf")
        self._is_daemon_new = False

    @property
    def sensor_id(self) -> str:
        """The adapter's own."""
        return radio_id(self.adapter)

    @property
    def max_silence(self) -> timedelta:
        """It gives a life sign at each check; the longest step of a recovery, a restart, fits in this."""
        return timedelta(seconds=120)

    # ---- for those who use it ----

    def hear_repeats(self) -> None:
        """Somebody needs the data of each advert apart from that of those before."""
        self._scanning.hears_repeats = True

    def must_be_up(self) -> None:
        """Raises DeviceError, with what is wrong, while the adapter does not work."""
        if self._why_down is not None:
            raise DeviceError(self._why_down)

    async def ready(self) -> None:
        """Return when the adapter listens. Raises DeviceError where it failed, or is not ready in `READY_S`."""
        with suppress(TimeoutError):
            async with asyncio.timeout(READY_S):
                await self._settled.wait()
        self.must_be_up()

    def ear(self, address: str, *, is_periodic: bool = False, takes_all: bool = False) -> AbstractContextManager[Ear]:
        """Hear the adverts of a device, `takes_all`: also those of a passive scan that say nothing new.

        `is_periodic`: it advertises all the time, so that its silence is odd.
        """
        return self._hearing.ear(address, self.must_be_up, is_periodic=is_periodic, takes_all=takes_all)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """The block may connect, in the order of asking."""
        self._waiting += 1
        try:
            await self.initiator.acquire()
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self.initiator.release()

    @property
    def is_awaited(self) -> bool:
        """Whether somebody waits for a turn."""
        return self._waiting > 0

    @asynccontextmanager
    async def quiet(self, address: str, is_over: Callable[[], bool]) -> AsyncIterator[None]:
        """Connect in the block to what is `here`: the active scan, which would delay it, pauses until `is_over`.

        At most for `PAUSE_S`; not at all for a device that is not `here`, since it is connected already.
        """
        is_awaited = self.here(address) is not None
        self._hearing.spend(address)
        if self._scanning.mode == "active" and is_awaited:
            async with self._pause.wanted(is_over):
                yield
        else:
            yield
        self._hearing.spend(address)  # what was on its way when the link came says nothing of after its end

    @contextmanager
    def lost_with(self, lose: Callable[[str], None]) -> Iterator[None]:
        """Call `lose` with the reason when all links are gone at once: bluetoothd or the adapter went."""
        self._lose.add(lose)
        try:
            yield
        finally:
            self._lose.discard(lose)

    def sighting(self, address: str, *, within_s: float) -> Sighting | None:
        """The device as last heard, where that is not longer ago than `within_s`."""
        return self._hearing.sighting(address, within_s=within_s)

    def here(self, address: str) -> Sighting | None:
        """The device where it can be connected to: heard lately, and not tried since."""
        return self._hearing.here(address, within_s=self._scanning.fresh_s)

    def heard(self) -> list[Sighting]:
        """Every device as last heard."""
        return self._hearing.sightings()

    def data_came(self) -> None:
        """A connected device spoke: the radio is not dead, whatever the scanner hears."""
        self._last_data = _now()

    # ---- as a driver ----

    async def run(self, emit: Emit) -> None:
        """Listen until cancelled. Raises DeviceError where every step of the recovery has failed."""
        try:
            async with connected_daemon() as daemon:
                with daemon.watched(self._daemon_changed):
                    async with daemon.adapter_watched(self.adapter, self._news.set):
                        await self._work(daemon, emit)
        except DeviceError as error:
            self._go_down(told_by(error))
            self._settled.set()
            raise
        except BaseException:
            self._go_down(both(*_STOPPED, adapter=self.adapter))
            raise

    async def _work(self, daemon: Daemon, emit: Emit) -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self.standing.run(daemon), name=f"subscriptions {self.adapter}")
                await self._keep_listening(daemon, emit)
        except BaseExceptionGroup as group:  # the two never fail together: the standing subscriptions raise nothing
            raise group.exceptions[0] from None

    async def _keep_listening(self, daemon: Daemon, emit: Emit) -> None:
        step: Step | None = None
        while True:
            try:
                if step is not None:
                    await self._take_step(daemon, step)
                await self._listen(daemon, emit)
            except Anew as anew:
                step = anew.step
                if step is Step.SCANNER:  # costs nothing and is tried in every quiet night: no news
                    log.debug("%s: %s; a new scanner", self.sensor_id, anew)
                    continue
                self._go_down(both(*_RECOVERED, adapter=self.adapter, why=anew.words))
                log.warning("%s: %s; next: %s", self.sensor_id, anew, step or "listening again")

    async def _take_step(self, daemon: Daemon, step: Step) -> None:
        self._recovery.takes(step)
        try:
            if step is Step.POWER:
                await daemon.power_cycle(self.adapter)
            elif step is Step.RESTART:
                await daemon.restart()
        except DeviceError as error:  # the next step may help
            log.warning("%s: this could not be done: %s", self.sensor_id, error)

    async def _listen(self, daemon: Daemon, emit: Emit) -> None:
        if self._is_daemon_new:
            await daemon.runs_again()
        self._is_daemon_new = False
        await self._make_ready(daemon)
        began = _now()
        await self._scan(daemon, emit, began)
        while True:
            await self._pause.kept()
            try:
                await self._scan(daemon, emit, began)
            except DeviceError as error:
                raise Anew(both(*_NOT_GOING_ON, error=told_by(error)), Step.SCANNER) from error

    async def _scan(self, daemon: Daemon, emit: Emit, began: float) -> None:
        """Scan until a pause is wanted."""
        async with self._started(daemon):
            self._come_up()
            emit(Alive())
            started = _now()
            while not self._pause.is_wanted:
                with suppress(TimeoutError):
                    async with asyncio.timeout(CHECK_S):
                        await self._news.wait()
                self._news.clear()
                if not self._pause.is_wanted:
                    await self._check(daemon, began, started)
                    emit(Alive())

    @asynccontextmanager
    async def _started(self, daemon: Daemon) -> AsyncIterator[None]:
        is_started = False
        try:
            async with self._scanning.running(), self._each_heard(daemon):
                is_started = True
                yield
        except DeviceError as error:
            if is_started or not self._scanning.falls_back():
                raise
            raise Anew(both(*_CHANGING, error=told_by(error)), Step.SCANNER) from error

    def _each_heard(self, daemon: Daemon) -> AbstractAsyncContextManager[None]:
        if self._scanning.mode == "active":
            return nullcontext()
        from drivers.ble.found import each_is_heard  # noqa: PLC0415 - needs dbus-fast, as nothing before a scan does

        return each_is_heard(daemon, self.adapter, any_advert(), self._hearing)

    async def _make_ready(self, daemon: Daemon) -> None:
        state = await daemon.state(self.adapter)
        if state is None:
            raise DeviceError(
                Bilingual(
                    f"this box has no Bluetooth adapter {self.adapter}; plug it in, or look with: bluetoothctl list",
                    zh=f"网关没有蓝牙适配器 {self.adapter}；请插上，或用 bluetoothctl list 查看",
                )
            )
        if not state.is_powered:
            await daemon.power(self.adapter, on=True)

    async def _check(self, daemon: Daemon, began: float, started: float) -> None:
        if self._is_daemon_new:
            raise Anew(_RESTARTED)
        state = await daemon.state(self.adapter)
        if state is None:
            raise DeviceError(
                Bilingual(
                    f"the Bluetooth adapter {self.adapter} is gone; plug it in again",
                    zh=f"蓝牙适配器 {self.adapter} 不见了；请重新插上",
                )
            )
        if not state.is_powered:
            raise Anew(_SWITCHED_OFF, Step.SCANNER)
        if self._scanning.mode == "active" and not state.is_discovering and _now() - started > SETTLE_S:
            raise Anew(_SCAN_ENDED, Step.SCANNER)
        self._heed_silence(began)

    def _heed_silence(self, began: float) -> None:
        heard_at = max(self._hearing.last_at, self._last_data)
        silent_s = self._recovery.heed(heard_at, began)
        if silent_s is None:
            return
        if self._hearing.last_at < began and self._scanning.falls_back():
            raise Anew(_PASSIVE_IS_DEAF, Step.SCANNER)
        self._recovery.escalate(silent_s, len(self._hearing.expected()))

    # ---- up and down ----

    def _daemon_changed(self) -> None:
        self._is_daemon_new = True
        self._hearing.spend_all()
        for lose in [*self._lose]:
            lose(_RESTARTED)
        self._news.set()

    def _come_up(self) -> None:
        if self._why_down is not None:
            self.up_since = _now()
        self._why_down = None
        self._settled.set()

    def _go_down(self, why: str) -> None:
        self._why_down = why
        self._settled.clear()
        self._hearing.wake()


def _now() -> float:
    return asyncio.get_running_loop().time()
