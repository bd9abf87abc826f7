"""The virtual machine: qemu without KVM, the host's root over 9p, two serial ports."""

import json
import os
import platform
import queue
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any

from vm.initramfs import built
from vm.kernel import newest_package, unpacked

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache/vm"
LIMIT_S = 1800.0
"""For the whole life of one guest: several times what it takes on two idle processors, 4 to 5 min."""

_PROGRAMS = {
    "qemu-system-x86_64": "qemu-system-x86",
    "busybox": "busybox-static",
    "cpio": "cpio",
    "depmod": "kmod",
    "dbus-daemon": "dbus",
    "bluetoothctl": "bluez",
}
_PATH = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"


def missing() -> str | None:
    """What this machine lacks to run a guest, for people; None where it lacks nothing."""
    if platform.machine() != "x86_64":
        return "an x86-64 machine: the guest runs this machine's own programs"
    lacking = [package for program, package in _PROGRAMS.items() if shutil.which(program, path=_PATH) is None]
    if newest_package(CACHE) is None:
        lacking.append("linux-image-amd64")
    return f"Debian's {', '.join(lacking)} (./dev test --bluez-vm gets them)" if lacking else None


class Guest:
    """A guest that runs."""

    def __init__(self, serial: IO[bytes], console: Path) -> None:
        """`serial` is its second serial port, `console` what it says on the first."""
        self._serial = serial
        self._console = console
        self._messages: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        threading.Thread(target=self._listen, name="guest", daemon=True).start()

    def next_message(self) -> dict[str, Any]:
        """The next line of JSON from the second serial port; once the guest has ended, an empty one again and again."""
        message = self._messages.get()
        if not message:
            self._messages.put({})
        return message

    def console(self) -> str:
        """What the kernel and the programs have said."""
        return self._console.read_text(encoding="utf-8", errors="replace").replace("\r", "")

    def _listen(self) -> None:
        try:
            for line in self._serial:
                self._messages.put(json.loads(line))
        except ValueError:  # cut off in the middle of a word, or closed by us
            pass
        self._messages.put({})


@contextmanager
def running(arguments: Sequence[str]) -> Iterator[Guest]:
    """Boot a guest that runs pytest with these arguments; it is gone at the end of the block, or after `LIMIT_S`."""
    package = newest_package(CACHE)
    assert package is not None, missing()
    kernel = unpacked(package)
    initramfs = built(kernel, CACHE)
    with TemporaryDirectory(dir=CACHE, prefix="run-") as folder:
        job, console = Path(folder, "job"), Path(folder, "console")
        job.write_text("\n".join(arguments), encoding="utf-8")
        command = _command(kernel.image, initramfs, job, console)
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            limit = threading.Timer(LIMIT_S, process.kill)
            limit.start()
            try:
                yield Guest(process.stdout, console)
            finally:
                limit.cancel()
                process.kill()
                process.wait()


def _command(image: Path, initramfs: Path, job: Path, console: Path) -> list[str]:
    environment = {"SHOUWANG_ROOT": ROOT, "SHOUWANG_PYTHON": sys.executable, "SHOUWANG_JOB": job}
    words = [
        "console=ttyS0 quiet panic=-1 mitigations=off random.trust_cpu=on",
        *(f'{name}="{value}"' for name, value in environment.items()),
    ]
    return [
        *("setpriv", "--pdeathsig", "KILL"),  # a guest never outlives its pytest, even one that is killed
        *("qemu-system-x86_64", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-m", "768"),
        *("-nodefaults", "-display", "none", "-no-reboot"),
        *("-kernel", str(image), "-initrd", str(initramfs), "-append", " ".join(words)),
        *("-serial", f"file:{console}", "-serial", "stdio"),
        *("-fsdev", "local,id=host,path=/,security_model=none,readonly=on,multidevs=remap"),
        *("-device", "virtio-9p-pci,fsdev=host,mount_tag=host", "-device", "virtio-rng-pci"),
    ]
