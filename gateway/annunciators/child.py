"""Other programs of this box that make and play speech: started, waited for, killed at once where nobody wants them."""

import asyncio
import os
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Sequence
from contextlib import suppress

from shouwang.bilingual import both
from shouwang.errors import DeviceError

_REAP_S = 1.0
_SAID_BYTES = 4096
UNENDED_MAX = 3
"""So many may hang in the kernel (a sound card that was pulled out) and not even be killed, before none is added."""
_UNENDED = (
    "{name} hangs and cannot be ended; unplug the loudspeaker, or restart the box",
    "{name} 卡住了，也结束不了；请拔下扬声器，或重启网关",
)
_NOT_INSTALLED = (
    "{name} is not installed: sudo apt-get install {package}",
    "没有安装 {name}：sudo apt-get install {package}",
)
_NOT_STARTED = "{name} cannot be started: {error}", "{name} 启动不了：{error}"
_ENDLESS = "{name} does not end within {limit:.0f} s", "{name} 在 {limit:.0f} 秒内没有结束"
_FAILS = "{name} fails: {why}", "{name} 失败：{why}"
_unended: set[asyncio.subprocess.Process] = set()


async def run_program(command: Sequence[str], limit_s: float, *, fd: int | None = None, package: str = "") -> None:
    """Run it to its end; `fd` stays open in it. Raises DeviceError where it is not installed, fails, or takes too long.

    Cancelled, it is killed: it falls silent in the middle of a word.
    """
    _unended.difference_update([child for child in _unended if child.returncode is not None])
    if len(_unended) >= UNENDED_MAX:
        raise DeviceError(both(*_UNENDED, name=command[0]))
    try:
        child = await asyncio.create_subprocess_exec(
            *command, stdin=DEVNULL, stdout=DEVNULL, stderr=PIPE, pass_fds=() if fd is None else (fd,)
        )
    except FileNotFoundError as error:
        raise DeviceError(both(*_NOT_INSTALLED, name=command[0], package=package or command[0])) from error
    except OSError as error:
        raise DeviceError(both(*_NOT_STARTED, name=command[0], error=error.strerror)) from error
    try:
        async with asyncio.timeout(limit_s):
            said = await _last_words(child)
            code = await child.wait()
    except TimeoutError as error:
        raise DeviceError(both(*_ENDLESS, name=command[0], limit=limit_s)) from error
    finally:
        await _end(child)
    if code != 0:
        raise DeviceError(
            both(*_FAILS, name=command[0], why=said or both("exit status {code}", "退出码 {code}", code=code))
        )


async def _last_words(child: asyncio.subprocess.Process) -> str:
    """The last line of what it complains of; all is read, so that it never waits for us."""
    kept = b""
    while child.stderr is not None and (more := await child.stderr.read(_SAID_BYTES)):
        kept = (kept + more)[-_SAID_BYTES:]
    lines = kept.decode("utf-8", "replace").strip().splitlines()
    return lines[-1][:200] if lines else ""


async def _end(child: asyncio.subprocess.Process) -> None:
    if child.returncode is not None:
        return
    with suppress(ProcessLookupError):
        child.kill()
    with suppress(TimeoutError):
        async with asyncio.timeout(_REAP_S):
            await child.wait()
    if child.returncode is None:
        _unended.add(child)


class Sound:
    """A recording in memory, under a name that other programs can open. Never on the card."""

    def __init__(self) -> None:
        """Empty."""
        self.fd = os.memfd_create("speech")

    @property
    def path(self) -> str:
        """As a child sees it that was given `fd`."""
        return f"/proc/self/fd/{self.fd}"

    @property
    def size(self) -> int:
        """Bytes."""
        return os.fstat(self.fd).st_size

    def close(self) -> None:
        """Let it go."""
        os.close(self.fd)
