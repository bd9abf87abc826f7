"""Hours in minutes: a loop whose clock leaps to the next timer, and all clocks of this process leap with it.

The clocks are moved by a library that is loaded before Python (`_wall.c`), so the gateway runs as it is: its engine
time, its wall clock and paho's keep-alive see the same hours. Sockets, threads and child processes stay real, and what
is under way in them is waited for.
"""

import asyncio
import fcntl
import os
import selectors
import shutil
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from _chaos_box import Wall

_GRACE_S = 0.0005
"""What brokers and threads are given to wake up."""
_PATIENCE = 4000
"""So many graces: a thread that hangs does not stop the clock for ever."""
_SIOCOUTQ = 0x5411
"""What was sent and not read by the other end yet (linux/sockios.h)."""


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop as any other, but that it waits for no timer."""

    def __init__(self, leap: Callable[[float], None]) -> None:
        """`leap` lets so much time pass on all clocks."""
        self.leap = leap
        self.in_threads = 0
        super().__init__(_Selector(self))

    def run_in_executor(self, *arguments: Any) -> Any:  # noqa: ANN401 - what the caller hands in and gets back
        """As ever, counted."""
        future = super().run_in_executor(*arguments)
        self.in_threads += 1
        future.add_done_callback(self._back)
        return future

    def _back(self, _future: object) -> None:
        self.in_threads -= 1


class _Selector(selectors.DefaultSelector):
    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None or timeout <= 0:
            return super().select(timeout)
        for _ in range(_PATIENCE):
            if ready := super().select(min(_GRACE_S, timeout)):
                return ready
            if not self._loop.in_threads and not any(_unread(key.fd) for key in self.get_map().values()):
                break
        self._loop.leap(max(0.0, timeout - _GRACE_S))
        return []


def _unread(fd: int) -> int:
    try:
        return int(struct.unpack("i", fcntl.ioctl(fd, _SIOCOUTQ, b"\0\0\0\0"))[0])
    except OSError:  # a pipe, or closed in between
        return 0


def restart_with_clocks() -> None:
    """Start this program again in an environment where its clocks can be moved. Returns where that is so already."""
    if os.environ.get("WALL_MOVES_ALL"):
        return
    folder = Path(mkdtemp(prefix="shouwang-clocks-"))
    wall = Wall(folder, "all")
    if not wall.can_move:
        shutil.rmtree(folder)
        sys.exit("virtual time needs a C compiler (Debian package gcc): its library moves this process's clocks")
    environment = {**os.environ, **wall.environment, "WALL_MOVES_ALL": "1"}
    os.execve(sys.executable, [sys.executable, *sys.argv], environment)


def loop_factory() -> VirtualLoop:
    """A loop whose leaps move all clocks of this process, but not those of its children."""
    file = Path(os.environ["WALL_FILE"])
    offset = os.open(file, os.O_RDWR | os.O_CLOEXEC)
    leapt_ns = 0

    def leap(seconds: float) -> None:
        nonlocal leapt_ns
        leapt_ns += int(seconds * 1e9)
        os.pwrite(offset, struct.pack("q", leapt_ns), 0)

    leap(0)
    shutil.rmtree(file.parent)  # both files are open
    os.environ.pop("LD_PRELOAD", None)
    return VirtualLoop(leap)
