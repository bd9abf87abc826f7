"""One Bluetooth adapter that never dies in silence: its one scanner, the turns at it, its recovery.

It is a sensor of the home like any other: heard while it works, down when all steps of its recovery have failed. These
follow each other while nothing is heard: a new scanner, the adapter off and on, bluetoothd restarted, a report.
Each has happened to others: a scan that hears nothing any more without an error (bluez/bluez#1554, #1126), adapters
that only power helps (home-assistant/core#77043), a bluetoothd that was restarted under a running scanner.
"""

import asyncio
import logging
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import timedelta
from enum import StrEnum
from typing import Literal, NamedTuple

from bleak import BleakScanner
from bleak.args.bluez import OrPattern
from bleak.assigned_numbers import AdvertisementDataType
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData
from bleak.exc import BleakError

from drivers.ble.adapter import SLOTS, radio_id
from drivers.ble.complaints import in_plain_words
from drivers.ble.daemon import Daemon, connected_daemon
from shouwang.driver import Alive, Emit
from shouwang.errors import DeviceError

log = logging.getLogger(__name__)

DEAF_S = 90.0
"""Nothing heard for this long: act (habluetooth's watchdog takes 90 s as well)."""
PATIENCE_S = 30.0
"""What a step of the recovery is given to show that it helped."""
CHECK_S = 10.0
POWER_CYCLE_AGAIN_S = 600.0
RESTART_AGAIN_S = 3600.0
"""Steps that drop every link of the house are not repeated sooner, however deaf the radio stays."""
READY_S = 20.0
_START_S = 15.0
_STOP_S = 12.0
_ADVERTS_KEPT = 64
_SIGHTINGS_KEPT = 1000
_RECENT_S = 3600.0
_STATIONARY_S = 600.0
"""A device heard over this span with an address that does not change stands in the house: it should be heard again."""
_STATIC_RANDOM = 0b11

# Passive scanning needs patterns: every connectable or beaconing device sends flags, and one of these values.
_ANY_ADVERT: list[OrPattern | tuple[int, AdvertisementDataType, bytes]] = [
    OrPattern(0, AdvertisementDataType.FLAGS, bytes((flags,))) for flags in (0x02, 0x04, 0x05, 0x06, 0x18, 0x1A, 0x1E)
]

Scan = Literal["active", "passive"]


class Sighting(NamedTuple):
    """A device as last heard; `at` and `first_at` (the first time in a row) are the loop's time."""

    device: BLEDevice
    data: AdvertisementData
    at: float
    first_at: float


class Ear:
    """Adverts of one address, in the order of arrival; when full, the oldest goes."""

    def __init__(self, radio: "Radio", *, is_periodic: bool) -> None:
        """Empty."""
        self.is_periodic = is_periodic
        self._radio = radio
        self._heard: deque[Sighting] = deque(maxlen=_ADVERTS_KEPT)
        self._arrived = asyncio.Event()

    async def next(self) -> Sighting:
        """The next advert. Raises DeviceError where the radio is down."""
        while not self._heard:
            self._arrived.clear()
            self._radio.must_be_up()
            await self._arrived.wait()
        return self._heard.popleft()

    def take(self, sighting: Sighting) -> None:
        """One was heard."""
        self._heard.append(sighting)
        self._arrived.set()

    def wake(self) -> None:
        """The radio has gone down."""
        self._arrived.set()


class _Step(StrEnum):
    """What is done about a deaf radio."""

    SCANNER = "a new scanner"
    POWER = "the adapter off and on"
    RESTART = "bluetoothd restarted"


_STEPS = (_Step.SCANNER, _Step.POWER, _Step.RESTART)


class _Anew(Exception):
    """Scanning must begin anew: `step` is what is to be done first (None: nothing)."""

    def __init__(self, why: str, step: _Step | None = None) -> None:
        super().__init__(why)
        self.step = step


class Radio:
    """One adapter. As a driver, `run` keeps it listening; the others use it through `ear`, `sighting` and the turns."""

    def __init__(self, adapter: str, *, scan: Scan = "active", slots: int = SLOTS) -> None:
        """Nothing is touched before `run`. `slots`: connections at a time; one of them is left to passing devices."""
        self.adapter = adapter
        self.hears_repeats = False
        """Set by who needs each repetition of an advert: BlueZ then signals all of them, at some cost."""
        self.initiator = asyncio.Lock()
        """Held while connecting: an adapter makes one connection at a time."""
        self.slots = asyncio.Semaphore(slots)
        self.lasting_slots = asyncio.Semaphore(max(1, slots - 1))
        self._scan: Scan = scan
        self._ears: defaultdict[str, set[Ear]] = defaultdict(set)
        self._sightings: dict[str, Sighting] = {}
        self._why_down: str | None = f"the Bluetooth adapter {adapter} is not in use yet"
        self._settled = asyncio.Event()
        self._lose: set[Callable[[str], None]] = set()
        self._last_advert = float("-inf")
        self._last_data = float("-inf")
        self._steps_done = 0
        self._step_at: dict[_Step, float] = {}
        self._news = asyncio.Event()
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

    @contextmanager
    def ear(self, address: str, *, is_periodic: bool = False) -> Iterator[Ear]:
        """Hear the adverts of a device; `is_periodic`: it advertises all the time, so that its silence is odd."""
        ear = Ear(self, is_periodic=is_periodic)
        self._ears[address.upper()].add(ear)
        try:
            yield ear
        finally:
            self._ears[address.upper()].discard(ear)

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
        found = self._sightings.get(address.upper())
        return found if found is not None and _now() - found.at <= within_s else None

    def heard(self) -> list[Sighting]:
        """Every device as last heard."""
        return [*self._sightings.values()]

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
                        await self._keep_listening(daemon, emit)
        except DeviceError as error:
            self._go_down(str(error))
            self._settled.set()
            raise
        except BaseException:
            self._go_down(f"the Bluetooth adapter {self.adapter} is being stopped")
            raise

    async def _keep_listening(self, daemon: Daemon, emit: Emit) -> None:
        step: _Step | None = None
        while True:
            try:
                if step is not None:
                    await self._take_step(daemon, step)
                await self._listen(daemon, emit)
            except _Anew as anew:
                step = anew.step
                if step is _Step.SCANNER:  # costs nothing and is tried in every quiet night: no news
                    log.debug("%s: %s; a new scanner", self.sensor_id, anew)
                    continue
                self._go_down(f"the Bluetooth adapter {self.adapter} is being recovered: {anew}")
                log.warning("%s: %s; next: %s", self.sensor_id, anew, step or "listening again")

    async def _take_step(self, daemon: Daemon, step: _Step) -> None:
        self._step_at[step] = _now()
        try:
            if step is _Step.POWER:
                await daemon.power_cycle(self.adapter)
            elif step is _Step.RESTART:
                await daemon.restart()
        except DeviceError as error:  # the next step may help
            log.warning("%s: this could not be done: %s", self.sensor_id, error)

    async def _listen(self, daemon: Daemon, emit: Emit) -> None:
        if self._is_daemon_new:
            await daemon.runs_again()
        self._is_daemon_new = False
        await self._make_ready(daemon)
        async with self._scanning():
            self._come_up()
            emit(Alive())
            began = _now()
            while True:
                with suppress(TimeoutError):
                    async with asyncio.timeout(CHECK_S):
                        await self._news.wait()
                self._news.clear()
                await self._check(daemon, began)
                emit(Alive())

    async def _make_ready(self, daemon: Daemon) -> None:
        state = await daemon.state(self.adapter)
        if state is None:
            raise DeviceError(
                f"this box has no Bluetooth adapter {self.adapter}; plug it in, or look with: bluetoothctl list"
            )
        if not state.is_powered:
            await daemon.power(self.adapter, on=True)

    async def _check(self, daemon: Daemon, began: float) -> None:
        if self._is_daemon_new:
            raise _Anew("bluetoothd was restarted")
        state = await daemon.state(self.adapter)
        if state is None:
            raise DeviceError(f"the Bluetooth adapter {self.adapter} is gone; plug it in again")
        if not state.is_powered:
            raise _Anew("the adapter was switched off", _Step.SCANNER)
        if self._scan == "active" and not state.is_discovering:
            raise _Anew("the scan has ended by itself", _Step.SCANNER)
        self._heed_silence(began)

    def _heed_silence(self, began: float) -> None:
        now = _now()
        heard = max(self._last_advert, self._last_data)
        if heard >= began:
            self._steps_done = 0
        limit = PATIENCE_S if self._steps_done else DEAF_S
        if now - max(heard, began) < limit:
            return
        if self._scan == "passive" and self._last_advert < began:
            self._scan = "active"
            raise _Anew("passive scanning hears nothing (bluetoothd without -E?): changing to active", _Step.SCANNER)
        expected = len(self._expected(now))
        silent_s = now - max(heard, began)
        if self._steps_done == 0 or expected:
            self._escalate(now, silent_s, can_tell=expected > 1)

    def _expected(self, now: float) -> set[str]:
        """Who should be heard: a house without neighbours may be silent for good, and no link is dropped for that."""
        periodic = {address for address, ears in self._ears.items() if any(ear.is_periodic for ear in ears)}
        stationary = {
            address
            for address, sighting in self._sightings.items()
            if now - sighting.at < _RECENT_S
            and sighting.at - sighting.first_at >= _STATIONARY_S
            and _never_changes(address, sighting.device)
        }
        return periodic | stationary

    def _escalate(self, now: float, silent_s: float, *, can_tell: bool) -> None:
        while self._steps_done < len(_STEPS):
            step = _STEPS[self._steps_done]
            self._steps_done += 1
            again_s = {_Step.POWER: POWER_CYCLE_AGAIN_S, _Step.RESTART: RESTART_AGAIN_S}.get(step, 0.0)
            if now - self._step_at.get(step, float("-inf")) >= again_s:
                raise _Anew(f"nothing heard for {silent_s:.0f} s", step)
        if not can_tell:  # the one device may be away or empty, which its own status says
            return
        self._steps_done = 0
        tried = ", ".join(_STEPS)
        raise DeviceError(
            f"the Bluetooth adapter {self.adapter} hears nothing ({tried}: none of it helped); "
            "unplug the adapter or the box and plug it in again; another USB port, away from USB 3, may help"
        )

    # ---- scanning ----

    @asynccontextmanager
    async def _scanning(self) -> AsyncIterator[None]:
        scanner = self._scanner()
        try:
            await self._start(scanner)
            yield
        finally:
            # A scan of before bluetoothd's restart cannot be stopped any more; a new one hears all the same.
            with suppress(BleakError, OSError, EOFError, TimeoutError, AssertionError):
                async with asyncio.timeout(_STOP_S):
                    await scanner.stop()

    async def _start(self, scanner: BleakScanner) -> None:
        try:
            with in_plain_words(self.adapter, f"the {self._scan} scan"):
                async with asyncio.timeout(_START_S):
                    await scanner.start()
        except DeviceError as error:
            if self._scan == "active":
                raise
            self._scan = "active"
            raise _Anew(f"{error}: changing to active", _Step.SCANNER) from error

    def _scanner(self) -> BleakScanner:
        if self._scan == "passive":
            return BleakScanner(
                self._heard, scanning_mode="passive", bluez={"adapter": self.adapter, "or_patterns": _ANY_ADVERT}
            )
        filters = {"DuplicateData": self.hears_repeats}
        return BleakScanner(
            self._heard,
            scanning_mode="active",
            bluez={"adapter": self.adapter, "filters": filters},  # type: ignore[typeddict-item] # a plain dict of bools
        )

    def _heard(self, device: BLEDevice, data: AdvertisementData) -> None:
        now = self._last_advert = _now()
        address = device.address.upper()
        before = self._sightings.pop(address, None)  # the longest not heard stands first
        first_at = before.first_at if before is not None and now - before.at < _STATIONARY_S else now
        self._sightings[address] = sighting = Sighting(device, data, now, first_at)
        if len(self._sightings) > _SIGHTINGS_KEPT:
            del self._sightings[next(iter(self._sightings))]
        for ear in self._ears.get(address, ()):
            ear.take(sighting)

    # ---- up and down ----

    def _daemon_changed(self) -> None:
        self._is_daemon_new = True
        self._drop_links("bluetoothd was restarted")
        self._news.set()

    def _come_up(self) -> None:
        self._why_down = None
        self._settled.set()

    def _go_down(self, why: str) -> None:
        self._why_down = why
        self._settled.clear()
        for ears in self._ears.values():
            for ear in ears:
                ear.wake()

    def _drop_links(self, why: str) -> None:
        for lose in [*self._lose]:
            lose(why)


def _never_changes(address: str, device: BLEDevice) -> bool:
    """Whether it is a public or static random address (Core specification, volume 6, part B, 1.3)."""
    kind = device.details["props"].get("AddressType") if isinstance(device.details, dict) else None
    return kind == "public" or int(address[:2], 16) >> 6 == _STATIC_RANDOM


def _now() -> float:
    return asyncio.get_running_loop().time()
