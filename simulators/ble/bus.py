"""A private D-Bus: a `dbus-daemon` of our own, on a socket that only we know."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from shouwang.errors import DeviceError
from simulators.child import Child, find_program, start_child

START_S = 10.0

# Everything is allowed to everybody who can open the socket, and its directory is ours alone (mode 0700).
_CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path={socket}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"""


@asynccontextmanager
async def private_bus() -> AsyncIterator[str]:
    """Run a dbus-daemon and yield its address (for DBUS_SYSTEM_BUS_ADDRESS). Raises DeviceError."""
    program = find_program("dbus-daemon")
    if program is None:
        raise DeviceError("dbus-daemon is not installed; on Debian: apt install dbus")
    with TemporaryDirectory(prefix="shouwang-bus-") as directory:
        config = _write_config(Path(directory))
        log = Path(directory, "log")
        command = [program, f"--config-file={config}", "--nofork", "--nopidfile", "--print-address=1"]
        daemon = await start_child(command, log=log, read_output=True)
        try:
            yield await daemon.wait_until(_address(daemon), timeout_s=START_S, log=log)
        finally:
            await daemon.stop()


def _write_config(directory: Path) -> Path:
    config = directory / "bus.conf"
    config.write_text(_CONFIG.format(socket=directory / "bus"))
    return config


async def _address(daemon: Child) -> str:
    """The line that it prints when it listens; at its end there is none, and whoever waits sees the end itself."""
    line = await daemon.stdout.readline()
    if not line:
        await asyncio.Event().wait()
    return line.decode().strip()
