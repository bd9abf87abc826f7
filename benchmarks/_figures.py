"""What every measurement prints and writes: a table for people, JSON for machines, 1 where a target is missed."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

if sys.path[0] == str(Path(__file__).parent):  # else benchmarks/gateway.py would stand before the package of that name
    sys.path.append(sys.path.pop(0))


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One measured number, and the target that it must not exceed (or, `at_least`, must reach)."""

    name: str
    value: float
    unit: str = ""
    target: float | None = None
    at_least: bool = False

    @property
    def ok(self) -> bool:
        """Whether the target is met (or there is none)."""
        if self.target is None:
            return True
        return self.value >= self.target if self.at_least else self.value <= self.target


def options_of(description: str | None) -> argparse.ArgumentParser:
    """The options that every measurement has."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to this file")
    return parser


def report(figures: Sequence[Figure], file: Path | None, **more: object) -> int:
    """Print the figures, write them (and `more`) to `file`; 1 where a target is missed."""
    for figure in figures:
        sign = ">=" if figure.at_least else "<="
        target = "" if figure.target is None else f"target {sign} {figure.target:,g}"
        verdict = "" if figure.target is None else ("met" if figure.ok else "MISSED")
        digits = 0 if abs(figure.value) >= 1000 else 2
        print(f"{figure.name:<58} {figure.value:>12,.{digits}f} {figure.unit:<12} {target:<20} {verdict}")
    if file is not None:
        found = {"figures": [{**asdict(figure), "ok": figure.ok} for figure in figures], **more}
        file.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    return 0 if all(figure.ok for figure in figures) else 1
