"""Who else has a serial port open, from /proc, and what to do about it. Reads only; never ends another program."""

import asyncio
import os
import stat
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from shouwang.bilingual import Bilingual, both

LOOK_S = 1.0
"""A box with thousands of open files is looked through for this long at most: the words are worth no more."""
_GRACE_S = 1.0
_PROC = Path("/proc")
_LOCK_FIELDS = 6
_MEMORY_DEVICES = 1
"""Their major number (devices.txt of the kernel)."""

_ADVICE: Mapping[str, Bilingual] = {
    "ModemManager": Bilingual(
        "it asks every new port whether it is a modem, for some seconds; it leaves this adapter alone with "
        "systemd/60-shouwang-serial.rules in place (docs/operations.md), or: sudo systemctl disable --now ModemManager",
        zh="它会向每个新串口询问几秒钟，看是不是调制解调器；装上 systemd/60-shouwang-serial.rules"
        "（见 docs/operations.md）它就不碰这个转换器，或者：sudo systemctl disable --now ModemManager",
    ),
    "brltty": Bilingual(
        "it takes the adapter for a Braille display; if nobody here uses one: sudo apt-get purge brltty",
        zh="它把这个转换器当成盲文显示器；如果这里没有人用：sudo apt-get purge brltty",
    ),
    "agetty": Bilingual(
        "it is the login on the Pi's serial pins: sudo raspi-config, Interface Options, Serial Port, login no",
        zh="它是树莓派串口引脚上的登录程序：sudo raspi-config，Interface Options，Serial Port，login 选 no",
    ),
    "gpsd": Bilingual(
        "it takes adapters for GPS receivers: sudo systemctl disable --now gpsd.socket gpsd",
        zh="它把转换器当成 GPS 接收机：sudo systemctl disable --now gpsd.socket gpsd",
    ),
    "shouwang": Bilingual(
        "another gateway runs here, or shouwang gateway ports; end it (sudo systemctl stop shouwang-gateway)",
        zh="这里另有网关或 shouwang gateway ports 在运行；请结束它（sudo systemctl stop shouwang-gateway）",
    ),
}
_STOP_IT = Bilingual("stop that one", zh="请停掉那个程序")
_OURS = Bilingual(
    "in use by this gateway for another sensor; give each sensor a port of its own",
    zh="正被本网关的另一个传感器使用；请给每个传感器一个单独的串口",
)
_NAMELESS = (
    "in use by process {pid} (its name: ps -p {pid}); stop that one",
    "正被进程 {pid} 占用（看它的名字：ps -p {pid}）；请停掉那个程序",
)
_TAKEN = "in use by {program} (process {pid}); {advice}", "正被 {program}（进程 {pid}）占用；{advice}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Holder:
    """A process that has the port open; `program` is empty where the system does not tell it."""

    pid: int
    program: str

    @property
    def is_this_process(self) -> bool:
        """Whether it is ourselves."""
        return self.pid == os.getpid()

    def words(self) -> str:
        """Who it is and what to do."""
        if self.is_this_process:
            return _OURS
        if not self.program:
            return both(*_NAMELESS, pid=self.pid)
        return both(*_TAKEN, program=self.program, pid=self.pid, advice=_ADVICE.get(self.program, _STOP_IT))


async def holders_of(port: str) -> tuple[Holder, ...]:
    """Who has it open, as far as this user may see; in a thread, and given up after a while."""
    with suppress(TimeoutError):
        async with asyncio.timeout(LOOK_S + _GRACE_S):
            return await asyncio.to_thread(_holders, port)
    return ()


async def lockers_of(file: str) -> tuple[Holder, ...]:
    """Who has locked it, as the kernel tells; in a thread, and given up after a while."""
    with suppress(TimeoutError):
        async with asyncio.timeout(LOOK_S + _GRACE_S):
            return await asyncio.to_thread(_lockers, file)
    return ()


async def runs(program: str) -> bool:
    """Whether a program of this name runs, as far as this user may see."""
    with suppress(TimeoutError):
        async with asyncio.timeout(LOOK_S + _GRACE_S):
            return await asyncio.to_thread(_runs, program)
    return False


def _holders(port: str) -> tuple[Holder, ...]:
    device = os.path.realpath(port)
    if not _can_be_port(device):
        return ()
    found = dict.fromkeys([*_who_opened(device), *_who_locked(device)])
    return tuple(Holder(pid=pid, program=_program(pid)) for pid in sorted(found))


def _lockers(file: str) -> tuple[Holder, ...]:
    return tuple(Holder(pid=pid, program=_program(pid)) for pid in sorted(set(_who_locked(file))))


def _can_be_port(device: str) -> bool:
    """Not so for files, and for /dev/null, which is open everywhere."""
    try:
        node = Path(device).stat()
    except OSError:
        return False
    return stat.S_ISCHR(node.st_mode) and os.major(node.st_rdev) != _MEMORY_DEVICES


def _who_opened(device: str) -> Iterator[int]:
    """By the open files: of one's own processes, or of all for root."""
    until = time.monotonic() + LOOK_S
    for process in _processes():
        if time.monotonic() > until:
            return
        with suppress(OSError):  # ended, or of another user
            with os.scandir(process / "fd") as entries:
                is_holder = any(_leads_to(entry.path) == device for entry in entries)
            if is_holder:
                yield int(process.name)


def _who_locked(device: str) -> Iterator[int]:
    """By the locks, also those of other users: `1: FLOCK ADVISORY WRITE pid major:minor:inode 0 EOF` (proc(5))."""
    try:
        node = Path(device).stat()
        lines = (_PROC / "locks").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return
    where = f"{os.major(node.st_dev):02x}:{os.minor(node.st_dev):02x}:{node.st_ino}"
    for line in lines:
        fields = line.split()
        if len(fields) > _LOCK_FIELDS and fields[1] == "FLOCK" and fields[5] == where and fields[4].isdigit():
            yield int(fields[4])


def _runs(program: str) -> bool:
    return any(_comm(process) == program for process in _processes())


def _processes() -> list[Path]:
    with suppress(OSError):
        return [entry for entry in _PROC.iterdir() if entry.name.isdigit()]
    return []


def _leads_to(link: str) -> str:
    try:
        return os.readlink(link)  # noqa: PTH115 - there are thousands of them
    except OSError:
        return ""


def _program(pid: int) -> str:
    """Its name as people know it: of a Python script or module, that one's."""
    process = _PROC / str(pid)
    name = _comm(process)
    if not name.startswith("python"):
        return name
    with suppress(OSError):
        words = (process / "cmdline").read_bytes().decode("utf-8", "replace").split("\0")[1:]
        named = words[1:] if words[:1] == ["-m"] else words
        if named and named[0] and not named[0].startswith("-"):
            return Path(named[0]).name
    return name


def _comm(process: Path) -> str:
    try:
        return (process / "comm").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
