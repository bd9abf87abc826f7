"""What a process holds, looked at again and again, and whether that grows."""

import re
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from _figures import Figure

_MIB = 1024 * 1024
_QUARTERS = 4


@dataclass(frozen=True, kw_only=True)
class Held:
    """One thing that must not grow: how it is read, and how much it may rise after the warm-up."""

    name: str
    unit: str
    read: Callable[[], float]
    may_grow: float | None


@dataclass
class Watch:
    """Looks at things, and says at the end how far each has risen. The first quarter of the time is warm-up."""

    things: list[Held]
    time: Callable[[], float] = time.monotonic
    seen: list[tuple[float, list[float]]] = field(default_factory=list)

    def look(self) -> None:
        """Once, at all."""
        self.seen.append((self.time(), [thing.read() for thing in self.things]))

    def figures(self) -> list[Figure]:
        """How each has risen from the second quarter to the last one (medians), and its slope after the warm-up."""
        quarter = len(self.seen) // _QUARTERS
        found: list[Figure] = []
        for index, thing in enumerate(self.things):
            after = [(at, values[index]) for at, values in self.seen[quarter:]]
            early = statistics.median(value for _, value in after[:quarter])
            late = statistics.median(value for _, value in after[-quarter:])
            slope = statistics.linear_regression(*zip(*after, strict=True)).slope * 3600
            first, last, most = self.seen[0][1][index], after[-1][1], max(values[index] for _, values in self.seen)
            print(
                f"{thing.name:<38} first {first:10.2f}  last {last:10.2f}  most {most:10.2f}"
                f"  slope {slope:+10.3f} {thing.unit}/h"
            )
            found.append(
                Figure(name=f"{thing.name}: growth", value=late - early, unit=thing.unit, target=thing.may_grow)
            )
        return found


def process(name: str, pid: Callable[[], int], *, may_grow_mib: float, pool: int = 0) -> list[Held]:
    """Memory, open files and threads of a process. `pool`: workers that it may still start, with two files each."""

    def number(what: str) -> float:
        text = Path(f"/proc/{pid()}/status").read_text(encoding="ascii")
        found = re.search(rf"^{what}:\s+(\d+)", text, re.MULTILINE)
        return float(found[1]) if found else 0.0

    return [
        Held(name=f"{name}: memory", unit="MiB", read=lambda: number("VmRSS") / 1024, may_grow=may_grow_mib),
        Held(
            name=f"{name}: open files",
            unit="",
            read=lambda: sum(1 for _ in Path(f"/proc/{pid()}/fd").iterdir()),
            may_grow=2 * pool,
        ),
        Held(name=f"{name}: threads", unit="", read=lambda: number("Threads"), may_grow=pool),
    ]


def folder(name: str, path: Path, *, may_grow_mib: float | None) -> Held:
    """What lies in a folder, or in files that begin so."""

    def read() -> float:
        files = path.rglob("*") if path.is_dir() else path.parent.glob(f"{path.name}*")
        size = 0
        for file in files:
            try:
                size += file.stat().st_blocks * 512
            except FileNotFoundError:  # it has just gone
                continue
        return size / _MIB

    return Held(name=f"{name}: disk", unit="MiB", read=read, may_grow=may_grow_mib)
