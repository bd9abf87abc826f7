"""The one scan of an adapter: how bluetoothd is asked for it, what may be expected of it, and its pauses.

An active scan runs in rounds of the kernel: an advert that does not change is told once a round, and a device that was
told already is connected to only in the next one (measured with bluetoothd 5.66: told every 10.5 s whatever the filter
says; 9.7 s to connect, 0.3 s where the scan is off). So it is paused while somebody connects. A passive scan hears each
advert and connects meanwhile.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import cache
from typing import TYPE_CHECKING, Literal

from drivers.ble.complaints import in_plain_words
from drivers.later import Later
from shouwang.bilingual import both

if TYPE_CHECKING:
    import bleak
    import bleak.exc
    import dbus_fast.errors
    from bleak.args.bluez import OrPattern
    from bleak.backends.device import BLEDevice
    from bleak.backends.scanner import AdvertisementData
else:
    bleak, dbus_fast = Later("bleak"), Later("dbus_fast")

ROUND_S = 10.24
"""The kernel's DISCOV_LE_TIMEOUT."""
FRESH_ACTIVE_S = ROUND_S + 1.0
"""A device that is there was heard in this round or at the end of the one before; bluetoothd begins anew in 0.3 s."""
FRESH_PASSIVE_S = 5.0
PAUSE_S = 3.0
"""No pause is longer: a press of a button that is repeated for longer is heard all the same. A device that is there
answers within its advertising interval, a second or two at most."""
_LOOK_S = 0.05
_GRANT_S = 2.0
"""A radio that is busy with its recovery grants no pause; it is connected all the same."""
_START_S = 15.0
_STOP_S = 12.0

_FLAGS = (0x02, 0x04, 0x05, 0x06, 0x18, 0x1A, 0x1E)
"""Every connectable or beaconing device sends flags, and one of these values."""

Scan = Literal["active", "passive"]
Heard = Callable[["BLEDevice", "AdvertisementData"], None]


@cache
def any_advert() -> "tuple[OrPattern, ...]":
    """What passive scanning needs: patterns that all adverts match."""
    flags = bleak.assigned_numbers.AdvertisementDataType.FLAGS
    return tuple(bleak.args.bluez.OrPattern(0, flags, bytes((value,))) for value in _FLAGS)


class Scanning:
    """How one adapter scans. `hears_repeats`: somebody needs each advert's data apart from that of those before."""

    def __init__(self, adapter: str, mode: Scan, heard: Heard) -> None:
        """Nothing is scanned before `running`."""
        self.mode: Scan = mode
        self.hears_repeats = False
        self._adapter = adapter
        self._heard = heard

    @property
    def fresh_s(self) -> float:
        """An advert that is older says nothing of where the device is now."""
        return FRESH_ACTIVE_S if self.mode == "active" else FRESH_PASSIVE_S

    def falls_back(self) -> bool:
        """Change from the passive to the active scan; False where it is that already."""
        was, self.mode = self.mode, "active"
        return was == "passive"

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Scan while the block runs. Raises DeviceError where it cannot begin."""
        scanner = self._scanner()
        # bleak cannot stop what it was kept from starting to the end: bluetoothd would refuse each scan after it
        starting = asyncio.ensure_future(scanner.start())
        try:
            with in_plain_words(self._adapter, both("the {mode} scan", "扫描（{mode}）", mode=self.mode)):
                async with asyncio.timeout(_START_S):
                    await asyncio.shield(starting)
            yield
        finally:
            # A scan of before bluetoothd's restart cannot be stopped any more; a new one hears all the same.
            with suppress(
                bleak.exc.BleakError, dbus_fast.errors.DBusError, OSError, EOFError, TimeoutError, AssertionError
            ):
                async with asyncio.timeout(_STOP_S):
                    await starting
                    await scanner.stop()

    def _scanner(self) -> "bleak.BleakScanner":
        if self.mode == "passive":
            return bleak.BleakScanner(
                self._heard, scanning_mode="passive", bluez={"adapter": self._adapter, "or_patterns": [*any_advert()]}
            )
        filters = {"DuplicateData": self.hears_repeats}
        return bleak.BleakScanner(
            self._heard,
            scanning_mode="active",
            bluez={"adapter": self._adapter, "filters": filters},  # type: ignore[typeddict-item] # a plain dict of bools
        )


class Pause:
    """A pause of the scan: somebody asks for it; the radio's own task, which alone starts and stops it, grants it."""

    def __init__(self, asked: Callable[[], None]) -> None:
        """`asked` is called when a pause is wanted."""
        self._asked = asked
        self._is_over: Callable[[], bool] | None = None
        self._granted = asyncio.Event()

    @property
    def is_wanted(self) -> bool:
        """Whether somebody waits for it."""
        return self._is_over is not None

    @asynccontextmanager
    async def wanted(self, is_over: Callable[[], bool]) -> AsyncIterator[None]:
        """Begin the block in a pause, which ends with the block, after `PAUSE_S`, or as soon as `is_over` says so."""
        self._granted.clear()
        self._is_over = is_over
        self._asked()
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(_GRANT_S):
                    await self._granted.wait()
            yield
        finally:
            self._is_over = None

    async def kept(self) -> None:
        """Grant it: the scan is off. Returns when it is over."""
        with suppress(TimeoutError):
            async with asyncio.timeout(PAUSE_S):
                while self._is_over is not None and not self._is_over():
                    self._granted.set()
                    await asyncio.sleep(_LOOK_S)
        self._is_over = None
