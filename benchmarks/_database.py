"""A PostgreSQL server of our own on loopback that can be killed and started again; fsync is on."""

import asyncio
import os
import pwd
import shutil
import signal
import socket
import tempfile
from contextlib import suppress
from pathlib import Path

from shouwang.errors import DeviceError

_START_S = 60
_RETRIES = 40
_RETRY_S = 0.5


class Database:
    """Started with `start`, in a folder of its own; `close` takes all away."""

    def __init__(self) -> None:
        """Find the programs. Raises DeviceError where PostgreSQL is not installed."""
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
        if not found:
            raise DeviceError("needs PostgreSQL (Debian package postgresql)")
        self._programs = found[-1].parent
        self._folder = Path(tempfile.mkdtemp(prefix="shouwang-chaos-pg-"))
        self._as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        if self._as_user:
            user = pwd.getpwnam("postgres")
            os.chown(self._folder, user.pw_uid, user.pw_gid)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = int(probe.getsockname()[1])

    @property
    def url(self) -> str:
        """As community.yaml names it."""
        return f"postgresql://shouwang@127.0.0.1:{self._port}/postgres"

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    async def make(self) -> None:
        """A new cluster, running."""
        await self._run("initdb", "-D", str(self._data), "-U", "shouwang", "--auth=trust", "-E", "UTF8", "--locale=C")
        await self.start()

    async def start(self) -> None:
        """Start (again); a killed one leaves shared memory behind for a moment."""
        options = f"-p {self._port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self._folder}"
        for attempt in range(_RETRIES):
            try:
                log = str(self._folder / "log")
                await self._run("pg_ctl", "-D", str(self._data), "-w", "-t", "60", "-l", log, "-o", options, "start")
            except DeviceError:
                if attempt == _RETRIES - 1:
                    raise
                await asyncio.sleep(_RETRY_S)
            else:
                return

    def kill(self) -> None:
        """SIGKILL to the server and all its children."""
        self.signal(signal.SIGKILL)

    def signal(self, number: signal.Signals) -> None:
        """To the server and all its children."""
        with suppress(OSError, ValueError, IndexError):
            parent = int((self._data / "postmaster.pid").read_text(encoding="ascii").splitlines()[0])
            children = Path(f"/proc/{parent}/task/{parent}/children").read_text(encoding="ascii").split()
            for pid in (parent, *map(int, children)):
                with suppress(ProcessLookupError):
                    os.kill(pid, number)

    async def close(self) -> None:
        """Stop it and remove its files."""
        with suppress(DeviceError):
            await self._run("pg_ctl", "-D", str(self._data), "-m", "immediate", "-w", "stop")
        shutil.rmtree(self._folder, ignore_errors=True)

    async def _run(self, program: str, *arguments: str) -> None:
        output = self._folder / "output"
        with output.open("ab") as sink:  # a server that inherits a pipe keeps it open
            process = await asyncio.create_subprocess_exec(
                *self._as_user,
                str(self._programs / program),
                *arguments,
                cwd=self._folder,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=sink,
                stderr=asyncio.subprocess.STDOUT,
            )
            async with asyncio.timeout(2 * _START_S):
                code = await process.wait()
        if code != 0:
            raise DeviceError(f"{program} failed: {output.read_text(errors='replace')[-500:]}")
