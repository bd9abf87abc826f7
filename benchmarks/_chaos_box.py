"""What a home's box stands on, and chaos takes away: its card, its wall clock, its line to the centre."""

import os
import shutil
import struct
import subprocess
import time
from contextlib import suppress
from pathlib import Path

from shouwang.errors import DeviceError

CARD_MIB = 64
_MIB = 1024 * 1024
_HERE = Path(__file__).parent


def _works(*command: str) -> bool:
    return (
        shutil.which(command[0]) is not None
        and subprocess.run(command, check=False, capture_output=True).returncode == 0
    )


class Card:
    """The gateway's card: a small file system of its own where we may mount one, else a plain folder.

    `fails_for_good`: an ext4 on an image, which turns read-only as a worn card does; else memory, which can only be
    full.
    """

    def __init__(self, folder: Path, *, fails_for_good: bool) -> None:
        """Nothing is mounted before `mount`."""
        self.folder = folder
        self.can_fill = False
        self.can_turn_read_only = False
        self._wants_image = fails_for_good
        self._image = folder.with_suffix(".image")
        self._ballast = folder / "ballast"

    def mount(self) -> None:
        """Mount it."""
        self.folder.mkdir()
        if os.geteuid() != 0:
            return
        if self._wants_image:
            with self._image.open("wb") as file:
                file.truncate(CARD_MIB * _MIB)
            self.can_turn_read_only = _works("mkfs.ext4", "-q", "-F", str(self._image)) and self._mount_image()
        size = f"size={CARD_MIB}m,mode=0750"
        self.can_fill = self.can_turn_read_only or _works(
            "mount", "-t", "tmpfs", "-o", size, "shouwang-chaos", str(self.folder)
        )

    def unmount(self) -> None:
        """Take it away."""
        if self.can_fill:
            _works("umount", "--lazy", str(self.folder))

    def fill(self) -> None:
        """Not a byte is left."""
        for size in (64 * 1024, 512):
            with suppress(OSError), self._ballast.open("ab", buffering=0) as file:
                while True:
                    file.write(bytes(size))

    def free(self) -> None:
        """Room again."""
        self._ballast.unlink(missing_ok=True)

    def turn_read_only(self) -> None:
        """As ext4 does after errors of the card: what was not synced is gone, nothing can be written."""
        _works("mount", "-o", "remount,abort", str(self.folder))

    def take_out(self) -> bool:
        """Whether nobody holds it any more, so that it is out."""
        return _works("umount", str(self.folder))

    def put_in(self) -> None:
        """Checked and mounted anew. Raises DeviceError."""
        _works("e2fsck", "-p", str(self._image))
        if not self._mount_image():
            raise DeviceError(f"the card {self._image} cannot be mounted again")

    def _mount_image(self) -> bool:
        return _works("mount", "-o", "loop", str(self._image), str(self.folder))


class Wall:
    """The gateway's wall clock, moved by a library of ours where there is a compiler."""

    def __init__(self, folder: Path, name: str) -> None:
        """Build it. `name` tells one home's clock from another's."""
        self._file = folder / f"{name}.wall"
        self._file.write_bytes(struct.pack("q", 0))
        library = folder / "wall.so"
        self.can_move = library.exists() or _works(
            "cc", "-shared", "-fPIC", "-O2", "-o", str(library), str(_HERE / "_wall.c"), "-ldl"
        )
        self.environment = {"LD_PRELOAD": str(library), "WALL_FILE": str(self._file)} if self.can_move else {}

    def move(self, seconds: float) -> None:
        """Set it this far from the truth."""
        with self._file.open("r+b", buffering=0) as file:
            file.write(struct.pack("q", int(seconds * 1e9)))

    def to_1970(self) -> None:
        """A minute after its beginning."""
        self.move(60 - time.time())


class Line:
    """The line between a home and the centre: rules of the packet filter on a port of the broker that only this home
    uses, in a net of our own."""

    def __init__(self, port: int) -> None:
        """Nothing is changed yet."""
        self._port = str(port)
        self._rules: list[list[str]] = []
        self.can_cut = os.environ.get("SHOUWANG_CHAOS_NET") == "own" and shutil.which("iptables") is not None

    def lose(self, share: float) -> None:
        """This share of the packets vanishes, both ways; 1 is a black hole."""
        random = [] if share >= 1 else ["-m", "statistic", "--mode", "random", "--probability", f"{share:.2f}"]
        self._filter(*random, "-j", "DROP")

    def reset(self) -> None:
        """Connections are refused and those that stand are cut."""
        self._filter("-j", "REJECT", "--reject-with", "tcp-reset")

    def mend(self) -> None:
        """As it should be."""
        while self._rules:
            _works("iptables", "-w", "-D", *self._rules.pop())

    def _filter(self, *rest: str) -> None:
        for way in ("--dport", "--sport"):
            rule = ["INPUT", "-p", "tcp", way, self._port, *rest]
            subprocess.run(["iptables", "-w", "-A", *rule], check=True, capture_output=True)
            self._rules.append(rule)


class Delay:
    """Packets of all lines come late; needs the kernel's netem."""

    def __init__(self) -> None:
        """Try it."""
        self.is_possible = os.environ.get("SHOUWANG_CHAOS_NET") == "own" and self._netem("add", "delay", "1ms")
        self.mend()

    def begin(self) -> None:
        """Packets take 300 ms, give or take 200."""
        self._netem("add", "delay", "300ms", "200ms")

    def mend(self) -> None:
        """At once again."""
        self._netem("del")

    def _netem(self, action: str, *rest: str) -> bool:
        return _works("tc", "qdisc", action, "dev", "lo", "root", "netem", *rest)
