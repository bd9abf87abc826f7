"""Debian's own kernel for the guest: its package unpacked in the cache, never installed, never the host's kernel."""

import lzma
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# What the guest needs that is not built into Debian's kernel. `sha3_generic` feeds `jitterentropy_rng`, which seeds
# `drbg` with `ctr`, `sha512_generic` and `ecb`. Without that random generator the kernel's ecdh fails its self-test and
# bluetoothd's Pair succeeds on a link that is not encrypted at all.
_WANTED = (
    *("virtio_pci", "virtio_rng", "9pnet_virtio", "9p"),
    *("sha3_generic", "sha512_generic", "ctr", "ecb", "jitterentropy_rng", "drbg", "ecdh_generic", "cmac", "ccm"),
    *("uhid", "hci_vhci"),
)


@dataclass(frozen=True, kw_only=True)
class Kernel:
    """An unpacked kernel: `image` boots, `modules` are in the order of loading."""

    image: Path
    modules: tuple[Path, ...]


def newest_package(cache: Path) -> Path | None:
    """The kernel package that `./dev test --bluez-vm` has downloaded, if there is one."""
    return max(cache.glob("linux-image-*.deb"), key=lambda deb: deb.stat().st_mtime, default=None)


def unpacked(package: Path) -> Kernel:
    """Unpack the package beside itself, once."""
    folder = package.with_suffix("")
    if not folder.is_dir():
        half_made = package.with_suffix(".part")
        shutil.rmtree(half_made, ignore_errors=True)
        subprocess.run(["dpkg-deb", "--extract", package, half_made], check=True)
        subprocess.run(["depmod", "--basedir", half_made, next((half_made / "lib/modules").iterdir()).name], check=True)
        half_made.rename(folder)
    return Kernel(
        image=next((folder / "boot").glob("vmlinuz-*")),
        modules=_in_order(next((folder / "lib/modules").iterdir())),
    )


def module_bytes(module: Path) -> bytes:
    """The module as insmod takes it; newer Debian packs modules."""
    return lzma.decompress(module.read_bytes()) if module.suffix == ".xz" else module.read_bytes()


def _in_order(modules: Path) -> tuple[Path, ...]:
    needs: dict[str, list[str]] = {}
    for line in (modules / "modules.dep").read_text(encoding="utf-8").splitlines():
        module, _, needed = line.partition(":")
        needs[module] = needed.split()
    by_name = {Path(module).name.partition(".")[0].replace("-", "_"): module for module in needs}
    ordered = dict.fromkeys(one for name in _WANTED for one in _with_needed(by_name[name], needs))
    return tuple(modules / module for module in ordered)


def _with_needed(module: str, needs: dict[str, list[str]]) -> Iterator[str]:
    yield from reversed(needs[module])  # modules.dep names the one to load first last
    yield module
