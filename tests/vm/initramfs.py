"""The guest's first file system: busybox, kernel modules and the script that mounts the host and starts the tests."""

import gzip
import hashlib
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from vm.kernel import Kernel, module_bytes

INIT = Path(__file__).with_name("guest") / "init.sh"


def built(kernel: Kernel, cache: Path) -> Path:
    """The initramfs, from the cache where none of its inputs has changed."""
    busybox = Path(str(shutil.which("busybox")))
    digest = hashlib.sha256(INIT.read_bytes() + busybox.read_bytes() + Path(__file__).read_bytes())
    for module in kernel.modules:
        digest.update(module.read_bytes())
    image = cache / f"initramfs-{digest.hexdigest()[:16]}.gz"
    if not image.exists():
        with TemporaryDirectory(dir=cache) as folder:
            half_made = Path(folder, "image")
            half_made.write_bytes(gzip.compress(_packed(Path(folder, "root"), kernel, busybox), 1))
            half_made.rename(image)
    return image


def _packed(root: Path, kernel: Kernel, busybox: Path) -> bytes:
    (root / "bin").mkdir(parents=True)
    (root / "modules").mkdir()
    shutil.copy(busybox, root / "bin/busybox")
    shutil.copy(INIT, root / "init")
    (root / "init").chmod(0o755)
    for number, module in enumerate(kernel.modules):
        (root / f"modules/{number:02d}-{module.name.removesuffix('.xz')}").write_bytes(module_bytes(module))
    names = "\n".join(str(path.relative_to(root)) for path in sorted(root.rglob("*")))
    packed = subprocess.run(
        ["cpio", "--quiet", "--create", "--format=newc", "--owner=0:0"],
        cwd=root,
        input=names.encode(),
        capture_output=True,
        check=True,
    )
    return packed.stdout
