"""What the box lives on: the mains, or a battery. By the kernel's class power_supply, which HATs and PMICs appear in.

A UPS that is reached by a program of its own (NUT, apcupsd) is not seen here.
"""

from dataclasses import dataclass
from pathlib import Path

from gateway.board import read_number, read_text
from shouwang.alert import Sentence

_OF_A_DEVICE = "Device"
"""The scope of batteries of mice and pads: they say nothing of this box."""
_SOCKETS = ("USB", "Wireless")
"""Nothing plugged in there is no power cut: a PC lists its free USB-C sockets (ucsi-source-psy) as adapters."""
CUT = Sentence(
    zh="停电了，守护设备改用备用电池，照常守护。",
    en="The power is out. The gateway runs on its battery and goes on watching.",
)
BACK = Sentence(zh="供电恢复。", en="The power is back.")


@dataclass(frozen=True, kw_only=True, slots=True)
class Supply:
    """`is_cut` None: no supply tells. `battery` in %, None where there is none."""

    is_cut: bool | None
    battery: float | None


def supply_of(root: Path) -> Supply:
    """As it is now. An adapter that tells whether it has power is believed, else a battery that is being emptied.

    A socket is believed only where it has power.
    """
    adapters: list[bool] = []
    draining: list[bool] = []
    levels: list[int] = []
    for folder in sorted((root / "sys/class/power_supply").glob("*")):
        if read_text(folder / "scope") == _OF_A_DEVICE:
            continue
        if read_text(folder / "type") == "Battery":
            if read_number(folder / "present") == 0:
                continue
            draining.append(read_text(folder / "status") == "Discharging")
            level = read_number(folder / "capacity")
            levels += [] if level is None else [level]
        elif (online := read_number(folder / "online")) and online > 0:
            adapters.append(True)
        elif online is not None and read_text(folder / "type") not in _SOCKETS:
            adapters.append(False)
    told = not any(adapters) if adapters else any(draining) if draining else None
    return Supply(is_cut=told, battery=min(levels) if levels else None)
