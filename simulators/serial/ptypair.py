"""A serial port whose other end is ours: a pseudo terminal behind a name that stays, with the faults of real cables."""

import asyncio
import contextlib
import errno
import os
import select
import tty
from collections.abc import Callable
from pathlib import Path

_LOOK_S = 0.02
"""How often an end without a listener is looked at: the kernel does not tell when a terminal is opened."""
_READ_BYTES = 4096


class PtyPair:
    """Our end of a serial line. `link` is the path that a driver opens; `heard` gets what the driver writes.

    What is said while nobody has the port open is lost, as on a wire. Faults, one at a time or together:
    `drip_s` (each byte by itself, this many seconds apart), `corrupt_next` and `cut_next` (so many of the next frames),
    `is_hung` (open, but mute), `unplug` and `replug`.
    """

    def __init__(self, link: Path, heard: Callable[[bytes], None]) -> None:
        """Unplugged until `plug`; `heard` must not block."""
        self.link = link
        self.drip_s = 0.0
        self.corrupt_next = 0
        self.cut_next = 0
        self.is_hung = False
        self._heard = heard
        self._ours: int | None = None
        self._watching: asyncio.Task[None] | None = None
        self._opened = asyncio.Event()
        self._line = asyncio.Lock()

    @property
    def is_open(self) -> bool:
        """Whether somebody has the port open."""
        if self._ours is None:
            return False
        poll = select.poll()
        poll.register(self._ours, select.POLLIN)
        return not any(happened & select.POLLHUP for _, happened in poll.poll(0))

    def plug(self) -> None:
        """Make the terminal and its name; also plugs it in again, under a new number behind the same name."""
        ours, theirs = os.openpty()
        tty.setraw(theirs)
        os.set_blocking(ours, False)
        name = os.ttyname(theirs)
        os.close(theirs)  # from now on the kernel reports a hang-up while nobody has it open
        fresh = self.link.with_name(f".{self.link.name}.new")
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(name)
        fresh.replace(self.link)
        self._ours = ours
        self._watching = asyncio.create_task(self._watch(ours), name=f"serial line {self.link.name}")

    def unplug(self) -> None:
        """Pull the cable: who has the port open reads its end and gets EIO for what it writes; its name is gone."""
        if self._watching is not None:
            self._watching.cancel()
            self._watching = None
        if self._ours is not None:
            with contextlib.suppress(RuntimeError):
                asyncio.get_running_loop().remove_reader(self._ours)
            os.close(self._ours)
            self._ours = None
        self._opened.clear()
        self.link.unlink(missing_ok=True)

    async def wait_until_open(self) -> None:
        """Return when somebody has opened the port."""
        await self._opened.wait()

    async def say(self, frame: bytes) -> bool:
        """Put a frame on the line; False where a listener cannot have got all of it as it was."""
        async with self._line:
            if self.is_hung or not self.is_open:
                return False
            sound = self._spoil(frame)
            if self.drip_s <= 0:
                return self._write(sound) and sound == frame
            for byte in sound:
                if not self._write(bytes((byte,))):
                    return False
                await asyncio.sleep(self.drip_s)
            return sound == frame

    def _spoil(self, frame: bytes) -> bytes:
        if self.corrupt_next:
            self.corrupt_next -= 1
            middle = len(frame) // 2
            frame = frame[:middle] + bytes((frame[middle] ^ 0x5A,)) + frame[middle + 1 :]
        if self.cut_next:
            self.cut_next -= 1
            frame = frame[: len(frame) // 2]
        return frame

    def _write(self, data: bytes) -> bool:
        if self._ours is None:
            return False
        try:
            return os.write(self._ours, data) == len(data)
        except OSError as error:  # nobody reads and the buffer is full, or the listener went this moment
            if error.errno in (errno.EAGAIN, errno.EIO):
                return False
            raise

    async def _watch(self, ours: int) -> None:
        loop = asyncio.get_running_loop()
        gone = asyncio.Event()
        while True:
            while not self.is_open:  # noqa: ASYNC110 - there is no event to wait for
                await asyncio.sleep(_LOOK_S)
            gone.clear()
            loop.add_reader(ours, self._read, ours, gone)
            self._opened.set()
            await gone.wait()
            loop.remove_reader(ours)
            self._opened.clear()

    def _read(self, ours: int, gone: asyncio.Event) -> None:
        try:
            data = os.read(ours, _READ_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            data = b""
        if data:
            self._heard(data)
        else:
            gone.set()
