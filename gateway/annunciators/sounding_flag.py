"""A file that is there while an alarm is on, for systemd: a gateway that was killed may have left a siren on.

Its unit then puts sirens off before it starts the gateway again (`shouwang gateway hush`), and loses no time otherwise.
"""

import asyncio
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Never

from gateway.annunciators.signal import Signal

FLAG_FILE = "sounding"
_GAS = "gas"


class SoundingFlag:
    """A beacon that nobody sees: the file lies on tmpfs, so that it takes microseconds and wears no card."""

    name = "sounding-flag"

    def __init__(self, path: Path) -> None:
        """Nothing is written yet."""
        self._path = path

    def show(self, signals: Sequence[Signal], *, is_gas: bool = False) -> None:
        """There, or not. A folder that cannot be written costs the hush, not the alarm."""
        with suppress(OSError):
            if signals or is_gas:
                self._path.write_text(_GAS if is_gas else "", encoding="ascii")
            else:
                self._path.unlink(missing_ok=True)

    @property
    def tells_gas(self) -> bool:
        """Whether gas was in the air when it was last shown anything."""
        try:
            return self._path.read_text(encoding="ascii") == _GAS
        except (OSError, UnicodeDecodeError):
            return False

    async def run(self) -> Never:
        """Nothing more; what was on when it ends, systemd may find on."""
        while True:
            await asyncio.Event().wait()


def flag_path() -> Path | None:
    """Where systemd gives its service a folder on tmpfs; None outside of it."""
    folder = os.environ.get("RUNTIME_DIRECTORY", "").partition(":")[0]
    return Path(folder) / FLAG_FILE if folder else None
