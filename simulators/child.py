"""A helper process that never outlives us: started in its own session, ended with us even when we are killed."""

import asyncio
import contextlib
import os
import shutil
from collections.abc import Coroutine, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from shouwang.errors import DeviceError

STOP_S = 5.0
"""Seconds between SIGTERM and SIGKILL: mosquitto and dbus-daemon end within 0.1 s, amqtt within 1 s."""

_LINE_MAX = 16 * 1024 * 1024

T = TypeVar("T")


class Child:
    """One running helper process."""

    def __init__(self, process: asyncio.subprocess.Process, name: str) -> None:
        """`name` stands in error messages."""
        self._process = process
        self._name = name

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether the process has not ended yet."""
        return self._process.returncode is None

    @property
    def stdout(self) -> asyncio.StreamReader:
        """Its output; only where it was started with `read_output`."""
        assert self._process.stdout is not None
        return self._process.stdout

    @property
    def stdin(self) -> asyncio.StreamWriter:
        """Its input; only where it was started with `write_input`."""
        assert self._process.stdin is not None
        return self._process.stdin

    async def stop(self) -> None:
        """End it: SIGTERM, then SIGKILL after `STOP_S`. Harmless when it has ended already."""
        if self.is_running:
            with contextlib.suppress(ProcessLookupError):
                self._process.terminate()
            try:
                await asyncio.wait_for(self._process.wait(), STOP_S)
            except TimeoutError:
                await self.kill()

    async def kill(self) -> None:
        """End it as a power cut would (SIGKILL)."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()

    async def wait_until(self, ready: Coroutine[None, None, T], *, timeout_s: float, log: Path) -> T:
        """What `ready` returns; raises DeviceError with the last words of `log` if the process ends or is too slow."""
        waiting = asyncio.create_task(ready, name=f"wait until {self._name} is ready")
        ended = asyncio.create_task(self._process.wait(), name=f"wait for the end of {self._name}")
        try:
            await asyncio.wait({waiting, ended}, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
            if ended.done() or not waiting.done():
                words = _last_words(log)
                how = (
                    f"ended with {self._process.returncode}" if ended.done() else f"is not ready after {timeout_s:g} s"
                )
                raise DeviceError(f"{self._name} {how}: {words or 'it said nothing'}")
            return waiting.result()
        finally:
            ended.cancel()
            waiting.cancel()


async def start_child(
    command: Sequence[str],
    *,
    log: Path,
    read_output: bool = False,
    write_input: bool = False,
    environment: Mapping[str, str] | None = None,
) -> Child:
    """Start `command`, its errors (and output, unless read) going to the file `log`. Raises DeviceError."""
    # A terminal's Ctrl-C reaches the whole foreground group: a session of its own lets us stop helpers in order.
    # setpriv (util-linux, part of every Debian) has the kernel end the helper when this process is killed.
    setpriv = shutil.which("setpriv")
    full = [setpriv, "--pdeathsig", "TERM", "--", *command] if setpriv else list(command)
    with log.open("ab") as sink:
        try:
            process = await asyncio.create_subprocess_exec(
                *full,
                stdin=asyncio.subprocess.PIPE if write_input else asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE if read_output else sink,
                stderr=sink,
                limit=_LINE_MAX,
                env={**os.environ, **(environment or {})},
                start_new_session=True,
            )
        except OSError as error:
            raise DeviceError(f"cannot start {command[0]}: {error}") from error
    return Child(process, Path(command[0]).name)


def find_program(name: str) -> str | None:
    """The path of a program, also where Debian keeps daemons that are not on a user's PATH."""
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin:/sbin")


def _last_words(log: Path) -> str:
    return log.read_text(errors="replace").strip()[-500:]
