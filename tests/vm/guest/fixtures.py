"""Fixtures of the guest: the air, a fresh bluetoothd with one adapter, a D-Bus client that sees everything."""

import asyncio
import shutil
import subprocess
from collections.abc import AsyncIterator, Generator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from dbus_fast.annotations import DBusObjectPath, DBusStr
from dbus_fast.errors import DBusError
from dbus_fast.service import ServiceInterface, dbus_method
from vm.guest.bus import ADAPTER, DBUS, HCI0, LIMIT_S, Bus, connected_bus
from vm.guest.client import Air, connected_air

_PROGRAMS = ("/usr/libexec/bluetooth/bluetoothd", "/usr/lib/bluetooth/bluetoothd")
_LOG = Path("/run/bluetoothd.log")
_BONDS = Path("/var/lib/bluetooth")


class Bluetoothd:
    """The real one."""

    def __init__(self, bus: Bus, *, experimental: bool) -> None:
        """Not started."""
        self._bus = bus
        self._arguments = ["-E"] if experimental else []
        self._process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        """Return when its name is on the bus."""
        program = next(path for path in _PROGRAMS if Path(path).exists())
        with _LOG.open("ab") as log:
            self._process = subprocess.Popen([program, "-n", "-d", *self._arguments], stdout=log, stderr=log)
        async with asyncio.timeout(LIMIT_S):
            while not (await self._bus.call("/", DBUS, "NameHasOwner", "s", "org.bluez", destination=DBUS))[0]:
                await asyncio.sleep(0.05)

    async def stop(self, *, how: str = "terminate") -> None:
        """End it: "terminate" as systemd does, or "kill"."""
        process, self._process = self._process, None
        if process is not None:
            getattr(process, how)()
            await asyncio.to_thread(process.wait)

    async def restart(self, *, how: str = "terminate") -> None:
        """As systemd does it, or after a crash ("kill"); returns when its adapter is on."""
        await self.stop(how=how)
        await self.start()
        await self.adapter_on()

    async def adapter_on(self) -> None:
        """Return when the adapter is there and powered."""
        async with asyncio.timeout(LIMIT_S):
            while True:
                with suppress(DBusError):
                    if await self._bus.get(HCI0, ADAPTER, "Powered"):
                        return
                await asyncio.sleep(0.05)

    async def adapter_gone(self) -> None:
        """Return when bluetoothd shows no adapter."""
        async with asyncio.timeout(LIMIT_S):
            while HCI0 in await self._bus.objects():
                await asyncio.sleep(0.05)


@pytest.fixture
async def air() -> AsyncIterator[Air]:
    async with connected_air() as connected:
        yield connected


@pytest.fixture
async def bus() -> AsyncIterator[Bus]:
    async with connected_bus() as connected:
        yield connected


@pytest.fixture
async def bluetoothd(air: Air, bus: Bus) -> AsyncIterator[Bluetoothd]:
    """With an adapter that is on, no memory of devices, as Debian starts it."""
    async with _started(air, bus, experimental=False) as daemon:
        yield daemon


@pytest.fixture
async def experimental_bluetoothd(air: Air, bus: Bus) -> AsyncIterator[Bluetoothd]:
    """The same with -E."""
    async with _started(air, bus, experimental=True) as daemon:
        yield daemon


@pytest.fixture
async def systemd(bluetoothd: Bluetoothd) -> AsyncIterator[None]:
    """Somebody on the bus who restarts bluetooth.service when asked; there is no systemd in the guest."""
    async with connected_bus(is_watching=False) as bus:
        bus.raw.export("/org/freedesktop/systemd1", _Systemd(bluetoothd))
        await bus.raw.request_name("org.freedesktop.systemd1")
        yield


class _Systemd(ServiceInterface):
    def __init__(self, bluetoothd: Bluetoothd) -> None:
        super().__init__("org.freedesktop.systemd1.Manager")
        self._bluetoothd = bluetoothd
        self._restarting: asyncio.Task[None] | None = None

    @dbus_method(name="RestartUnit")
    def restart_unit(self, name: DBusStr, mode: DBusStr) -> DBusObjectPath:
        assert (name, mode) == ("bluetooth.service", "replace")
        self._restarting = asyncio.create_task(self._bluetoothd.restart())
        return "/org/freedesktop/systemd1/job/1"


@asynccontextmanager
async def _started(air: Air, bus: Bus, *, experimental: bool) -> AsyncIterator[Bluetoothd]:
    _LOG.write_bytes(b"")
    shutil.rmtree(_BONDS, ignore_errors=True)
    _BONDS.mkdir(exist_ok=True)
    daemon = Bluetoothd(bus, experimental=experimental)
    await daemon.start()
    try:
        await air("plug")
        await daemon.adapter_on()
        yield daemon
    finally:
        await close_bleak()
        await daemon.stop()


async def close_bleak() -> None:
    """Close the bus connection that bleak keeps for this event loop; it has no call for that itself."""
    from bleak.backends.bluezdbus import manager

    kept = manager._global_instances.pop(asyncio.get_running_loop(), None)
    if kept is not None and kept._bus is not None:
        kept._bus.disconnect()
        if kept._bus_watcher_task is not None:
            with suppress(Exception):
                await kept._bus_watcher_task


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show with a failure what bluetoothd and the air had said."""
    report = yield
    if report.failed:
        for name in ("bluetoothd", "air"):
            log = Path(f"/run/{name}.log")
            if log.exists():
                lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
                report.sections.append((f"{name}'s last words", "\n".join(lines[-_WORDS:])))
    return report


_WORDS = 60
