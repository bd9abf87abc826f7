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
    `garbage` (these bytes before every frame), `is_hung` (open, but mute), `is_deaf` (takes nothing of what is written
    to it), `unplug`, and `plug` again under another number. Two frames in one write are one call of `say`.
    """

    def __init__(self, link: Path, heard: Callable[[bytes], None]) -> None:
        """Unplugged until `plug`; `heard` must not block."""
        self.link = link
        self.drip_s = 0.0
        self.corrupt_next = 0
        self.cut_next = 0
        self.garbage = b""
        self.is_hung = False
        self._is_deaf = False
        self._heard = heard
        self._name = ""
        self._ours: int | None = None
        self._watching: asyncio.Task[None] | None = None
        self._opened = asyncio.Event()
        self._gone = asyncio.Event()
        self._line = asyncio.Lock()

    @property
    def is_deaf(self) -> bool:
        """Whether it takes nothing of what is written to it: the kernel's buffer fills, then the writer waits."""
        return self._is_deaf

    @is_deaf.setter
    def is_deaf(self, is_deaf: bool) -> None:
        self._is_deaf = is_deaf
        if self._ours is not None and self._opened.is_set():
            self._listen(self._ours)

    @property
    def is_open(self) -> bool:
        """Whether somebody has the port open."""
        if self._ours is None:
            return False
        poll = select.poll()
        poll.register(self._ours, select.POLLIN)
        return not any(happened & select.POLLHUP for _, happened in poll.poll(0))

    def plug(self) -> None:
        """Make the terminal and its name; also plugs it in again, under another number behind the same name."""
        ours, name = _terminal(other_than=self._name)
        self._name = name
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
            said = self._spoil(frame)
            is_sound = said == frame
            said = self.garbage + said
            if self.drip_s <= 0:
                return self._write(said) and is_sound
            for byte in said:
                if not self._write(bytes((byte,))):
                    return False
                await asyncio.sleep(self.drip_s)
            return is_sound

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
        while True:
            while not self.is_open:  # noqa: ASYNC110 - there is no event to wait for
                await asyncio.sleep(_LOOK_S)
            self._gone.clear()
            self._opened.set()
            self._listen(ours)
            await self._gone.wait()
            loop.remove_reader(ours)
            self._opened.clear()

    def _listen(self, ours: int) -> None:
        loop = asyncio.get_running_loop()
        if self._is_deaf:
            loop.remove_reader(ours)
        else:
            loop.add_reader(ours, self._read, ours)

    def _read(self, ours: int) -> None:
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
            self._gone.set()


def _terminal(*, other_than: str) -> tuple[int, str]:
    """Our end of a new terminal, and the name of the other; the kernel would give a number again that was freed."""
    spare: list[int] = []
    try:
        while True:
            ours, theirs = os.openpty()
            name = os.ttyname(theirs)
            tty.setraw(theirs)
            os.close(theirs)  # from now on the kernel reports a hang-up while nobody has it open
            if name != other_than:
                os.set_blocking(ours, False)
                return ours, name
            spare.append(ours)
    finally:
        for fd in spare:
            os.close(fd)
